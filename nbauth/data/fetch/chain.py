"""Chains: the requests that one URL leads to, and whose tokens they may carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from nbauth.net.origins import is_loopback, origin_of

if TYPE_CHECKING:
    from nbauth.errors import SignInRequired
    from nbauth.net.bundles import Bundle

__all__ = ["Authorizer", "Chain", "may_carry", "who_names"]


class Authorizer(Protocol):
    """Which profile serves a URL."""

    def allows(self, url: str) -> bool:
        """Tell whether a profile of this session lists the URL's origin."""

    def chain(self, url: str) -> Chain:
        """Return the chain that a URL begins.

        Raises:
            OriginNotAllowed: no profile of this session names the origin.
            ConfigError: several profiles name it.
        """

    def origins(self) -> tuple[str, ...]:
        """Return every origin that a token may go to."""


class Chain(Protocol):
    """The requests that one URL leads to: its redirects, next links, byte ranges and repetitions.

    The caller chose the first URL; an API chose the others. So all of them carry tokens of the first one's profile, or
    none: an API of one profile must not say where another profile's token goes.
    """

    @property
    def profile(self) -> str:
        """Name of the profile that serves it."""

    def allows(self, url: str) -> bool:
        """Tell whether the profile lists the URL's origin."""

    def token(self, url: str, *, rejected: str | None = None, claims: str | None = None) -> str:
        """Return the access token for the URL's origin.

        Args:
            url: where the request goes.
            rejected: the token that the API has just answered with 401; it is replaced by one refresh.
            claims: the claims that the API asked for, as JSON, which the new token must have.

        Raises:
            OriginNotAllowed: the profile does not name the origin.
            SignInRequired: a person has to sign in first.
            DataError: somebody else has signed in since the chain began.
        """

    def step_up(self, url: str, claims: str) -> SignInRequired:
        """Return the error for claims that no token can get without the person."""

    def refused(self, url: str, token: str) -> None:
        """Note that the API refuses a token that nothing newer replaces: the next sign-in asks the person."""

    def others(self, url: str) -> tuple[str, ...]:
        """Return the names of the other profiles that list the URL's origin."""

    def ca_bundles(self, url: str) -> tuple[Bundle, ...]:
        """Return the authorities that the URL's server may be known by, beside the usual authorities."""


def may_carry(by: Authorizer | Chain, url: str) -> bool:
    """Tell whether a request to a URL may carry a token: its origin is listed, and it is https or loopback."""
    try:
        origin = origin_of(url)
    except ValueError:
        return False
    return (origin.startswith("https:") or is_loopback(url)) and by.allows(url)


def who_names(chain: Chain, url: str) -> tuple[str, str | None]:
    """Say which profiles name an origin that is none of the chain's, and which of them could be used instead.

    Returns:
        The end of a sentence, such as ``"no profile names"``; and the name of a profile, or None.
    """
    others = chain.others(url)
    if not others:
        return "no profile names", None
    kind, verb = ("profile", "names") if len(others) == 1 else ("profiles", "name")
    return f"{kind} {', '.join(map(repr, others))} {verb}, and profile {chain.profile!r} does not", others[0]
