"""deltalake on Azure Storage with the kernel's sign-in: `DeltaTable("az://…", storage_options=…)`."""

from __future__ import annotations

from nbauth.adapters.storage_account import StorageAccount

__all__ = ["storage_options"]


def storage_options(url: str, *, profile: str | None = None, life_s: float = 300.0) -> dict[str, str]:
    """Return `storage_options` for a `DeltaTable`, or for `write_deltalake`, with a token that stays the one it is.

    deltalake asks nobody for another one: call this for each table and each write. A table that was made before goes on
    with its token until that expires, also after a sign-out.

    Args:
        url: the account's address, such as ``"https://contoso.blob.core.windows.net"``: where all requests go, whatever
            account the table's address names.
        profile: name of the profile; None for the one that names the URL.
        life_s: seconds that the token must be good for at least, where the provider's tokens live that long.

    Returns:
        The options. The token's repr is ``'***'``.

    Raises:
        OriginNotAllowed: no profile names the URL.
        ConfigError: several do; or the URL names more than an account.
        SignInRequired: nobody is signed in.
        SignInFailed: the provider refuses the application.
        ProviderUnavailable: there is no valid token and the provider cannot be reached.
    """
    account = StorageAccount(url, profile, tool="deltalake", life_s=life_s)
    return {
        "azure_storage_account_name": account.name,
        "azure_storage_endpoint": account.endpoint,
        "bearer_token": account.access_token().secret,
    }
