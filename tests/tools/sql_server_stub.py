"""As much of SQL Server as a driver needs to sign in with a token, and to read one table (MS-TDS).

The login is that of Microsoft's own driver: TLS inside of TDS, then LOGIN7 with the token (§2.2.6.4, FEDAUTH). Whoever
runs it says which tokens are good.
"""

from __future__ import annotations

import socketserver
import ssl
import struct
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from nbauth.demo.certificates import ServerTls

RESOURCE = "https://database.windows.net"
ROWS = [(n, f"city {n}") for n in range(1, 11)]

# Kinds of packets (§2.2.3.1.1) and of tokens in an answer (§2.2.7)
_PRELOGIN, _BATCH, _ANSWER, _LOGIN7, _TRANSACTION = 0x12, 0x01, 0x04, 0x10, 0x0E
_LOGINACK, _FEATUREEXTACK, _ERROR, _COLMETADATA, _ROW, _DONE, _ENVCHANGE = 0xAD, 0xAE, 0xAA, 0x81, 0xD1, 0xFD, 0xE3
_FEDAUTH, _SECURITY_TOKEN = 0x02, 0x01
_VERSION = "Microsoft SQL Server 2022 - 16.0.1000.6"
_NVARCHAR = bytes([0xE7, 100, 0]) + bytes.fromhex("0904d00034")  # with its longest, and a collation


@dataclass
class SqlServer:
    """A server that runs.

    Attributes:
        port: where it listens, at localhost.
        tls: its certificate, and the authority that it is from.
        check: tells whether a token is good.
        tokens: the tokens that came, in their order.
        texts: the statements that came.
        connections: how many connections came.
        sends_on_to: the port of another server that it sends who signs in to; None for none.
    """

    tls: ServerTls
    check: Callable[[str], bool]
    port: int = 0
    tokens: list[str] = field(default_factory=list, repr=False)
    texts: list[str] = field(default_factory=list)
    connections: int = 0
    sends_on_to: int | None = None

    @property
    def origin(self) -> str:
        """The row of `apis` that names it."""
        return f"mssql://localhost:{self.port}"


@contextmanager
def running(tls: ServerTls, check: Callable[[str], bool], address: str = "127.0.0.1") -> Iterator[SqlServer]:
    """Answer on a port that is free.

    Args:
        tls: the server's certificate.
        check: tells whether a token is good.
        address: an address of this machine.
    """
    state = SqlServer(tls, check)
    tls.context.maximum_version = ssl.TLSVersion.TLSv1_2  # inside of TDS there is no newer one

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            state.connections += 1
            with suppress(ConnectionError, ssl.SSLError):  # the driver broke off
                _serve(_Connection(self.request, tls.context), state)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server((address, 0), Handler) as server:
        state.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield state
        server.shutdown()


