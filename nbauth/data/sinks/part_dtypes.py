"""The dtypes of a file's parts: they must agree, but a part in which a column has no value says nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbauth.errors import FormatError

if TYPE_CHECKING:
    from nbauth.data.batch import ColumnBatch

__all__ = ["PartDtypes"]

_NUMBERS = frozenset({"int64", "float64"})
# What a part without a value, which is written as numbers, can stand beside.
_BESIDE_NOTHING = _NUMBERS | {"str", "string", "string[pyarrow]", "string[python]"}


class PartDtypes:
    """What the parts of one file have had so far.

    Args:
        target: the name of the file that they become.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._dtypes: dict[str, str] = {}
        self._empty: set[str] = set()  # columns without a value so far

    def table(self, batch: ColumnBatch) -> Any:
        """Return a part as a table of Arrow's.

        Raises:
            FormatError: a column has another dtype than before: 007 may be 7 in one part and text in another.
        """
        import pyarrow as pa

        table = batch.to_arrow()
        if not table.num_rows:
            return table
        schema, columns, is_changed = table.schema, table.columns, False
        for name, dtype in batch.dtypes().items():
            place = schema.get_field_index(name)
            is_empty = place >= 0 and columns[place].null_count == table.num_rows
            before = self._dtypes.get(name)
            if before is None:
                self._dtypes[name] = dtype
                self._empty |= {name} if is_empty else set()
            elif is_empty and dtype != before:
                columns[place], is_changed = pa.nulls(table.num_rows), True
            elif not is_empty:
                self._check(name, before, dtype)
        return pa.table(columns, names=table.column_names) if is_changed else table

    def _check(self, name: str, before: str, dtype: str) -> None:
        was_empty = name in self._empty and dtype in _BESIDE_NOTHING
        self._empty -= {name}
        if was_empty:
            self._dtypes[name] = dtype
        elif {before, dtype} not in ({dtype}, _NUMBERS):
            raise FormatError(
                f"{self._target}: the column {name!r} is {before} at first and {dtype} further on.",
                next_step="Read it without to=, and write the frame.",
            )
