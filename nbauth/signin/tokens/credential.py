"""Credential: an application and an account give a token, silently, one refresh at a time, or `SignInRequired`."""

from __future__ import annotations

import copy
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from nbauth.errors import ProviderUnavailable, SignInRequired
from nbauth.net.secrecy import HiddenText, clears_frames
from nbauth.next_step import Login, to_run
from nbauth.signin.client import grants
from nbauth.signin.client.provider_errors import login_command, provider_errors, raise_for_error
from nbauth.signin.client.token_cache import drop_access_token
from nbauth.signin.http.http_cache import HttpCache
from nbauth.signin.single_flight import SingleFlight
from nbauth.signin.tokens import renewal
from nbauth.signin.tokens.access_token import AccessToken
from nbauth.signin.tokens.refresh_lock import RefreshLock

if TYPE_CHECKING:
    from collections.abc import Callable

    import msal

    from nbauth.net.secrecy import HiddenMapping, Members
    from nbauth.signin.http.http_cache import HttpCache
    from nbauth.signin.profile.account import Account
    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.tokens.fork_channel import TokenClient

__all__ = ["AccessToken", "Credential", "SignedIn", "not_signed_in"]

_PATIENCE_S = 45.0  # more than the transport takes at most for one request
# An API that refuses the token which took a refused one's place refuses the next one, too.
_SETTLED_S = 30.0


@dataclass(frozen=True)
class _TokenRequest:
    """What a renewal is for: waiting threads that wish for the same share one."""

    scopes: tuple[str, ...]
    rejected: HiddenText | None = field(repr=False)
    claims: str | None

    def is_met_by(self, token: AccessToken) -> bool:
        """Tell whether a token, renewed for somebody else meanwhile, is what is wished for."""
        return token.secret != self.rejected and self.claims in (None, token.claims) and token.is_good()

    def is_in_vain(self, token: AccessToken) -> bool:
        """Tell whether an API refuses what it was given a moment ago in the place of a refused one."""
        return token.secret == self.rejected and self.claims in (None, token.claims) and token.is_fresh(_SETTLED_S)


