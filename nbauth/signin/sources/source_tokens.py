"""SourceTokens: a `TokenSource` that asks a sign-in which is already there, and takes nobody else's tokens."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from nbauth.errors import ProviderUnavailable, SignInRequired
from nbauth.net.secrecy import clears_frames
from nbauth.next_step import Login, to_run
from nbauth.signin.profile.source_names import asks_nobody
from nbauth.signin.sources import find
from nbauth.signin.sources.source import Wish, asked
from nbauth.signin.tokens.access_token import AccessToken
from nbauth.signin.tokens.fork_channel import ForkSource
from nbauth.signin.tokens.refresh_lock import RefreshLock

if TYPE_CHECKING:
    from collections.abc import Callable

    import msal

    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.profile.source_names import SourceName
    from nbauth.signin.sources.source import Given
    from nbauth.signin.tokens.connection import Connection
    from nbauth.signin.tokens.token_sources import ParentKernel, TokenRequest, TokenSource

__all__ = ["SourceTokens", "token_of"]


class SourceTokens:
    """The tokens of who was signed in at a source when it was taken, and of nobody who comes after.

    Args:
        profile: whose rows of `apis` they are for.
        name: the source.
        first: what it gave then.
        connect: returns the profile's connection to its provider.
    """

    def __init__(
        self, profile: Profile, name: SourceName, first: Given, connect: Callable[[Profile], Connection]
    ) -> None:
        self.refresh_lock = RefreshLock()
        self.ended: SignInRequired | None = None
        self._profile = profile
        self._name = name
        self._key = first.key
        self._username = first.username
        self._connect = connect

    @clears_frames
    def renew(self, request: TokenRequest, present: AccessToken | None) -> AccessToken | None:
        """Ask the source."""
        source = find(self._name)
        if request.claims is not None:
            raise SignInRequired(
                f"Profile {self._profile.name!r}: the API asks for more than {source.label}'s sign-in has (a claims "
                "challenge), and that cannot be met from here.",
                profile=self._profile.name,
                scopes=request.scopes,
                claims=request.claims,
                next_step="Sign in there anew as the API wants it; or use a profile without source."
                if asks_nobody(self._profile.source)
                else to_run(Login(self._profile.name)),
            )
        wish = Wish(
            profile=self._profile,
            scopes=request.scopes,
            connect=self._connect,
            must_be_new=request.rejected is not None,
        )
        try:
            given = asked(source, wish)
        except ProviderUnavailable:
            if (kept := request.meanwhile(present)) is not None:
                return kept
            raise
        if given.key != self._key:
            self.ended = SignInRequired(
                f"Profile {self._profile.name!r}: {source.label} is now signed in as {given.username}, and was as "
                f"{self._username} when this kernel took that sign-in. No token was sent.",
                profile=self._profile.name,
                scopes=request.scopes,
                next_step=to_run(Login(self._profile.name), f" to go on as {given.username}."),
            )
            raise self.ended
        if given.secret == request.rejected:
            raise SignInRequired(
                f"Profile {self._profile.name!r}: the API refuses the access token, and {source.label} gives the same "
                "one again.",
                profile=self._profile.name,
                scopes=request.scopes,
                next_step="Check what this identity may do there, or sign in there anew.",
            )
        return token_of(given, forced=wish.must_be_new)

    def sign_out(self, holder: object) -> None:
        """Leave the source's sign-in as it is: it is another program's."""

    def connect_by(self, connect: Callable[[], msal.ClientApplication]) -> None:
        """Do nothing: a connection is asked for when it is needed."""

    def in_child(
        self, key: str, parent: ParentKernel | None, connect: Callable[[], msal.ClientApplication]
    ) -> TokenSource:
        """Return a source that asks the parent; where there is none to ask, one that asks the source itself."""
        del connect
        if parent is not None:
            return ForkSource(self._profile, key, parent, ended=self.ended)
        child = copy.copy(self)
        child.refresh_lock = RefreshLock()
        return child


def token_of(given: Given, *, forced: bool = False) -> AccessToken:
    """Return what a source gave as a token with its times."""
    return AccessToken.of({"access_token": given.secret.reveal(), "expires_in": given.life_s}, forced=forced)
