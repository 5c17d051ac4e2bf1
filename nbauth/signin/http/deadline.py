"""A total time for a request: looking the host up, connecting, TLS, headers and a body that drip."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from urllib3.connection import HTTPSConnection

from nbauth.net.requests_internals import pools_of, use_pools
from nbauth.net.tls import TrustAdapter
from nbauth.signin.single_flight import SingleFlight

if TYPE_CHECKING:
    from collections.abc import Callable

    from urllib3.connectionpool import HTTPSConnectionPool

__all__ = ["Calls", "DeadlineAdapter"]

V = TypeVar("V")

_here = threading.local()  # .call: which call this thread makes


class _Call(Generic[V]):
    """One call, in a thread of its own, and the socket that it uses just now."""

    def __init__(self, run: Callable[[], V]) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._socket: Any = None
        self._given_up = False

    def __call__(self) -> V:
        _here.call = self
        try:
            return self._run()
        finally:
            self.use(None)  # from here on the connection is another's

    def use(self, connected: Any) -> None:
        """Note the socket; end it where nobody waits any more."""
        with self._lock:
            self._socket = connected
            if self._given_up:
                self._shut_down()

    def give_up(self) -> None:
        """End the connection, so that the thread ends, too."""
        with self._lock:
            self._given_up = True
            self._shut_down()

    def _shut_down(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                # The plain method: SSLSocket's own would pull the TLS state from under the reading thread.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class Calls:
    """Calls that take so long and no longer.

    The timeouts of requests are for the next byte, and for each address that a name has: neither bounds the whole.
    """

    def __init__(self) -> None:
        self._single_flight: SingleFlight[_Call[Any], Any] = SingleFlight(lambda call: call(), name="nbauth-request")

    def within(self, timeout_s: float, run: Callable[[], V]) -> V:
        """Return what `run` returns, or raise what it raises.

        Raises:
            TimeoutError: it took longer; its connection is ended.
        """
        call = _Call(run)
        try:
            value: V = self._single_flight.wait(call, timeout_s=timeout_s)
        except (TimeoutError, KeyboardInterrupt):
            call.give_up()
            raise
        return value


class _Noting(HTTPSConnection):
    """A connection whose socket the call knows."""

    def connect(self) -> None:
        super().connect()
        _note(self.sock)

    def request(self, *args: Any, **options: Any) -> None:
        if self.sock is not None:  # kept alive
            _note(self.sock)
        super().request(*args, **options)


def _pools(kind: type[HTTPSConnectionPool]) -> type[HTTPSConnectionPool]:
    """Return pools of such connections that are otherwise of a kind, such as those of a SOCKS proxy."""
    if issubclass(kind.ConnectionCls, _Noting):
        return kind  # of a manager that is asked for again
    connection = type("_Connection", (_Noting, kind.ConnectionCls), {})
    return type("_Pool", (kind,), {"ConnectionCls": connection})


class DeadlineAdapter(TrustAdapter):
    """An adapter whose connections `Calls` can end."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> Any:
        """Make the pools of such connections."""
        super().init_poolmanager(*args, **kwargs)
        use_pools(self.poolmanager, _pools(pools_of(self.poolmanager)))

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Make a proxy's pools of such connections."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        use_pools(manager, _pools(pools_of(manager)))
        return manager


def _note(connected: Any) -> None:
    call: _Call[Any] | None = getattr(_here, "call", None)
    if call is not None:
        call.use(connected)
