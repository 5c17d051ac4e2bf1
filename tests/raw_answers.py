"""A server that sends bytes as a test says, whatever they mean, and notes what it was asked."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["END", "RawAnswer", "RawServer", "raw_server"]

END = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n"end"'


@dataclass(frozen=True)
class RawAnswer:
    """What is sent for one request.

    Attributes:
        data: the bytes.
        cuts: where they are cut into pieces, which are sent one by one.
        closes: whether the connection is closed then.
    """

    data: bytes
    cuts: tuple[int, ...] = ()
    closes: bool = False

    def pieces(self) -> Iterator[bytes]:
        """Return the bytes in pieces."""
        places = sorted({cut % (len(self.data) + 1) for cut in self.cuts})
        for start, stop in zip((0, *places), (*places, len(self.data)), strict=True):
            yield self.data[start:stop]


class RawServer:
    """Answers each request with the next of `answers`, and with `END` when there are no more.

    Attributes:
        seen: the requests' heads.
        connections: how many were made.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._answers: list[RawAnswer] = []
        self._open: list[socket.socket] = []
        self.seen: list[bytes] = []
        self.connections = 0
        self._answered = 0
        self._is_settled = threading.Condition()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def origin(self) -> str:
        """Where it listens."""
        return f"http://localhost:{self._listener.getsockname()[1]}"

    def play(self, answers: Sequence[RawAnswer]) -> None:
        """Begin anew with these answers."""
        self.settle()
        self._answers, self.seen, self.connections, self._answered = list(answers), [], 0, 0

    def settle(self) -> None:
        """Wait until all has been sent that is sent to the requests that came, and connections are closed."""
        with self._is_settled:
            assert self._is_settled.wait_for(lambda: self._answered == len(self.seen), 10)

    def close(self) -> None:
        """Stop."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _serve(self) -> None:
        threads = []
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open.append(connection)
                self.connections += 1
                threads.append(threading.Thread(target=self._talk, args=(connection,), daemon=True))
                threads[-1].start()
        for thread in threads:
            thread.join()

    def _talk(self, connection: socket.socket) -> None:
        head = b""
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(65536):
                head += data
                while b"\r\n\r\n" in head:
                    request, _, head = head.partition(b"\r\n\r\n")
                    self.seen.append(request)
                    answer = self._answers.pop(0) if self._answers else RawAnswer(END)
                    with contextlib.suppress(OSError):  # whoever asked may have gone
                        for piece in answer.pieces():
                            connection.sendall(piece)
                    if answer.closes:
                        connection.close()
                    with self._is_settled:
                        self._answered += 1
                        self._is_settled.notify_all()
                    if answer.closes:
                        return


@contextlib.contextmanager
def raw_server() -> Iterator[RawServer]:
    """Run one."""
    server = RawServer()
    try:
        yield server
    finally:
        server.close()
