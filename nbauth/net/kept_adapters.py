"""The adapters of connections that are kept between loads."""

from __future__ import annotations

from typing import Any

from nbauth.net.plain_get import PlainGetAdapter
from nbauth.net.requests_internals import close_pools, keep_long
from nbauth.net.tls import PerRequestTrustAdapter

_MOST_IDLE = 20  # connections to one server: of two loads that ask for as much at once as they may

__all__ = ["close_adapters", "kept_adapters"]


class _KeptAdapter(PlainGetAdapter):
    """An adapter whose connections may be kept between loads."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools."""
        super().init_poolmanager(*args, **kwargs)
        keep_long(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Make a proxy's pools."""
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **kwargs)
        if is_new:
            keep_long(manager)
        return manager


class _KeptTrustAdapter(_KeptAdapter, PerRequestTrustAdapter):
    """The same, told with each request whom to trust."""


def kept_adapters() -> dict[str, PlainGetAdapter]:
    """Return adapters for a session, by the prefix of the URLs that they are for."""
    return {
        "https://": _KeptTrustAdapter(pool_maxsize=_MOST_IDLE),
        "http://": _KeptAdapter(pool_maxsize=_MOST_IDLE),
    }


def close_adapters(adapters: dict[str, PlainGetAdapter]) -> None:
    """Close the connections that adapters keep; where they are used again, they make new ones."""
    for adapter in adapters.values():
        close_pools(adapter)
        adapter.close()
