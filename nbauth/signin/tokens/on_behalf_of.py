"""The tokens by which an application acts for users (Entra's on-behalf-of flow): one credential for each assertion."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Any

import jwt

from nbauth.net.secrecy import clears_frames
from nbauth.signin.profile.credentials import Supplied
from nbauth.signin.tokens import renewal
from nbauth.signin.tokens.credential import Credential
from nbauth.signin.tokens.msal_sources import ApplicationSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import msal

    from nbauth.net.secrecy import HiddenMapping, HiddenText
    from nbauth.signin.http.http_cache import HttpCache
    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.tokens.access_token import AccessToken
    from nbauth.signin.tokens.token_sources import ParentKernel, TokenRequest

__all__ = ["UserCredential", "UserSource", "claims_of", "held"]

_MOST_USERS = 64  # a kernel serves one or two; the tokens of who comes after that are asked for again


class UserSource(ApplicationSource):
    """A user's assertion, which an application trades for tokens that are that user's.

    Args:
        profile: one that holds the assertion (`held`): a credential of a user reads one, once.
        connect: returns MSAL's client application.
        http_cache: where the provider's keys are.
    """

    def __init__(
        self, profile: Profile, connect: Callable[[], msal.ClientApplication], *, http_cache: HttpCache | None
    ) -> None:
        super().__init__(profile, connect)
        self._http_cache = http_cache

    def _acquire(self, request: TokenRequest, present: AccessToken | None, *, forced: bool) -> HiddenMapping | None:
        result = super()._acquire(request, present, forced=forced)
        assertion = self._profile.user_assertion
        if result and assertion is not None:
            renewal.check_user(
                result,
                assertion.read(),
                profile=self._profile,
                application=self._connect(),
                http_cache=self._http_cache,
            )
        return result


class UserCredential(Credential):
    """The tokens of whoever vouches at the moment of asking.

    The assertion is read at each look-up, in the thread that asks: a function may know the user by a context variable.
    From there on it goes with the request, so that whoever comes while a token is on its way does not get that one.

    Args:
        profile: one with `user_assertion`.
        connect: returns MSAL's client application, whose cache is not asked.
        http_cache: where the provider's keys are.
    """

    def __init__(
        self, profile: Profile, connect: Callable[[], msal.ClientApplication], *, http_cache: HttpCache | None
    ) -> None:
        super().__init__(profile, ApplicationSource(profile, connect))
        self._connect = connect
        self._http_cache = http_cache
        self._users: dict[str, Credential] = {}  # by the digest of an assertion, the last one made last

    @property
    def who(self) -> str:
        """The present user; where the assertion does not say who that is, the assertion's digest."""
        assert self.profile.user_assertion is not None
        assertion = self.profile.user_assertion.read()
        claims = claims_of(assertion)
        named = [str(claims.get(name, "")) for name in ("iss", "tid", "oid", "sub")]
        user = " ".join(named) if claims.get("sub") else hashlib.sha256(assertion.encode()).hexdigest()
        return f"{self.profile.client_id} {user}"

    @clears_frames
    def access_token(
        self,
        scopes: tuple[str, ...],
        *,
        rejected: str | None = None,
        claims: str | None = None,
        life_s: float = 0.0,
    ) -> AccessToken:
        """Return what `token` does, for the present user."""
        assert self.profile.user_assertion is not None
        user = self.of(self.profile.user_assertion.read())
        return user.access_token(scopes, rejected=rejected, claims=claims, life_s=life_s)

    def of(self, assertion: HiddenText) -> Credential:
        """Return the credential of an assertion."""
        digest = hashlib.sha256(assertion.encode()).hexdigest()
        with self._lock:
            user = self._users.get(digest)
            if user is None:
                profile = held(self.profile, assertion)
                source = UserSource(profile, self._application, http_cache=self._http_cache)
                user = self._users[digest] = Credential(profile, source)
                if self._signed_out:
                    user.forget()
                elif len(self._users) > _MOST_USERS:
                    del self._users[next(iter(self._users))]
            return user

    def connect_by(self, connect: Callable[[], msal.ClientApplication]) -> None:
        """Ask for the client application anew at each renewal, for every user."""
        super().connect_by(connect)
        self._connect = connect

    def expires_at(self) -> datetime | None:
        """Return when the newest token expires (UTC), or None where there is none."""
        return max((at for user in self._all() if (at := user.expires_at()) is not None), default=None)

    def sign_out(self) -> None:
        """Forget every user's tokens, those included that are on their way."""
        super().sign_out()
        for user in self._all():
            user.forget()

    def settle(self, deadline: float) -> None:
        """Wait for what is on its way."""
        for user in self._all():
            user.settle(deadline)

    def after_fork(self, parent: ParentKernel | None, connect: Callable[[Profile], msal.ClientApplication]) -> None:
        """Begin anew in a child process, without tokens: an assertion is good for as many as are asked for."""
        super().after_fork(parent, connect)
        self._connect = lambda: connect(self.profile)
        self._users = {}

    def _application(self) -> msal.ClientApplication:
        return self._connect()  # by what `connect_by` set last

    def _all(self) -> list[Credential]:
        with self._lock:
            return list(self._users.values())


def held(profile: Profile, assertion: HiddenText) -> Profile:
    """Return the profile with an assertion in hand, which is not read again."""
    return dataclasses.replace(profile, user_assertion=Supplied(lambda: assertion, "user_assertion"))


def claims_of(assertion: HiddenText) -> dict[str, Any]:
    """Return what an assertion says of its user, for display; nothing where it is no JWT.

    The signature is not verified: the assertion is for the provider, whose keys need not be known here, and it has just
    accepted it. An ID token, where the provider gives one, is better and is validated.
    """
    try:
        claims: dict[str, Any] = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.PyJWTError:
        return {}
    return claims
