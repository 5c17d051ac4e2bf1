"""Ways to bring the same rows: nbauth's, a loop by hand, and other tools.

Each function gets where the data is, imports and prepares what is not measured, and returns the load, which can be
called again. A load returns the frame, or a function that makes it, outside the measure.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOKEN = "t" * 1200  # about as long as Entra's
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
PERSON_S = 5.0  # from the address to the last button


@dataclass(frozen=True)
class Place:
    """Where the data is: its URL, or one with `{number}` for each of so many."""

    url: str
    several: int = 0

    @property
    def urls(self) -> list[str]:
        return [self.url.format(number=number) for number in range(self.several)]

    @property
    def for_nbauth(self) -> str | list[str]:
        return self.urls if self.several else self.url


Load = Callable[[], Any]
Contender = Callable[[Place], Load]


def target(name: str) -> Path:
    return Path(tempfile.mkdtemp(prefix="nbauth-benchmark-")) / name


def imports() -> None:
    """Import what pandas, pyarrow and Polars would import when they are used first, whoever is measured."""
    import importlib

    for name in ("pandas", "pyarrow.dataset", "pyarrow.pandas_compat", "pyarrow.parquet", "fsspec.core", "netrc"):
        importlib.import_module(name)


# nbauth's


def signed_in() -> Any:
    """Sign in as a job does, and import what a load would import."""
    import importlib
    import pkgutil

    import nbauth
    import nbauth.data

    for module in pkgutil.walk_packages(nbauth.data.__path__, "nbauth.data."):
        importlib.import_module(module.name)
    for name in ("nbauth.frontend.progress", "nbauth.adapters.fsspec"):
        importlib.import_module(name)
    nbauth.login("job")
    return nbauth


def nbauth(place: Place, **options: object) -> Load:
    module = signed_in()
    return lambda: module.read(place.for_nbauth, **options)


def nbauth_plain(place: Place, **options: object) -> Load:
    """Without the extra `fast`."""
    import sys

    module = signed_in()
    for name, one in list(sys.modules.items()):
        if name.startswith("nbauth.") and hasattr(one, "is_fast"):
            one.is_fast = lambda: False
    return lambda: module.read(place.for_nbauth, **options)


def nbauth_to(place: Place) -> Load:
    import pandas as pd

    module = signed_in()

    def load() -> Load:
        path = target("data.parquet")
        module.read(place.url, to=path)
        return lambda: pd.read_parquet(path)

    return load


# Chains of next links


def chain(url: str | None, get: Callable[[str], dict[str, Any]]) -> Iterator[Any]:
    while url:
        document = get(url)
        yield document["value"]
        url = document.get("nextLink")


def naive(place: Place) -> Load:
    import pandas as pd
    import requests

    session = requests.Session()
    session.headers.update(HEADERS)

    def load() -> pd.DataFrame:
        pages = chain(place.url, lambda url: session.get(url).json())
        return pd.concat([pd.DataFrame(page) for page in pages], ignore_index=True)

    return load


def rows_once(place: Place) -> Load:
    """All rows first, one frame of them at the end."""
    import pandas as pd
    import requests

    session = requests.Session()
    session.headers.update(HEADERS)
    get = lambda url: session.get(url).json()  # noqa: E731
    return lambda: pd.DataFrame([row for page in chain(place.url, get) for row in page])


def normalized(place: Place) -> Load:
    import pandas as pd
    import requests

    session = requests.Session()
    session.headers.update(HEADERS)

    def load() -> pd.DataFrame:
        pages = chain(place.url, lambda url: session.get(url).json())
        return pd.concat([pd.json_normalize(page) for page in pages], ignore_index=True)

    return load


def requests_each(place: Place) -> Load:
    """`requests.get`, as most write it: a connection for each request."""
    import pandas as pd
    import requests

    def load() -> pd.DataFrame:
        pages = chain(place.url, lambda url: requests.get(url, headers=HEADERS).json())
        return pd.concat([pd.DataFrame(page) for page in pages], ignore_index=True)

    return load


def with_httpx(place: Place) -> Load:
    import httpx
    import pandas as pd

    client = httpx.Client(headers=HEADERS)

    def load() -> pd.DataFrame:
        pages = chain(place.url, lambda url: client.get(url).json())
        return pd.concat([pd.DataFrame(page) for page in pages], ignore_index=True)

    return load


async def aiohttp_pages(session: Any, url: str | None) -> list[Any]:
    import pandas as pd

    frames = []
    while url:
        async with session.get(url) as response:
            document = await response.json()
        frames.append(pd.DataFrame(document["value"]))
        url = document.get("nextLink")
    return frames


def with_aiohttp(place: Place) -> Load:
    import asyncio

    import aiohttp
    import pandas as pd

    async def load() -> pd.DataFrame:
        async with aiohttp.ClientSession(headers=HEADERS) as session:
            if not place.several:
                return pd.concat(await aiohttp_pages(session, place.url), ignore_index=True)
            slots = asyncio.Semaphore(8)

            async def one(url: str) -> list[Any]:
                async with slots:
                    return await aiohttp_pages(session, url)

            several = await asyncio.gather(*(one(url) for url in place.urls))
            return pd.concat([frame for frames in several for frame in frames], ignore_index=True)

    return lambda: asyncio.run(load())


def with_dlt(place: Place) -> Load:
    import pandas as pd
    from dlt.sources.helpers.rest_client import RESTClient
    from dlt.sources.helpers.rest_client.auth import BearerTokenAuth
    from dlt.sources.helpers.rest_client.paginators import JSONLinkPaginator

    client = RESTClient(base_url="", auth=BearerTokenAuth(TOKEN), data_selector="value")

    def load() -> pd.DataFrame:
        links = JSONLinkPaginator(next_url_path="nextLink")
        return pd.concat(
            [pd.DataFrame(list(page)) for page in client.paginate(place.url, paginator=links)], ignore_index=True
        )

    return load


def with_azure(place: Place) -> Load:
    import pandas as pd
    from azure.core import PipelineClient
    from azure.core.paging import ItemPaged
    from azure.core.rest import HttpRequest

    client = PipelineClient("")

    def get_next(link: str | None) -> dict[str, Any]:
        return client.send_request(HttpRequest("GET", link or place.url, headers=HEADERS)).json()

    def extract(document: dict[str, Any]) -> tuple[str | None, Iterator[Any]]:
        return document.get("nextLink"), iter(document["value"])

    return lambda: pd.DataFrame(list(ItemPaged(get_next, extract)))


def floor(place: Place) -> Load:
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
    parts = urlsplit(place.url)
    base = f"{parts.scheme}://{parts.netloc}"

    def load() -> Any:
        decoder = msgspec.json.Decoder(Page)
        batches = []
        with socket.create_connection((parts.hostname, parts.port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            url = place.url
            while url:
                connection.sendall(f"GET {url[len(base) :]} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
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


def naive_offset(place: Place) -> Load:
    import pandas as pd
    import requests

    session = requests.Session()
    session.headers.update(HEADERS)

    def load() -> pd.DataFrame:
        frames, offset = [], 0
        while True:
            document = session.get(f"{place.url}?offset={offset}").json()
            frames.append(pd.DataFrame(document["items"]))
            offset += len(document["items"])
            if offset >= document["total"]:
                return pd.concat(frames, ignore_index=True)

    return load


# Several URLs


def naive_several(place: Place, *, threads: int = 1) -> Load:
    from concurrent.futures import ThreadPoolExecutor

    import pandas as pd
    import requests

    session = requests.Session()
    session.headers.update(HEADERS)

    def one(url: str) -> list[pd.DataFrame]:
        return [pd.DataFrame(page) for page in chain(url, lambda link: session.get(link).json())]

    def load() -> pd.DataFrame:
        with ThreadPoolExecutor(threads) as pool:
            several = list(pool.map(one, place.urls) if threads > 1 else map(one, place.urls))
        return pd.concat([frame for frames in several for frame in frames], ignore_index=True)

    return load


# Files of text


def pandas_csv(place: Place, **options: Any) -> Load:
    import pandas as pd

    return lambda: pd.read_csv(place.url, **options)


def pandas_ndjson(place: Place) -> Load:
    import pandas as pd

    return lambda: pd.read_json(place.url, lines=True)


def polars_csv(place: Place) -> Load:
    import polars as pl
    import requests

    def load() -> Load:
        frame = pl.read_csv(requests.get(place.url, headers=HEADERS).content, try_parse_dates=True)
        return frame.to_pandas

    return load


def polars_ndjson(place: Place) -> Load:
    import polars as pl
    import requests

    def load() -> Load:
        frame = pl.read_ndjson(requests.get(place.url, headers=HEADERS).content)
        return frame.to_pandas

    return load


def arrow_csv(place: Place) -> Load:
    import io

    import requests
    from pyarrow import csv

    return lambda: csv.read_csv(io.BytesIO(requests.get(place.url, headers=HEADERS).content)).to_pandas()


# Written to Parquet


def naive_to_parquet(place: Place) -> Load:
    import pandas as pd

    bring = naive(place)

    def load() -> Load:
        path = target("data.parquet")
        bring().to_parquet(path)
        return lambda: pd.read_parquet(path)

    return load


def arrow_csv_to_parquet(place: Place) -> Load:
    """pyarrow's own: block by block from the answer into the file."""
    import pandas as pd
    import pyarrow.parquet as pq
    import requests
    from pyarrow import csv

    def load() -> Load:
        path = target("data.parquet")
        with requests.get(place.url, headers=HEADERS, stream=True) as response:
            response.raw.auto_close = False
            reader = csv.open_csv(response.raw)
            with pq.ParquetWriter(path, reader.schema, compression="zstd") as writer:
                for batch in reader:
                    writer.write_batch(batch)
        return lambda: pd.read_parquet(path)

    return load


