"""Serves bytes that are made once, so that it is never what bounds a load: `python data_server.py DIRECTORY`.

Prints its ports for http and https as JSON; the directory gets the authority's `ca.pem`. Paths, each below
`/gzip`, too:

- `/chain/SHAPE/ROWS/PAGE`: pages with next links, `?page=`
- `/offset/SHAPE/ROWS/PAGE`: pages that say how many rows there are, `?offset=`
- `/part/NUMBER`: two pages of 100 rows with a next link
- `/csv/ROWS`, `/ndjson/ROWS`: of the shape `orders`
- `/wide.parquet`: 60 columns, 8 row groups, 16 MB, with byte ranges
- `/count`: how many requests and bytes of bodies went before, since it was asked last
"""

import gzip
import io
import json
import re
import socket
import ssl
import sys
import threading
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from shapes import SHAPES, encode

from nbauth.demo.certificates import make_server_tls

COLUMNS = ("id", "reference", "region", "status", "amount", "quantity", "express", "time")
RANGE = re.compile(rb"\r\nrange: bytes=(\d*)-(\d*)", re.IGNORECASE)
making = threading.RLock()


@cache
def pages(shape: str, rows: int, size: int) -> list[bytes]:
    one = SHAPES[shape]
    return [
        b",".join(encode(one(number)) for number in range(start, min(start + size, rows)))
        for start in range(0, rows, size)
    ]


@cache
def ndjson(rows: int) -> bytes:
    return b"\n".join(page.replace(b"},{", b"}\n{") for page in pages("orders", rows, 1_000))


@cache
def csv(rows: int) -> bytes:
    lines = [",".join(COLUMNS)]
    for page in pages("orders", rows, 1_000):
        lines += [
            ",".join("" if row[name] is None else str(row[name]) for name in COLUMNS)
            for row in json.loads(b"[%b]" % page)
        ]
    return "\n".join([*lines, ""]).encode()


@cache
def parquet() -> bytes:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    dice = np.random.default_rng(1)
    rows = 40_000
    columns = {
        f"c{index}": dice.random(rows) if index % 3 == 0 else dice.integers(0, 20_000, rows) for index in range(60)
    }
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, row_group_size=rows // 8)
    return sink.getvalue()


def linked(made: list[bytes], page: int, address: str) -> bytes:
    """Return a page with the link to the next; the address is what a link begins with."""
    link = b',"nextLink":"%b?page=%d"' % (address.encode(), page + 1) if page + 1 < len(made) else b""
    return b'{"value":[%b]%b}' % (made[page], link)


def counted(made: list[bytes], rows: int, size: int, offset: int) -> bytes:
    """Return a page that says how many rows there are."""
    return b'{"offset":%d,"limit":%d,"total":%d,"items":[%b]}' % (offset, size, rows, made[offset // size])


def body(target: str, origin: str) -> tuple[str, bytes]:
    parts = urlsplit(target)
    query = {name: int(values[0]) for name, values in parse_qs(parts.query).items()}
    address = origin + parts.path
    match parts.path.strip("/").split("/"):
        case ["gzip", *_]:
            return compressed(target, origin)
        case ["chain", shape, rows, size]:
            return "application/json", linked(pages(shape, int(rows), int(size)), query.get("page", 0), address)
        case ["offset", shape, rows, size]:
            made = pages(shape, int(rows), int(size))
            return "application/json", counted(made, int(rows), int(size), query.get("offset", 0))
        case ["part", number]:
            made = pages("orders", 100_000, 100)[2 * int(number) :][:2]
            return "application/json", linked(made, query.get("page", 0), address)
        case [("csv" | "ndjson") as kind, rows]:
            return ("text/csv", csv(int(rows))) if kind == "csv" else ("application/x-ndjson", ndjson(int(rows)))
        case ["wide.parquet"]:
            return "application/vnd.apache.parquet", parquet()
    raise ValueError(target)


@cache
def compressed(target: str, origin: str) -> tuple[str, bytes]:
    """Return what the target has without `/gzip`, whose links go on below it."""
    kind, plain = body(target.removeprefix("/gzip"), f"{origin}/gzip")
    return kind, gzip.compress(plain, 6)


class Counter:
    """What was sent since it was asked last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests = self.bytes = 0

    def add(self, size: int) -> None:
        with self._lock:
            self.requests += 1
            self.bytes += size

    def take(self) -> bytes:
        with self._lock:
            taken = encode({"requests": self.requests, "bytes": self.bytes})
            self.requests = self.bytes = 0
        return taken


counter = Counter()


def answer(head: bytes, scheme: str) -> tuple[bytes, bytes]:
    """Return the head and the body for a request's head."""
    method, target = head.split(b" ", 2)[:2]
    host = head.lower().partition(b"host: ")[2].partition(b"\r\n")[0].decode()
    if target == b"/count":
        taken = counter.take()
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(taken), taken
    with making:  # two that ask for the same make it once
        kind, whole = body(target.decode(), f"{scheme}://{host}")
    status, lines, sent = "200 OK", [f"Content-Type: {kind}"], whole
    if target.startswith(b"/gzip"):
        lines.append("Content-Encoding: gzip")
    if target == b"/wide.parquet":
        lines += ["Accept-Ranges: bytes", 'ETag: "1"', "Last-Modified: Wed, 01 Jan 2025 00:00:00 GMT"]
        if asked := RANGE.search(head):
            first, last = asked.groups()
            start = int(first) if first else len(whole) - int(last)
            stop = min(int(last) + 1, len(whole)) if first and last else len(whole)
            status, sent = "206 Partial Content", whole[start:stop]
            lines.append(f"Content-Range: bytes {start}-{stop - 1}/{len(whole)}")
    lines.append(f"Content-Length: {len(sent)}")
    sent = b"" if method == b"HEAD" else sent
    counter.add(len(sent))
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode(), sent


def serve(connection: socket.socket, tls: ssl.SSLContext | None) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        if tls:
            connection = tls.wrap_socket(connection, server_side=True)
        waiting = b""
        while True:
            while b"\r\n\r\n" not in waiting:
                piece = connection.recv(65536)
                if not piece:
                    return
                waiting += piece
            head, _, waiting = waiting.partition(b"\r\n\r\n")
            start, sent = answer(head, "https" if tls else "http")
            connection.sendall(start + sent if len(sent) < 1_000_000 else start)
            if len(sent) >= 1_000_000:
                connection.sendall(sent)
    except OSError:
        return
    finally:
        connection.close()


def listen(tls: ssl.SSLContext | None) -> int:
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, tls), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def main() -> None:
    tls = make_server_tls(Path(sys.argv[1])).context
    print(json.dumps({"http": listen(None), "https": listen(tls)}), flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
