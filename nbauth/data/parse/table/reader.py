"""Reads a table of text: its head says how it is written, its blocks become frames, and these one frame or parts."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from nbauth.data.build.free_memory import give_back, reuse_buffers
from nbauth.data.build.width import TooManyColumns, check_width, is_wide, too_many_columns
from nbauth.data.fetch.http_errors import clean, format_error
from nbauth.data.fetch.prefetch import pieces_of
from nbauth.data.parse.json_text import reason
from nbauth.data.parse.table.block_parser import BlockParser
from nbauth.data.parse.table.blocks import BLOCK, Blocks
from nbauth.data.parse.table.charset import Charset, WrongCharset
from nbauth.data.parse.table.columns import columns_in
from nbauth.data.parse.table.dialect import dialect_of
from nbauth.data.parse.table.joined import MustBeText, joined
from nbauth.data.parse.table.mixed import mixed_error
from nbauth.data.parse.table.numbers import NULL_WORDS
from nbauth.data.parse.table.quote_rules import NoTable
from nbauth.data.parse.table.tail import tail_of
from nbauth.data.parse.time_columns import with_times
from nbauth.errors import DataError, NbauthError, ReadInterrupted
from nbauth.net.origins import redact_url
from nbauth.process.shielded import shielded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.data.fetch.response_body import Body
    from nbauth.data.parse.format import ReadContext
    from nbauth.data.parse.table.columns import Columns
    from nbauth.errors import FormatError

__all__ = ["parts_of_table", "whole_table"]

_ROWS_AT_ONCE = 50_000
_PIECE = 256 * 1024
_MOST_NAMED = 5
_COLUMNS_A_BLOCK = 50


@dataclass
class _Table:
    """A table that is read.

    Attributes:
        body: its bytes.
        context: what the response says of them, and what is wanted.
        separator: what its format has between the cells.
        text: columns that are text whatever they look like.
    """

    body: Body
    context: ReadContext
    separator: str
    text: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        self._parser: BlockParser | None = None
        self._error: BaseException | None = None

    @property
    def error(self) -> BaseException | None:
        """What broke the table."""
        return self._error

    def blocks(self) -> Iterator[Columns]:
        """Yield blocks of rows; none where no line has names. What breaks them is in `error`."""
        context = self.context
        charset = Charset(context.encoding, context.codec())
        pieces = pieces_of(self.body, _PIECE, context.stop)
        blocks = Blocks(charset.pieces(pieces))
        reuse_buffers()  # those of pandas' parser, which is a new one for each block
        with self.body, closing(pieces):
            try:
                yield from self._blocks(blocks, charset)
            except KeyboardInterrupt as error:
                blocks.error = error
            except WrongCharset as error:
                self._error = self._wrong(error)
            self._error = self._error or self._broken(blocks.error)
        if charset.is_assumed:
            context.assume(
                f"{redact_url(context.url)} is no UTF-8 and was read as Windows-1252; "
                "encoding= names another character set."
            )

    def _blocks(self, blocks: Blocks, charset: Charset) -> Iterator[Columns]:
        start, is_whole = blocks.start()
        if b"\r" in start and b"\n" not in start:
            blocks.end_lines_by_returns()
            start, is_whole = blocks.start()
        if is_whole and blocks.error is not None:
            start = start[: start.rfind(b"\n") + 1]
        raw = start if is_whole else start[: start.rfind(b"\n") + 1] or start
        start = charset.block(raw)
        try:
            dialect, begin = dialect_of(start, self.separator, is_whole=is_whole)
        except pd.errors.EmptyDataError:
            return
        check_width(dialect.width)
        line = start.count(b"\n", 0, begin) + 1
        self._parser = parser = BlockParser(dialect, self.context.backend, self.text, line, self._assume)
        if dialect.is_doubtful:
            self._assume('commas were read as decimal commas; csv={"sep": ";", "thousands": ","} reads them otherwise')
        blocks.skip(_same_place(raw, start, begin))
        # Each column takes its time in each block. Many are made in one go, in which no interrupt is heard.
        blocks.size = None if is_wide(dialect.width) else BLOCK * max(1, dialect.width // _COLUMNS_A_BLOCK)
        for data, is_last in blocks(parser.rules.cut):
            block = charset.block(data)
            if is_last:
                block = self._without_tail(block, blocks)
            yield shielded(partial(parser.parse, block)) if is_wide(dialect.width) else parser.parse(block)

    def _without_tail(self, block: bytes, blocks: Blocks) -> bytes:
        assert self._parser is not None
        dialect = self._parser.dialect
        if blocks.error is None and (tail := tail_of(block, dialect.separator, dialect.width)):
            shown_url = redact_url(self.context.url)
            blocks.error = DataError(
                f"{shown_url}: behind the rows stands what is no row: {clean(tail.text, 300)!r}.",
                url=shown_url,
                next_step="The rows before it are in this exception's partial. csv={} reads it as pandas does.",
            )
            block = block[: tail.start]
        if dialect.width == 1 and (rows := block.rstrip(b"\r\n")) != block:
            block = rows + b"\n" if rows else b""
        return block

    def named(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a frame with the columns' names, and its times as times."""
        assert self._parser is not None
        frame.columns = pd.Index(self._parser.dialect.names)
        words = self._parser.words
        if words and (lost := [n for n in words if frame.iloc[:, n].isna().all()]):
            names = ", ".join(repr(self._parser.dialect.names[n]) for n in lost[:_MOST_NAMED])
            self._assume(f'{words[lost[0]]} was read as no value in {names}; csv={{"keep_default_na": False}} keeps it')
        return with_times(frame, NULL_WORDS)

    def whole(self) -> pd.DataFrame:
        """Return all rows.

        Raises:
            MustBeText: columns that have to be read again as text.
        """
        blocks: list[Columns] = []
        frame = pd.DataFrame()
        with _errors(self):
            try:
                blocks.extend(self.blocks())
            except NoTable as error:
                self._error = self._wrong(error)
            if self._parser is not None and blocks:
                if len(blocks) > 1:
                    give_back()
                frame = self._joined(blocks)
                del blocks
                give_back()
                frame = self.named(frame)
        broke = self.error
        if isinstance(broke, KeyboardInterrupt):
            raise ReadInterrupted("Stopped.", partial=frame) from None
        if isinstance(broke, NbauthError):
            broke.partial = frame
        if broke is not None:
            raise broke
        return frame

    def parts(self) -> Iterator[pd.DataFrame]:
        """Yield the rows in parts."""
        rest: list[Columns] = []
        with _errors(self):
            for block in self.blocks():
                rest.append(block)
                while sum(len(columns[0]) for columns in rest) >= _ROWS_AT_ONCE:
                    frame = self._joined(rest)
                    rest = [columns_in(frame.iloc[_ROWS_AT_ONCE:].reset_index(drop=True))]
                    yield self.named(frame.iloc[:_ROWS_AT_ONCE].copy())
            if rest:
                yield self.named(self._joined(rest))
        if self._parser is None and self.error is None:
            yield pd.DataFrame()
        if self.error is not None:
            raise self.error

    def mixed(self, error: MustBeText) -> FormatError:
        """Make the error of columns whose text is lost, where the table cannot be read again."""
        assert self._parser is not None
        found = mixed_error(self.context.response, self._parser.dialect, self.separator, error.columns)
        found.partial = self.named(error.frame)
        return found

    def _joined(self, blocks: list[Columns]) -> pd.DataFrame:
        assert self._parser is not None
        try:
            return joined(blocks, self._parser.words, self._parser.text)
        except MustBeText as error:
            if self._error is None:
                raise
            return error.frame

    def _broken(self, error: BaseException | None) -> BaseException | None:
        return self._wrong(error) if isinstance(error, WrongCharset) else error

    def _wrong(self, error: Exception) -> NbauthError:
        response = self.context.response
        if isinstance(error, WrongCharset):
            found = format_error(response, b"", f"which cannot be read as a table: {error}")
            found.next_step = 'Name its character set, as in encoding="cp1252".'
        elif isinstance(error, NoTable):
            found = format_error(response, b"", str(error))
            found.next_step = (
                'csv= takes arguments of pandas.read_csv, as in csv={"quoting": 3} or csv={"index_col": 0}.'
            )
        else:
            found = format_error(response, b"", f"which cannot be read as a table: {reason(error)}")
            found.next_step = 'csv= takes arguments of pandas.read_csv, as in csv={"sep": ";"}.'
        return found

    def _assume(self, what: str) -> None:
        self.context.assume(f"{redact_url(self.context.url)}: {what}.")


