"""`nbauth.token_provider`: a function that returns one row's token, for tools that ask for one at each request."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from nbauth.adapters.row import Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.net.secrecy import HiddenText

__all__ = ["TokenProvider", "token_provider"]

# The tools that take a function do not try again after a 401: this is as long as a request may be under way.
_LIFE_S = 1.5


def token_provider(url: str, *, profile: str | None = None) -> Callable[[], str]:
    """Return a function that returns an access token for a URL, renewed silently.

    It takes no scopes: what it returns is good for the row of `apis` that names the URL. Where the tool sends it, it
    cannot see: give the tool the same URL.

    Args:
        url: what the tool talks to, such as ``"https://contoso.openai.azure.com"``.
        profile: name of the profile; None for the one that names the URL.

    Returns:
        The function. It takes no argument, and may be called in any thread. Its text has the repr ``'***'`` and cannot
        be pickled; `print` and f-strings show it.

    Raises:
        OriginNotAllowed: no profile names the URL.
        ConfigError: several do; or the configuration is wrong.
    """
    return TokenProvider(Row(url, profile, tool="token provider", life_s=_LIFE_S))


class TokenProvider:
    """What `token_provider` returns.

    Args:
        row: gives the tokens.
    """

    def __init__(self, row: Row) -> None:
        self._row = row

    def __call__(self) -> HiddenText:
        """Return a token that is good for 1.5 seconds at least.

        Raises:
            SignInRequired: nobody is signed in, or somebody else than when this was made.
            SignInFailed: the provider refuses the application.
            ProviderUnavailable: there is no valid token and the provider cannot be reached.
        """
        return self._row.access_token().secret

    def __repr__(self) -> str:
        return repr(self._row)

    # Tools copy their configuration; the sign-in stays one.

    def __copy__(self) -> TokenProvider:
        return self

    def __deepcopy__(self, memo: object) -> TokenProvider:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} belongs to this kernel's sign-in and cannot be pickled")
