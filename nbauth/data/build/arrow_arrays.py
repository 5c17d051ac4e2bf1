"""Chunks of a column to an array of Arrow's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from nbauth.data.build.memory_pool import POOL
from nbauth.data.build.timestamps import is_time
from nbauth.data.build.type_rules import ARROW

if TYPE_CHECKING:
    from nbauth.data.build.chunk import Chunk
    from nbauth.data.build.type_rules import Declared, Target

__all__ = ["array_of", "nulls_of"]

_DECLARED: dict[Declared, str] = {
    "bool": "bool", "int": "int64", "float": "double", "number": "double", "text": "string", "span": "duration[ns]",
    "time": "timestamp[us]",
}  # fmt: skip


def array_of(chunks: list[Chunk], target: Target, *, may_be_times: bool = True) -> Any | None:
    """Return a chunked array, or None if no type of Arrow's keeps all values.

    Args:
        chunks: the column's rows.
        target: what they become.
        may_be_times: whether text that is times is to be times.
    """
    if target == "mixed":
        return None
    if target == "text":
        return _text(chunks, may_be_times=may_be_times)
    if target in ("decimal", "span"):
        return _by_value(chunks, target)
    wanted = pa.type_for_alias(ARROW[target])
    if target == "uint":
        values = [value for chunk in chunks for value in chunk.objects()]
        return pa.chunked_array([pa.array(values, wanted, memory_pool=POOL)])
    parts = [
        pa.nulls(c.size, wanted, POOL)
        if c.kind == "null"
        else pa.array(c.data, mask=c.nulls, memory_pool=POOL).cast(wanted, memory_pool=POOL)
        for c in chunks
    ]
    return pa.chunked_array(parts, wanted)


def nulls_of(declared: Declared, rows: int) -> Any:
    """Return an array of nulls, of the type that the service says."""
    if declared == "zoned time":
        wanted = pa.timestamp("us", "UTC")
    else:
        wanted = pa.type_for_alias(_DECLARED.get(declared, "null"))
    return pa.chunked_array([pa.nulls(rows, wanted, POOL)])


def _by_value(chunks: list[Chunk], target: Target) -> Any | None:
    values = [value for chunk in chunks for value in chunk.objects()]
    try:
        return pa.chunked_array([pa.array(values, pa.duration("ns") if target == "span" else None, memory_pool=POOL)])
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # a decimal of more than 76 digits, or one that is no number
        return None


def _text(chunks: list[Chunk], *, may_be_times: bool) -> Any | None:
    from nbauth.data.build import arrow_series

    if any(isinstance(chunk.data, list) for chunk in chunks):
        return None  # half of a surrogate pair
    times = arrow_series.time_array(chunks) if may_be_times else None
    if may_be_times and times is None and is_time(arrow_series.first_text(chunks)):
        times = arrow_series.parsed_array([text for chunk in chunks for text in chunk.objects()])
    if times is not None:
        return pa.chunked_array([times])
    parts = [part.cast(pa.string(), memory_pool=POOL) for part in arrow_series.text_arrays(chunks)]
    return pa.chunked_array(parts, pa.string())
