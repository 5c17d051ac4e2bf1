"""A small HTTP/1.1 server on loopback: keep-alive, a thread a connection, gone within a second when closed."""

from __future__ import annotations

import contextlib
import logging
import socket
import socketserver
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

from nbauth.demo.http.messages import BadRequestError, Request, Response, single_values
from nbauth.demo.http.request_log import RequestRecord

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable

    from nbauth.demo.http.faults import Fault, Faults
    from nbauth.demo.http.request_log import RequestLog

__all__ = ["Listener"]

log = logging.getLogger(__name__)

_BODY_LIMIT = 1 << 20
_IDLE_S = 30.0
_HELD_S = 30.0


class _ResetConnection(Exception):
    """Unwinds a handler so that its connection can be reset."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Small answers in one packet, sent at once: together 45 ms a connection.
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = _IDLE_S
    server: Listener
    _drip_s = 0.0

    def version_string(self) -> str:
        return "nbauth-demo"

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(self.server.clock() if timestamp is None else timestamp)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class named it)
        """Keep standard error clean; `Listener.log` has the requests."""

    def _answer(self) -> None:
        path, _, query = self.path.partition("?")
        era = self.server.log.era
        fault = self.server.faults.take(self.command, path)
        if fault and fault.delay_s:
            self.server.stopping.wait(fault.delay_s)
        if fault and fault.until:
            fault.until.wait(_HELD_S)
        grant_type = None
        keys: tuple[str, ...] = ()
        try:
            request = self._read_request(path, query)
            keys = tuple(request.query)
            with contextlib.suppress(BadRequestError):  # whoever reads the form answers for it
                grant_type = request.form.get("grant_type")
            response = self._respond(request, fault)
        except BadRequestError as error:
            self.close_connection = True
            response = Response.text(str(error), status=400)
        self.server.log.append(
            RequestRecord(
                server=self.server.name,
                method=self.command,
                path=path,
                query_keys=keys,
                grant_type=grant_type,
                authorization="Authorization" in self.headers,
                status=0 if fault and fault.reset else response.status,
                host=self.headers.get("Host", "").lower().partition(":")[0],
            ),
            era,
        )
        if fault and fault.reset:
            raise _ResetConnection
        self._drip_s = fault.drip_headers_s if fault else 0.0
        self._send_headers(response, cut=bool(fault and fault.truncate_at is not None))
        self._drip_s = fault.drip_body_s if fault else 0.0
        if self.command != "HEAD":
            chunks = (response.body,) if isinstance(response.body, bytes) else response.body
            self._send_body(chunks, chunked=self._is_chunked(response), left=fault.truncate_at if fault else None)

    def _read_request(self, path: str, query: str) -> Request:
        if "Transfer-Encoding" in self.headers:
            raise BadRequestError("Send the body with a Content-Length.")
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _BODY_LIMIT:
            raise BadRequestError("The Content-Length is not acceptable.")
        host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        if host.lower() not in self.server.hosts and not self.server.any_host:
            # A page elsewhere whose name resolves to 127.0.0.1 must not reach us (DNS rebinding).
            raise BadRequestError("This server answers for localhost only.")
        return Request(
            method=self.command,
            path=path,
            query=single_values(query),
            headers=self.headers,
            body=self.rfile.read(int(length)),
            secure=self.server.tls is not None,
        )

    def _respond(self, request: Request, fault: Fault | None) -> Response:
        if fault and (fault.status is not None or fault.body is not None):
            return Response(status=fault.status or 200, body=fault.body or b"", headers=tuple(fault.headers.items()))
        if fault and fault.reset:
            return Response()
        try:
            response = self.server.handle(request)
        except BadRequestError:
            raise
        except Exception:
            log.exception("The demo failed to answer %s %s", request.method, request.path)
            response = Response.text("The demo failed; its log says how.", status=500)
        if fault and fault.headers:
            return Response(
                status=response.status,
                body=response.body,
                content_type=response.content_type,
                headers=(*response.headers, *fault.headers.items()),
            )
        return response

    def _is_chunked(self, response: Response) -> bool:
        return not isinstance(response.body, bytes) and self.request_version != "HTTP/1.0"

    def _send_headers(self, response: Response, *, cut: bool) -> None:
        self.send_response(response.status)
        if response.content_type:
            self.send_header("Content-Type", response.content_type)
        for name, value in response.headers:
            self.send_header(name, value)
        chunked = self._is_chunked(response)
        if isinstance(response.body, bytes):
            self.send_header("Content-Length", str(len(response.body)))
        elif chunked:
            self.send_header("Transfer-Encoding", "chunked")
        if cut or not (chunked or isinstance(response.body, bytes)):
            self.close_connection = True
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def flush_headers(self) -> None:
        whole = b"".join(self._headers_buffer)
        self._headers_buffer: list[bytes] = []
        self._write(whole)

    def _write(self, data: bytes) -> None:
        if not self._drip_s:
            self.wfile.write(data)
            return
        for at in range(len(data)):
            self.wfile.write(data[at : at + 1])
            self.wfile.flush()
            if self.server.stopping.wait(self._drip_s):
                return

    def _send_body(self, chunks: Iterable[bytes], *, chunked: bool, left: int | None) -> None:
        for chunk in chunks:
            part = chunk if left is None else chunk[:left]
            if part:
                self._write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
            if left is not None:
                left -= len(part)
                if not left:
                    return  # short of the Content-Length, or without the last chunk
        if chunked:
            self.wfile.write(b"0\r\n\r\n")


for _method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
    setattr(_Handler, f"do_{_method}", _Handler._answer)  # noqa: SLF001  (the base class finds them by name)


class Listener(socketserver.TCPServer):
    """Serves on 127.0.0.1 from `start` until `close`.

    Args:
        handle: turns a request into a response; called in the connection's thread.
        name: how the request log calls this server.
        port: port to listen on; 0 for any that is free.
        tls: the server's side of TLS; None for plain http.
        faults: misbehaviour asked for.
        log: where requests are noted.
        clock: what tells the time for `Date`.
        any_host: answer whatever `Host` says.

    Attributes:
        hosts: values of `Host`, without port, that are answered.
        port: the port it listens on.
        origin: ``scheme://localhost:port``.
    """

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self,
        handle: Callable[[Request], Response],
        *,
        name: str,
        port: int = 0,
        tls: ssl.SSLContext | None,
        faults: Faults,
        log: RequestLog,
        clock: Callable[[], float] = time.time,
        any_host: bool = False,
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.handle = handle
        self.name = name
        self.tls = tls
        self.faults = faults
        self.log = log
        self.clock = clock
        self.any_host = any_host
        self.hosts = {"localhost", "127.0.0.1", "[::1]"}
        self.stopping = threading.Event()
        self.port = int(self.server_address[1])
        self.origin = f"{'https' if tls else 'http'}://localhost:{self.port}"
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        self._acceptor: threading.Thread | None = None

    def start(self) -> None:
        """Begin to answer."""
        self._acceptor = threading.Thread(
            target=self.serve_forever, args=(0.05,), name=f"nbauth-demo-{self.name}", daemon=True
        )
        self._acceptor.start()

    def close(self) -> None:
        """Stop answering, end every connection and wait up to a second for their threads."""
        self.stopping.set()
        if self._acceptor:
            self.shutdown()
            self._acceptor.join()
            self._acceptor = None
        self.server_close()
        with self._lock:
            open_connections = dict(self._connections)
        for connection in open_connections:
            with contextlib.suppress(OSError):
                # The plain method: SSLSocket's own would pull the TLS state from under the reading thread.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        deadline = time.monotonic() + 1.0
        for thread in open_connections.values():
            thread.join(max(0.0, deadline - time.monotonic()))

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Hand a connection to a thread of its own."""
        assert isinstance(request, socket.socket)
        thread = threading.Thread(target=self._serve, args=(request, client_address), daemon=True)
        with self._lock:
            self._connections[request] = thread
        thread.start()

    def _serve(self, plain: socket.socket, client_address: tuple[str, int]) -> None:
        connection = plain
        try:
            plain.settimeout(_IDLE_S)
            if self.tls:
                # Here and not in the accepting thread, which a silent client would block.
                connection = self.tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
                with self._lock:
                    self._connections[connection] = self._connections.pop(plain)
                connection.do_handshake()
            _Handler(connection, client_address, self)
        except _ResetConnection:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except (OSError, ValueError):
            log.debug("A connection to %s broke off", self.name, exc_info=True)
        finally:
            with self._lock:
                self._connections.pop(plain, None)
                self._connections.pop(connection, None)
            connection.close()
