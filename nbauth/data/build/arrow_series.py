"""Columns of text in Arrow's memory to pandas' columns."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from nbauth.data.build.arrow_text import Stamps, plain
from nbauth.data.build.memory_pool import POOL
from nbauth.data.build.timestamps import has_nanoseconds, timestamps
from nbauth.data.build.type_rules import time_units

if TYPE_CHECKING:
    from nbauth.data.build.chunk import Chunk

__all__ = ["default_unit", "first_text", "parsed_array", "text", "text_arrays", "time_array", "times"]


def first_text(chunks: list[Chunk]) -> str:
    """Return the first value that is none of null."""
    for chunk in chunks:
        if chunk.kind == "text":
            array = chunk.data.moments if isinstance(chunk.data, Stamps) else chunk.data
            kept = array.is_valid().to_numpy(zero_copy_only=False).argmax()
            if array[int(kept)].is_valid:
                return str(plain(chunk.data)[int(kept)].as_py())
    return ""


def time_array(chunks: list[Chunk]) -> Any:
    """Return the chunks' times as one timestamp array, in UTC where they have an offset; None if not all are such."""
    moments = _moments(chunks, "us")
    if moments is None:
        return None
    unit, is_zoned, parts = moments
    joined = pa.concat_arrays(parts, POOL)
    return joined.cast(pa.timestamp(unit, "UTC"), memory_pool=POOL) if is_zoned else joined


def parsed_array(texts: list[str | None]) -> Any:
    """Return times, written in any ways, as one timestamp array; None if not all are such.

    In microseconds unless a value has more digits, with every version of pandas: its own unit was once nanoseconds.
    """
    series = timestamps(texts)
    if series is None:
        return None
    array = pa.array(series, memory_pool=POOL)
    return array if has_nanoseconds(texts) else array.cast(pa.timestamp("us", array.type.tz), memory_pool=POOL)


def times(chunks: list[Chunk]) -> pd.Series[Any] | None:
    """Return the chunks' times as pandas has them and empty the list, or None if not all are."""
    moments = _moments(chunks, default_unit())
    if moments is None:
        return None
    unit, is_zoned, parts = moments
    # Copies that pandas may write to; what was copied goes, so that memory does not double.
    values = np.empty(sum(map(len, parts)), f"datetime64[{unit}]")
    end = len(values)
    chunks.clear()
    while parts:
        part = parts.pop()
        values[end - len(part) : end] = part.to_numpy(zero_copy_only=False)
        end -= len(part)
    series: pd.Series[Any] = pd.Series(values, copy=False)
    return series.dt.tz_localize("UTC") if is_zoned else series


def _moments(chunks: list[Chunk], coarsest: str) -> tuple[str, bool, list[Any]] | None:
    """Return the unit, whether they have an offset, and arrays of timestamps without a zone; None if not all are."""
    stamps = [chunk.data for chunk in chunks if chunk.kind == "text"]
    if not all(isinstance(times, Stamps) for times in stamps) or len({times.family for times in stamps}) != 1:
        return None
    for unit in time_units([coarsest, *(times.moments.type.unit for times in stamps)]):
        kind = pa.timestamp(unit)
        try:
            parts = [
                pa.nulls(c.size, kind, POOL) if c.kind == "null" else c.data.moments.cast(kind, memory_pool=POOL)
                for c in chunks
            ]
        except pa.ArrowInvalid:  # nanoseconds do not reach so far, or microseconds would lose a digit
            continue
        return unit, stamps[0].family == "zoned", parts
    return None


def text_arrays(chunks: list[Chunk]) -> list[Any]:
    """Return the chunks' text; takes them out of the list one by one, so that memory does not double."""
    arrays = []
    chunks.reverse()
    while chunks:
        chunk = chunks.pop()
        arrays.append(pa.nulls(chunk.size, pa.large_string(), POOL) if chunk.kind == "null" else plain(chunk.data))
    return arrays


def text(chunks: list[Chunk]) -> pd.Series[Any]:
    """Return the chunks' text as pandas has it by default: `str` in pandas 3, `object` before."""
    # In as many pieces as there are: to join them would take their memory twice.
    array = pa.chunked_array(text_arrays(chunks), pa.large_string())
    dtype: Any = pd.Series(["x"]).dtype
    if isinstance(dtype, pd.StringDtype):
        return pd.Series(dtype.__from_arrow__(array), copy=False)  # type: ignore[attr-defined]
    return pd.Series(array.to_pandas(), copy=False)


@cache
def default_unit() -> str:
    """Return the unit that pandas gives times whose digits do not ask for another."""
    dtype: Any = pd.to_datetime(np.array(["2024-01-01"], dtype=object), format="ISO8601").dtype
    return str(np.datetime_data(dtype)[0])
