"""StorageAccount: an account of Azure Storage as object stores are told of it, with the tokens of its row.

What they read is named in pieces, a container and a path, by addresses that may name another account, too. The endpoint
that stands here is where everything goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

from nbauth.adapters.row import Row
from nbauth.errors import ConfigError

if TYPE_CHECKING:
    from nbauth.signin.tokens.access_token import AccessToken

__all__ = ["StorageAccount"]


class StorageAccount:
    """One account.

    Args:
        url: its address, such as ``"https://contoso.blob.core.windows.net"``.
        profile: name of the profile; None for the one that names the URL.
        tool: what takes the tokens, as a person is shown it.
        life_s: seconds that each token must be good for at least.

    Attributes:
        endpoint: its address.
        name: its name: the host's first label, or the path of an emulator's address.

    Raises:
        ConfigError: the URL has a query, or names more than the account; several profiles name it.
        OriginNotAllowed: no profile names it.
    """

    def __init__(self, url: str, profile: str | None, *, tool: str, life_s: float) -> None:
        self._row = Row(url, profile, tool=tool, life_s=life_s)
        parts = urlsplit(url)
        path = parts.path.strip("/")
        if parts.query or parts.fragment or "/" in path:
            raise ConfigError(
                f"{self._row.origin}: more than a storage account is named.",
                next_step='Name the account alone, as in "https://contoso.blob.core.windows.net".',
            )
        self.name = path or (parts.hostname or "").partition(".")[0]
        self.endpoint = f"{self._row.origin}/{path}".rstrip("/")

    def __repr__(self) -> str:
        return repr(self._row)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} belongs to this kernel's sign-in and cannot be pickled")

    def access_token(self) -> AccessToken:
        """Return the row's token; errors are those of `Row.access_token`."""
        return self._row.access_token()
