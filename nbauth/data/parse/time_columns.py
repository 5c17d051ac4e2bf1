"""Turns the columns of a table whose text is ISO 8601 times into times."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pandas as pd

from nbauth.data.build.timestamps import is_time, timestamps
from nbauth.data.extras import is_fast

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["with_times"]

_ROWS_AT_ONCE = 50_000
_CORES = 2
_WORTH_THREADS = 4  # slices


def with_times(frame: pd.DataFrame, nothing: Collection[str] = ()) -> pd.DataFrame:
    """Return the frame with columns of ISO 8601 times as times.

    Args:
        frame: the frame.
        nothing: words that stand for no value in a column of times.
    """
    for position in range(frame.shape[1]):
        column = frame.iloc[:, position]
        if not (pd.api.types.is_string_dtype(column) or column.dtype == object):
            continue
        value = _first(column, nothing)
        if isinstance(value, str) and is_time(value):
            parsed = _times(column)
            if parsed is None and nothing and (is_nothing := column.isin(nothing)).any():
                parsed = _times(column.mask(is_nothing))
            if parsed is not None:
                frame.isetitem(position, parsed.array)
    return frame


def _first(column: pd.Series[Any], nothing: Collection[str]) -> Any:
    """Return the first value that says something; None where there is none."""
    first: Any = column.first_valid_index()
    value: Any = None if first is None else column[first]
    if not isinstance(value, str) or value not in nothing:
        return value
    rest = column[column.notna() & ~column.isin(nothing)]
    return rest.iloc[0] if len(rest) else None


def _is_arrow(dtype: Any) -> bool:
    return isinstance(dtype, pd.ArrowDtype)


def _times(column: pd.Series[Any]) -> pd.Series[Any] | None:
    in_arrow = _is_arrow(column.dtype)
    if is_fast():
        import pyarrow as pa
        import pyarrow.compute as pc

        from nbauth.data.build.arrow_series import time_array, times
        from nbauth.data.build.arrow_text import compacted
        from nbauth.data.build.chunk import Chunk, nothing
        from nbauth.data.build.memory_pool import POOL

        # A column of Arrow's own stays of its type in older pandas, whatever is asked for.
        array = pa.array(column, pa.large_string(), from_pandas=True, memory_pool=POOL)
        array = pc.cast(array, pa.large_string(), memory_pool=POOL)
        pieces = array.chunks if isinstance(array, pa.ChunkedArray) else [array]
        # Slice by slice: what looks at each sign of a column takes several times its memory.
        slices = [p.slice(start, _ROWS_AT_ONCE) for p in pieces for start in range(0, len(p), _ROWS_AT_ONCE)]

        def chunk(text: Any) -> Chunk:
            return nothing(len(text)) if text.null_count == len(text) else Chunk("text", len(text), compacted(text))

        with ThreadPoolExecutor(_CORES) as pool:
            chunks = list(map(chunk, slices) if len(slices) < _WORTH_THREADS else pool.map(chunk, slices))
        if in_arrow and (parsed := time_array(chunks)) is not None:
            return _arrow_series(parsed)
        if not in_arrow and (series := times(chunks)) is not None:
            return series
    texts = column.astype(object).where(column.notna(), None).tolist()
    if not in_arrow:
        return timestamps(texts)
    from nbauth.data.build.arrow_series import parsed_array

    parsed = parsed_array(texts)
    return None if parsed is None else _arrow_series(parsed)


def _arrow_series(array: Any) -> pd.Series[Any]:
    import pyarrow as pa

    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([array])))