def _same_place(raw: bytes, text: bytes, place: int) -> int:
    """Return where a place of a text in UTF-8 is in the bytes as they came: its lines are the same ones."""
    if place >= len(text):
        return len(raw)
    end = 0
    for _ in range(text.count(b"\n", 0, place)):
        end = raw.index(b"\n", end) + 1
    return end + place - (text.rfind(b"\n", 0, place) + 1)


@contextmanager
def _errors(table: _Table) -> Iterator[None]:
    """Turn what pandas raises into an error that says where."""
    try:
        yield
    except TooManyColumns:
        raise too_many_columns(table.context.url) from None
    except MustBeText:
        raise
    except (ValueError, LookupError, OverflowError) as error:
        if isinstance(error, NbauthError):
            raise
        raise table._wrong(error) from error  # noqa: SLF001 - its own


def whole_table(body: Body, context: ReadContext, separator: str) -> pd.DataFrame:
    """Return a table.

    Args:
        body: its bytes.
        context: what the response says of them, and what is wanted.
        separator: what its format has between the cells.

    Raises:
        FormatError: it is no table, or not in its character set.
        DataError: the body is not whole, or an error stands behind the rows. The rows that came are in ``partial``.
        ReadInterrupted: the person stopped it; likewise.
    """
    table = _Table(body, context, separator)
    try:
        return table.whole()
    except MustBeText as error:
        if context.repeat is None:
            raise table.mixed(error) from None
        text = frozenset(error.columns)
    again, its_context = context.repeat()
    table = _Table(again, its_context, separator, text)
    try:
        return table.whole()
    except MustBeText as error:  # it is another table by now
        raise table.mixed(error) from None


def parts_of_table(body: Body, context: ReadContext, separator: str) -> Iterator[pd.DataFrame]:
    """Yield a table in parts. Arguments and errors are those of `whole_table`."""
    table = _Table(body, context, separator)
    try:
        yield from table.parts()
    except MustBeText as error:
        raise table.mixed(error) from None
