"""CSV with the caller's own words: as `pd.read_csv` reads it with them, and nothing beside."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pandas as pd

from nbauth.data.build.width import TooManyColumns, check_width, too_many_columns
from nbauth.data.fetch.charsets import has_lines
from nbauth.data.fetch.http_errors import format_error
from nbauth.data.fetch.prefetch import pieces_of
from nbauth.data.fetch.response_body import as_file
from nbauth.data.parse.json_text import reason
from nbauth.data.parse.line_buffer import LineBuffer
from nbauth.errors import NbauthError, ReadInterrupted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.data.fetch.response_body import Body
    from nbauth.data.parse.format import ReadContext

__all__ = ["parts_by_pandas", "table_by_pandas"]

_ROWS_AT_ONCE = 50_000
_PIECE = 256 * 1024
_SOURCE_FAILED = "Calling read(nbytes) on source failed"  # as pandas' C parser says it, of any exception


def table_by_pandas(body: Body, context: ReadContext, separator: str) -> pd.DataFrame:
    """Return a table.

    Args:
        body: its bytes.
        context: what the response says of them, and what is wanted.
        separator: what its format has between the cells.

    Raises:
        FormatError: pandas cannot read it.
        DataError: the body is not whole. The rows that came are in ``partial``.
        ReadInterrupted: the person stopped it; likewise.
    """
    pieces = pieces_of(body, _PIECE, context.stop)
    lines = LineBuffer(pieces, has_lines=has_lines(context.encoding or context.codec()))
    frame = pd.DataFrame()
    try:
        with body, closing(pieces), _no_table(context, lines):
            table: Any = pd.read_csv(lines, **_options(context, separator))
            frame = table
            check_width(_width_of(frame))
    except KeyboardInterrupt as error:
        lines.error = lines.error or error
    if (broke := lines.error) is None:
        return frame
    rows = frame if lines.is_whole else frame.iloc[:-1]
    if isinstance(broke, KeyboardInterrupt):
        raise ReadInterrupted("Stopped.", partial=rows) from None
    if isinstance(broke, NbauthError):
        broke.partial = rows
    raise broke


def parts_by_pandas(body: Body, context: ReadContext, separator: str) -> Iterator[pd.DataFrame]:
    """Yield a table in parts of some ten thousand rows. Arguments and errors are those of `table_by_pandas`."""
    is_empty = True
    options = _options(context, separator) | {"chunksize": _ROWS_AT_ONCE}
    with as_file(body) as file, _no_table(context, body):
        start = 0
        for part in pd.read_csv(file, **options):
            check_width(_width_of(part))
            is_numbered = part.index.equals(pd.RangeIndex(start, start + len(part)))
            start += len(part)
            is_empty = False
            yield part.reset_index(drop=True) if is_numbered else part
    if body.error is not None:
        raise body.error
    if is_empty:
        yield pd.DataFrame()


def _options(context: ReadContext, separator: str) -> dict[str, Any]:
    said = dict(context.csv or {})
    options: dict[str, Any] = {"encoding": context.encoding or context.codec()}
    if not said.keys() & {"sep", "delimiter"}:
        options["sep"] = separator
    if said.get("engine") in {None, "c"}:
        options["low_memory"] = False  # else a column has the dtypes of several parts
    if context.backend:
        options["dtype_backend"] = context.backend
    return options | said


def _width_of(frame: pd.DataFrame) -> int:
    # Of rows that are longer than the line with the names, pandas makes an index.
    return frame.shape[1] + frame.index.nlevels - 1


@contextmanager
def _no_table(context: ReadContext, source: Body | LineBuffer) -> Iterator[None]:
    """Turn what pandas raises into an error that says where, unless the source broke, which tells more.

    A parser may hide what its file raised behind an error of its own, or stop there as at an end.
    """
    try:
        yield
    except TooManyColumns:
        raise too_many_columns(context.url) from None
    except pd.errors.EmptyDataError:
        pass
    except (ValueError, TypeError, LookupError, OverflowError) as error:
        if source.error is None:
            if _SOURCE_FAILED in str(error):  # the source keeps what breaks it; only an interrupt comes around it
                raise KeyboardInterrupt from None
            found = format_error(context.response, b"", f"which pandas cannot read with csv=: {reason(error)}")
            raise found from error