class _Connection:
    """Packets, over TLS once it is there; its handshake travels in packets of its own (§3.2.5.2)."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext) -> None:
        self._plain = plain
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._is_secret = False

    def shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
                self._is_secret = True
            except ssl.SSLWantReadError:
                self._flush()
                kind, body = self._packet(self._from_plain)
                assert kind == _PRELOGIN
                self._incoming.write(body)
            else:
                break
        self._flush()

    def _flush(self) -> None:
        if sent := self._outgoing.read():
            self._plain.sendall(_packed(_PRELOGIN, sent))

    def receive(self) -> tuple[int, bytes]:
        """Return the kind and the content of the next message."""
        kind, body = self._packet(self._from_tls if self._is_secret else self._from_plain)
        return kind, body

    def send(self, kind: int, body: bytes) -> None:
        if self._is_secret:
            self._tls.write(_packed(kind, body))
            self._plain.sendall(self._outgoing.read())
        else:
            self._plain.sendall(_packed(kind, body))

    def _packet(self, read: Callable[[int], bytes]) -> tuple[int, bytes]:
        body, is_last, kind = b"", False, 0
        while not is_last:
            kind, status, size = struct.unpack(">BBH4x", read(8))
            body += read(size - 8)
            is_last = bool(status & 1)
        return kind, body

    def _from_plain(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            if not (more := self._plain.recv(size - len(data))):
                raise ConnectionError
            data += more
        return data

    def _from_tls(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                more = self._tls.read(size - len(data))
            except ssl.SSLWantReadError:
                arrived = self._plain.recv(65536)
                if not arrived:
                    raise ConnectionError from None
                self._incoming.write(arrived)
                continue
            if not more:
                raise ConnectionError
            data += more
        return data


def _packed(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBHHBB", kind, 1, len(body) + 8, 0, 1, 0) + body


def _serve(connection: _Connection, state: SqlServer) -> None:
    kind, _ = connection.receive()
    assert kind == _PRELOGIN
    # VERSION 16; ENCRYPTION on; MARS off; FEDAUTHREQUIRED (§2.2.6.5)
    options = {0x00: bytes([16, 0, 0, 0, 0, 0]), 0x01: b"\1", 0x04: b"\0", 0x06: b"\1"}
    head, data, start = b"", b"", 5 * len(options) + 1
    for option, value in options.items():
        head += struct.pack(">BHH", option, start + len(data), len(value))
        data += value
    connection.send(_ANSWER, head + b"\xff" + data)
    connection.shake_hands()
    kind, login = connection.receive()
    assert kind == _LOGIN7
    token = _token_in(login)
    state.tokens.append(token)
    if not state.check(token):
        message = _text("Login failed for user '<token-identified principal>'.", "<H")
        error = struct.pack("<iBB", 18456, 1, 14) + message + _text("stub") + _text("") + struct.pack("<i", 1)
        connection.send(_ANSWER, _sized(_ERROR, error) + _done(2))
        return
    ack = bytes([1, 0x74, 0, 0, 4]) + _text("stub") + bytes([16, 0, 0, 0])
    signed_in = _sized(_LOGINACK, ack) + bytes([_FEATUREEXTACK, _FEDAUTH]) + struct.pack("<I", 0) + b"\xff"
    if state.sends_on_to is not None:  # type 20: by TCP (§2.2.7.9)
        other = struct.pack("<BH", 0, state.sends_on_to) + _text("localhost", "<H")
        signed_in += _sized(_ENVCHANGE, bytes([20]) + struct.pack("<H", len(other)) + other + b"\0\0")
    connection.send(_ANSWER, signed_in + _done())
    while True:
        kind, body = connection.receive()
        if kind == _BATCH:
            (headers,) = struct.unpack_from("<I", body)
            state.texts.append(body[headers:].decode("utf-16-le"))
            connection.send(_ANSWER, _answer_to(state.texts[-1]))
        elif kind == _TRANSACTION:
            (headers,) = struct.unpack_from("<I", body)
            connection.send(_ANSWER, _transaction(*struct.unpack_from("<H", body, headers)) + _done())
        else:
            connection.send(_ANSWER, _done())


def _token_in(login: bytes) -> str:
    """Return the token of a LOGIN7 message: the FEDAUTH feature behind its extension's offset (§2.2.6.4)."""
    (extension,) = struct.unpack_from("<H", login, 56)
    (at,) = struct.unpack_from("<I", login, extension)
    while login[at] != 0xFF:
        feature, size = struct.unpack_from("<BI", login, at)
        if feature == _FEDAUTH:
            assert login[at + 5] >> 1 == _SECURITY_TOKEN
            (length,) = struct.unpack_from("<I", login, at + 6)
            return login[at + 10 : at + 10 + length].decode("utf-16-le")
        at += 5 + size
    raise AssertionError("the login has no token")


def _transaction(request: int) -> bytes:
    """Return how a transaction has begun (request 5), or ended (7, commit; 8, rollback; §2.2.6.9, §2.2.7.9)."""
    number = bytes([8, 1, 0, 0, 0, 0, 0, 0, 0])
    return _sized(_ENVCHANGE, bytes([8]) + number + b"\0" if request == 5 else bytes([request + 2, 0]) + number)


def _answer_to(text: str) -> bytes:
    """Return the table of cities, or one text for whatever else SQLAlchemy would know of a server."""
    if "FROM cities" in text:
        return _table([("id", bytes([0x26, 4])), ("name", _NVARCHAR)], ROWS)
    return _table([("", _NVARCHAR)], [(_VERSION,)]) if text.lower().lstrip().startswith("select") else _done()


def _table(columns: list[tuple[str, bytes]], rows: list[tuple[int | str, ...]]) -> bytes:
    table = bytes([_COLMETADATA]) + struct.pack("<H", len(columns))
    for name, kind in columns:
        table += struct.pack("<IH", 0, 0) + kind + _text(name)
    for row in rows:
        table += bytes([_ROW])
        for value in row:
            encoded = str(value).encode("utf-16-le")
            table += (
                struct.pack("<Bi", 4, value) if isinstance(value, int) else struct.pack("<H", len(encoded)) + encoded
            )
    return table + _done(0x10, len(rows))


def _done(status: int = 0, rows: int = 0) -> bytes:
    return bytes([_DONE]) + struct.pack("<HHQ", status, 0xC1, rows)


def _sized(token: int, content: bytes) -> bytes:
    return bytes([token]) + struct.pack("<H", len(content)) + content


def _text(text: str, length: str = "<B") -> bytes:
    return struct.pack(length, len(text)) + text.encode("utf-16-le")
