"""The loopback listener: serves one answer to one redirect (RFC 8252 §7.3)."""

from __future__ import annotations

import contextlib
import errno
import html
import os
import queue
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any, Self

from nbauth.net.secrecy import HiddenMapping
from nbauth.signin.flows.redirect import is_anonymous_refusal, is_stray, parameters
from nbauth.signin.flows.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Listener"]

_LARGEST = 64 * 1024
_MOST_STRAYS = 10
_LENGTH = re.compile(r"[0-9]{1,9}", re.ASCII)
_SOCKET_TIMEOUT_S = 5
_MOST_PORTS = 20  # that somebody holds on ::1 and not on 127.0.0.1
_NO_IPV6 = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)
_TAKEN = (errno.EADDRINUSE, errno.EACCES)  # EACCES: Windows, where somebody has it for themselves alone
_OF_ANOTHER = "This answer belongs to another sign-in. Go back to the notebook."
# Any page could send it here: it must not end a sign-in. The notebook shows its words as what they are.
_ANONYMOUS = "Somebody refused a sign-in, but it does not say which. If that was you, press Cancel in the notebook."
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>nbauth</title>
<meta name="viewport" content="width=device-width"><style>
:root {{ color-scheme: light dark }} body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 4rem auto;
padding: 0 1rem }} </style></head><body><h1>{title}</h1><p>{text}</p></body></html>"""


class Listener:
    """A server on this machine's loopback addresses that waits for one redirect.

    A browser may take `localhost` for ``::1`` as well as for ``127.0.0.1``. Both are listened on, at the same port:
    whoever listened on the other one would get the code. Of a port that somebody holds on either one, none is used.

    It takes the answer as a query (the default response mode) and as a form post, whichever the provider sends.

    Args:
        accepts: tells whether the parameters of a request are the answer to this sign-in; others are turned away.
        host: the host of the registered redirect URI: ``localhost``, or a loopback address, where nobody comes by way
            of another one.
        port: the port of a registered redirect URI, or 0 for any.
        path: the path of the registered redirect URI.

    Raises:
        OSError: the port is in use; its `filename` says which.
    """

    def __init__(
        self,
        accepts: Callable[[HiddenMapping], bool],
        *,
        host: str = "localhost",
        port: int = 0,
        path: str = "/",
    ) -> None:
        self._accepts = accepts
        self._path = path or "/"
        self._lock = threading.Lock()
        self._arrived = threading.Event()
        self._answer: HiddenMapping | None = None
        self._strays: queue.SimpleQueue[HiddenMapping] = queue.SimpleQueue()
        self._servers = _servers(_handler(self), port, host)
        self.port: int = self._servers[0].server_address[1]
        names = ("localhost", "127.0.0.1", "[::1]") if host == "localhost" else ("localhost", _in_address(host))
        self._hosts = frozenset(f"{name}:{self.port}" for name in names)
        self._serving = [Serving(server, name="nbauth-listener") for server in self._servers]

    def __enter__(self) -> Self:
        try:
            for serving in self._serving:
                serving.start()
        except BaseException:
            self._end()  # an interrupt between the two
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        with contextlib.ExitStack() as each:  # also those after one whose wait is interrupted
            for serving in self._serving:
                each.callback(serving.end)

    @property
    def answer(self) -> HiddenMapping | None:
        """The redirect's parameters, or None while nothing has come."""
        return self._answer if self._arrived.is_set() else None

    def stray(self) -> HiddenMapping | None:
        """Return the next redirect that was turned away, because nothing proves that it answers this sign-in."""
        try:
            return self._strays.get_nowait()
        except queue.Empty:
            return None

    def offer(self, target: str, host: str, body: str | None) -> tuple[int, str, str]:
        """Take a request; return status, title and text of the page that answers it."""
        if host.lower() not in self._hosts:
            # A name that somebody else's DNS points at 127.0.0.1 (DNS rebinding).
            return 400, "Not here", "This address is not served here."
        path, _, query = target.partition("?")
        if (path or "/") != self._path:
            return 404, "Not found", "Nothing is here."
        answer = HiddenMapping(parameters(body if body is not None else f"?{query}"))
        with self._lock:
            if self._answer is not None:
                return 410, "Already answered", "This sign-in has its answer. You can close this tab."
            if not answer or not self._accepts(answer):
                if is_stray(answer) and self._strays.qsize() < _MOST_STRAYS:
                    self._strays.put(answer)
                return 400, "Not this sign-in", _ANONYMOUS if is_anonymous_refusal(answer) else _OF_ANOTHER
            self._answer = answer
        self._arrived.set()
        if "error" in answer:
            return 200, "Not signed in", "The notebook says why. You can close this tab."
        return 200, "Nearly there", "The notebook finishes the sign-in. You can close this tab."


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # beyond the usual 5 a browser's connection is tried again after a second
    block_on_close = False  # a silent connection must not hold up the sign-in
    # On Windows the option would let another user listen on the same port beside this one.
    allow_reuse_address = os.name == "posix"

    def server_bind(self) -> None:
        """Bind; on Windows for this process alone. Nothing is looked up, as `HTTPServer` would the machine's name."""
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
        if exclusive is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, exclusive, 1)
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def handle_error(self, *_: Any) -> None:
        """Ignore broken connections; the default prints a traceback into the notebook."""


class _Server6(_Server):
    address_family = socket.AF_INET6


def _servers(handler: type[BaseHTTPRequestHandler], port: int, host: str) -> list[_Server]:
    """Bind one port on both addresses of localhost, or on 127.0.0.1 where this machine has no other."""
    if host != "localhost":
        return [_bound(_Server6 if ":" in host else _Server, host, port, handler)]
    for _ in range(_MOST_PORTS):
        first = _bound(_Server, "127.0.0.1", port, handler)
        try:
            servers = [first]
            if socket.has_ipv6:
                servers.append(_bound(_Server6, "::1", first.server_address[1], handler))
        except OSError as error:
            if error.errno in _NO_IPV6:
                return servers
            first.server_close()
            if port or error.errno not in _TAKEN:
                raise
            taken = error
        except BaseException:
            first.server_close()
            raise
        else:
            return servers
    raise taken


def _bound(kind: type[_Server], address: str, port: int, handler: type[BaseHTTPRequestHandler]) -> _Server:
    try:
        return kind((address, port), handler)
    except OSError as error:
        raise OSError(error.errno, error.strerror, f"port {port} of {_in_address(address)}") from None


def _in_address(host: str) -> str:
    """Return a host as it stands in an address (RFC 3986 §3.2.2)."""
    return f"[{host}]" if ":" in host else host


def _handler(listener: Listener) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _SOCKET_TIMEOUT_S

        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:  # response_mode=form_post
            length = self.headers.get("Content-Length", "")
            if not _LENGTH.fullmatch(length):
                self.send_error(411)  # in chunks, or without end
            elif int(length) > _LARGEST:
                self.send_error(413)
            else:
                self._answer(self.rfile.read(int(length)).decode("ascii", "replace"))

        def _answer(self, body: str | None) -> None:
            status, title, text = listener.offer(self.path, self.headers.get("Host", ""), body)
            page = _PAGE.format(title=html.escape(title), text=html.escape(text)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("Referrer-Policy", "no-referrer")  # the address holds the code
            self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: Any) -> None:
            """Log nothing: the request line holds the code."""

    return Handler
