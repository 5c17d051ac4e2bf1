"""Credential: the tokens at hand of one sign-in, renewed silently by one thread at a time, or `SignInRequired`."""

from __future__ import annotations

import copy
import threading
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from nbauth.errors import ProviderUnavailable, SignInFailed, SignInRequired
from nbauth.net.secrecy import HiddenText, clears_frames
from nbauth.signin.single_flight import SingleFlight
from nbauth.signin.tokens.access_token import AccessToken, digest_of
from nbauth.signin.tokens.borrowed_source import BorrowedSource
from nbauth.signin.tokens.fork_channel import ForkSource
from nbauth.signin.tokens.msal_sources import PersonSource
from nbauth.signin.tokens.sign_in_required import claims_not_met, no_refresh_token, not_signed_in
from nbauth.signin.tokens.token_sources import TokenRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    import msal

    from nbauth.net.secrecy import Members
    from nbauth.signin.profile.account import Account
    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.tokens.connection import Connection
    from nbauth.signin.tokens.refresh_lock import RefreshLock
    from nbauth.signin.tokens.token_sources import ParentKernel, TokenSource

__all__ = ["Credential", "SignedIn"]

_PATIENCE_S = 45.0  # more than the transport takes at most for one request


class Credential:
    """The tokens of one person, or of an application itself, for one profile.

    This is what a session, an adapter and a forked child ask: `access_token(scopes)` returns a token with its times.

    Args:
        profile: whose.
        source: gets the tokens.
        account: MSAL's account; None for an application itself.

    Attributes:
        profile: whose it is.
        account: MSAL's account; None for an application itself.
        key: names it to child processes.
        unmet_claims: a claims challenge that only a person can meet, as JSON; the next sign-in asks for it.
        is_refused: whether an API refused its token, and the provider gave none that it takes; the next sign-in asks
            the person, whatever is at hand.
    """

    def __init__(self, profile: Profile, source: TokenSource, *, account: dict[str, Any] | None = None) -> None:
        self.profile = profile
        self.account = account
        self.key = uuid.uuid4().hex
        self.unmet_claims: str | None = None
        self.is_refused = False
        self._source = source
        self._memo: dict[tuple[str, ...], AccessToken] = {}
        self._signed_out = False
        self._make_locks()

    @classmethod
    def of_person(cls, connection: Connection, account: dict[str, Any]) -> Credential:
        """Make the credential of somebody whose tokens are in a connection's token cache.

        Args:
            connection: the profile's.
            account: MSAL's account.
        """
        application, http_cache = connection.application, connection.http_cache
        refresh_lock = connection.refresh_locks.of(account["home_account_id"])
        source = PersonSource(
            connection.profile, lambda: application, account, refresh_lock=refresh_lock, http_cache=http_cache
        )
        return cls(connection.profile, source, account=account)

    def _make_locks(self) -> None:
        self._lock = threading.Lock()  # guards what is written here
        self._single_flight = SingleFlight(self._renew_now, name="nbauth-refresh")
        self._paused_until: dict[tuple[str, ...], float] = {}

    def after_fork(self, parent: ParentKernel | None, connect: Callable[[Profile], msal.ClientApplication]) -> None:
        """Begin anew in a child process, whose parent may have held every lock at the fork.

        Args:
            parent: the kernel, which alone uses a person's refresh token; None where it cannot be asked.
            connect: makes MSAL's client application, with connections and locks of its own.
        """
        self._make_locks()
        self._source = self._source.in_child(self.key, parent, lambda: connect(self.profile))

    @property
    def who(self) -> str:
        """What tells the person, or the application, from every other one at the provider; nothing secret."""
        return self.profile.client_id if self.account is None else str(self.account["home_account_id"])

    @property
    def ended(self) -> SignInRequired | None:
        """Why the sign-in was ended without a sign-out, if it was."""
        return self._source.ended

    @property
    def needs_person(self) -> bool:
        """Whether only a person can help, so that the next sign-in asks them and takes nothing that is at hand."""
        return self.is_refused or self.unmet_claims is not None

    @property
    def refresh_lock(self) -> RefreshLock:
        """Held while the refresh token is used."""
        return self._source.refresh_lock

    @property
    def is_forked(self) -> bool:
        """Whether another process signed in, and renews."""
        return isinstance(self._source, ForkSource)

    @property
    def is_borrowed(self) -> bool:
        """Whether another process lends it, and can take it back."""
        return isinstance(self._source, BorrowedSource)

    def __repr__(self) -> str:
        return f"Credential(profile={self.profile.name!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a credential holds tokens and cannot be pickled")

    def token(self, scopes: tuple[str, ...], *, rejected: str | None = None, claims: str | None = None) -> str:
        """Return an access token as text; otherwise as `access_token`."""
        try:
            return self.access_token(scopes, rejected=rejected, claims=claims).secret.reveal()
        finally:
            del rejected  # an error takes this frame along, and not the token; a door would cost every look-up

    def access_token(
        self,
        scopes: tuple[str, ...],
        *,
        rejected: str | None = None,
        claims: str | None = None,
        life_s: float = 0.0,
    ) -> AccessToken:
        """Return an access token with its times, without asking anybody.

        Within its margin a token is handed out while a renewal is on its way, so that nobody waits for a provider
        that is slow or down before there is need.

        Args:
            scopes: what it must be good for.
            rejected: a token that an API answered with 401: it is replaced even if it looks good, but not again where
                it has just taken the place of another one that was refused.
            claims: claims that the new token must have, as JSON (OpenID Connect Core §5.5).
            life_s: seconds that it must be good for, where the provider's tokens live that long: a tool that does not
                try again after a 401 needs a while.

        Raises:
            SignInRequired: a person has to sign in.
            SignInFailed: the provider refuses the application.
            ProviderUnavailable: there is no valid token and the provider cannot be reached.
        """
        token = self._memo.get(scopes)
        if token is not None and token.secret != rejected and claims is None and self._source.ended is None:
            if token.is_good(max(token.margin_s, life_s)):
                return token
            if token.is_good(max(token.last_s, life_s)):
                self._renew_ahead(TokenRequest(scopes))
                return token
        request = TokenRequest(scopes, None if rejected is None else HiddenText(rejected), claims, life_s)
        del rejected  # as in `token`
        return self._renew(request)

    def connect_by(self, connect: Callable[[], msal.ClientApplication]) -> None:
        """Ask for the client application anew at each renewal: a secret or a certificate may have been renewed."""
        self._source.connect_by(connect)

    def keep(self, scopes: tuple[str, ...], result: Members, *, claims: str | None = None) -> None:
        """Take over the token of a sign-in that has just ended."""
        self._memo[scopes] = AccessToken.of(result, claims=claims, forced=claims is not None)

    def at_hand(self, digest: str) -> HiddenText | None:
        """Return the token at hand whose `digest_of` this is; None where it has been replaced already."""
        return next((t.secret for t in list(self._memo.values()) if digest_of(t.secret) == digest), None)

    def expires_at(self) -> datetime | None:
        """Return when the newest token expires (UTC), or None where there is none."""
        latest = max((token.expires_at for token in list(self._memo.values())), default=None)
        return None if latest is None else datetime.fromtimestamp(int(latest), UTC)

    def sign_out(self) -> None:
        """Forget every token, those included that a refresh is fetching just now.

        A refresh token that another profile stands on stays.
        """
        self.forget()
        self._source.sign_out(self)

    def forget(self) -> None:
        """Forget the tokens at hand, and hand out no others."""
        with self._lock:
            self._signed_out = True
            self._memo.clear()

    def settle(self, deadline: float) -> None:
        """Wait for renewals that are on their way: the refresh token may be rotated, and the new one not yet here.

        Args:
            deadline: until when, on the monotonic clock.
        """
        self._single_flight.settle(deadline)

    def step_up(self, scopes: tuple[str, ...], claims: str) -> SignInRequired:
        """Return the error for claims that no silent token has: a person has to meet them, and the next login asks."""
        self.unmet_claims = claims
        return claims_not_met(self.profile, scopes, claims)

    @clears_frames
    def _renew(self, request: TokenRequest) -> AccessToken:
        present = self._at_hand(request)
        if present is not None:
            return present
        try:
            return self._single_flight.wait(request, timeout_s=_PATIENCE_S)
        except TimeoutError:
            raise ProviderUnavailable(
                f"Profile {self.profile.name!r}: no token came within {_PATIENCE_S:.0f} s.", next_step="Try again."
            ) from None

    def _renew_ahead(self, request: TokenRequest) -> None:
        if time.monotonic() >= self._paused_until.get(request.scopes, 0.0):
            self._single_flight.start(request)

    def _renew_now(self, request: TokenRequest) -> AccessToken:
        try:
            with self.refresh_lock:
                token = self._at_hand(request) or self._from_source(request)
        except BaseException as error:
            self._note(error, request)
            self._drop_if_signed_out()
            self._pause(request, self._memo.get(request.scopes))
            raise
        if self._signed_out:  # meanwhile: the sign-out wins
            self._drop_if_signed_out()
            raise self._sign_in_required(request)
        if not token.is_good():
            self._pause(request, token)
        return token

    def _at_hand(self, request: TokenRequest) -> AccessToken | None:
        """Return what was renewed for somebody else meanwhile, or what it is no use to renew."""
        with self._lock:
            if self._signed_out or self.ended is not None:
                raise self._sign_in_required(request)
            present = self._memo.get(request.scopes)
        is_enough = present is not None and (request.is_met_by(present) or request.is_in_vain(present))
        return present if is_enough else None

    def _from_source(self, request: TokenRequest) -> AccessToken:
        token = self._source.renew(request, self._memo.get(request.scopes))
        if token is None:
            raise self._sign_in_required(request)
        with self._lock:
            if not self._signed_out:
                self._memo[request.scopes] = token
            self.is_refused = False
        return token

    def _note(self, error: BaseException, request: TokenRequest) -> None:
        """Note what a renewal that failed says of the tokens at hand, and of the next sign-in."""
        if isinstance(error, SignInRequired):
            self.unmet_claims = error.claims or self.unmet_claims
        elif isinstance(error, SignInFailed):
            self.unmet_claims = request.claims or self.unmet_claims
        if self.ended is not None:
            self.forget()
        elif request.claims is None and request.rejected is not None:
            # Whatever the error was: no login is to take the token for good again, and report success.
            with self._lock:
                self._memo = {scopes: token for scopes, token in self._memo.items() if token.secret != request.rejected}
                self.is_refused = not isinstance(error, ProviderUnavailable) or error.has_answered

    def refuse(self, token: str) -> None:
        """Note that an API refuses a token which has just taken a refused one's place.

        Another API may take it, so that it stays; but a sign-in is to bring another one.
        """
        with self._lock:
            self.is_refused = self.is_refused or any(present.secret == token for present in self._memo.values())

    def _drop_if_signed_out(self) -> None:
        """Remove what came since the sign-out, too. An application has no refresh token that could have come."""
        if self._signed_out and self.account is not None:
            self._source.sign_out(self)

    def _pause(self, request: TokenRequest, present: AccessToken | None) -> None:
        # While the present token is good, a provider that is down is not asked at every request.
        if present is not None:
            self._paused_until[request.scopes] = time.monotonic() + present.margin_s * 0.25

    def _sign_in_required(self, request: TokenRequest) -> SignInRequired:
        if self.ended is not None:
            return copy.copy(self.ended)  # one that is raised again takes the frames of everybody along who met it
        if request.claims is not None:
            return self.step_up(request.scopes, request.claims)
        if self._signed_out:
            return not_signed_in(self.profile, request.scopes)
        return no_refresh_token(self.profile, request.scopes, is_refused=request.rejected is not None)


@dataclass(frozen=True)
class SignedIn:
    """An account that is signed in, and its credential."""

    account: Account
    credential: Credential
