"""CSV and TSV to a DataFrame as `pd.read_csv` makes it, in less memory, and with columns of ISO 8601 times as times.

pandas' parser is fed with the stream and converts it part by part (its ``low_memory``): in one piece it holds every
cell of the table twice. Its parts get a dtype each; where these would make a column of several kinds of values, which
one piece would not, `Mixed` is raised, and the table must be read in one piece.
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
    with warnings.catch_warnings():
        # What pandas says where its parts of a column have dtypes of their own: 007 would be 7 in some.
        warnings.simplefilter("error", pd.errors.DtypeWarning)
        try:
            (frame,) = read_parts(
                response, body, separator=separator, codec=codec, backend=backend, rows=None, in_parts=True
            )
        except pd.errors.DtypeWarning:
            raise Mixed from None
    on_rows(len(frame))
    return with_times(frame)


def read_parts(
    response: Response,
    body: Body,
    *,
    separator: str,
    codec: str,
    backend: Any,
    rows: int | None = _ROWS_AT_ONCE,
    in_parts: bool = False,
) -> Iterator[pd.DataFrame]:
    """Yield a table in parts of so many rows, or whole if `rows` is None. Arguments and errors are `read_table`'s."""
    options: dict[str, Any] = {"dtype_backend": backend} if backend else {}
    with as_file(body) as file:
        try:
            found: Any = pd.read_csv(
                file, sep=separator, encoding=codec, low_memory=in_parts, chunksize=rows, **options
            )
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
        from nbauth.data.chunks import Chunk, nothing

        # A column of Arrow's own stays of its type in older pandas, whatever is asked for.
        array = pa.array(column, pa.large_string(), from_pandas=True).cast(pa.large_string())
        pieces = array.chunks if isinstance(array, pa.ChunkedArray) else [array]
        # Slice by slice: what looks at each sign of a column takes several times its memory.
        slices = [p.slice(start, _ROWS_AT_ONCE) for p in pieces for start in range(0, len(p), _ROWS_AT_ONCE)]
        chunks = [
            nothing(len(one)) if one.null_count == len(one) else Chunk("text", len(one), compacted(one))
            for one in slices
        ]
        if in_arrow and (found := time_array(chunks)) is not None:
            return _arrow_series(found)
        if not in_arrow and (series := times(chunks)) is not None:
            return series
    texts = column.astype(object).where(column.notna(), None).tolist()
    if not in_arrow:
        return timestamps(texts)
    from nbauth.data.arrow_series import parsed_array

    found = parsed_array(texts)
    return None if found is None else _arrow_series(found)


def _arrow_series(array: Any) -> pd.Series[Any]:
    import pyarrow as pa

    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([array])))
