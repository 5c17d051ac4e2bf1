"""One URL's load: its parts as they come, whatever the format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from nbauth.data import files, lines, tables
from nbauth.data.ahead import ahead
from nbauth.data.asking import Asker
from nbauth.data.bodies import Body, as_file
from nbauth.data.content import ACCEPT, charset_of, format_of
from nbauth.data.failures import clean, format_error
from nbauth.data.frames import check_choices
from nbauth.data.json_text import reason
from nbauth.data.lines import Lines
from nbauth.data.nodes import RawNode
from nbauth.data.paging.styles import style_of
from nbauth.data.walking import NOT_FOUND, Fetched, Walker
from nbauth.data.width import TooManyColumns, too_many_columns
from nbauth.errors import ApiError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from requests import Response

    from nbauth.data.asking import Question
    from nbauth.data.content import Format
    from nbauth.data.frames import Backend, FrameBuilder, Nested
    from nbauth.data.meter import Meter
    from nbauth.data.paging.answers import Ask
    from nbauth.data.paging.styles import Paging, Style
    from nbauth.data.retries import Retries
    from nbauth.data.session import Session
    from nbauth.errors import FormatError

__all__ = ["CannotGoOn", "Load", "Options", "Part"]

Part = Fetched | Lines | pd.DataFrame
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


class CannotGoOn(Exception):
    """An API has forgotten the link that an earlier load had come to."""


class Load:
    """Reads one URL.

    Args:
        session: whose tokens the requests carry.
        question: what the caller asks for.
        options: how it is read.
        meter: told what has come.

    Attributes:
        can_start_over: whether the load is one file, of which nothing that came is needed if it breaks off.
        left: pages that had come when the load was stopped.
    """

    def __init__(self, session: Session, question: Question, options: Options, meter: Meter) -> None:
        self._options = options
        self._meter = meter
        self._asker = Asker(session, question, meter, retries=options.retries, accept=ACCEPT)
        self._walker = Walker(
            self._asker,
            self._asker.chain,
            style=style_of(options.paging),
            records=options.records,
            concurrency=options.concurrency,
            rows_before=options.rows_before,
            is_named=options.is_named,
        )
        self.can_start_over = False
        self.left: list[Fetched] = []

    def parts(self, *, prefetch: bool, in_parts: bool = False, begin: Ask | None = None) -> Generator[Part | Any]:
        """Yield the load's parts: pages, lines, or frames of files that have their own columns.

        Args:
            prefetch: whether pages are fetched in a thread, ahead of who takes them.
            in_parts: whether files come in parts of some ten thousand rows, Parquet as tables of Arrow's.
            begin: the request to begin with, if it is not the first one.

        Raises:
            CannotGoOn: that request is no longer good.
        """
        ask = begin or self._walker.first
        try:
            response = self._asker.ask(ask)
        except ApiError as error:
            if begin is None or error.status not in _GONE:
                raise
            if error.status == NOT_FOUND and self._walker.missing_is_end:
                return
            raise CannotGoOn from error
        try:
            found = self._format(response, ask.url)
            if found == "json":
                walk = self._walker.walk(ask, response, goes_on=begin is not None)
                if prefetch:
                    is_eager = self._options.concurrency > 1
                    walk = ahead(walk, size=_size, stop=self._asker.stop, left=self.left, is_eager=is_eager)
                yield from walk
            elif found is not None:
                self.can_start_over = not in_parts
                yield from self._file(ask, response, found, in_parts=in_parts)
        finally:
            response.close()

    @property
    def recognised(self) -> tuple[Style, str | None]:
        """How the API is paged and where the rows are, once the first answer has come."""
        return self._walker.style, self._walker.records

    def end(self, builder: FrameBuilder) -> None:
        """Give a builder the columns that are known, if no row came."""
        if not builder.rows:
            builder.expect(self._walker.columns)

    def try_again(self, error: BaseException, attempt: int) -> bool:
        """Wait, if a file that broke off may be read again from its start; tell whether it may."""
        return self.can_start_over and self._asker.try_again(error, attempt)

    def add(self, part: Part, builder: FrameBuilder) -> None:
        """Take a part that is no frame into a builder, and count its rows.

        Raises:
            FormatError: it is no JSON.
            DataError: it has too many columns.
        """
        assert not isinstance(part, pd.DataFrame)
        try:
            self._add(part, builder)
        except TooManyColumns:
            raise too_many_columns(part.response.url) from None

    def _add(self, part: Part, builder: FrameBuilder) -> None:
        before = builder.rows
        total, broken = None, None
        if isinstance(part, Lines):
            raw = part.raw() if builder.is_fast else None
            try:
                if raw is None:
                    broken = _add_lines(part, builder)
                else:
                    builder.add_raw(raw[0], expected=raw[1])
            except (ValueError, RecursionError):
                broken = _add_lines(part, builder)
        elif isinstance(part, Fetched):
            total = part.total_rows
            node = part.rows.node
            try:
                if part.rows.is_single:
                    builder.add([node.value()])
                elif isinstance(node, RawNode):
                    builder.add_raw(node.raw, quoted=node.quotes)
                else:
                    builder.add(node.value())
            except (ValueError, RecursionError) as error:
                start = bytes(node.raw[:1000]) if isinstance(node, RawNode) else b""
                raise format_error(part.response, start, f"which is no valid JSON: {reason(error)}") from error
        self._meter.read(builder.rows - before, total)
        if broken is not None:
            raise broken

    def _file(self, ask: Ask, response: Response, found: Format, *, in_parts: bool) -> Iterator[Part | Any]:
        backend = self._options.dtype_backend
        body = self._asker.body(ask, response)
        match found:
            case "ndjson":
                yield from lines.read_lines(response, body, _codec(response))
            case "parquet" if in_parts:
                for table in files.read_parquet_parts(response, body, self._asker.allowance):
                    self._meter.read(table.num_rows)
                    yield table
            case "parquet" | "excel":
                read = files.read_parquet if found == "parquet" else files.read_excel
                frame = read(response, body, self._asker.allowance, backend=backend)
                self._meter.read(len(frame), len(frame))
                yield frame
            case "csv" | "tsv":
                yield from self._table(ask, response, body, "," if found == "csv" else "\t", in_parts=in_parts)

    def _table(
        self, ask: Ask, response: Response, body: Body, separator: str, *, in_parts: bool
    ) -> Iterator[pd.DataFrame]:
        options: dict[str, Any] = {
            "separator": separator, "codec": _codec(response), "backend": self._options.dtype_backend,
        }  # fmt: skip
        if in_parts:
            for part in tables.read_parts(response, body, **options):
                self._meter.read(len(part))
                yield part
            return
        try:
            frame = tables.read_table(response, body, in_parts=ask.body is None, stop=self._asker.stop, **options)
        except tables.Mixed:
            again = self._asker.ask(ask)
            body = self._asker.body(ask, again)
            frame = tables.read_table(again, body, in_parts=False, stop=self._asker.stop, **options)
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


def _add_lines(part: Lines, builder: FrameBuilder) -> FormatError | None:
    records, broken = part.records()
    builder.add(records)
    return broken


def _size(page: Fetched) -> int:
    return page.size


def _codec(response: Response) -> str:
    try:
        return charset_of(response.headers.get("Content-Type", ""))
    except (LookupError, ValueError) as error:
        response.close()
        named = clean(str(error.args[0] if error.args else ""), 40)
        raise format_error(response, b"", f"whose character set {named!r} is none that is read") from None
