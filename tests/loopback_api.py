"""A tiny API on loopback that answers what a test says, and an authorizer that knows its origin."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from nbauth.errors import OriginNotAllowed, SignInRequired
from nbauth.net.origins import origin_of, redact_url

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator


@dataclass
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def token(self) -> str | None:
        """The bearer token, if any."""
        return self.headers.get("authorization", "").removeprefix("Bearer ") or None


@dataclass
class Reply:
    """What the server is to answer."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str | None = "application/json"
    announce: int | None = None  # a Content-Length that is not the body's
    chunks: list[bytes] | None = None  # instead of the body
    whole: bool = True  # whether the last, empty chunk is sent
    hold: threading.Event | None = None  # what is waited for after the body, for 10 s at most
    reset: bool = False  # nothing is answered, and the connection is reset


def as_json(document: Any, **options: Any) -> Reply:
    """Answer JSON."""
    return Reply(json.dumps(document).encode("utf-8", "surrogatepass"), **options)


def redirect(url: str, status: int = 302) -> Reply:
    """Answer a redirect."""
    return Reply(status=status, headers={"Location": url}, content_type=None)


class Server(ThreadingHTTPServer):
    """Answers from `routes`, by path; a route is a reply or a function of the request."""

    daemon_threads = True
    request_queue_size = 64  # beyond it a connection waits for a second

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.routes: dict[str, Reply | Callable[[Seen], Reply]] = {}
        self.seen: list[Seen] = []
        self.connections = 0  # that were ever made
        self.scheme = "https" if tls else "http"
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def origin(self) -> str:
        """Where it listens."""
        return f"{self.scheme}://localhost:{self.server_address[1]}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Count connections."""
        self.connections += 1
        super().process_request(request, client_address)

    def answer(self, seen: Seen, route: Reply | Callable[[Seen], Reply] | None) -> Reply:
        """Answer a request from its route."""
        return route(seen) if callable(route) else route or Reply(b'{"error": "none"}', 404)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients break off on purpose here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def _read_body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        return body

    def _answer(self) -> None:
        seen = Seen(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, self._read_body())
        self.server.seen.append(seen)
        route = self.server.routes.get(self.path) or self.server.routes.get(self.path.partition("?")[0])
        reply = self.server.answer(seen, route)
        if reply.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        self._send_head(reply)
        if self.command == "HEAD":
            pass  # an answer to it has no body: what came after it would be taken for the next answer
        elif reply.chunks is not None:
            self._send_chunks(reply)
        else:
            self.wfile.write(reply.body)
        if reply.hold is not None:
            self.wfile.flush()
            reply.hold.wait(10)
        self.close_connection = self.close_connection or reply.announce is not None or not reply.whole

    def _send_head(self, reply: Reply) -> None:
        self.send_response(reply.status)
        if reply.content_type is not None:
            self.send_header("Content-Type", reply.content_type)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.chunks is not None:
            self.send_header("Transfer-Encoding", "chunked")
        elif reply.status != 204:
            self.send_header("Content-Length", str(len(reply.body) if reply.announce is None else reply.announce))
        self.end_headers()

    def _send_chunks(self, reply: Reply) -> None:
        for chunk in reply.chunks or []:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        if reply.whole:
            self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST = do_PUT = do_HEAD = do_PATCH = do_DELETE = _answer  # noqa: N815


class FakeAuthorizer:
    """Gives tokens ``token-1`` and on for the origins that it is told; as an authorizer, and as each of its chains."""

    profile = "work"

    def __init__(self, *urls: str) -> None:
        self.listed = {origin_of(url) for url in urls}
        self.current = "token-1"
        self.signed_in = True
        self.rejected: list[str] = []
        self.refused_in_the_end: list[str] = []
        self.asked: list[str | None] = []
        self.bundles: tuple[str, ...] = ()  # that every server may be known by
        self.named_elsewhere: tuple[str, ...] = ()  # the profiles that name every other origin

    def chain(self, url: str) -> FakeAuthorizer:
        """Return itself; no profile's if the origin is not listed."""
        if not self.allows(url):
            raise OriginNotAllowed("No profile names it.", url=redact_url(url))
        return self

    def others(self, url: str) -> tuple[str, ...]:
        """Return the other profiles that name a URL's origin."""
        return self.named_elsewhere

    def ca_bundles(self, url: str) -> tuple[str, ...]:
        """Return the bundles that a server may be known by."""
        return self.bundles

    def allows(self, url: str) -> bool:
        """Tell whether the origin is listed."""
        return origin_of(url) in self.listed

    def origins(self) -> tuple[str, ...]:
        """Return the listed origins."""
        return tuple(sorted(self.listed))

    def step_up(self, url: str, claims: str) -> SignInRequired:
        """Return the error that a person mends."""
        return SignInRequired(f"Step up at {redact_url(url)}.", claims=claims)

    def refused(self, url: str, token: str) -> None:
        """Note which token an API refused in the end."""
        assert self.allows(url)
        self.refused_in_the_end.append(token)

    def token(self, url: str, *, rejected: str | None = None, claims: str | None = None) -> str:
        """Return the token; a new one if the present one was rejected."""
        if not self.allows(url):
            raise OriginNotAllowed("No profile names it.", url=redact_url(url))
        if not self.signed_in:
            raise SignInRequired("Nobody is signed in.")
        if rejected is not None:
            self.rejected.append(rejected)
            self.asked.append(claims)
            if rejected == self.current:
                self.current = f"token-{len(self.rejected) + 1}"
        return self.current


@contextlib.contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Run a server."""
    server = Server(tls)
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
