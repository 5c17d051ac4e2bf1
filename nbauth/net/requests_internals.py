"""What nbauth knows of requests and urllib3 beyond their documentation: looked at here with each of their releases.

`tests/net/test_requests_internals.py` tries each function with the installed release, and holds `TRIED` against it.
Documented hooks of theirs, such as those that the adapters in `nbauth.net.tls` override, stay where they are used.
"""

from __future__ import annotations

import functools
import ssl
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from urllib3.connection import HTTPConnection, HTTPSConnection

from nbauth.process.tried_versions import TriedVersions

if TYPE_CHECKING:
    from requests import PreparedRequest, Response
    from requests.adapters import BaseAdapter
    from urllib3 import PoolManager
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

__all__ = [
    "TRIED",
    "AskingConnection",
    "asking_connection",
    "close_pools",
    "cookies_of",
    "drop_body",
    "keep_long",
    "pools_of",
    "use_pools",
]

# Firewalls forget a connection that nothing goes over, many after four minutes, and tell nobody: a request on it would
# wait for its timeout.
_MOST_IDLE_S = 90.0
_GONE = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)

TRIED = (TriedVersions("requests", "2.33", "2.34"), TriedVersions("urllib3", "2.7", "2.8"))


@dataclass(frozen=True)
class AskingConnection:
    """A connection that is about to send headers.

    Attributes:
        url: where it goes, without a path; where it goes by a proxy that reads what it says, that is the proxy's.
        is_verified: whether the server has shown who it is.
        has_proxy: whether it goes by such a proxy, and not through its tunnel.
    """

    url: str
    is_verified: bool
    has_proxy: bool


def asking_connection() -> AskingConnection | None:
    """Return the connection that asks a mapping for its items; None where something else asks.

    It is called by that mapping's `items`. requests tells an ``auth=`` nothing of ``verify=`` and of proxies, and
    settles both after it; urllib3 goes through the headers once the connection stands.
    """
    asking = sys._getframe(2).f_locals.get("self")  # noqa: SLF001 - nothing else tells
    if not isinstance(asking, HTTPConnection):
        return None
    connection: Any = asking
    tunnelled = connection._tunnel_host  # noqa: SLF001
    host = tunnelled or connection.host
    port = connection._tunnel_port if tunnelled else connection.port  # noqa: SLF001
    scheme = "https" if isinstance(asking, HTTPSConnection) else "http"
    shown = f"[{host.strip('[]')}]" if ":" in host else host
    # For urllib3 a certificate in any name will do where it was told to look at none, unless it knows the very one.
    is_in_any_name = getattr(asking, "assert_hostname", None) is False and not connection.assert_fingerprint
    is_verified = asking.is_verified and not is_in_any_name
    return AskingConnection(f"{scheme}://{shown}:{port}", is_verified, asking.proxy is not None and not tunnelled)


def close_pools(adapter: BaseAdapter) -> None:
    """Close the connections that an adapter keeps, and those to its proxies; it makes new ones where it is used again.

    requests lets go of the pools only, and urllib3 closes them when they are collected.
    """
    managers: list[Any] = [getattr(adapter, "poolmanager", None)]  # one that a caller mounted may have none
    managers += getattr(adapter, "proxy_manager", {}).values()
    for pools in (manager.pools for manager in managers if manager is not None):
        for pool in map(pools.get, pools.keys()):
            if pool is not None:  # another thread closed it
                pool.close()


def use_pools(manager: PoolManager, https: type[HTTPSConnectionPool]) -> None:
    """Have a pool manager make its pools for https of a class; those for http stay as they are."""
    manager.pool_classes_by_scheme = {**manager.pool_classes_by_scheme, "https": https}


def pools_of(manager: PoolManager) -> type[HTTPSConnectionPool]:
    """Return the class of a pool manager's pools for https; that of a SOCKS proxy's alone knows the proxy."""
    made: type[HTTPSConnectionPool] = manager.pool_classes_by_scheme["https"]
    return made


def keep_long(manager: PoolManager) -> None:
    """Have a pool manager make pools whose connections may be kept between loads.

    One that nothing went over for long is not used again. A GET that finds that the server has closed its connection
    meanwhile goes over another one at once, as RFC 9112 §9.3.1 has it and browsers do.
    """
    classes = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _kept_long(pool) for scheme, pool in classes.items()}


@functools.cache
def _kept_long(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    return type(pool.__name__, (_KeptLong, pool), {})


class _KeptLong:
    """What such pools do beside their own, around urllib3's own steps of a request."""

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection: Any = super()._get_conn(timeout)  # type: ignore[misc]
        # By the clock on the wall: while a machine sleeps, the others stand.
        idle_since = getattr(connection, "idle_since", None)
        if idle_since is not None and not 0 <= time.time() - idle_since <= _MOST_IDLE_S:
            connection.close()  # it connects anew
        return connection

    def _put_conn(self, connection: Any) -> None:
        if connection is not None:
            connection.idle_since = time.time()
            queue = self.pool  # type: ignore[attr-defined]  # None once another thread has closed it
            if queue is not None and queue.full():
                connection.close()  # urllib3 would warn of it, though nothing is wrong: several loads run at once
                return
        super()._put_conn(connection)  # type: ignore[misc]

    def _make_request(self, connection: Any, method: str, url: str, **options: Any) -> Any:
        was_open = not connection.is_closed and connection.proxy is None
        try:
            return super()._make_request(connection, method, url, **options)  # type: ignore[misc]
        except _GONE:
            if not was_open or method not in ("GET", "HEAD"):
                raise
            connection.close()
        return super()._make_request(connection, method, url, **options)  # type: ignore[misc]


def cookies_of(request: PreparedRequest) -> Any:
    """Return the cookies that a request was prepared with, as a jar, or None."""
    return getattr(request, "_cookies", None)


def drop_body(response: Response) -> None:
    """Let go of a body unread. The connection is kept where none was announced, and closed otherwise."""
    private: Any = response
    if not private._content_consumed:  # noqa: SLF001
        if response.raw.length_remaining == 0:
            response.raw.drain_conn()
        else:
            response.raw.close()
        private._content, private._content_consumed = b"", True  # noqa: SLF001
    response.close()
