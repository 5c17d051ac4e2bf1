"""One URL's load: its parts as they come, whatever the format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

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
from nbauth.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from requests import Response

    from nbauth.data.build.frame_builder import FrameBuilder
    from nbauth.data.fetch.progress import Meter
    from nbauth.data.fetch.request import PageRequest, RequestSpec
    from nbauth.data.fetch.retry import Retries
    from nbauth.data.fetch.session import Session
    from nbauth.data.paging.styles import Style
    from nbauth.data.parse.formats import Format
    from nbauth.data.query import Query
    from nbauth.errors import FormatError

__all__ = ["Batch", "CannotResume", "Reader", "Resume"]

Batch = Page | Lines | pd.DataFrame
_GONE = frozenset({400, NOT_FOUND, 410})  # what APIs answer to a link that they have forgotten


@dataclass(frozen=True, kw_only=True)
class Resume:
    """Where a load goes on that broke off earlier.

    Attributes:
        request: the next request.
        style: how the API is paged.
        records: the path of the rows.
        rows: how many rows came before it.
    """

    request: PageRequest
    style: Style
    records: str | None
    rows: int


class CannotResume(Exception):
    """An API has forgotten the link that an earlier load had come to."""


class Reader:
    """Reads one URL.

    Args:
        session: whose tokens the requests carry.
        query: how it is read.
        spec: the URL's first request, which is one of the query's.
        meter: told what has come.
        retries: how often and how long to try again.
        resume: where an earlier load broke off, if this one goes on there.

    Attributes:
        can_start_over: whether the load is one file, of which nothing that came is needed if it breaks off.
        left: pages that had come when the load was stopped.
    """

    def __init__(
        self,
        session: Session,
        query: Query,
        spec: RequestSpec,
        meter: Meter,
        *,
        retries: Retries | None = None,
        resume: Resume | None = None,
    ) -> None:
        self._query = query
        self._meter = meter
        self._resume = resume
        self._requester = Requester(session, spec, meter, retries=retries, accept=ACCEPT)
        self._page_iterator = PageIterator(
            self._requester,
            self._requester.chain,
            style=style_of(query.paging) if resume is None else resume.style,
            records=query.records if resume is None else resume.records,
            concurrency=query.concurrency,
            rows_before=0 if resume is None else resume.rows,
            is_named=query.records is not None,
        )
        self.can_start_over = False
        self.pending: list[Page] = []

    def batches(self, *, prefetch: bool, in_parts: bool = False) -> Generator[Batch | Any]:
        """Yield the load's parts: pages, lines, or frames of files that have their own columns.

        Args:
            prefetch: whether pages are fetched in a thread, ahead of who takes them.
            in_parts: whether files come in parts of some ten thousand rows, Parquet as tables of Arrow's.

        Raises:
            CannotResume: the request to go on with is no longer good.
        """
        request = self._page_iterator.first if self._resume is None else self._resume.request
        try:
            response = self._requester.send(request)
        except ApiError as error:
            if self._resume is None or error.status not in _GONE:
                raise
            if error.status == NOT_FOUND and self._page_iterator.missing_is_end:
                return
            raise CannotResume from error
        try:
            found = self._format(response, request.url)
            if found == "json":
                pages = self._page_iterator.pages(request, response, resuming=self._resume is not None)
                if prefetch:
                    is_eager = self._query.concurrency > 1
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
        backend = self._query.dtype_backend
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
            "separator": separator, "codec": _codec(response), "backend": self._query.dtype_backend,
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
