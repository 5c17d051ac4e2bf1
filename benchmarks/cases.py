"""One load in a process of its own: `python cases.py CASE BASE_URL`. Prints what it took and what came, as JSON."""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import requests

TOKEN = "t" * 1200  # about as long as Entra's


class Authorizer:
    """Gives one token to one origin."""

    def __init__(self, base: str) -> None:
        self._base = base

    def allows(self, url: str) -> bool:
        return url.startswith(self._base)

    def origins(self) -> tuple[str, ...]:
        return (self._base,)

    def chain(self, url: str):
        return self

    def ca_bundles(self, url: str) -> tuple[str, ...]:
        return ()

    def token(self, url: str, *, rejected: str | None = None, claims: str | None = None) -> str:
        return TOKEN


def nbauth(base: str, path: str, *, plain: bool = False, **options: object):
    from nbauth.data.build import frame_builder
    from nbauth.data.fetch.session import Session
    from nbauth.data.parse import lazy_json, time_columns
    from nbauth.data.query import Query
    from nbauth.data.sinks import frame as frame_sink

    if plain:
        for module in (frame_builder, lazy_json, time_columns):
            module.is_fast = lambda: False
    elif frame_builder.is_fast():
        import pyarrow.compute  # noqa: F401 - imports are not what is measured

        from nbauth.data.build import arrow_arrays, arrow_series  # noqa: F401
        from nbauth.data.parse import schema_decoder  # noqa: F401
    session = Session(Authorizer(base))
    return lambda: frame_sink.read(session, Query(base + path, **options))


def nbauth_to_parquet(base: str, path: str):
    import pyarrow.parquet  # noqa: F401

    from nbauth.data.fetch.session import Session
    from nbauth.data.query import Query
    from nbauth.data.sinks import parquet, parquet_parts  # noqa: F401

    target = Path(tempfile.mkdtemp()) / "data.parquet"
    session = Session(Authorizer(base))

    def load():
        parquet.write(session, Query(base + path), target)
        return lambda: pd.read_parquet(target)

    return load


def chain_pages(base: str, path: str, get):
    url = base + path
    while url:
        document = get(url)
        yield document["value"]
        url = document.get("nextLink")


def naive(base: str, path: str):
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {TOKEN}"
    pages = chain_pages(base, path, lambda url: session.get(url).json())
    return lambda: pd.concat([pd.DataFrame(page) for page in pages], ignore_index=True)


def normalized(base: str, path: str):
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {TOKEN}"
    pages = chain_pages(base, path, lambda url: session.get(url).json())
    return lambda: pd.concat([pd.json_normalize(page) for page in pages], ignore_index=True)


def with_httpx(base: str, path: str):
    import httpx

    client = httpx.Client(headers={"Authorization": f"Bearer {TOKEN}"})
    pages = chain_pages(base, path, lambda url: client.get(url).json())
    return lambda: pd.concat([pd.DataFrame(page) for page in pages], ignore_index=True)


def with_aiohttp(base: str, path: str):
    import asyncio

    import aiohttp

    async def load():
        frames, url = [], base + path
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session:
            while url:
                async with session.get(url) as response:
                    document = await response.json()
                frames.append(pd.DataFrame(document["value"]))
                url = document.get("nextLink")
        return pd.concat(frames, ignore_index=True)

    return lambda: asyncio.run(load())


def with_dlt(base: str, path: str):
    from dlt.sources.helpers.rest_client import RESTClient
    from dlt.sources.helpers.rest_client.auth import BearerTokenAuth
    from dlt.sources.helpers.rest_client.paginators import JSONLinkPaginator

    client = RESTClient(
        base_url=base,
        auth=BearerTokenAuth(TOKEN),
        paginator=JSONLinkPaginator(next_url_path="nextLink"),
        data_selector="value",
    )
    return lambda: pd.concat([pd.DataFrame(list(page)) for page in client.paginate(path)], ignore_index=True)


def with_azure(base: str, path: str):
    from azure.core import PipelineClient
    from azure.core.paging import ItemPaged
    from azure.core.rest import HttpRequest

    client = PipelineClient(base)

    def get_next(link):
        response = client.send_request(HttpRequest("GET", link or base + path, headers={"Authorization": TOKEN}))
        return response.json()

    def extract(document):
        return document.get("nextLink"), iter(document["value"])

    return lambda: pd.DataFrame(list(ItemPaged(get_next, extract)))


