"""A probe on the kernel's loopback: whether the person's browser reaches it tells if both share a machine."""

from __future__ import annotations

import secrets
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from nbauth.signin.flows.serving import Serving

__all__ = ["LoopbackProbe"]

_SOCKET_TIMEOUT_S = 2


class LoopbackProbe:
    """A server on 127.0.0.1 that answers one unguessable path with one unguessable word.

    Args:
        origin: origin of the page that may read the answer (CORS).
    """

    def __init__(self, origin: str) -> None:
        self._path = f"/{secrets.token_urlsafe(16)}"
        # On the browser's own machine something else may listen on the same port: it does not know the word.
        self.word = secrets.token_urlsafe(16)
        self._server = _Server(("127.0.0.1", 0), _handler(self._path, self.word, origin))
        self._serving = Serving(self._server, name="nbauth-probe")

    @property
    def url(self) -> str:
        """The address that answers with the word."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{self._path}"

    def __enter__(self) -> Self:
        self._serving.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._serving.end()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: Any) -> None:
        """Ignore broken connections; the default prints a traceback into the notebook."""


def _handler(path: str, word: str, origin: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _SOCKET_TIMEOUT_S

        def do_GET(self) -> None:
            known = secrets.compare_digest(self.path, path)
            self.send_response(200 if known else 404)
            self.send_header("Access-Control-Allow-Origin", origin)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Cache-Control", "no-store")
            self.send_header("Connection", "close")
            self.end_headers()
            if known:
                self.wfile.write(word.encode())

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    return Handler
