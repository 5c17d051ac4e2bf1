"""One URL's load: its parts as they come, whatever the format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from nbauth.data.build.frame_builder import check_choices
from nbauth.data.build.width import TooManyColumns, too_many_columns
from nbauth.data.fetch.http_errors import clean, format_error
from nbauth.data.fetch.prefetch import prefetched
from nbauth.data.fetch.requester import Requester
from nbauth.data.fetch.response_body import Body, as_file
from nbauth.data.paging.page import Page
from nbauth.data.paging.page_iterator import NOT_FOUND, PageIterator
from nbauth.data.paging.styles import style_of
from nbauth.data.parse import csv, excel, ndjson, parquet
from nbauth.data.parse.formats import ACCEPT, charset_of, format_of
from nbauth.data.parse.json_text import reason
from nbauth.data.parse.lazy_json import RawNode
from nbauth.data.parse.ndjson import Lines
from nbauth.errors import ApiError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from requests import Response

    from nbauth.data.build.frame_builder import Backend, FrameBuilder, Nested
    from nbauth.data.fetch.progress import Meter
    from nbauth.data.fetch.request import PageRequest, RequestSpec
    from nbauth.data.fetch.retry import Retries
    from nbauth.data.fetch.session import Session
    from nbauth.data.paging.styles import Paging, Style
    from nbauth.data.parse.formats import Format
    from nbauth.errors import FormatError

__all__ = ["Batch", "CannotResume", "Options", "Reader"]

Batch = Page | Lines | pd.DataFrame
_GONE = frozenset({400, NOT_FOUND, 410})  # what APIs answer to a link that they have forgotten
_MOST_AT_ONCE = 10  # as many connections as a session keeps


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a load is read.

    Attributes:
        nested: what becomes of objects and lists inside a record.
        dtype_backend: ``"pyarrow"`` for Arrow's dtypes.
        paging: how the API is paged.
        records: the path of the rows in an answer.
        concurrency: how many requests at once, where the first answer tells all the others.
        retries: how often and how long to try again.
        rows_before: how many rows came in an earlier load that broke off.
        is_named: whether the caller named the path of the rows.

    Raises:
        ConfigError: a value that is none of those.
    """

    nested: Nested = "object"
    dtype_backend: Backend | None = None
    paging: Paging = "auto"
    records: str | None = None
    concurrency: int = 1
    retries: Retries | None = None
    rows_before: int = 0
    is_named: bool = True

    def __post_init__(self) -> None:
        check_choices(self.nested, self.dtype_backend)
        style_of(self.paging)
        if self.records is not None and not isinstance(self.records, str):
            raise ConfigError(f'records: expected a path such as "data.items", found {self.records!r}.')
        if type(self.concurrency) is not int or not 1 <= self.concurrency <= _MOST_AT_ONCE:
            raise ConfigError(
                f"concurrency: expected an integer from 1 to {_MOST_AT_ONCE}, found {self.concurrency!r}."
            )


class CannotResume(Exception):
    """An API has forgotten the link that an earlier load had come to."""


