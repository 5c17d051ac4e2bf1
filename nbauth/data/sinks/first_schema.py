"""The schema of a load's first part, and whether it is that of all parts so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from nbauth.data.build.type_rules import is_exact, kind_of_arrow
from nbauth.data.sinks.parquet_schema import unified

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FirstSchema"]


class FirstSchema:
    """What `unified` says of the first part; as long as `holds` says so of all others, also what it says of all.

    Args:
        table: the first part.
        times: its columns of text that are times, and of what kind.

    Attributes:
        schema: the schema.
    """

    def __init__(self, table: Any, times: Mapping[str, str]) -> None:
        self.schema = _schema_of(table, times)
        self._types = dict(zip(self.schema.names, self.schema.types, strict=True))
        self._times = dict(times)

    def holds(self, table: Any, times: Mapping[str, str]) -> bool:
        """Tell whether this part leaves the schema as it is.

        Args:
            table: the part.
            times: its columns of text that are times, and of what kind.
        """
        return all(self._takes(table, place, times.get(name)) for place, name in enumerate(table.column_names))

    def _takes(self, table: Any, place: int, kind: str | None) -> bool:
        field = table.schema.field(place)
        wanted = self._types.get(field.name)
        if wanted is None:
            return False  # a new column
        if pa.types.is_null(field.type):
            return True
        first = self._times.get(field.name)
        if first is not None:
            return kind == first and (first.startswith("us") or self._takes_nanoseconds(table, field.name, first))
        if pa.types.is_string(wanted) or field.type == wanted:
            return True  # text beside anything stays text
        return pa.types.is_float64(wanted) and _are_exact(table.column(place))

    def _takes_nanoseconds(self, table: Any, name: str, kind: str) -> bool:
        """Tell whether nanoseconds, which reach some centuries only, hold these times as they hold the first ones."""
        own = _schema_of(table.select([name]), {name: kind}).field(name).type
        return bool(own == self._types[name])


def _schema_of(table: Any, times: Mapping[str, str]) -> Any:
    return unified([table.schema], [dict(times)], lambda _, names: table.select(names))


def _are_exact(column: Any) -> bool:
    """Tell whether these are integers that are floats without a loss."""
    if kind_of_arrow(str(column.type)) not in ("int", "big"):
        return False
    ends = pc.min_max(column)
    return is_exact(ends["min"].as_py(), ends["max"].as_py())
