"""A server on loopback in a thread of its own, which ends and frees its port wherever an interrupt comes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from socketserver import BaseServer

__all__ = ["Serving"]

_POLL_S = 0.05


class Serving:
    """Runs a server.

    Args:
        server: listens already; it is closed at the end.
        name: of the thread.
    """

    def __init__(self, server: BaseServer, *, name: str) -> None:
        self._server = server
        self._thread = threading.Thread(target=_serve, args=(server,), name=name, daemon=True)

    def start(self) -> None:
        """Serve from now on."""
        try:
            self._thread.start()
        except BaseException:
            self.end()  # who called has nothing yet that would end it
            raise

    def end(self) -> None:
        """Serve no more. The thread closes the port, so that it is free also if this wait is interrupted."""
        if self._thread.ident is None:
            self._server.server_close()  # it never began
            return
        self._server.shutdown()
        self._thread.join(1)


def _serve(server: BaseServer) -> None:
    try:
        server.serve_forever(_POLL_S)
    finally:
        server.server_close()