class Reader:
    """Reads one URL.

    Args:
        session: whose tokens the requests carry.
        spec: what the caller asks for.
        options: how it is read.
        meter: told what has come.

    Attributes:
        can_start_over: whether the load is one file, of which nothing that came is needed if it breaks off.
        left: pages that had come when the load was stopped.
    """

    def __init__(self, session: Session, spec: RequestSpec, options: Options, meter: Meter) -> None:
        self._options = options
        self._meter = meter
        self._requester = Requester(session, spec, meter, retries=options.retries, accept=ACCEPT)
        self._page_iterator = PageIterator(
            self._requester,
            self._requester.chain,
            style=style_of(options.paging),
            records=options.records,
            concurrency=options.concurrency,
            rows_before=options.rows_before,
            is_named=options.is_named,
        )
        self.can_start_over = False
        self.pending: list[Page] = []

    def batches(
        self, *, prefetch: bool, in_parts: bool = False, begin: PageRequest | None = None
    ) -> Generator[Batch | Any]:
        """Yield the load's parts: pages, lines, or frames of files that have their own columns.

        Args:
            prefetch: whether pages are fetched in a thread, ahead of who takes them.
            in_parts: whether files come in parts of some ten thousand rows, Parquet as tables of Arrow's.
            begin: the request to begin with, if it is not the first one.

        Raises:
            CannotResume: that request is no longer good.
        """
        request = begin or self._page_iterator.first
        try:
            response = self._requester.send(request)
        except ApiError as error:
            if begin is None or error.status not in _GONE:
                raise
            if error.status == NOT_FOUND and self._page_iterator.missing_is_end:
                return
            raise CannotResume from error
        try:
            found = self._format(response, request.url)
            if found == "json":
                pages = self._page_iterator.pages(request, response, goes_on=begin is not None)
                if prefetch:
                    is_eager = self._options.concurrency > 1
                    pages = prefetched(
                        pages, size=_size, stop=self._requester.stop, left=self.pending, is_eager=is_eager
                    )
                yield from pages
            elif found is not None:
                self.can_start_over = not in_parts
                yield from self._file(request, response, found, in_parts=in_parts)
        finally:
            response.close()

    @property
    def detected(self) -> tuple[Style, str | None]:
        """How the API is paged and where the rows are, once the first answer has come."""
        return self._page_iterator.style, self._page_iterator.records

    def end(self, builder: FrameBuilder) -> None:
        """Give a builder the columns that are known, if no row came."""
        if not builder.rows:
            builder.expect(self._page_iterator.columns)

    def try_again(self, error: BaseException, attempt: int) -> bool:
        """Wait, if a file that broke off may be read again from its start; tell whether it may."""
        return self.can_start_over and self._requester.try_again(error, attempt)

    def add(self, batch: Batch, builder: FrameBuilder) -> None:
        """Take a part that is no frame into a builder, and count its rows.

        Raises:
            FormatError: it is no JSON.
            DataError: it has too many columns.
        """
        assert not isinstance(batch, pd.DataFrame)
        try:
            self._add(batch, builder)
        except TooManyColumns:
            raise too_many_columns(batch.response.url) from None

    def _add(self, batch: Batch, builder: FrameBuilder) -> None:
        before = builder.rows
        total, broken = None, None
        if isinstance(batch, Lines):
            raw = batch.raw() if builder.is_fast else None
            try:
                if raw is None:
                    broken = _add_lines(batch, builder)
                else:
                    builder.add_raw(raw[0], expected=raw[1])
            except (ValueError, RecursionError):
                broken = _add_lines(batch, builder)
        elif isinstance(batch, Page):
            total = batch.total_rows
            node = batch.rows.node
            try:
                if batch.rows.is_single:
                    builder.add([node.value()])
                elif isinstance(node, RawNode):
                    builder.add_raw(node.raw, quoted=node.quotes)
                else:
                    builder.add(node.value())
            except (ValueError, RecursionError) as error:
                start = bytes(node.raw[:1000]) if isinstance(node, RawNode) else b""
                raise format_error(batch.response, start, f"which is no valid JSON: {reason(error)}") from error
        self._meter.read(builder.rows - before, total)
        if broken is not None:
            raise broken

    def _file(
        self, request: PageRequest, response: Response, found: Format, *, in_parts: bool
    ) -> Iterator[Batch | Any]:
        backend = self._options.dtype_backend
        body = self._requester.body(request, response)
        match found:
            case "ndjson":
                yield from ndjson.read_lines(response, body, _codec(response))
            case "parquet" if in_parts:
                for table in parquet.read_parquet_parts(response, body, self._requester.byte_limit):
                    self._meter.read(table.num_rows)
                    yield table
            case "parquet" | "excel":
                read = parquet.read_parquet if found == "parquet" else excel.read_excel
                frame = read(response, body, self._requester.byte_limit, backend=backend)
                self._meter.read(len(frame), len(frame))
                yield frame
            case "csv" | "tsv":
                yield from self._table(request, response, body, "," if found == "csv" else "\t", in_parts=in_parts)

    def _table(
        self, request: PageRequest, response: Response, body: Body, separator: str, *, in_parts: bool
    ) -> Iterator[pd.DataFrame]:
        options: dict[str, Any] = {
            "separator": separator, "codec": _codec(response), "backend": self._options.dtype_backend,
        }  # fmt: skip
        if in_parts:
            for batch in csv.read_parts(response, body, **options):
                self._meter.read(len(batch))
                yield batch
            return
        try:
            frame = csv.read_table(response, body, in_parts=request.body is None, stop=self._requester.stop, **options)
        except csv.Mixed:
            again = self._requester.send(request)
            body = self._requester.body(request, again)
            frame = csv.read_table(again, body, in_parts=False, stop=self._requester.stop, **options)
        self._meter.read(len(frame))
        yield frame

    def _format(self, response: Response, url: str) -> Format | None:
        """Return what the body is, or None for nothing at all."""
        found = format_of(response.headers.get("Content-Type", ""), response.url, url)
        if found is None:
            with as_file(Body(response, self._meter.receiver())) as file:
                start = file.read(1000)
            if start.strip():
                raise format_error(response, start)
            self._meter.read(0, 0)
        return found


def _add_lines(batch: Lines, builder: FrameBuilder) -> FormatError | None:
    records, broken = batch.records()
    builder.add(records)
    return broken


def _size(page: Page) -> int:
    return page.size


def _codec(response: Response) -> str:
    try:
        return charset_of(response.headers.get("Content-Type", ""))
    except (LookupError, ValueError) as error:
        response.close()
        named = clean(str(error.args[0] if error.args else ""), 40)
        raise format_error(response, b"", f"whose character set {named!r} is none that is read") from None
