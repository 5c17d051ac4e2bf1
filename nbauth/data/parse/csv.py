"""CSV to a DataFrame as `pd.read_csv` makes it, in less memory, and with columns of ISO 8601 times as times.

pandas' parser is fed with the stream and converts it part by part (its ``low_memory``): in one piece it holds every
cell of the table twice. Its parts get a dtype each; where these would make a column of several kinds of values, which
one piece would not, `_Mixed` is raised, and the table must be read in one piece.
"""

from __future__ import annotations

import io
import warnings
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbauth.data.batch import FrameBatch
from nbauth.data.build.free_memory import give_back
from nbauth.data.build.width import TooManyColumns, check_width, is_wide, too_many_columns
from nbauth.data.fetch.charsets import has_lines
from nbauth.data.fetch.http_errors import format_error
from nbauth.data.fetch.prefetch import prefetched
from nbauth.data.fetch.response_body import as_file
from nbauth.data.parse.format import Format
from nbauth.data.parse.json_text import reason
from nbauth.data.parse.line_buffer import LineBuffer
from nbauth.data.parse.time_columns import with_times
from nbauth.errors import NbauthError, ReadInterrupted
from nbauth.process.shielded import shielded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests import Response

    from nbauth.data.fetch.response_body import Body
    from nbauth.data.parse.format import ReadContext

__all__ = ["FORMAT", "read_table"]

_ROWS_AT_ONCE = 50_000
_PIECE = 256 * 1024
_SOURCE_FAILED = "Calling read(nbytes) on source failed"  # as pandas' C parser says it, of any exception


class _Mixed(Exception):
    """The parts of a table have dtypes that one piece would not have."""


def _table(body: Body, context: ReadContext, separator: str, *, may_be_mixed: bool) -> pd.DataFrame:
    """Read a table.

    Args:
        body: its bytes.
        context: what the response says of them, and what is wanted.
        separator: between the cells.
        may_be_mixed: whether pandas is to convert it part by part: it can be asked for again.

    Raises:
        _Mixed: it must be read in one piece.
        FormatError: it is no table, or not in the character set that the server says.
        DataError: the body is not whole. The rows that came are in ``partial``.
        ReadInterrupted: the person stopped it; likewise.
    """
    response, codec, backend = context.response, context.codec(), context.backend
    # Ahead, so that what comes is taken in while pandas parses, which needs Python's lock for half of its time only.
    pieces = prefetched(iter(lambda: body.read1(_PIECE), b""), size=len, stop=context.stop, pending=[], is_eager=True)
    lines = LineBuffer(pieces, has_lines=has_lines(codec))
    frame = pd.DataFrame()
    try:
        with (
            body,
            closing(pieces),
            _mixed_told() as told,
            _no_table(response, lines, may_be_mixed=may_be_mixed and backend is not None),
        ):

            def parse(source: Any) -> pd.DataFrame:
                table: pd.DataFrame = pd.read_csv(
                    source, sep=separator, encoding=codec, low_memory=may_be_mixed, **_options(backend)
                )
                return table

            width = _width(lines.first(), separator)
            check_width(width)
            if is_wide(width):
                # Its columns are made in one go, in which no interrupt is heard: it is read whole, and made apart.
                table = io.BytesIO(lines.read())
                frame = shielded(lambda: parse(table)) if lines.error is None else parse(table)
            else:
                frame = parse(lines)
            check_width(_width_of(frame))
        if may_be_mixed and lines.error is None and ((told and _is_mixed(frame)) or _is_rounded(frame)):
            raise _Mixed
        give_back()
        frame = with_times(frame)
    except KeyboardInterrupt as error:
        lines.error = lines.error or error
    broke = lines.error
    if broke is None:
        return frame
    rows = frame if lines.is_whole else frame.iloc[:-1]
    if isinstance(broke, KeyboardInterrupt):
        raise ReadInterrupted("Stopped.", partial=rows) from None
    if isinstance(broke, NbauthError):
        broke.partial = rows
    raise broke


def _parts(body: Body, context: ReadContext, separator: str) -> Iterator[pd.DataFrame]:
    """Yield a table in parts of some ten thousand rows. Arguments and errors are those of `_table`."""
    response, codec, backend = context.response, context.codec(), context.backend
    rows: int | None = None
    with as_file(body) as file, _no_table(response, body):
        check_width(_width(file.peek(_PIECE), separator))  # type: ignore[attr-defined]
        parts = pd.read_csv(
            file, sep=separator, encoding=codec, low_memory=False, chunksize=_ROWS_AT_ONCE, **_options(backend)
        )
        for part in parts:
            check_width(_width_of(part))
            start, rows = rows or 0, (rows or 0) + len(part)
            is_numbered = part.index.equals(pd.RangeIndex(start, rows))
            yield with_times(part.reset_index(drop=True) if is_numbered else part)
    if body.error is not None:
        raise body.error
    if rows is None:
        yield pd.DataFrame()


