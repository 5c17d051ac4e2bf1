"""The sources that get their tokens by MSAL: a person's sign-in, and an application that signs in by itself."""

from __future__ import annotations

import abc
import copy
import time
from typing import TYPE_CHECKING, Any

from nbauth.errors import NbauthError, ProviderUnavailable, SignInRequired
from nbauth.net.secrecy import HiddenMapping
from nbauth.signin.client import grants
from nbauth.signin.client.provider_errors import provider_errors, raise_for_error
from nbauth.signin.client.token_cache import drop_access_token
from nbauth.signin.tokens import renewal
from nbauth.signin.tokens.access_token import AccessToken
from nbauth.signin.tokens.fork_channel import ForkSource
from nbauth.signin.tokens.refresh_lock import RefreshLock

if TYPE_CHECKING:
    from collections.abc import Callable

    import msal

    from nbauth.signin.http.http_cache import HttpCache
    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.tokens.token_sources import ParentKernel, TokenRequest, TokenSource

__all__ = ["ApplicationSource", "PersonSource"]


class _MsalSource(abc.ABC):
    """What the sources share that ask the provider by MSAL.

    Args:
        profile: whose tokens.
        connect: returns MSAL's client application.
        refresh_lock: held while it renews.
    """

    ended: SignInRequired | None = None

    def __init__(
        self,
        profile: Profile,
        connect: Callable[[], msal.ClientApplication],
        *,
        refresh_lock: RefreshLock | None = None,
    ) -> None:
        self.refresh_lock = refresh_lock or RefreshLock()
        self._profile = profile
        self._connect = connect
        self._first: Callable[[], msal.ClientApplication] | None = None

    def connect_by(self, connect: Callable[[], msal.ClientApplication]) -> None:
        """Take the client application from `connect` at each renewal."""
        self._first = self._first or self._connect
        self._connect = connect

    def _for_sign_out(self) -> msal.ClientApplication:
        """Return a client application; the one of the sign-in, on the same token cache, where none can be made now."""
        try:
            return self._connect()
        except NbauthError:  # its certificate authorities are gone, or it has to be approved of anew
            if self._first is None:
                raise
            return self._first()

    def renew(self, request: TokenRequest, present: AccessToken | None) -> AccessToken | None:
        """Get a token from MSAL's cache or the provider."""
        forced = request.rejected is not None
        try:
            with provider_errors(self._profile):
                result = self._acquire(request, present, forced=forced)
                if present is not None and _is_aside(result, present):
                    # MSAL's cache goes by the wall clock alone: set back, it takes what has ended for good.
                    result = self._acquire(request, present, forced=True)
            self._check(result or HiddenMapping({}), request)
        except ProviderUnavailable:
            if (kept := request.meanwhile(present)) is not None:
                return kept
            raise
        if not result:
            return None
        if present is not None and result["access_token"] == present.secret:
            return present  # MSAL fell back to it: the provider is down, and it did not get younger
        return AccessToken.of(result, claims=request.claims, forced=forced)

    @abc.abstractmethod
    def _acquire(self, request: TokenRequest, present: AccessToken | None, *, forced: bool) -> HiddenMapping | None:
        """Return MSAL's answer; with `forced` not out of its cache."""

    def _check(self, result: HiddenMapping, request: TokenRequest) -> None:
        try:
            raise_for_error(result, self._profile, request.scopes, silent=True, claims=request.claims)
        except SignInRequired as error:
            apis = " ".join(url for url, scopes in self._profile.apis.items() if scopes == request.scopes)
            if apis and request.scopes != self._profile.login_scopes:
                error.args = (f"{error.args[0]} It was for {apis}.",)  # not the API that a sign-in is for
            raise


class PersonSource(_MsalSource):
    """A person's sign-in: its refresh token, used by one thread and one kernel at a time.

    Args:
        profile: whose tokens.
        connect: returns MSAL's client application, on the cache that holds the account.
        account: MSAL's account.
        refresh_lock: the account's. Credentials that stand on one refresh token share it: a token that rotates is good
            for one use, and a second use revokes all that grew out of the sign-in (RFC 9700 §4.14.2).
        http_cache: where the provider's keys are.
    """

    def __init__(
        self,
        profile: Profile,
        connect: Callable[[], msal.ClientApplication],
        account: dict[str, Any],
        *,
        refresh_lock: RefreshLock,
        http_cache: HttpCache | None,
    ) -> None:
        super().__init__(profile, connect, refresh_lock=refresh_lock)
        self._account = account
        self._http_cache = http_cache

    def sign_out(self, holder: object) -> None:
        """Remove the account's tokens, unless another profile stands on them."""
        application = self._for_sign_out()
        self.refresh_lock.leave(holder, lambda: application.remove_account(self._account))

    def in_child(
        self, key: str, parent: ParentKernel | None, connect: Callable[[], msal.ClientApplication]
    ) -> TokenSource:
        """Return a source that asks the parent: the refresh token is used there only."""
        del connect
        return ForkSource(self._profile, key, parent, ended=self.ended)

    def _acquire(self, request: TokenRequest, present: AccessToken | None, *, forced: bool) -> HiddenMapping | None:
        shared = self.refresh_lock.shared
        if shared is None:
            return self._ask(request, forced=forced)
        return shared.renew(
            lambda: self._ask(request, forced=forced),
            profile=self._profile,
            realm=str(self._connect().authority.tenant),
            scopes=request.scopes,
            unwanted=(request.rejected, None if present is None else present.secret),
            claims=request.claims,
        )

    def _ask(self, request: TokenRequest, *, forced: bool) -> HiddenMapping | None:
        application, result = self._connect(), None
        try:
            result = renewal.silent(
                application,
                profile=self._profile,
                account=self._account,
                refresh_lock=self.refresh_lock,
                http_cache=self._http_cache,
                scopes=request.scopes,
                forced=forced,
                claims=request.claims,
            )
        except SignInRequired as error:
            self.ended = error
            raise
        finally:
            is_replaced = result is not None and "access_token" in result
            if request.rejected is not None and request.claims is None and not is_replaced:
                drop_access_token(application.token_cache, request.rejected)
        return result


class ApplicationSource(_MsalSource):
    """An application that signs in by itself: by a secret, a certificate, an assertion or its machine's identity."""

    def sign_out(self, holder: object) -> None:
        """Remove every token of the application."""
        del holder
        self._for_sign_out().remove_tokens_for_client()

    def in_child(
        self, key: str, parent: ParentKernel | None, connect: Callable[[], msal.ClientApplication]
    ) -> TokenSource:
        """Return a source with connections of its own: an application has no refresh token to spend twice."""
        del key, parent
        child = copy.copy(self)
        child.refresh_lock = RefreshLock()
        child._connect, child._first = connect, None  # noqa: SLF001 - the locks of the parent's may be held for ever
        return child

    def _acquire(self, request: TokenRequest, present: AccessToken | None, *, forced: bool) -> HiddenMapping | None:
        del present
        return grants.acquire(self._connect(), self._profile, request.scopes, forced=forced, claims=request.claims)


def _is_aside(result: HiddenMapping | None, present: AccessToken) -> bool:
    """Tell whether MSAL answered with the token that is to be replaced, and did not try to renew it."""
    if not result or result.get("access_token") != present.secret:
        return False
    return "refresh_on" not in result or float(result["refresh_on"]) >= time.time()
