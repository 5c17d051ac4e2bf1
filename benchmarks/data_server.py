"""Serves bytes that were made beforehand, so that it is never what bounds a load: `python data_server.py ROWS`.

Prints its port. Paths: `/chain`, `/offset`, `/table.csv`, `/lines.ndjson`; below `/slow` each answer takes 20 ms more.
"""

import json
import random
import socket
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import parse_qs, urlsplit

PAGE = 1_000
SLOW_S = 0.02
COLUMNS = ("id", "reference", "region", "status", "amount", "quantity", "express", "time")


def rows(start: int, stop: int) -> list[dict[str, object]]:
    """Return rows of eight columns: about 190 bytes each as JSON."""
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    made = []
    for number in range(start, stop):
        dice = random.Random(number)
        made.append(
            {
                "id": number,
                "reference": f"{dice.getrandbits(64):016x}-{dice.getrandbits(48):012x}-{number:08d}",
                "region": dice.choice(("north", "south", "east", "west")),
                "status": dice.choice(("open", "paid", "sent", "void")),
                "amount": round(dice.random() * 10_000, 2),
                "quantity": dice.randrange(100) if dice.random() > 0.05 else None,
                "express": dice.random() < 0.3,
                "time": (begin + timedelta(seconds=37 * number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        )
    return made


def encode(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


class Bodies:
    """The bodies for so many rows."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.pages = [
            b",".join(encode(row) for row in rows(start, min(start + PAGE, count))) for start in range(0, count, PAGE)
        ]

    @cache  # noqa: B019 - there is one
    def ndjson(self) -> bytes:
        return b"\n".join(page.replace(b"},{", b"}\n{") for page in self.pages)

    @cache  # noqa: B019 - there is one
    def csv(self) -> bytes:
        lines = [",".join(COLUMNS)]
        for page in self.pages:
            lines += [
                ",".join("" if row[name] is None else str(row[name]) for name in COLUMNS)
                for row in json.loads(b"[%b]" % page)
            ]
        return "\n".join([*lines, ""]).encode()

    def answer(self, target: str, host: str) -> tuple[str, bytes]:
        parts = urlsplit(target)
        query = parse_qs(parts.query)
        slow = "/slow" if parts.path.startswith("/slow") else ""
        match parts.path.removeprefix(slow):
            case "/chain":
                page = int(query.get("page", ["0"])[0])
                link = b""
                if page + 1 < len(self.pages):
                    link = b',"nextLink":"http://%b%b/chain?page=%d"' % (host.encode(), slow.encode(), page + 1)
                return "application/json", b'{"value":[%b]%b}' % (self.pages[page], link)
            case "/offset":
                offset = int(query.get("offset", ["0"])[0])
                head = b'{"offset":%d,"limit":%d,"total":%d,"items":[' % (offset, PAGE, self.count)
                return "application/json", head + self.pages[offset // PAGE] + b"]}"
            case "/table.csv":
                return "text/csv", self.csv()
            case _:
                return "application/x-ndjson", self.ndjson()


def serve(connection: socket.socket, bodies: Bodies) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    waiting = b""
    while True:
        while b"\r\n\r\n" not in waiting:
            piece = connection.recv(65536)
            if not piece:
                return
            waiting += piece
        head, _, waiting = waiting.partition(b"\r\n\r\n")
        target = head.split(b" ", 2)[1].decode()
        host = head.lower().partition(b"host: ")[2].partition(b"\r\n")[0].decode()
        if target.startswith("/slow"):
            time.sleep(SLOW_S)
        kind, body = bodies.answer(target, host)
        start = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        try:
            connection.sendall(start + body if len(body) < 1_000_000 else start)
            if len(body) >= 1_000_000:
                connection.sendall(body)
        except OSError:
            return


def main() -> None:
    bodies = Bodies(int(sys.argv[1]))
    bodies.csv(), bodies.ndjson()
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, bodies), daemon=True).start()


if __name__ == "__main__":
    main()
