"""One schema for parts that drift: each column gets the narrowest type that keeps what every part holds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
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
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Read = Callable[[int, list[str]], Any]
    _Held = Mapping[str, Mapping[int, Any]]  # the types that a column has in the parts, but for nulls alone

__all__ = ["Times", "cast", "times_in", "unified"]

_FEW_DIGITS, _MOST_DIGITS = 38, 76  # of decimal128 and decimal256


@dataclass(frozen=True)
class Times:
    """Times that a column of text holds.

    Attributes:
        kind: their unit, and whether they have an offset or are dates: ``us zoned``.
        array: the times.
    """

    kind: str
    array: Any


def times_in(column: Any) -> Times | None:
    """Return the times in a column of text; None if not all of it is times."""
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
    return Times(f"{times.type.unit} {family}", times)


def unified(schemas: Sequence[Any], times: Sequence[dict[str, str]], read: Read) -> Any:
    """Return the schema that holds all parts.

    Args:
        schemas: the schema of each part.
        times: for each part, its columns that are times.
        read: returns some columns of a part, which is told by its number.
    """
    held: dict[str, dict[int, Any]] = {}
    for number, schema in enumerate(schemas):
        for field in schema:
            of_parts = held.setdefault(field.name, {})
            if not pa.types.is_null(field.type):
                of_parts[number] = field.type
    bounds, fitting = _look_at_integers(held, read), _look_at_times(held, times, read)
    types = [(name, _type_of(name, of_parts, times, bounds, fitting)) for name, of_parts in held.items()]
    return pa.schema(types)


def cast(table: Any, schema: Any) -> Any:
    """Return a part in the schema of all."""
    own, names = table.schema, set(table.column_names)
    columns = []
    for wanted in schema:
        if wanted.name not in names:
            columns.append(pa.nulls(table.num_rows, wanted.type, POOL))
            continue
        place = own.get_field_index(wanted.name)  # -1 where two have the name, which the table says
        column = table.column(place if place >= 0 else wanted.name)
        if pa.types.is_string(wanted.type) and not pa.types.is_string(column.type):
            column = _as_text(column)
        columns.append(
            _as_time(column, wanted.type)
            if pa.types.is_timestamp(wanted.type)
            else pc.cast(column, wanted.type, memory_pool=POOL)
        )
    return pa.table(columns, schema=schema)


class _Look:
    """What the values of some columns show, where somebody asks.

    With the first question each part is read once, for all of the columns: a file of many columns takes long to open.

    Args:
        columns: for each part, the columns of which somebody may ask.
        read: returns some columns of a part.
        look: returns what a column shows, given its name.
    """

    def __init__(self, columns: Mapping[int, list[str]], read: Read, look: Callable[[str, Any], Any]) -> None:
        self._columns = columns
        self._read = read
        self._look = look

    def __getitem__(self, part_and_name: tuple[int, str]) -> Any:
        return self._shown[part_and_name]

    @cached_property
    def _shown(self) -> dict[tuple[int, str], Any]:
        shown: dict[tuple[int, str], Any] = {}
        for number, names in self._columns.items():
            table = self._read(number, names)
            shown.update(((number, name), self._look(name, table[name])) for name in names)
        return shown


def _look_at_integers(held: _Held, read: Read) -> _Look:
    """Return the bounds of integers, where the parts of a column have several types."""
    columns: dict[int, list[str]] = {}
    for name, of_parts in held.items():
        if len(set(of_parts.values())) > 1:
            for number, kind in of_parts.items():
                if kind_of_arrow(str(kind)) in ("int", "big"):
                    columns.setdefault(number, []).append(name)
    return _Look(columns, read, lambda _, column: _bounds(column))


def _look_at_times(held: _Held, times: Sequence[dict[str, str]], read: Read) -> _Look:
    """Return the units that hold the times of text, where not all of it is in microseconds, which need no look."""
    units: dict[str, set[tuple[str, bool]]] = {}
    columns: dict[int, list[str]] = {}
    for name, of_parts in held.items():
        own = [times[number].get(name, "").partition(" ") for number in of_parts]
        if any(unit == "ns" for unit, _, _ in own):
            units[name] = {(unit, own[0][2] == "zoned") for unit in ("us", "ns")}
            for number in of_parts:
                if name in times[number]:
                    columns.setdefault(number, []).append(name)

    def look(name: str, column: Any) -> set[str]:
        wanted = {unit: pa.timestamp(unit, "UTC" if is_zoned else None) for unit, is_zoned in units[name]}
        return {unit for unit, kind in wanted.items() if _fits(column, kind)}

    return _Look(columns, read, look)


def _type_of(name: str, held: Mapping[int, Any], times: Sequence[dict[str, str]], bounds: _Look, fitting: _Look) -> Any:
    """Return the type of a column by `nbauth.data.build.type_rules`. The parts are read only where values matter."""
    kinds = {number: kind_of_arrow(str(kind)) for number, kind in held.items()}
    if len(set(held.values())) == 1 and "text" not in kinds.values():
        return next(iter(held.values()))  # a file may have types that JSON knows nothing of

    def integers() -> Iterator[tuple[int | None, int | None]]:
        return (bounds[number, name] for number, kind in kinds.items() if kind in ("int", "big"))

    target = join(
        kinds.values(),
        are_unsigned=lambda: all(is_unsigned(*ends) for ends in integers()),
        are_exact=lambda: all(is_exact(*ends) for ends in integers()),
    )
    if target == "text":
        return _time({number: times[number].get(name) for number in held}, lambda number: fitting[number, name])
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


def _time(kinds: Mapping[int, str | None], fitting: Callable[[int], set[str]]) -> Any:
    """Return the type of text that may be times.

    Args:
        kinds: for each part, the kind of the times in it, if all of it is times.
        fitting: returns the units that hold the times of a part.
    """
    pairs = {number: str(kind).partition(" ") for number, kind in kinds.items()}
    families = {family for _, _, family in pairs.values()}
    if None in kinds.values() or len(families) != 1:
        return pa.string()
    zone = "UTC" if families == {"zoned"} else None
    for unit in time_units([own for own, _, _ in pairs.values()]):
        # Microseconds hold what was found to be in microseconds, and need no look.
        looked_at = [number for number, (own, _, _) in pairs.items() if unit == "ns" or own == "ns"]
        if all(unit in fitting(number) for number in looked_at):
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
