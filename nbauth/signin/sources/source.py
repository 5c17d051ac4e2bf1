"""Source: asks whoever has a sign-in already for one token, and says whose it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from nbauth.errors import SignInFailed, SignInRequired
from nbauth.net.sanitize import visible
from nbauth.net.secrecy import can_be_sent

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.net.secrecy import HiddenText
    from nbauth.next_step import Step
    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.tokens.connection import Connection

__all__ = ["Given", "NotThere", "Source", "Wish", "asked", "wrong"]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a source is asked for.

    Attributes:
        profile: whose row of `apis` it is, and what the token must fit.
        scopes: the row's.
        connect: returns the profile's connection to its provider, for a source whose token has to be exchanged.
        must_be_new: whether an API has refused the token that the source gave before.
    """

    profile: Profile
    scopes: tuple[str, ...]
    connect: Callable[[Profile], Connection] = field(repr=False)
    must_be_new: bool = False

    @property
    def resource(self) -> str | None:
        """The resource of which everything is asked for (``RESOURCE/.default``); None where it is said otherwise."""
        only = self.scopes[0] if len(self.scopes) == 1 else ""
        return only.removesuffix("/.default") if only.endswith("/.default") else None


@dataclass(frozen=True, kw_only=True)
class Given:
    """A token that a source gave, and whose it is.

    Attributes:
        secret: the token.
        life_s: how many seconds it is good from now on.
        key: what tells the person from every other one at the source; it stays the same for all of their tokens.
        username: the sign-in name.
        name: the display name; empty where the source gives none.
        tenant_id: the tenant that the identity lives in; empty where there are none.
        kind: ``"application"`` where no person is signed in at the source.
    """

    secret: HiddenText = field(repr=False)
    life_s: float
    key: str
    username: str
    name: str = ""
    tenant_id: str = ""
    kind: Literal["person", "application"] = "person"

    def __post_init__(self) -> None:
        # Messages and logs tell them, and a terminal would do what is in them.
        for each in ("username", "name", "tenant_id"):
            object.__setattr__(self, each, visible(getattr(self, each)))


class Source(Protocol):
    """One place where a sign-in may be.

    Attributes:
        label: what it is called in messages.
    """

    @property
    def label(self) -> str:
        """What it is called in messages."""

    def ask(self, wish: Wish) -> Given:
        """Return a token, asked for afresh.

        Raises:
            NotThere: it is not here, or nobody is signed in there: the next source may be tried.
            SignInFailed: it gave something else than what the profile wants; nothing else is tried.
            ProviderUnavailable: it does not answer now; nothing else is tried, since that could be somebody else.
        """


class NotThere(SignInRequired):
    """A source is not here, or nobody is signed in there.

    Attributes:
        reason: why, as a half sentence.
    """

    def __init__(self, wish: Wish, label: str, reason: str, next_step: Step | None = None) -> None:
        name = wish.profile.name
        super().__init__(
            f"Profile {name!r}: no sign-in comes from {label}: {visible(reason)}.",
            profile=name,
            scopes=wish.scopes,
            next_step=next_step,
        )
        self.reason = visible(reason)


def asked(source: Source, wish: Wish) -> Given:
    """Return what a source gives, if it can be sent.

    Raises:
        NotThere, SignInFailed, ProviderUnavailable: as `Source.ask`.
    """
    given = source.ask(wish)
    if not can_be_sent(given.secret):
        raise wrong(wish, source.label, "gave a token that no request can carry")
    return given


def wrong(wish: Wish, label: str, problem: str, next_step: Step | None = None) -> SignInFailed:
    """Return the error for what a source gave that does not fit; no token is sent."""
    return SignInFailed(
        f"Profile {wish.profile.name!r}: {label} {visible(problem)}. No token was sent.",
        profile=wish.profile.name,
        next_step=next_step,
    )
