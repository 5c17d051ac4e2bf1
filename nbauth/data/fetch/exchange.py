"""A request that another library sends: which token it carries, and whether it is sent once more after a 401."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, NoReturn

from nbauth.data.fetch.caller_credentials import check_place
from nbauth.data.fetch.chain import may_carry
from nbauth.data.fetch.challenge import asked_claims
from nbauth.errors import ConfigError, OriginNotAllowed
from nbauth.net.origins import is_loopback, origin_of, redact_url
from nbauth.net.secrecy import HiddenText

if TYPE_CHECKING:
    from nbauth.data.fetch.chain import Authorizer

__all__ = ["Exchange", "check_connection", "verifies"]


class Exchange:
    """One request of a caller's, and those that its answers lead to: they carry tokens of one profile and sign-in.

    Args:
        authorizer: which token a request may carry.
        url: where the first one goes.

    Raises:
        ConfigError: several profiles name the URL's origin, or it has none.
        OriginNotAllowed: no profile names it, or it is http on another machine.
    """

    def __init__(self, authorizer: Authorizer, url: str) -> None:
        check_place(url)
        self._chain = authorizer.chain(url)
        self._tokens: dict[str, HiddenText] = {}
        self.begin()

    @property
    def profile(self) -> str:
        """Name of the profile that serves it."""
        return self._chain.profile

    def begin(self) -> None:
        """Start anew: the caller sends the first request once more."""
        self._has_left = False
        # One retry for a token that is no longer good, one for claims that it lacks: an API cannot make it a loop.
        self._retries = {False, True}

    def __reduce__(self) -> NoReturn:
        raise TypeError("a request's tokens cannot be pickled")

    def visit(self, url: str) -> bool:
        """Tell whether a request there may carry a token; one that follows a request elsewhere may not, either."""
        self._has_left = self._has_left or not may_carry(self._chain, url)
        return not self._has_left

    def sign(self, url: str) -> HiddenText:
        """Return the header of a request there."""
        token = self._tokens[origin_of(url)] = HiddenText(self._chain.token(url))
        return "Bearer " + token

    def after(self, url: str, challenge: str, *, was_signed: bool = True) -> HiddenText | None:
        """Return the header with which a request that was answered with 401 is sent again; None if it is not.

        Args:
            url: where it went.
            challenge: the answer's ``WWW-Authenticate``.
            was_signed: whether it carried a token; a redirect to another origin leaves it behind.

        Raises:
            SignInRequired: a person has to sign in first, or to meet the claims that the API asks for.
        """
        if not self.visit(url):
            return None
        sent = self._tokens.get(origin_of(url)) if was_signed else None
        if sent is None:
            return self.sign(url)
        asked = asked_claims(challenge)
        fresh = sent
        if (asked is not None) in self._retries:
            self._retries.remove(asked is not None)
            fresh = HiddenText(self._chain.token(url, rejected=sent, claims=asked))
        if fresh == sent:
            if asked is not None:
                raise self._chain.step_up(url, asked)
            self._chain.refused(url, sent)
            return None
        self._tokens[origin_of(url)] = fresh
        return "Bearer " + fresh


def check_connection(url: str, *, is_verified: bool, has_proxy: bool = False, is_elsewhere: bool = False) -> None:
    """Make sure that a connection goes to where the token belongs, and that nobody reads it on its way.

    Args:
        url: where it goes, with or without a path.
        is_verified: whether the server has shown who it is.
        has_proxy: whether it goes by a proxy that reads what it says.
        is_elsewhere: whether the token was given for another place.

    Raises:
        ConfigError: its server could be anybody, or it goes by a proxy that would read the token.
        OriginNotAllowed: it goes to another server.
    """
    is_http = url.lower().startswith("http:")
    shown_url = redact_url(url)
    if is_elsewhere and not has_proxy:
        raise OriginNotAllowed(
            f"{shown_url}: the request was signed for another server, so that its token does not go there.",
            url=shown_url,
            next_step="Send a request of its own there.",
        )
    if not is_http and not is_verified:
        raise ConfigError(
            f"{shown_url}: the client does not verify the server, so that anybody could take the token.",
            next_step="Name the server's authority, as in verify='ca.pem' (aiohttp: ssl=), instead of verify=False.",
        )
    if is_elsewhere or (is_http and (has_proxy or not is_loopback(url))):
        raise ConfigError(
            f"{shown_url}: the token would go over a connection to elsewhere, or by a proxy that reads it.",
            next_step="Leave this machine out of the proxy: NO_PROXY=localhost,127.0.0.1",
        )


def verifies(context: Any) -> bool:
    """Tell whether a TLS context asks a server who it is; None is a library's own, which does."""
    return context is None or (context.verify_mode != ssl.CERT_NONE and bool(context.check_hostname))