def floor(base: str, path: str):
    """Read from a socket, parse into a schema written by hand, and hold Arrow's arrays: as little as can be done."""
    import socket
    from urllib.parse import urlsplit

    import msgspec
    import pyarrow as pa

    class Row(msgspec.Struct, gc=False):
        id: int
        reference: str
        region: str
        status: str
        amount: float
        quantity: int | None
        express: bool
        time: str

    class Page(msgspec.Struct):
        value: list[Row]
        nextLink: str | None = None  # noqa: N815

    text = pa.large_string()
    kinds = (pa.int64(), text, text, text, pa.float64(), pa.int64(), pa.bool_(), text)
    host, port = urlsplit(base).netloc.split(":")

    def load():
        decoder = msgspec.json.Decoder(Page)
        batches = []
        with socket.create_connection((host, int(port))) as connection:
            url = base + path
            while url:
                target = url[len(base) :]
                connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
                piece = connection.recv(262_144)
                head, _, start = piece.partition(b"\r\n\r\n")
                size = int(head.rpartition(b"Content-Length: ")[2])
                body = bytearray(size)
                body[: len(start)] = start
                view, filled = memoryview(body), len(start)
                while filled < size:
                    filled += connection.recv_into(view[filled:])
                page = decoder.decode(body)
                rows, url = page.value, page.nextLink
                columns = (
                    [r.id for r in rows], [r.reference for r in rows], [r.region for r in rows],
                    [r.status for r in rows], [r.amount for r in rows], [r.quantity for r in rows],
                    [r.express for r in rows], [r.time for r in rows],
                )  # fmt: skip
                arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
                batches.append(pa.record_batch(arrays, names=list(Row.__struct_fields__)))
        return pa.Table.from_batches(batches).to_pandas()

    return load


def naive_offset(base: str, path: str):
    session = requests.Session()

    def load():
        frames, offset = [], 0
        while True:
            document = session.get(f"{base}{path}?offset={offset}").json()
            frames.append(pd.DataFrame(document["items"]))
            offset += len(document["items"])
            if offset >= document["total"]:
                return pd.concat(frames, ignore_index=True)

    return load


CASES = {
    "nbauth": lambda base: nbauth(base, "/chain"),
    "nbauth without extra": lambda base: nbauth(base, "/chain", plain=True),
    "nbauth, Arrow dtypes": lambda base: nbauth(base, "/chain", dtype_backend="pyarrow"),
    "nbauth to Parquet": lambda base: nbauth_to_parquet(base, "/chain"),
    "naive loop": lambda base: naive(base, "/chain"),
    "json_normalize": lambda base: normalized(base, "/chain"),
    "dlt": lambda base: with_dlt(base, "/chain"),
    "azure-core": lambda base: with_azure(base, "/chain"),
    "httpx": lambda base: with_httpx(base, "/chain"),
    "aiohttp": lambda base: with_aiohttp(base, "/chain"),
    "floor": lambda base: floor(base, "/chain"),
    "20 ms: nbauth": lambda base: nbauth(base, "/slow/chain"),
    "20 ms: naive loop": lambda base: naive(base, "/slow/chain"),
    "20 ms: floor": lambda base: floor(base, "/slow/chain"),
    "offset, 20 ms: nbauth, 8 at once": lambda base: nbauth(base, "/slow/offset", concurrency=8),
    "offset, 20 ms: naive loop": lambda base: naive_offset(base, "/slow/offset"),
    "CSV: nbauth": lambda base: nbauth(base, "/table.csv"),
    "CSV: pd.read_csv(url)": lambda base: lambda: pd.read_csv(f"{base}/table.csv"),
    "CSV: pd.read_csv(url, parse_dates)": lambda base: lambda: pd.read_csv(f"{base}/table.csv", parse_dates=["time"]),
    "NDJSON: nbauth": lambda base: nbauth(base, "/lines.ndjson"),
    "NDJSON: pd.read_json(url)": lambda base: lambda: pd.read_json(f"{base}/lines.ndjson", lines=True),
}


def memory_mb(name: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1000
    raise RuntimeError(name)


def fingerprint(frame: pd.DataFrame) -> str:
    """Return what is equal for frames that hold the same: dtypes differ from one tool to another."""
    parts = [f"{len(frame)}"]
    for name in sorted(frame.columns):
        column = frame[name]
        if name == "time":
            column = pd.to_datetime(column, utc=True).astype("datetime64[us, UTC]")
        elif name in ("amount", "id", "quantity", "express"):
            column = column.astype("Float64").astype("float64").round(6)  # pd.read_json's floats are not exact
        else:
            column = column.astype(str).astype(object)
        parts.append(f"{name}:{pd.util.hash_pandas_object(column, index=False).sum():x}")
    return " ".join(parts)


def main() -> None:
    case, base = sys.argv[1:]
    load = CASES[case](base)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before_mb = memory_mb("VmRSS")
    cpu, began = time.process_time(), time.perf_counter()
    found = load()
    seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    peak_mb = memory_mb("VmHWM") - before_mb
    frame = found() if callable(found) else found
    print(
        json.dumps(
            {
                "seconds": seconds,
                "cpu_s": cpu_s,
                "peak_mb": peak_mb,
                "frame_mb": frame.memory_usage(deep=True).sum() / 1e6,
                "fingerprint": fingerprint(frame),
            }
        ),
        flush=True,
    )
    os._exit(0)  # some of the tools leave threads behind


if __name__ == "__main__":
    main()
