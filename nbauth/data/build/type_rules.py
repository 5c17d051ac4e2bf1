"""The one table of types: what a column becomes by the kinds of value that all its parts have.

Parts meet as pages in a column (`column`, `arrow_arrays`), as frames (`concat`) and as parts of a Parquet file
(`nbauth.data.sinks.parquet_schema`). All of them go by this table.

| kinds, but for null | becomes | pandas | with nulls | Arrow |
|---|---|---|---|---|
| none | null | `object` | None | `null` |
| bool | bool | `bool` | `boolean` | `bool` |
| int | int | `int64` | `Int64` | `int64` |
| int and big, or big, if all are from 0 to 2**64 - 1 | uint | `uint64` | `UInt64` | `uint64` |
| numbers with floats among them, if each integer is at most 2**53 | float | `float64` | NaN | `double` |
| text | times if all is times of one family, else text | `datetime64` or text | NaT or text | `timestamp`, `string` |
| decimal | decimal | `object` | None | `decimal128`, `decimal256` |
| span | span | `timedelta64` | NaT | `duration` |
| anything else | mixed | `object` | None | none; in Arrow's tables and in Parquet text (`as_text`) |

JSON has no decimals and no spans of time: they come from tables that declare the types of their columns, and so does
text that is never times, whatever it looks like (`Declared`).

Times are of one family if all have an offset, if none has one, if all are dates, or if all are .NET's. They are in
nanoseconds if any has so many digits and nanoseconds reach them all; else in microseconds if none loses a digit; else
they stay text.

Two places differ from it, and for a reason:

- Frames that are joined hold times and no text any more. So times among text or of two families are mixed, as they
  came, where pages would make text of them. Dates and times without an offset go together, as do .NET's and those in
  UTC, since nothing tells them apart any more.
- In Parquet .NET's dates stay text: a part on disk keeps what the API sent, and Arrow reads ISO 8601 only.
"""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "ARROW",
    "EXACT",
    "NULLABLE",
    "PLAIN",
    "Declared",
    "Kind",
    "Target",
    "as_text",
    "is_exact",
    "is_unsigned",
    "join",
    "kind_of_arrow",
    "time_units",
]

# ``big`` are integers beyond int64, ``number`` integers and floats together.
Kind = Literal["null", "bool", "int", "big", "float", "number", "text", "decimal", "span", "other"]
Target = Literal["null", "bool", "int", "uint", "float", "text", "decimal", "span", "mixed"]
# What a service says that the values of a column are; ``any`` is what JSON writes as an object, a list or text.
Declared = Literal["bool", "int", "float", "number", "decimal", "text", "time", "zoned time", "span", "any"]

_ALONE: dict[Kind, Target] = {"bool": "bool", "int": "int", "text": "text", "decimal": "decimal", "span": "span"}
_INTEGERS: frozenset[Kind] = frozenset({"int", "big"})
_NUMBERS: frozenset[Kind] = frozenset({"int", "big", "float", "number"})
EXACT = 2**53  # every integer up to here is a float64
_UINT64_MAX = 2**64 - 1

ARROW: dict[Target, str] = {
    "null": "null", "bool": "bool", "int": "int64", "uint": "uint64", "float": "double", "text": "string",
}  # fmt: skip
_KIND_OF_ARROW: dict[str, Kind] = {
    "null": "null", "bool": "bool", "int64": "int", "uint64": "big", "double": "float", "string": "text",
    "large_string": "text", "duration[ns]": "span",
}  # fmt: skip
# pandas' dtypes for what has nulls: with NaN integers would be floats, and truth values objects.
NULLABLE = {
    **{f"int{bits}": f"Int{bits}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"UInt{bits}" for bits in (8, 16, 32, 64)},
    "bool": "boolean",
}
PLAIN = {nullable: plain for plain, nullable in NULLABLE.items()}


def join(kinds: Iterable[Kind], *, are_unsigned: Callable[[], bool], are_exact: Callable[[], bool]) -> Target:
    """Return what values of these kinds become together.

    Args:
        kinds: the kinds.
        are_unsigned: tells whether all integers fit into uint64. Asked only where it matters, as it looks at values.
        are_exact: tells whether all integers are floats without a loss; likewise.
    """
    present = set(kinds) - {"null"}
    if not present:
        return "null"
    if len(present) == 1 and (target := _ALONE.get(next(iter(present)))):
        return target
    if present <= _INTEGERS:
        return "uint" if are_unsigned() else "mixed"
    if present <= _NUMBERS:
        return "float" if are_exact() else "mixed"
    return "mixed"


def kind_of_arrow(type_name: str) -> Kind:
    """Return the kind of the values in an array of Arrow's, by the name of its type."""
    return "decimal" if type_name.startswith("decimal") else _KIND_OF_ARROW.get(type_name, "other")


def is_exact(least: int | None, most: int | None) -> bool:
    """Tell whether integers are floats without a loss, by the least and the most of them; None where there is none."""
    # Not by the absolute value: that of -2**63 overflows.
    return least is None or most is None or (least >= -EXACT and most <= EXACT)


def is_unsigned(least: int | None, most: int | None) -> bool:
    """Tell whether integers fit into uint64, by the least and the most of them; None where there is none."""
    return least is None or most is None or (least >= 0 and most <= _UINT64_MAX)


def time_units(units: Iterable[str]) -> tuple[str, ...]:
    """Return the units in which times of several units may stand, the best first; each must hold all values."""
    finest = max(units, key=("s", "ms", "us", "ns").index)
    return ("ns", "us") if finest == "ns" else (finest,)


def as_text(value: Any) -> str | None:
    """Return a value of a mixed column as text: text as it is, all else as JSON.

    Half of a surrogate pair, which Arrow cannot hold, is written as JSON escapes it. What JSON does not know, such as a
    time, is as Python writes it.
    """
    if value is None:
        return None
    if isinstance(value, (str, Decimal, timedelta)):
        text = str(value)
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    return text.encode("utf-8", "backslashreplace").decode()
