"""What nbauth knows of requests and urllib3 beyond their documentation: looked at here with each of their releases.

`tests/net/test_requests_internals.py` tries each function with the installed release, and holds `TRIED` against it.
Documented hooks of theirs, such as those that the adapters in `nbauth.net.tls` override, stay where they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbauth.process.tried_versions import TriedVersions

if TYPE_CHECKING:
    from requests import PreparedRequest, Response
    from requests.adapters import BaseAdapter
    from urllib3 import PoolManager
    from urllib3.connectionpool import HTTPSConnectionPool

__all__ = ["TRIED", "close_pools", "cookies_of", "drop_body", "pools_of", "use_pools"]

TRIED = (TriedVersions("requests", "2.33", "2.34"), TriedVersions("urllib3", "2.7", "2.8"))


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