def polars_csv_to_parquet(place: Place) -> Load:
    import pandas as pd
    import polars as pl
    import requests

    def load() -> Load:
        path = target("data.parquet")
        content = requests.get(place.url, headers=HEADERS).content
        pl.read_csv(content, try_parse_dates=True).write_parquet(path)
        return lambda: pd.read_parquet(path)

    return load


# Three columns of a Parquet file

COLUMNS = ["c7", "c23", "c42"]


def nbauth_address(place: Place) -> str:
    signed_in()
    return f"nbauth+{place.url}"


def parquet_nbauth_pandas(place: Place) -> Load:
    import pandas as pd

    url = nbauth_address(place)
    return lambda: pd.read_parquet(url, columns=COLUMNS)


def parquet_nbauth_arrow(place: Place) -> Load:
    import fsspec
    import pyarrow.parquet as pq

    address = nbauth_address(place)

    def load() -> Load:
        files, path = fsspec.core.url_to_fs(address)
        table = pq.read_table(path, filesystem=files, columns=COLUMNS)
        return table.to_pandas

    return load


def parquet_nbauth_open(place: Place) -> Load:
    import pyarrow.parquet as pq

    module = signed_in()

    def load() -> Load:
        with module.open(place.url) as file:
            table = pq.ParquetFile(file).read(columns=COLUMNS)
        return table.to_pandas

    return load


