"""One schema for parts that drift: each column gets the narrowest type that keeps what every part holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from nbauth.data.build.arrow_series import first_text, parsed_array, time_array
from nbauth.data.build.arrow_text import compacted, in_reach_of_nanoseconds
from nbauth.data.build.chunk import Chunk
from nbauth.data.build.memory_pool import POOL
from nbauth.data.build.timestamps import is_iso
from nbauth.data.build.type_rules import ARROW, as_text, is_exact, is_unsigned, join, kind_of_arrow, time_units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Read = Callable[[int, list[str]], Any]

__all__ = ["cast", "time_type", "unified"]

_FEW_DIGITS, _MOST_DIGITS = 38, 76  # of decimal128 and decimal256


def time_type(column: Any) -> str | None:
    """Return the type of a column of text that is all times: the unit, and whether with an offset or dates."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return None
    array = pc.cast(column, pa.large_string(), memory_pool=POOL).combine_chunks(POOL)
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    chunks = [Chunk("text", len(array), array)]
    first = first_text(chunks)
    if not is_iso(first):
        return None
    times = time_array([Chunk("text", len(array), compacted(array))])
    if times is None:
        times = parsed_array(array.to_pylist())
    if times is None:
        return None
    family = "date" if len(first) == len("2024-01-01") else "zoned" if times.type.tz else "local"
    return f"{times.type.unit} {family}"


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
            columns.append(pa.nulls(table.num_rows, wanted.type, POOL))
            continue
        column = table[wanted.name]
        if pa.types.is_string(wanted.type) and not pa.types.is_string(column.type):
            column = _as_text(column)
        columns.append(
            _as_time(column, wanted.type)
            if pa.types.is_timestamp(wanted.type)
            else pc.cast(column, wanted.type, memory_pool=POOL)
        )
    return pa.table(columns, schema=schema)


def _type_of(name: str, schemas: Sequence[Any], times: Sequence[dict[str, str]], read: Read) -> Any:
    """Return the type of a column by `nbauth.data.build.type_rules`. The parts are read only where values matter."""
    held = {number: schema.field(name).type for number, schema in enumerate(schemas) if name in schema.names}
    held = {number: kind for number, kind in held.items() if not pa.types.is_null(kind)}
    kinds = {number: kind_of_arrow(str(kind)) for number, kind in held.items()}
    if len(set(held.values())) == 1 and "text" not in kinds.values():
        return next(iter(held.values()))  # a file may have types that JSON knows nothing of

    def integers() -> Iterator[tuple[int | None, int | None]]:
        for number, kind in kinds.items():
            if kind in ("int", "big"):
                yield _bounds(read(number, [name])[name])

    target = join(
        kinds.values(),
        are_unsigned=lambda: all(is_unsigned(*bounds) for bounds in integers()),
        are_exact=lambda: all(is_exact(*bounds) for bounds in integers()),
    )
    if target == "text":
        return _time(name, [times[number].get(name) for number in held], list(held), read)
    if target == "decimal":
        return _decimal(list(held.values()))
    return pa.string() if target == "mixed" else pa.type_for_alias(ARROW[target])


def _decimal(types: Sequence[Any]) -> Any:
    """Return the type that holds decimals of all these types."""
    scale = max(kind.scale for kind in types)
    digits = scale + max(kind.precision - kind.scale for kind in types)
    if digits > _MOST_DIGITS:
        return pa.string()
    return (pa.decimal128 if digits <= _FEW_DIGITS else pa.decimal256)(digits, scale)


def _time(name: str, kinds: Sequence[str | None], held: Sequence[int], read: Read) -> Any:
    pairs = [str(kind).partition(" ") for kind in kinds]
    if None in kinds or len({family for _, _, family in pairs}) != 1:
        return pa.string()
    units = [unit for unit, _, _ in pairs]
    zone = "UTC" if pairs[0][2] == "zoned" else None
    for unit in time_units(units):
        # Microseconds hold what was found to be in microseconds, and need no look.
        looked_at = [number for number, own in zip(held, units, strict=True) if unit == "ns" or own == "ns"]
        if all(_fits(read(number, [name])[name], pa.timestamp(unit, zone)) for number in looked_at):
            return pa.timestamp(unit, zone)
    return pa.string()


def _fits(column: Any, wanted: Any) -> bool:
    if wanted.unit == "ns" and not in_reach_of_nanoseconds(column):
        return False
    try:
        _as_time(column, wanted)
    except pa.ArrowInvalid:  # out of reach, or a digit would be lost
        return False
    return True


def _bounds(column: Any) -> tuple[int | None, int | None]:
    ends = pc.min_max(column)
    return ends["min"].as_py(), ends["max"].as_py()


def _as_time(column: Any, wanted: Any) -> Any:
    try:
        return pc.cast(column, wanted, memory_pool=POOL)
    except pa.ArrowInvalid:
        # More than six digits, which Arrow does not read as microseconds although those beyond are zeros.
        return pa.chunked_array([parsed_array(column.to_pylist())]).cast(wanted)


def _as_text(column: Any) -> Any:
    if pa.types.is_large_string(column.type):
        return pc.cast(column, pa.string(), memory_pool=POOL)
    texts = [as_text(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string(), memory_pool=POOL)])
