"""CSV and TSV to a DataFrame as `pd.read_csv` makes it, in less memory, and with columns of ISO 8601 times as times.

pandas' parser is fed with the stream and asked for some ten thousand rows at once: in one piece it holds every cell of
the table twice. Its parts get a dtype each; where these could make another table than one piece would, `Mixed` is
raised, and the table must be read in one piece.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pandas as pd

from nbauth.data.bodies import as_file
from nbauth.data.dates import is_time, timestamps
from nbauth.data.failures import format_error
from nbauth.data.fast import is_fast
from nbauth.data.json_text import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from requests import Response

    from nbauth.data.bodies import Body

__all__ = ["Mixed", "read_parts", "read_table", "with_times"]

_ROWS_AT_ONCE = 50_000


class Mixed(Exception):
    """The parts of a table have dtypes that one piece would not have."""


def read_table(
    response: Response,
    body: Body,
    *,
    separator: str,
    codec: str,
    backend: Any,
    in_parts: bool,
    on_rows: Callable[[int], None],
) -> pd.DataFrame:
    """Read a table.

    Args:
        response: the answer.
        body: its body.
        separator: between the cells.
        codec: the character set.
        backend: pandas' ``dtype_backend``, or None.
        in_parts: whether to read it in parts.
        on_rows: told how many rows have come.

    Raises:
        Mixed: it must be read in one piece.
        FormatError: it is no table, or not in the character set that the server says.
        DataError: the body is not whole.
    """
    if not in_parts:
        (frame,) = read_parts(response, body, separator=separator, codec=codec, backend=backend, rows=None)
        on_rows(len(frame))
        return with_times(frame)
    columns: list[list[pd.Series[Any]]] = []
    names: Any = None
    for part in read_parts(response, body, separator=separator, codec=codec, backend=backend, rows=_ROWS_AT_ONCE):
        if not isinstance(part.index, pd.RangeIndex):
            raise Mixed
        part = with_times(part)  # noqa: PLW2901 - in a third of the memory
        columns = columns or [[] for _ in range(part.shape[1])]
        for position, column in enumerate(columns):
            column.append(part.iloc[:, position])
            if len(column) > 1 and not _go_together(column[0], column[-1]):
                raise Mixed
        names = part.columns
        on_rows(len(part))
    rows = sum(len(part) for part in columns[0]) if columns else 0
    joined: dict[int, Any] = {}
    for position in range(len(columns)):
        # One by one, so that not everything is held twice.
        parts, columns[position] = columns[position], []
        joined[position] = _joined(parts)
    frame = pd.DataFrame(joined, index=pd.RangeIndex(rows), copy=False)
    frame.columns = pd.Index([]) if names is None else names
    return frame


def read_parts(
    response: Response, body: Body, *, separator: str, codec: str, backend: Any, rows: int | None = _ROWS_AT_ONCE
) -> Iterator[pd.DataFrame]:
    """Yield a table in parts of so many rows, or whole if `rows` is None. Arguments and errors are `read_table`'s."""
    options: dict[str, Any] = {"dtype_backend": backend} if backend else {}
    with as_file(body) as file:
        try:
            # In one piece inside pandas: parts of one column would each get a dtype of their own, and 007 be 7 in some.
            found: Any = pd.read_csv(file, sep=separator, encoding=codec, low_memory=False, chunksize=rows, **options)
            yield from [found] if rows is None else found
        except pd.errors.EmptyDataError:
            if body.error is None:
                yield pd.DataFrame()
        except (ValueError, LookupError) as error:
            # A parser may hide what its file raised behind an error of its own, or stop there as at an end.
            if body.error is None:
                raise format_error(response, b"", f"which cannot be read as a table: {reason(error)}") from error
        if body.error is not None:
            raise body.error


def _go_together(first: pd.Series[Any], other: pd.Series[Any]) -> bool:
    if first.dtype == other.dtype:
        return str(first.dtype) != "object" or _is_text(first) == _is_text(other)
    kinds = {str(first.dtype), str(other.dtype)}
    return kinds in ({"int64", "float64"}, {"int64[pyarrow]", "double[pyarrow]"})


def _is_text(column: pd.Series[Any]) -> bool:
    return pd.api.types.infer_dtype(column, skipna=True) in ("string", "empty")


def _joined(parts: list[pd.Series[Any]]) -> pd.Series[Any]:
    if len(parts) == 1:
        return parts[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of columns without a value, which are of one dtype here
        return pd.concat(parts, ignore_index=True)


def with_times(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with columns of ISO 8601 times as times."""
    for position in range(frame.shape[1]):
        column = frame.iloc[:, position]
        if not (pd.api.types.is_string_dtype(column) or column.dtype == object):
            continue
        first: Any = column.first_valid_index()
        value: Any = None if first is None else column[first]
        if isinstance(value, str) and is_time(value):
            parsed = _times(column)
            if parsed is not None:
                frame.isetitem(position, parsed.array)
    return frame


def _is_arrow(dtype: Any) -> bool:
    return isinstance(dtype, pd.ArrowDtype)


def _times(column: pd.Series[Any]) -> pd.Series[Any] | None:
    in_arrow = _is_arrow(column.dtype)
    if is_fast():
        import pyarrow as pa

        from nbauth.data.arrow_series import time_array, times
        from nbauth.data.arrow_text import compacted
        from nbauth.data.chunks import Chunk

        array = pa.array(column, pa.large_string(), from_pandas=True)
        array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
        chunks = [Chunk("text", len(array), compacted(array))]
        if in_arrow and (found := time_array(chunks)) is not None:
            return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([found])))
        if not in_arrow and (series := times(chunks)) is not None:
            return series
    parsed = timestamps(column.astype(object).where(column.notna(), None).tolist())
    if in_arrow and parsed is not None:
        import pyarrow as pa

        return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(parsed)])))
    return parsed
