"""obstore on Azure Storage with the kernel's sign-in: `AzureStore("container", **azure(url))`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from nbauth.adapters.storage_account import StorageAccount

if TYPE_CHECKING:
    from nbauth.net.secrecy import HiddenText

__all__ = ["CredentialProvider", "azure"]

# obstore does not try again after a 401: this is as long as a request may be under way.
_LIFE_S = 1.5


def azure(url: str, *, profile: str | None = None) -> dict[str, Any]:
    """Return `config` and `credential_provider` for an `obstore.store.AzureStore`.

    Args:
        url: the account's address, such as ``"https://contoso.blob.core.windows.net"``: where the store's requests go.
        profile: name of the profile; None for the one that names the URL.

    Raises:
        OriginNotAllowed: no profile names the URL.
        ConfigError: several do; or the URL names more than an account.
        SignInRequired: from obstore where it reads, in an error of its own; nobody is signed in, or somebody else than
            when this was made.
    """
    account = StorageAccount(url, profile, tool="obstore", life_s=_LIFE_S)
    return {
        "config": {"account_name": account.name, "endpoint": account.endpoint},
        "credential_provider": CredentialProvider(account),
    }


class CredentialProvider:
    """What obstore asks for a token.

    Args:
        account: gives the tokens.
    """

    def __init__(self, account: StorageAccount) -> None:
        self._account = account

    def __call__(self) -> dict[str, HiddenText | datetime]:
        """Return a token, and the time until which obstore may keep it: now, so that a sign-out holds at once."""
        return {"token": self._account.access_token().secret, "expires_at": datetime.now(UTC)}

    def __repr__(self) -> str:
        return repr(self._account)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} belongs to this kernel's sign-in and cannot be pickled")