class Credential:
    """The tokens of one account, or of the application itself, for one profile.

    Args:
        profile: whose.
        application: MSAL's client application.
        account: MSAL's account, or None for the application itself.
        refresh_lock: held while a refresh token is used. Credentials that share the refresh token share it: a rotated
            one is good for one use, and a second use revokes all that grew out of the sign-in (RFC 9700 §4.14.2).
        http_cache: where the provider's keys are.

    Attributes:
        profile: whose it is.
        key: names it to child processes.
        unmet_claims: a claims challenge that only a person can meet, as JSON; the next sign-in asks for it.
        ended: why the sign-in was ended without a sign-out, if it was.
    """

    def __init__(
        self,
        profile: Profile,
        application: msal.ClientApplication,
        account: dict[str, Any] | None,
        *,
        refresh_lock: RefreshLock | None = None,
        http_cache: HttpCache | None = None,
    ) -> None:
        self.profile = profile
        self.key = uuid.uuid4().hex
        self.unmet_claims: str | None = None
        self.ended: SignInRequired | None = None
        self._http_cache = http_cache
        self._connect: Callable[[], msal.ClientApplication] = lambda: application
        self._account = account
        self._memo: dict[tuple[str, ...], AccessToken] = {}
        self._signed_out = False
        self._token_client: TokenClient | None = None
        self._make_locks()
        if refresh_lock is not None:
            self._one_at_a_time = refresh_lock

    def _make_locks(self) -> None:
        self._lock = threading.Lock()  # guards what is written here
        self._one_at_a_time = RefreshLock()
        self._single_flight = SingleFlight(self._fly, name="nbauth-refresh")
        self._paused_until: dict[tuple[str, ...], float] = {}

    def after_fork(
        self, token_client: TokenClient | None, connect: Callable[[Profile], msal.ClientApplication]
    ) -> None:
        """Begin anew in a child process, whose parent may have held every lock at the fork.

        Args:
            token_client: asks the parent; a person's refresh token is used there only.
            connect: makes MSAL's client application, with connections and locks of its own.
        """
        self._make_locks()
        if self._account is None:
            self._connect = lambda: connect(self.profile)
        elif self._token_client is None:
            self._token_client = token_client

    @property
    def tenant_id(self) -> str:
        """The tenant that the provider's token endpoint names; empty where it has none."""
        has_tenants = self.profile.resolved_authority.tenant is not None
        return str(self._connect().authority.tenant) if has_tenants else ""

    @property
    def account(self) -> dict[str, Any] | None:
        """MSAL's account."""
        return self._account

    @property
    def who(self) -> str:
        """What tells the person, or the application, from every other one at the provider; nothing secret."""
        return self.profile.client_id if self._account is None else str(self._account["home_account_id"])

    @property
    def refresh_lock(self) -> RefreshLock:
        """Held while the refresh token is used."""
        return self._one_at_a_time

    @property
    def is_forked(self) -> bool:
        """Whether another process signed in, and renews."""
        return self._token_client is not None

    def __repr__(self) -> str:
        return f"Credential(profile={self.profile.name!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a credential holds tokens and cannot be pickled")

    def token(self, scopes: tuple[str, ...], *, rejected: str | None = None, claims: str | None = None) -> str:
        """Return an access token without asking anybody.

        Within its margin a token is handed out while a renewal is on its way, so that nobody waits for a provider
        that is slow or down before there is need.

        Args:
            scopes: what it must be good for.
            rejected: a token that an API answered with 401: it is replaced even if it looks good, but not again where
                it has just taken the place of another one that was refused.
            claims: claims that the new token must have, as JSON (OpenID Connect Core §5.5).

        Raises:
            SignInRequired: a person has to sign in.
            SignInFailed: the provider refuses the application.
            ProviderUnavailable: there is no valid token and the provider cannot be reached.
        """
        try:
            return self.access_token(scopes, rejected=rejected, claims=claims).secret.reveal()
        finally:
            del rejected  # an error takes this frame along, and not the token; a door would cost every look-up

    def access_token(
        self, scopes: tuple[str, ...], *, rejected: str | None = None, claims: str | None = None
    ) -> AccessToken:
        """Return what `token` does, with its times."""
        token = self._memo.get(scopes)
        if token is not None and token.secret != rejected and claims is None:
            if token.is_good():
                return token
            if token.is_good(token.last_s):
                self._renew_ahead(_TokenRequest(scopes, None, None))
                return token
        token_request = _TokenRequest(scopes, None if rejected is None else HiddenText(rejected), claims)
        del rejected  # as in `token`
        return self._renew(token_request)

    def connect_by(self, connect: Callable[[], msal.ClientApplication]) -> None:
        """Ask for the client application anew at each renewal: a secret or a certificate may have been renewed."""
        self._connect = connect

    def keep(self, scopes: tuple[str, ...], result: Members, *, claims: str | None = None) -> None:
        """Take over the token of a sign-in that has just ended."""
        self._memo[scopes] = AccessToken.of(result, claims=claims, forced=claims is not None)

    def expires_at(self) -> datetime | None:
        """Return when the newest token expires (UTC), or None where there is none."""
        latest = max((token.expires_at for token in list(self._memo.values())), default=None)
        return None if latest is None else datetime.fromtimestamp(int(latest), UTC)

    def shares_tokens_with(self, other: Credential) -> bool:
        """Tell whether both stand on the same refresh token."""
        mine, others = (c.account and c.account["home_account_id"] for c in (self, other))
        return mine == others and self._connect().token_cache is other._connect().token_cache

    def sign_out(self) -> None:
        """Forget every token, those included that a refresh is fetching just now.

        A refresh token that another profile stands on stays.
        """
        self.forget()
        if self._token_client is not None:
            return
        if self._account is None:
            self._connect().remove_tokens_for_client()
        else:
            self._leave()

    def _drop_if_signed_out(self) -> None:
        """Drop what came since the sign-out, too."""
        if self._signed_out and self._account is not None and self._token_client is None:
            self._leave()

    def _leave(self) -> None:
        application = self._connect()
        self._one_at_a_time.leave(self, lambda: application.remove_account(self._account))

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

    @clears_frames
    def _renew(self, token_request: _TokenRequest) -> AccessToken:
        present = self._at_hand(token_request)
        if present is not None:
            return present
        try:
            return self._single_flight.wait(token_request, timeout_s=_PATIENCE_S)
        except TimeoutError:
            raise ProviderUnavailable(
                f"Profile {self.profile.name!r}: no token came within {_PATIENCE_S:.0f} s.", next_step="Try again."
            ) from None

    def _renew_ahead(self, token_request: _TokenRequest) -> None:
        if time.monotonic() >= self._paused_until.get(token_request.scopes, 0.0):
            self._single_flight.start(token_request)

    def _at_hand(self, token_request: _TokenRequest) -> AccessToken | None:
        """Return what was renewed for somebody else meanwhile, or what it is no use to renew."""
        with self._lock:
            if self._signed_out:
                raise self._sign_in_required(token_request)
            present = self._memo.get(token_request.scopes)
        return (
            present
            if present is not None and (token_request.is_met_by(present) or token_request.is_in_vain(present))
            else None
        )

    def _fly(self, token_request: _TokenRequest) -> AccessToken:
        try:
            with self._one_at_a_time:
                token = self._at_hand(token_request)
                if token is None:
                    token = self._fetch(token_request, self._memo.get(token_request.scopes))
                    with self._lock:
                        if not self._signed_out:
                            self._memo[token_request.scopes] = token
        except BaseException as error:
            self._drop_if_signed_out()
            self._pause(token_request, self._memo.get(token_request.scopes))
            if (
                isinstance(error, SignInRequired)
                and token_request.claims is None
                and token_request.rejected is not None
            ):
                with self._lock:  # no login is to take it for good again
                    self._memo = {
                        scopes: token for scopes, token in self._memo.items() if token.secret != token_request.rejected
                    }
            raise
        if self._signed_out:  # meanwhile: the sign-out wins
            self._drop_if_signed_out()
            raise self._sign_in_required(token_request)
        if not token.is_good():
            self._pause(token_request, token)
        return token

    def _pause(self, token_request: _TokenRequest, present: AccessToken | None) -> None:
        # While the present token is good, a provider that is down is not asked at every request.
        if present is not None:
            self._paused_until[token_request.scopes] = time.monotonic() + present.margin_s * 0.25

    def _fetch(self, token_request: _TokenRequest, present: AccessToken | None) -> AccessToken:
        forced = token_request.rejected is not None
        if self._token_client is not None:
            return self._from_parent(token_request)
        try:
            with provider_errors(self.profile):
                result = self._acquire(token_request, present, forced=forced)
                if present is not None and _is_aside(result, present):
                    # MSAL's cache goes by the wall clock alone: set back, it takes what has ended for good.
                    result = self._acquire(token_request, present, forced=True)
            self._check(result or {}, token_request)
        except ProviderUnavailable:
            if present is not None and present.secret != token_request.rejected and present.is_good(0):
                return present  # still valid: a provider that is down must not end a long load
            raise
        if not result:
            raise self._sign_in_required(token_request)
        if present is not None and result["access_token"] == present.secret:
            return present  # MSAL fell back to it: the provider is down, and it did not get younger
        return AccessToken.of(result, claims=token_request.claims, forced=forced)

    def _acquire(
        self, token_request: _TokenRequest, present: AccessToken | None, *, forced: bool
    ) -> HiddenMapping | None:
        shared = self._one_at_a_time.shared
        if shared is None:
            return self._ask(token_request, forced=forced)
        return shared.renew(
            lambda: self._ask(token_request, forced=forced),
            profile=self.profile,
            realm=str(self._connect().authority.tenant),
            scopes=token_request.scopes,
            unwanted=(token_request.rejected, None if present is None else present.secret),
            claims=token_request.claims,
        )

    def _ask(self, token_request: _TokenRequest, *, forced: bool) -> HiddenMapping | None:
        application = self._connect()
        if self._account is None:
            result: HiddenMapping | None = grants.acquire(
                application, self.profile, token_request.scopes, forced=forced, claims=token_request.claims
            )
            if result and self.profile.user_assertion is not None:
                # It is held: a credential of a user reads one assertion, once.
                renewal.check_user(
                    result,
                    self.profile.user_assertion.read(),
                    profile=self.profile,
                    application=application,
                    http_cache=self._http_cache,
                )
            return result
        try:
            result = renewal.silent(
                application,
                profile=self.profile,
                account=self._account,
                refresh_lock=self._one_at_a_time,
                http_cache=self._http_cache,
                scopes=token_request.scopes,
                forced=forced,
                claims=token_request.claims,
            )
        except SignInRequired as error:
            self.ended = error
            self.forget()
            raise
        if (
            token_request.rejected is not None
            and token_request.claims is None
            and result
            and result.get("error") == "invalid_grant"
        ):
            drop_access_token(application.token_cache, token_request.rejected)
        return result

    def _from_parent(self, token_request: _TokenRequest) -> AccessToken:
        assert self._token_client is not None
        token = self._token_client.ask(
            self.key, token_request.scopes, rejected=token_request.rejected, claims=token_request.claims
        )
        if token is None:
            raise SignInRequired(
                f"Profile {self.profile.name!r}: the kernel that this process was forked from is no longer signed in.",
                profile=self.profile.name,
                scopes=token_request.scopes,
                claims=token_request.claims,
                next_step=login_command(self.profile.name),
            )
        return token

    def _check(self, result: Members, token_request: _TokenRequest) -> None:
        try:
            raise_for_error(result, self.profile, token_request.scopes, silent=True, claims=token_request.claims)
        except SignInRequired as error:
            self.unmet_claims = error.claims or self.unmet_claims
            apis = " ".join(url for url, scopes in self.profile.apis.items() if scopes == token_request.scopes)
            if apis and token_request.scopes != self.profile.login_scopes:
                error.args = (f"{error.args[0]} It was for {apis}.",)  # not the API that a sign-in is for
            raise

    def step_up(self, scopes: tuple[str, ...], claims: str) -> SignInRequired:
        """Return the error for claims that no silent token has: a person has to meet them, and the next login asks."""
        self.unmet_claims = claims
        return SignInRequired(
            f"Profile {self.profile.name!r}: the API asks for more than this sign-in has (a claims challenge).",
            profile=self.profile.name,
            scopes=scopes,
            claims=claims,
            next_step=login_command(self.profile.name),
        )

    def _sign_in_required(self, token_request: _TokenRequest) -> SignInRequired:
        if self.ended is not None:
            return copy.copy(self.ended)  # one that is raised again takes the frames of everybody along who met it
        if token_request.claims is not None:
            return self.step_up(token_request.scopes, token_request.claims)
        if self._signed_out:
            return not_signed_in(self.profile, token_request.scopes)
        return SignInRequired(
            f"Profile {self.profile.name!r}: the access token has ended, and {self.profile.authority_host} gave no "
            "refresh token to renew it with.",
            profile=self.profile.name,
            scopes=token_request.scopes,
            next_step=to_run(Login(self.profile.name), ' (some providers give one with prompt = "consent").'),
        )


def not_signed_in(profile: Profile, scopes: tuple[str, ...]) -> SignInRequired:
    """Return the error for a profile that no person is signed in to in this process."""
    # What `spawn` starts, or joblib, knows nothing of the sign-in; a token is not handed over in a pickle.
    processes = sys.modules.get("multiprocessing.process")
    if processes is not None and processes.parent_process() is not None:
        where, step = " in this worker process; sign-ins stay in the kernel", "Use threads, or read in the kernel."
    else:
        where, step = "", None
    return SignInRequired(
        f"Nobody is signed in to profile {profile.name!r}{where}.",
        profile=profile.name,
        scopes=scopes,
        next_step=step or login_command(profile.name),
    )


def _is_aside(result: HiddenMapping | None, present: AccessToken) -> bool:
    """Tell whether MSAL answered with the token that is to be replaced, and did not try to renew it."""
    if not result or result.get("access_token") != present.secret:
        return False
    return "refresh_on" not in result or float(result["refresh_on"]) >= time.time()


@dataclass(frozen=True)
class SignedIn:
    """An account that is signed in, and its credential."""

    account: Account
    credential: Credential
