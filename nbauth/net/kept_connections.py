"""Connections that stay open between loads, so that a small read again waits for no handshake.

They are one visitor's, for one set of profiles and origins, and end with any change of these or of the sign-ins. Which
token goes over them is settled for each request, and whom their servers are known by (`PerRequestTrustAdapter`).
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING
from weakref import WeakSet

from nbauth.process.interrupts import defer_interrupt
from nbauth.process.visitors import Visitor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nbauth.net.plain_get import PlainGetAdapter
    from nbauth.net.tls import EnvironmentTrust, Trust
    from nbauth.process.visitors import Whose

__all__ = ["ConnectionKeeper", "KeptConnections"]


class KeptConnections:
    """Connections that sessions have in common, one session a load.

    Attributes:
        adapters: what makes and keeps them, by the prefix of the URLs that they are for.
        has_ended: whether no further session may have them.
    """

    def __init__(self) -> None:
        from nbauth.net.kept_adapters import kept_adapters

        self.adapters: dict[str, PlainGetAdapter] = kept_adapters()
        self.has_ended = False
        self._users: WeakSet[object] = WeakSet()
        self._lock = threading.RLock()  # a file that nobody closed is closed by a finalizer, in here, too
        self._process = os.getpid()

    def join(self, user: object) -> None:
        """Note that a session uses them: as long as it does, they are not closed."""
        with self._lock:
            self._users.add(user)

    def leave(self, user: object) -> None:
        """Note that a session uses them no more; what is in the middle of an answer is closed by whoever reads it."""
        if self._process == os.getpid():  # a forked child's copy is locked, perhaps
            with self._lock:
                self._users.discard(user)
                self._close_unused()

    def end(self) -> None:
        """Close them as soon as nobody uses them."""
        with self._lock:
            self.has_ended = True
            self._close_unused()

    def close(self) -> None:
        """Close them at once. A session that goes on makes others; what is in an answer's middle is closed after it."""
        with self._lock:
            self._users.clear()
        self.end()

    def _close_unused(self) -> None:
        if self.has_ended and not self._users:
            from nbauth.net.kept_adapters import close_adapters

            with defer_interrupt():  # what an interrupt left open here, no finalizer would close for sure
                close_adapters(self.adapters)


class ConnectionKeeper:
    """The connections that a kernel keeps."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[tuple[Whose, tuple[str, ...]], tuple[object, KeptConnections]] = {}
        self._trust: EnvironmentTrust | None = None

    def trust(self, *, untrusted: Path) -> Trust:
        """Return the trust that the environment names now; arguments and errors are those of `Trust.of_environment`."""
        if self._trust is None:
            from nbauth.net.tls import EnvironmentTrust

            self._trust = EnvironmentTrust()
        return self._trust.now(untrusted=untrusted)

    def of(
        self,
        visitor: Whose,
        origins: tuple[str, ...],
        profiles: object,
        *,
        watch: Callable[[Callable[[], None]], None],
    ) -> KeptConnections:
        """Return a visitor's connections to some origins.

        Args:
            visitor: whose they are.
            origins: where they may lead with a token.
            profiles: what says so, and whom to trust; other connections come for others.
            watch: has a method called with every change of the sign-ins.
        """
        with self._lock:
            known, connections = self._kept.get((visitor, origins), (None, None))
            if connections is not None and not connections.has_ended and known == profiles:
                return connections
            made = KeptConnections()
            watch(made.end)
            past = {key for key in self._kept if isinstance(key[0], Visitor) and key[0].is_over}
            ended = [self._kept.pop(key)[1] for key in past | {(visitor, origins)} if key in self._kept]
            self._kept[visitor, origins] = profiles, made
        for each in ended:
            each.end()
        return made

    def close(self) -> None:
        """Keep none any more, whoever still uses them: some sessions are never closed, such as a file system's."""
        with self._lock:
            ended, self._kept = [connections for _, connections in self._kept.values()], {}
        for connections in ended:
            connections.close()