def _width(start: bytes, separator: str) -> int:
    """Return how many columns the longest line of a table's start may have."""
    return 1 + max(line.count(separator.encode()) for line in start.split(b"\n"))


def _width_of(frame: pd.DataFrame) -> int:
    # Of rows that are longer than the line with the names, pandas makes an index.
    return frame.shape[1] + frame.index.nlevels - 1


def _options(backend: Any) -> dict[str, Any]:
    return {"dtype_backend": backend} if backend else {}


@contextmanager
def _no_table(response: Response, source: Body | LineBuffer, *, may_be_mixed: bool = False) -> Iterator[None]:
    """Turn what pandas raises into an error that says where, unless the source broke, which tells more.

    A parser may hide what its file raised behind an error of its own, or stop there as at an end.

    Args:
        response: the response.
        source: what pandas reads.
        may_be_mixed: whether Arrow may have found no dtype for parts that have several.
    """
    try:
        yield
    except TooManyColumns:
        raise too_many_columns(response.url) from None
    except pd.errors.EmptyDataError:
        pass
    except (ValueError, LookupError, OverflowError) as error:
        if source.error is None:
            if _SOURCE_FAILED in str(error):  # the source keeps what breaks it; only an interrupt comes around it
                raise KeyboardInterrupt from None
            if may_be_mixed and not isinstance(error, (pd.errors.ParserError, UnicodeError)):
                raise _Mixed from None
            raise format_error(response, b"", f"which cannot be read as a table: {reason(error)}") from error


@contextmanager
def _mixed_told() -> Iterator[list[str]]:
    """Yield a list that is filled when pandas says that its parts of a column had dtypes of their own."""
    told: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", pd.errors.DtypeWarning)
        yield told
    for warning in caught:
        if issubclass(warning.category, pd.errors.DtypeWarning):
            told.append(str(warning.message))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def _is_mixed(frame: pd.DataFrame) -> bool:
    """Tell whether a column has values that one piece would not have: 007 would be 7 in some parts.

    Text or truth values in some parts and nothing in others are the same in one piece.
    """
    for position in range(frame.shape[1]):
        column = frame.iloc[:, position]
        if column.dtype != object:
            continue
        kinds = {"boolean"} if isinstance(pd.Series(["x"]).dtype, pd.StringDtype) else {"boolean", "string"}
        if pd.api.types.infer_dtype(column, skipna=True) not in kinds:
            return True
    return False


def _is_rounded(frame: pd.DataFrame) -> bool:
    """Tell whether pandas may have made floats of integers that are int64 in some parts and uint64 in others."""
    for position in range(frame.shape[1]):
        column = frame.iloc[:, position]
        if not len(column) or not pd.api.types.is_float_dtype(column):
            continue
        # Of an array by numpy, which takes no memory for it.
        largest = np.fmax.reduce(column.to_numpy()) if isinstance(column.dtype, np.dtype) else column.max()
        if 2**63 <= largest <= 2**64:
            values = column.to_numpy(np.float64, na_value=np.nan)
            if not np.isnan(values).any() and values.min() >= 0 and not (values % 1).any():
                return True
    return False


def read_table(body: Body, context: ReadContext, *, separator: str) -> Iterator[FrameBatch]:
    """Yield a table as one frame, or in parts. Errors are those of `_table`.

    Args:
        body: its bytes.
        context: what the response says of them, and what is wanted.
        separator: between the cells.
    """
    if context.in_parts:
        yield from map(FrameBatch, _parts(body, context, separator))
        return
    try:
        frame = _table(body, context, separator, may_be_mixed=context.repeat is not None)
    except _Mixed:
        assert context.repeat is not None
        frame = _table(*context.repeat(), separator, may_be_mixed=False)
    yield FrameBatch(frame)


FORMAT = Format(
    name="CSV",
    media_types=("text/csv", "text/x-csv", "application/csv", "application/x-csv"),
    endings=(".csv",),
    read=partial(read_table, separator=","),
    weight=0.8,
    suffix="+csv",
)
