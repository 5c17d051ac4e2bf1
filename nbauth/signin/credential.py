"""Credential: an application and an account give a token, silently, one refresh at a time, or `SignInRequired`."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from nbauth.errors import ProviderUnavailable, SignInRequired
from nbauth.signin.failures import login_command, provider_errors, raise_for_error

if TYPE_CHECKING:
    import msal

    from nbauth.signin.profiles import Profile

__all__ = ["AccessToken", "Credential"]

_PATIENCE_S = 45.0  # more than the transport takes at most for one request
_MOST_MARGIN_S = 120.0
_MARGIN_SHARE = 0.1


@dataclass(frozen=True)
class AccessToken:
    """A token and how long it is good, by two clocks: one of them may be set while a kernel runs.

    Attributes:
        secret: the token itself.
        expires_at: seconds since the epoch.
        expires_monotonic: the same on the monotonic clock.
        margin_s: how long before that it is renewed.
    """

    secret: str = field(repr=False)
    expires_at: float
    expires_monotonic: float
    margin_s: float

    @classmethod
    def of(cls, result: dict[str, Any]) -> AccessToken:
        """Make it of MSAL's result. Tokens that live less than MSAL's 5 minutes of margin get a smaller one."""
        life_s = max(0.0, float(result.get("expires_in") or 0))
        margin_s = min(_MOST_MARGIN_S, life_s * _MARGIN_SHARE)
        return cls(str(result["access_token"]), time.time() + life_s, time.monotonic() + life_s, margin_s)

    def is_good(self, margin_s: float | None = None) -> bool:
        """Tell whether both clocks leave it more than its margin."""
        margin_s = self.margin_s if margin_s is None else margin_s
        return time.monotonic() < self.expires_monotonic - margin_s and time.time() < self.expires_at - margin_s


@dataclass(frozen=True)
class _Wish:
    """What a renewal is for: waiting threads that wish for the same share one."""

    scopes: tuple[str, ...]
    rejected: str | None = field(repr=False)
    claims: str | None


class Credential:
    """The tokens of one account, or of the application itself, for one profile.

    Args:
        profile: whose.
        application: MSAL's client application.
        account: MSAL's account, or None for the application itself.
    """

    def __init__(self, profile: Profile, application: msal.ClientApplication, account: dict[str, Any] | None) -> None:
        self.profile = profile
        self._application = application
        self._account = account
        self._memo: dict[tuple[str, ...], AccessToken] = {}
        self.start_over()

    def start_over(self) -> None:
        """Make new locks; a child process after a fork would wait for ever for its parent's."""
        self._lock = threading.Lock()  # guards the three below
        self._flights: dict[_Wish, Future[AccessToken]] = {}
        self._signed_out = False
        self._one_at_a_time = threading.Lock()  # a rotated refresh token is good for one use

    @property
    def tenant_id(self) -> str:
        """The tenant that the provider's token endpoint names; empty where it has none."""
        has_tenants = self.profile.resolved_authority.tenant is not None
        return str(self._application.authority.tenant) if has_tenants else ""

    def __repr__(self) -> str:
        return f"Credential(profile={self.profile.name!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a credential holds tokens and cannot be pickled")

    def token(self, scopes: tuple[str, ...], *, rejected: str | None = None, claims: str | None = None) -> str:
        """Return an access token without asking anybody.

        Args:
            scopes: what it must be good for.
            rejected: a token that an API answered with 401: it is replaced even if it looks good.
            claims: claims that the new token must have, as JSON (OpenID Connect Core §5.5).

        Raises:
            SignInRequired: a person has to sign in.
            SignInFailed: the provider refuses the application.
            ProviderUnavailable: there is no valid token and the provider cannot be reached.
        """
        token = self._memo.get(scopes)
        if token is not None and token.secret != rejected and token.is_good():
            return token.secret
        return self._renew(_Wish(scopes, rejected, claims)).secret

    def keep(self, scopes: tuple[str, ...], result: dict[str, Any]) -> None:
        """Take over the token of a sign-in that has just ended."""
        self._memo[scopes] = AccessToken.of(result)

    def expires_at(self) -> datetime | None:
        """Return when the newest token expires (UTC), or None where there is none."""
        latest = max((token.expires_at for token in self._memo.values()), default=None)
        return None if latest is None else datetime.fromtimestamp(int(latest), UTC)

    def sign_out(self) -> None:
        """Forget every token, those included that a refresh is fetching just now."""
        with self._lock:
            self._signed_out = True
            self._memo.clear()
        if self._account is None:
            self._application.remove_tokens_for_client()
        else:
            self._application.remove_account(self._account)

    def _renew(self, wish: _Wish) -> AccessToken:
        with self._lock:
            if self._signed_out:
                raise self._sign_in_required(wish)
            flight = self._flights.get(wish)
            if flight is None:
                flight = self._flights[wish] = Future()
                # A thread of its own: an interrupt in the caller then cannot lose a token that the provider has
                # just rotated.
                threading.Thread(target=self._fly, args=(wish, flight), name="nbauth-refresh", daemon=True).start()
        try:
            return flight.result(_PATIENCE_S)
        except FutureTimeoutError:
            raise ProviderUnavailable(
                f"Profile {self.profile.name!r}: no token came within {_PATIENCE_S:.0f} s.", next_step="Try again."
            ) from None

    def _fly(self, wish: _Wish, flight: Future[AccessToken]) -> None:
        try:
            with self._one_at_a_time:
                present = self._memo.get(wish.scopes)
                if present is not None and present.secret != wish.rejected and present.is_good():
                    token = present  # another thread renewed it meanwhile
                else:
                    token = self._fetch(wish, present)
            with self._lock:
                del self._flights[wish]
                signed_out = self._signed_out  # meanwhile: the sign-out wins
                if not signed_out:
                    self._memo[wish.scopes] = token
            if signed_out:
                flight.set_exception(self._sign_in_required(wish))
            else:
                flight.set_result(token)
        except BaseException as error:  # noqa: BLE001 - it is raised in the threads that wait
            with self._lock:
                self._flights.pop(wish, None)
            flight.set_exception(error)

    def _fetch(self, wish: _Wish, present: AccessToken | None) -> AccessToken:
        try:
            with provider_errors(self.profile):
                result = self._acquire(wish)
            raise_for_error(result or {}, self.profile, wish.scopes, silent=True, claims=wish.claims)
        except ProviderUnavailable:
            if present is not None and present.secret != wish.rejected and present.is_good(0):
                return present  # still valid: a provider that is down must not end a long load
            raise
        if not result:
            raise self._sign_in_required(wish)
        return AccessToken.of(result)

    def _acquire(self, wish: _Wish) -> dict[str, Any] | None:
        application, scopes, forced = self._application, list(wish.scopes), wish.rejected is not None
        if self._account is None:
            if forced:
                application.remove_tokens_for_client()  # MSAL has no way to force this grant
            result: dict[str, Any] | None = application.acquire_token_for_client(scopes, claims_challenge=wish.claims)
        else:
            result = application.acquire_token_silent_with_error(
                scopes, self._account, force_refresh=forced, claims_challenge=wish.claims
            )
        return result

    def step_up(self, scopes: tuple[str, ...], claims: str) -> SignInRequired:
        """Return the error for claims that no silent token has: a person has to meet them."""
        return SignInRequired(
            f"Profile {self.profile.name!r}: the API asks for more than this sign-in has (a claims challenge).",
            profile=self.profile.name,
            scopes=scopes,
            claims=claims,
            next_step=login_command(self.profile.name),
        )

    def _sign_in_required(self, wish: _Wish) -> SignInRequired:
        if wish.claims is not None:
            return self.step_up(wish.scopes, wish.claims)
        return SignInRequired(
            f"Nobody is signed in to profile {self.profile.name!r}.",
            profile=self.profile.name,
            scopes=wish.scopes,
            next_step=login_command(self.profile.name),
        )
