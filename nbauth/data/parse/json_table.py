"""Tables in JSON: columns that are named once, and rows that are arrays of their cells."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

from nbauth.data.parse.array_items import decoded, first_item
from nbauth.data.parse.cell_values import declared_as, values_of
from nbauth.data.parse.lazy_json import PlainNode
from nbauth.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from nbauth.data.build.frame_builder import FrameBuilder
    from nbauth.data.parse.cell_values import CellKind
    from nbauth.data.parse.lazy_json import Node

__all__ = ["Layout", "Table", "TableColumn", "TableNode", "columns_named"]

# How the cells stand: a row is an array, one that leaves out what is empty at its end, or an object; or what comes is
# an array of the columns.
Layout = Literal["arrays", "short arrays", "records", "columns"]


@dataclass(frozen=True)
class TableColumn:
    """A column.

    Attributes:
        name: its name, which no other column of the table has.
        kind: what its cells are said to be; None where nobody says.
    """

    name: str
    kind: CellKind | None = None


@dataclass(frozen=True)
class Table:
    """What is known of a table beside its rows.

    Attributes:
        columns: its columns, in the order of the cells.
        layout: how the cells stand.
    """

    columns: tuple[TableColumn, ...]
    layout: Layout = "arrays"


def columns_named(names: Sequence[str], kinds: Sequence[CellKind | None] | None = None) -> tuple[TableColumn, ...]:
    """Return columns of these names, each of its own: the later ones of one name get ``.2`` and so on after it.

    One without a name is called by its place, as pandas does it.
    """
    taken = set(names)
    columns: dict[str, CellKind | None] = {}
    for place, name in enumerate(names):
        wanted = free = name or f"Unnamed: {place}"
        number = 1
        while free in columns or (number > 1 and free in taken):
            number += 1
            free = f"{wanted}.{number}"
        columns[free] = kinds[place] if kinds is not None else None
    return tuple(TableColumn(name, kind) for name, kind in columns.items())


class TableNode:
    """A table's rows; to all but a builder they are an array.

    Args:
        rows: the array.
        table: what is known beside it.
        url: where it is from, to be shown in an error.
    """

    def __init__(self, rows: Node, table: Table, url: str = "") -> None:
        self._rows = rows
        self._table = table
        self._url = url

    @property
    def is_list(self) -> bool:
        """Tell whether it is an array."""
        return True

    @property
    def is_object(self) -> bool:
        """Tell whether it is an object."""
        return False

    @property
    def is_null(self) -> bool:
        """Tell whether it is null."""
        return False

    @property
    def is_empty(self) -> bool:
        """Tell whether it is an array without items."""
        return self.count() == 0 if self._table.layout == "columns" else self._rows.is_empty

    @property
    def holds_objects(self) -> bool:
        """Tell whether it is an array whose first item is an object."""
        return self._rows.holds_objects

    @property
    def holds_lists(self) -> bool:
        """Tell whether it is an array whose first item is an array."""
        return False  # they have names

    @property
    def identity(self) -> object:
        """A value that is equal for equal documents."""
        return self._rows.identity

    @property
    def size(self) -> int:
        """The bytes that it holds, about; 0 where it is decoded."""
        return self._rows.size

    @property
    def start(self) -> bytes:
        """The first bytes."""
        return self._rows.start

    def count(self) -> int:
        """Return how many rows there are."""
        return len(first_item(self._rows) or ()) if self._table.layout == "columns" else self._rows.count()

    def members(self) -> Mapping[str, Node]:
        """Return nothing: it is no object."""
        return {}

    def items(self) -> Sequence[Node]:
        """Return the rows as objects."""
        return [PlainNode(record) for record in self.value()]

    def may_begin_with(self, names: Collection[str]) -> bool:
        """Tell whether a row may have a column of these names."""
        return not {column.name for column in self._table.columns}.isdisjoint(names)

    def first(self, count: int) -> list[Any]:
        """Return the first rows as objects."""
        return self.value()[:count]

    def value(self) -> list[dict[str, Any]]:
        """Return the rows as objects."""
        columns = self._columns()
        names = [name for name, _ in columns]
        return [dict(zip(names, row, strict=True)) for row in zip(*(cells for _, cells in columns), strict=True)]

    def append_to(self, builder: FrameBuilder) -> None:
        """Decode the rows into a builder.

        Raises:
            ValueError: it is no JSON.
            RecursionError: it is nested too deeply.
            FormatError: a row has other cells than the columns say.
        """
        columns = self._columns()
        nested = {name for name, cells in columns if builder.is_flattened and dict in map(type, cells)}
        kinds = {column.name: declared_as(column.kind) for column in self._table.columns}
        builder.declare({name: kind for name, kind in kinds.items() if name not in nested})
        if builder.is_flattened:
            names = [name for name, _ in columns]
            builder.add([dict(zip(names, row, strict=True)) for row in zip(*(c for _, c in columns), strict=True)])
        elif columns:
            builder.add_columns(len(columns[0][1]), columns)

    def _columns(self) -> list[tuple[str, list[Any]]]:
        rows, table = decoded(self._rows), self._table
        kinds = [column.kind for column in table.columns]
        if table.layout == "records":
            self._check_rows(rows, dict)
            named = {column.name: column.kind for column in table.columns}
            named |= dict.fromkeys(chain.from_iterable(rows), None) | named
            return [(name, values_of([row.get(name) for row in rows], kind)) for name, kind in named.items()]
        if table.layout == "columns":
            cells = self._equally_long(rows)
        else:
            self._check_rows(rows, list)
            cells = self._cells(rows)
        columns = columns_named([column.name for column in table.columns] + [""] * (len(cells) - len(kinds)))
        return [
            (column.name, values_of(values, kinds[place] if place < len(kinds) else None))
            for place, (column, values) in enumerate(zip(columns, cells, strict=True))
        ]

    def _cells(self, rows: list[list[Any]]) -> list[list[Any]]:
        width = len(self._table.columns)
        widths = set(map(len, rows)) - {width}
        if widths:
            if self._table.layout == "arrays":
                place = next(place for place, row in enumerate(rows) if len(row) != width)
                names = ", ".join(column.name for column in self._table.columns[:12])
                raise self._error(
                    f"row {place:,} of a table has {len(rows[place])} cells for {width} columns ({names})"
                )
            width = max(width, *widths)
            rows = [row if len(row) == width else row + [None] * (width - len(row)) for row in rows]
        return [[row[place] for row in rows] for place in range(width)]

    def _equally_long(self, columns: list[list[Any]]) -> list[list[Any]]:
        self._check_rows(columns, list)
        if len(columns) != len(self._table.columns) or len(set(map(len, columns))) > 1:
            raise self._error(
                f"a table has columns of {', '.join(str(len(cells)) for cells in columns[:12])} cells and the names of "
                f"{len(self._table.columns)}"
            )
        return columns

    def _check_rows(self, rows: list[Any], wanted: type) -> None:
        if set(map(type, rows)) <= {wanted}:
            return
        place = next(place for place, row in enumerate(rows) if type(row) is not wanted)
        what = "an array" if wanted is list else "an object"
        raise self._error(f"row {place:,} of a table is not {what}, as the rows before, but {str(rows[place])[:200]}")

    def _error(self, what: str) -> FormatError:
        return FormatError(f"{self._url}: {what}.", url=self._url, next_step="Look at it by nbauth.session().get(URL).")
