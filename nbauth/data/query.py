"""Query: all that a caller may say about what is read, and how. It is checked once, when it is made."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any

from nbauth.data.build.frame_builder import check_choices
from nbauth.data.fetch.request import RequestSpec
from nbauth.data.paging.styles import style_of
from nbauth.data.parse.file_options import check_file_options
from nbauth.errors import ConfigError
from nbauth.net.origins import plain_url, redact_url

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nbauth.data.build.frame_builder import Backend, Nested
    from nbauth.data.paging.styles import Paging

__all__ = ["Query", "check_one_url"]

_MOST_AT_ONCE = 10  # as many connections as a session keeps
_URLS_AT_ONCE = 8


@dataclass(frozen=True)
class Query:
    """What is read, and how.

    Attributes:
        url: where the data is; or several URLs, whose rows come one after another.
        params: query parameters to add to the first request; next links bring their own.
        headers: request headers to add; those that hold a key go to the first URL's origin only.
        json: a document to post; None makes it a GET.
        records: the path of the rows in a response, such as ``"data.items"``; found by itself where it is None.
        paging: how the API is paged; see `nbauth.data.paging.styles`. ``"auto"`` looks at the first response.
        nested: what becomes of objects and lists inside a record; see `FrameBuilder`.
        dtype_backend: ``"pyarrow"`` for Arrow's dtypes.
        concurrency: how many requests at once: of several URLs, and of pages that can be told before the page before
            them names them. None takes eight URLs at once, and one page after another.
        retry_post: whether a POST that broke off may be sent again.
        max_bytes: how many bytes may come from each URL, decompressed; of Parquet and Excel, what they become counts.
        format: the format of the answers, as `nbauth.data.parse.formats` names it; None finds it out.
        encoding: the character set of text, such as ``"cp1252"``; None finds it out.
        csv: arguments of `pandas.read_csv` for a table of text, which then reads it alone.
        sheet: the sheet of an Excel file, by its name or its number from 0; None takes the only one that holds data.
        requests: the first request of each URL.

    Raises:
        ConfigError: an argument is wrong.
    """

    url: str | Sequence[str]
    _: KW_ONLY
    params: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None
    json: Any = None
    records: str | None = None
    paging: Paging = "auto"
    nested: Nested = "object"
    dtype_backend: Backend | None = None
    concurrency: int | None = None
    retry_post: bool = False
    max_bytes: int | None = None
    format: str | None = None
    encoding: str | None = None
    csv: Mapping[str, Any] | None = None
    sheet: str | int | None = None
    requests: tuple[RequestSpec, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_choices(self.nested, self.dtype_backend)
        style_of(self.paging)
        if self.records is not None and not isinstance(self.records, str):
            raise ConfigError(f'records: expected a path such as "data.items", found {self.records!r}.')
        number = 1 if self.concurrency is None else self.concurrency
        if type(number) is not int or not 1 <= number <= _MOST_AT_ONCE:
            raise ConfigError(
                f"concurrency: expected an integer from 1 to {_MOST_AT_ONCE}, found {self.concurrency!r}."
            )
        check_file_options(self.format, self.encoding, self.csv, self.sheet)
        requests = tuple(self._request(url) for url in _checked_urls(self.url))
        object.__setattr__(self, "requests", requests)

    @property
    def urls(self) -> tuple[str, ...]:
        """The URLs that are read."""
        return tuple(request.url for request in self.requests)

    @property
    def urls_at_once(self) -> int:
        """How many URLs are asked for at once. Unless it is said, nothing is posted before it is its turn."""
        by_default = _URLS_AT_ONCE if self.json is None else 1
        return min(len(self.requests), by_default if self.concurrency is None else self.concurrency)

    @property
    def pages_at_once(self) -> int:
        """How many pages of each of them are asked for at once."""
        return 1 if self.concurrency is None else self.concurrency // self.urls_at_once

    def _request(self, url: str) -> RequestSpec:
        return RequestSpec(
            url=url,
            params=self.params,
            headers=self.headers,
            json=self.json,
            retry_post=self.retry_post,
            max_bytes=self.max_bytes,
        )


def check_one_url(url: object, caller: str) -> str:
    """Return a URL that stands alone, as requests take it.

    Args:
        url: what the person gave.
        caller: the function that takes one URL only.

    Raises:
        ConfigError: it is no URL, or there are several.
    """
    if not isinstance(url, str):
        raise ConfigError(f"{caller} takes one URL; read takes several.")
    return _checked_urls(url)[0]


def _checked_urls(url: object) -> list[str]:
    """Return the URLs; those that are written for other tools, as they are meant (`plain_url`)."""
    urls = [url] if isinstance(url, str) else list(url) if isinstance(url, (list, tuple)) else None
    if not urls:
        what = "an empty list" if urls is not None else type(url).__name__
        raise ConfigError(f"url: expected a URL or a list of URLs, found {what}.")
    for item in urls:
        if not isinstance(item, str):
            raise ConfigError(f"url: expected a string, found {type(item).__name__}.")
        if "://" not in item:
            raise ConfigError(f"url: {redact_url(item)!r} is no URL.", next_step="Give an absolute https:// URL.")
    return [plain_url(item) for item in urls]
