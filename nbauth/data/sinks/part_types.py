"""The types of a file's parts: they must agree, but a part in which a column has no value says nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbauth.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbauth.data.batch import ColumnBatch

__all__ = ["PartTypes"]

_NUMBERS = frozenset({"int64", "double"})
_MOST_NAMES = 5
# What a part without a value, which is written as numbers, can stand beside.
_BESIDE_NOTHING = _NUMBERS | {"string", "large_string"}


class PartTypes:
    """What the parts of one file have had so far.

    Args:
        target: the name of the file that they become.
        schemas: the schemas of the parts that an earlier call has kept.
    """

    def __init__(self, target: str, schemas: Iterable[Any] = ()) -> None:
        self._target = target
        self._types: dict[str, str] = {}  # Arrow's
        self._dtypes: dict[str, str] = {}  # pandas' names of them, as an error shows them
        self._empty: set[str] = set()  # columns without a value so far
        self._names: set[str] | None = None
        for schema in schemas:
            self._names = set(schema.names)
            self._types.update((field.name, str(field.type)) for field in schema if str(field.type) != "null")

    def table(self, batch: ColumnBatch) -> Any:
        """Return a part as a table of Arrow's.

        Raises:
            FormatError: it has other columns than the parts before, or one of another type: 007 may be 7 in one part
                and text in another.
        """
        import pyarrow as pa

        table = batch.to_arrow()
        if not table.num_rows:
            # Its types are no more than guesses, which would make text of the times of the parts before it.
            is_first = self._names is None
            return table if is_first else pa.table([pa.nulls(0)] * table.num_columns, names=table.column_names)
        names = set(table.column_names)
        if self._names not in (None, names):
            other = ", ".join(sorted(names ^ (self._names or names))[:_MOST_NAMES])
            raise FormatError(f"{self._target}: columns came that were not there before, or went: {other}.")
        self._names = names
        schema, columns, is_changed = table.schema, table.columns, False
        for name, dtype in batch.dtypes().items():
            place = schema.get_field_index(name)
            if place < 0:
                continue
            kind, before = str(schema.field(place).type), self._types.get(name)
            is_empty = columns[place].null_count == table.num_rows
            if before is None:
                self._types[name], self._dtypes[name] = kind, dtype
                self._empty |= {name} if is_empty else set()
            elif not is_empty:
                self._check(name, kind, dtype)
            elif kind != before:
                columns[place], is_changed = pa.nulls(table.num_rows), True
        return pa.table(columns, names=table.column_names) if is_changed else table

    def _check(self, name: str, kind: str, dtype: str) -> None:
        before = self._types[name]
        was_empty = name in self._empty and kind in _BESIDE_NOTHING
        self._empty -= {name}
        if was_empty:
            self._types[name], self._dtypes[name] = kind, dtype
        elif {before, kind} not in ({kind}, _NUMBERS):
            first = self._dtypes.get(name, before)
            raise FormatError(
                f"{self._target}: the column {name!r} is {first} at first and {dtype} further on.",
                next_step="Read it without to=, and write the frame.",
            )
