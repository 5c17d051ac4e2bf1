"""Chunks of a column to an array of Arrow's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from nbauth.data.build.timestamps import is_time

if TYPE_CHECKING:
    from nbauth.data.build.chunk import Chunk, Kind

__all__ = ["array_of"]

_TYPES = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64(), "null": pa.null()}


def array_of(chunks: list[Chunk], kinds: set[Kind]) -> Any | None:
    """Return a chunked array, or None if no type of Arrow's keeps all values.

    Args:
        chunks: the column's rows.
        kinds: what they are, but for null: one kind, or kinds of numbers.
    """
    if kinds == {"text"}:
        return _text(chunks)
    if "big" in kinds and kinds <= {"int", "big"}:
        return _unsigned(chunks)
    name = "null" if not kinds else "float" if kinds & {"float", "number"} else next(iter(kinds))
    wanted = _TYPES[name]
    parts = [
        pa.nulls(c.size, wanted) if c.kind == "null" else pa.array(c.data, mask=c.nulls).cast(wanted) for c in chunks
    ]
    return pa.chunked_array(parts, wanted)


def _text(chunks: list[Chunk]) -> Any | None:
    from nbauth.data.build import arrow_series

    if any(isinstance(chunk.data, list) for chunk in chunks):
        return None  # half of a surrogate pair
    found = arrow_series.time_array(chunks)
    if found is not None:
        return pa.chunked_array([found])
    if is_time(arrow_series.first_text(chunks)):
        found = arrow_series.parsed_array([text for chunk in chunks for text in chunk.objects()])
        if found is not None:
            return pa.chunked_array([found])
    parts = [part.cast(pa.string()) for part in arrow_series.text_arrays(chunks)]
    return pa.chunked_array(parts, pa.string())


def _unsigned(chunks: list[Chunk]) -> Any | None:
    values = [value for chunk in chunks for value in chunk.objects()]
    try:
        return pa.chunked_array([pa.array(values, pa.uint64())])
    except (OverflowError, pa.ArrowInvalid):
        return None
