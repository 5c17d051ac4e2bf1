"""Sessions whose `close` closes the connections that they keep.

requests lets go of them only. What then closes them is a finalizer, which urllib3 registers with Python for each pool
and which runs in the garbage collector: an interrupt that comes there ends it, and they stay open for ever.
"""

from __future__ import annotations

import requests

from nbauth.net.requests_internals import close_pools

__all__ = ["ClosingSession"]


class ClosingSession(requests.Session):
    """Closes the connections that it keeps, and those to proxies, when it is closed."""

    def close(self) -> None:
        """Close them, also while a response of one is still held."""
        for adapter in self.adapters.values():
            close_pools(adapter)
        super().close()