def parquet_nbauth_polars(place: Place) -> Load:
    import fsspec
    import polars as pl
    import pyarrow.dataset as ds

    address = nbauth_address(place)

    def load() -> Load:
        files, path = fsspec.core.url_to_fs(address)
        data = ds.dataset(path, filesystem=files, format="parquet")
        frame = pl.scan_pyarrow_dataset(data).select(COLUMNS).collect()
        return frame.to_pandas

    return load


def parquet_nbauth_duckdb(place: Place) -> Load:
    import duckdb
    import fsspec

    address = nbauth_address(place)

    def load() -> Load:
        with duckdb.connect() as connection:
            connection.register_filesystem(fsspec.filesystem(address.partition("://")[0]))
            table = connection.sql(f"SELECT {', '.join(COLUMNS)} FROM read_parquet('{address}')").fetch_arrow_table()
        return table.to_pandas

    return load


def parquet_polars(place: Place) -> Load:
    """Polars' own client."""
    import polars as pl

    def load() -> Load:
        options = {"allow_http": "true"}
        frame = pl.scan_parquet(place.url, storage_options=options).select(COLUMNS).collect()
        return frame.to_pandas

    return load


def parquet_fsspec(place: Place) -> Load:
    """fsspec's own http under pyarrow."""
    import fsspec
    import pyarrow.parquet as pq

    files = fsspec.filesystem("http", client_kwargs={"headers": HEADERS})

    def load() -> Load:
        table = pq.read_table(place.url, filesystem=files, columns=COLUMNS)
        return table.to_pandas

    return load


def parquet_fsspec_ahead(place: Place) -> Load:
    """fsspec's own http, told beforehand which columns are wanted."""
    import fsspec
    import pandas as pd
    from fsspec.parquet import open_parquet_file

    options = {"client_kwargs": {"headers": HEADERS}}
    fsspec.filesystem("http", **options)  # imports aiohttp

    def load() -> pd.DataFrame:
        with open_parquet_file(place.url, columns=COLUMNS, storage_options=options, engine="pyarrow") as file:
            return pd.read_parquet(file, columns=COLUMNS)

    return load


def parquet_whole(place: Place) -> Load:
    import io

    import pandas as pd
    import requests

    return lambda: pd.read_parquet(io.BytesIO(requests.get(place.url, headers=HEADERS).content), columns=COLUMNS)


# The first read of a process


def first_read_person(place: Place) -> Load:
    """After a person has signed in, who took some seconds."""
    os.environ["NBAUTH_CONFIG"] = os.environ["BENCHMARK_PERSON"]
    import nbauth
    from nbauth.demo.check import PersonPrompt
    from nbauth.demo.person import Person

    class Slow(PersonPrompt):
        def show_address(self, url: str, *, opened: bool) -> None:
            time.sleep(PERSON_S)
            super().show_address(url, opened=opened)

    person = Person("alice", ca_file=Path(os.environ["BENCHMARK_CA"]))
    nbauth.login("person", flow="loopback", timeout_s=60, prompt=Slow(person, "alice"))
    return lambda: nbauth.read(place.url)


def first_read_unattended(place: Place) -> Load:
    """Sign-in of a job and read."""
    import nbauth

    def load() -> Any:
        nbauth.login("job")
        return nbauth.read(place.url)

    return load


def first_read_msal(place: Place) -> Load:
    """Sign-in of a job by MSAL, and a read by requests and pandas."""

    def load() -> Any:
        import msal
        import pandas as pd
        import requests

        application = msal.ConfidentialClientApplication(
            os.environ["BENCHMARK_CLIENT"],
            client_credential=os.environ["BENCHMARK_SECRET"],
            authority=os.environ["BENCHMARK_AUTHORITY"],
            instance_discovery=False,
            verify=os.environ["BENCHMARK_CA"],
        )
        token = application.acquire_token_for_client([os.environ["BENCHMARK_SCOPE"]])["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        return pd.DataFrame(requests.get(place.url, headers=headers).json()["value"])

    return load
