"""Polars on Azure Storage with the kernel's sign-in: `pl.scan_parquet("az://…", **cloud(url))`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NoReturn

from nbauth.adapters.storage_account import StorageAccount

if TYPE_CHECKING:
    from nbauth.net.secrecy import HiddenText

__all__ = ["CredentialProvider", "cloud"]

# Polars does not try again after a 401: this is as long as a request may be under way.
_LIFE_S = 1.5


def cloud(url: str, *, profile: str | None = None) -> dict[str, Any]:
    """Return `storage_options` and `credential_provider` for what Polars reads and writes in a storage account.

    Both, because the provider cannot see where Polars sends the token: the options say that it is this account,
    whatever account the path names.

    Args:
        url: the account's address, such as ``"https://contoso.blob.core.windows.net"``.
        profile: name of the profile; None for the one that names the URL.

    Returns:
        Arguments for `scan_parquet`, `read_parquet`, `scan_csv`, `scan_delta`, `sink_parquet`, and the like.

    Raises:
        OriginNotAllowed: no profile names the URL.
        ConfigError: several do; or the URL names more than an account.
        SignInRequired: from Polars where it reads; nobody is signed in, or somebody else than when this was made.
    """
    account = StorageAccount(url, profile, tool="Polars", life_s=_LIFE_S)
    return {
        "storage_options": {"azure_storage_account_name": account.name, "azure_storage_endpoint": account.endpoint},
        "credential_provider": CredentialProvider(account),
    }


class CredentialProvider:
    """What Polars asks for a token.

    Args:
        account: gives the tokens.
    """

    def __init__(self, account: StorageAccount) -> None:
        self._account = account

    def __call__(self) -> tuple[dict[str, HiddenText], int]:
        """Return a token, and the time until which Polars may keep it: now, so that a sign-out holds at once."""
        return {"bearer_token": self._account.access_token().secret}, int(time.time())

    def __repr__(self) -> str:
        return repr(self._account)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} belongs to this kernel's sign-in and cannot be pickled")
