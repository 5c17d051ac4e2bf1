"""Pages after pages by a loop, by clients of HTTP and by tools that follow links; and several URLs."""

from collections.abc import Callable, Iterator
from typing import Any

from contenders import HEADERS, TOKEN, Load, Place


def chain(url: str | None, get: Callable[[str], dict[str, Any]]) -> Iterator[Any]:
    while url:
        document = get(url)
        yield document["value"]
        url = document.get("nextLink")


def naive(place: Place) -> Load:
    import pandas as pd

    return page_by_page(place, pd.DataFrame)


def normalized(place: Place) -> Load:
    import pandas as pd

    return page_by_page(place, pd.json_normalize)


def page_by_page(place: Place, frame: Callable[[Any], Any]) -> Load:
    """A frame of each page, joined at the end."""
    import pandas as pd
    import requests

    session = requests.Session()
    session.headers.update(HEADERS)

    def load() -> pd.DataFrame:
        pages = chain(place.url, lambda url: session.get(url).json())
        return pd.concat([frame(page) for page in pages], ignore_index=True)

    return load


def rows_once(place: Place) -> Load:
    """All rows first, one frame of them at the end."""
    import pandas as pd
    import requests

    session = requests.Session()
    session.headers.update(HEADERS)
    get = lambda url: session.get(url).json()  # noqa: E731
    return lambda: pd.DataFrame([row for page in chain(place.url, get) for row in page])


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
