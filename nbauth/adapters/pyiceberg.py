"""pyiceberg with the kernel's sign-in: a REST catalog's requests carry the token of the row that names it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from pyiceberg import catalog as catalogs
from pyiceberg.catalog.rest import auth as managers

from nbauth.adapters.row import Row
from nbauth.errors import OriginNotAllowed
from nbauth.net.origins import origin_of, redact_url

if TYPE_CHECKING:
    from pyiceberg.catalog.rest import RestCatalog

__all__ = ["AuthManager", "load_catalog"]

# pyiceberg sends a request again after a 401, and asks for the header once more, but does not say why.
_LIFE_S = 1.5


def load_catalog(name: str, uri: str, *, profile: str | None = None, **properties: Any) -> RestCatalog:
    """Return a REST catalog whose requests are signed with the kernel's sign-in.

    A catalog's first answer may name another server, to which pyiceberg would go on with the token: that is an error
    here.

    Args:
        name: the catalog's name; what pyiceberg's configuration says of it holds, too.
        uri: the catalog's address, such as ``"https://catalog.contoso.com/iceberg"``.
        profile: name of the profile; None for the one that names the address.
        properties: the catalog's other properties, as pyiceberg takes them.

    Raises:
        OriginNotAllowed: no profile names the address, or the catalog names another server.
        ConfigError: several profiles do; or the configuration is wrong.
        SignInRequired: nobody is signed in; also from the catalog, or where somebody else is than when it was made.
        SignInFailed: the provider refuses the application.
        ProviderUnavailable: there is no valid token and the provider cannot be reached.
    """
    custom = {"url": uri, "profile": profile}
    auth = {"type": "custom", "impl": f"{__name__}.{AuthManager.__name__}", "custom": custom}
    made: Any = catalogs.load_catalog(name, **{**properties, "type": "rest", "uri": uri, "auth": auth})
    try:
        is_same = origin_of(made.uri) == origin_of(uri)
    except ValueError:
        is_same = False
    if not is_same:
        made.close()
        raise OriginNotAllowed(
            f"{redact_url(uri)} names another server for the catalog: {redact_url(made.uri)}.",
            url=redact_url(made.uri),
            next_step="If you trust it, name it in the profile's apis, and load the catalog from there.",
        )
    return made  # type: ignore[no-any-return]


class AuthManager(managers.AuthManager):
    """What pyiceberg asks for the header of each request: ``auth: {type: custom, impl: …, custom: {url: …}}``.

    It cannot see where pyiceberg sends the token. `load_catalog` looks at that.

    Args:
        url: the catalog's address, which names the row.
        profile: name of the profile; None for the one that names the address.

    Raises:
        OriginNotAllowed: no profile names the address.
        ConfigError: several do; or the configuration is wrong.
    """

    def __init__(self, url: str, profile: str | None = None) -> None:
        self._row = Row(url, profile, tool="pyiceberg", life_s=_LIFE_S)

    def auth_header(self) -> str:
        """Return the header; errors are those of `Row.access_token`."""
        return "Bearer " + self._row.access_token().secret

    def __repr__(self) -> str:
        return repr(self._row)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} belongs to this kernel's sign-in and cannot be pickled")
