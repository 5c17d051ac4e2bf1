"""One schema for parts that drift: each column gets the narrowest type that keeps what every part holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from nbauth.data.build.arrow_series import first_text, parsed_array, time_array
from nbauth.data.build.arrow_text import compacted, in_reach_of_nanoseconds
from nbauth.data.build.chunk import EXACT, Chunk
from nbauth.data.build.timestamps import is_iso

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Read = Callable[[int, list[str]], Any]

__all__ = ["cast", "time_type", "unified"]

_NUMBERS = (pa.int64(), pa.uint64(), pa.float64())


def time_type(column: Any) -> str | None:
    """Return the type of a column of text that is all times: the unit, and whether with an offset or dates."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return None
    array = column.cast(pa.large_string()).combine_chunks()
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    chunks = [Chunk("text", len(array), array)]
    first = first_text(chunks)
    if not is_iso(first):
        return None
    found = time_array([Chunk("text", len(array), compacted(array))])
    if found is None:
        found = parsed_array(array.to_pylist())
    if found is None:
        return None
    family = "date" if len(first) == len("2024-01-01") else "zoned" if found.type.tz else "local"
    return f"{found.type.unit} {family}"


def unified(schemas: Sequence[Any], times: Sequence[dict[str, str]], read: Read) -> Any:
    """Return the schema that holds all parts.

    Args:
        schemas: the schema of each part.
        times: for each part, its columns that are times.
        read: returns some columns of a part, which is told by its number.
    """
    names = dict.fromkeys(name for schema in schemas for name in schema.names)
    return pa.schema([(name, _type_of(name, schemas, times, read)) for name in names])


def cast(table: Any, schema: Any) -> Any:
    """Return a part in the schema of all."""
    columns = []
    for wanted in schema:
        if wanted.name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, wanted.type))
            continue
        column = table[wanted.name]
        if pa.types.is_string(wanted.type) and not pa.types.is_string(column.type):
            column = _as_text(column)
        columns.append(
            _as_time(column, wanted.type) if pa.types.is_timestamp(wanted.type) else column.cast(wanted.type)
        )
    return pa.table(columns, schema=schema)


def _type_of(name: str, schemas: Sequence[Any], times: Sequence[dict[str, str]], read: Read) -> Any:
    held = [number for number, schema in enumerate(schemas) if name in schema.names]
    held = [number for number in held if not pa.types.is_null(schemas[number].field(name).type)]
    types = {schemas[number].field(name).type for number in held}
    if not types:
        return pa.null()
    if types == {pa.string()} or types == {pa.large_string()}:
        return _time(name, [times[number].get(name) for number in held], held, read)
    if len(types) == 1:
        return types.pop()
    if types == {pa.int64(), pa.uint64()}:
        signed = [number for number in held if schemas[number].field(name).type == pa.int64()]
        if all(_is_positive(read(number, [name])[name]) for number in signed):
            return pa.uint64()
    if types <= set(_NUMBERS) and pa.float64() in types:
        whole = [number for number in held if schemas[number].field(name).type != pa.float64()]
        if all(_is_exact(read(number, [name])[name]) for number in whole):
            return pa.float64()
    return pa.string()


def _time(name: str, kinds: Sequence[str | None], held: Sequence[int], read: Read) -> Any:
    if None in kinds or len({str(kind).partition(" ")[2] for kind in kinds}) != 1:
        return pa.string()
    unit = "ns" if any(str(kind).startswith("ns") for kind in kinds) else "us"
    wanted = pa.timestamp(unit, "UTC" if str(kinds[0]).endswith("zoned") else None)
    try:
        for number in held if unit == "ns" else ():
            column = read(number, [name])[name]
            if not in_reach_of_nanoseconds(column):
                return pa.string()
            column.cast(wanted)
    except pa.ArrowInvalid:  # nanoseconds do not reach so far
        return pa.string()
    return wanted


def _is_positive(column: Any) -> bool:
    least = pc.min(column).as_py()
    return least is None or least >= 0


def _is_exact(column: Any) -> bool:
    ends = pc.min_max(column)
    return ends["min"].as_py() is None or (ends["min"].as_py() >= -EXACT and ends["max"].as_py() <= EXACT)


def _as_time(column: Any, wanted: Any) -> Any:
    try:
        return column.cast(wanted)
    except pa.ArrowInvalid:
        # More than six digits, which Arrow does not read as microseconds although those beyond are zeros.
        return pa.chunked_array([parsed_array(column.to_pylist())]).cast(wanted)


def _as_text(column: Any) -> Any:
    if pa.types.is_large_string(column.type):
        return column.cast(pa.string())
    texts = [None if value is None else json.dumps(value, default=str) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])
