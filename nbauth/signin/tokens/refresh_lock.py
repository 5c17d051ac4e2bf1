"""RefreshLock: one thread at a time uses an account's refresh token; tokens stay as long as somebody needs them."""

from __future__ import annotations

import contextlib
import threading
import weakref
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nbauth.net.secrecy import HiddenMapping
    from nbauth.signin.profile.profile import Profile

__all__ = ["Coordinator", "RefreshLock", "RefreshLocks"]


class Coordinator(Protocol):
    """Shares a refresh token with other kernels: one of them renews at a time, and the others take what it got."""

    @property
    def is_kept(self) -> bool:
        """Whether other kernels can still find this account's tokens."""

    def renew(
        self,
        ask_provider: Callable[[], HiddenMapping | None],
        *,
        profile: Profile,
        realm: str,
        scopes: tuple[str, ...],
        unwanted: tuple[str | None, ...],
        claims: str | None,
    ) -> HiddenMapping | None:
        """Return what another kernel has renewed meanwhile, or renew and share it with the others.

        Args:
            ask_provider: renews on the token cache and returns MSAL's answer.
            profile: who asks; an application's profiles share an account's refresh token.
            realm: MSAL's word for the tenant that the token is of.
            scopes: what the token must be good for.
            unwanted: tokens that are no answer: refused by an API, or to be renewed.
            claims: claims that the token must have; no token that is there is known to have them.

        Raises:
            SignInRequired: the sign-in was ended, here or in another kernel.
            ProviderUnavailable: another kernel has been renewing for too long.
        """


class RefreshLock:
    """Held while a refresh token is used: one thread at a time; and it knows who stands on that refresh token.

    Attributes:
        shared: the remembered sign-in that the refresh token belongs to, where later kernels are to find it.
        names: the fingerprints under which profiles of this kernel are remembered, by the fingerprints they have here.
        epoch: goes up when the tokens are replaced or removed; a renewal that began before writes nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Held for a moment and never during a request: what stands in the cache, and who needs it, change together.
        self._ledger = threading.Lock()
        # Weak: a sign-in that was interrupted before anybody got it needs no tokens.
        self._holders: weakref.WeakSet[object] = weakref.WeakSet()
        self.shared: Coordinator | None = None
        self.names: dict[str, str] = {}
        self.epoch = 0

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def locked(self) -> bool:
        """Tell whether somebody holds it."""
        return self._lock.locked()

    def join(self, holder: object, put: Callable[[], None] | None = None) -> None:
        """Note who stands on the tokens from now on.

        Args:
            holder: a credential.
            put: puts the tokens of a new sign-in in the place of those before, which are no longer renewed.
        """
        with self._ledger:
            self._holders.add(holder)
            if put is not None:
                self.epoch += 1
                self.shared = None  # what is remembered is of the sign-in before
                put()

    def leave(self, holder: object, remove: Callable[[], None] | None = None) -> None:
        """Note who needs the tokens no longer.

        Args:
            holder: a credential.
            remove: removes the tokens; called where nobody else stands on them, however recently they came.
        """
        with self._ledger:
            self._holders.discard(holder)
            if remove is not None and not self._holders:
                self.epoch += 1
                remove()

    def write(self, epoch: int | None, put: Callable[[], None]) -> None:
        """Write what a renewal brought, unless its tokens were replaced or removed since an epoch, if one is given."""
        with self._ledger:
            if epoch in (self.epoch, None):
                put()

    def remove(self, remove: Callable[[], None]) -> None:
        """Remove the tokens, whoever stands on them."""
        with self._ledger:
            self.epoch += 1
            remove()

    def unfollow(self, shared: Coordinator) -> None:
        """Follow a file no longer, unless it is another one by now."""
        with self._ledger:
            if self.shared is shared:
                self.shared = None


class RefreshLocks:
    """The refresh locks of a token cache: one for each account, whoever shares the cache."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refresh_locks: dict[str, RefreshLock] = {}

    def of(self, home_account_id: str) -> RefreshLock:
        """Return the lock of an account."""
        with self._lock:
            return self._refresh_locks.setdefault(home_account_id, RefreshLock())

    @contextlib.contextmanager
    def hold_shared(self) -> Iterator[None]:
        """Hold those that follow a file: what a new sign-in brings is not to be overwritten with what was before."""
        with self._lock:
            refresh_locks = [
                refresh_lock
                for _, refresh_lock in sorted(self._refresh_locks.items())
                if refresh_lock.shared is not None
            ]
        with contextlib.ExitStack() as held:
            for refresh_lock in refresh_locks:
                held.enter_context(refresh_lock)
            yield
