"""A table that was found in a response."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nbauth.data.parse.json_table import Table, TableColumn, TableNode
from nbauth.data.parse.lazy_json import PlainNode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nbauth.data.parse.cell_values import CellKind
    from nbauth.data.parse.lazy_json import Node

__all__ = ["FoundTable", "in_utc", "joined", "of_columns", "of_lists"]


@dataclass(frozen=True)
class FoundTable:
    """A table in a response.

    Attributes:
        path: the path of its rows.
        rows: what holds the cells, as the table's layout says.
        table: its columns, and how its rows hold their cells.
        name: what the service calls it.
        is_primary: whether the service says that it is the one that was asked for.
        is_own_form: whether it is one of a service's own, which nothing else looks like.
        is_headed: whether its rows hold the names, which those of further responses need not do again.
        assumed: what is a guess; None where nothing is.
    """

    path: str
    rows: Node
    table: Table
    name: str = ""
    is_primary: bool = False
    is_own_form: bool = False
    is_headed: bool = False
    assumed: str | None = None

    def node(self, url: str) -> TableNode:
        """Return its rows; an error that they bring names the URL."""
        return TableNode(self.rows, self.table, url)


def in_utc(table: Table) -> Table:
    """Return a table of Kusto's, whose times are all in UTC, also where there is none to show that."""
    columns = (replace(column, kind="zoned time") if column.kind == "time" else column for column in table.columns)
    return replace(table, columns=tuple(columns))


def joined(path: str, *names: str) -> str:
    """Return the path of something inside."""
    return ".".join(name for name in (path, *names) if name)


def of_lists(path: str, columns: Sequence[TableColumn], cells: Sequence[list[Any]], **more: Any) -> FoundTable:
    """Return a table of columns that are decoded."""
    return FoundTable(path, PlainNode(list(cells)), Table(tuple(columns), "columns"), **more)


def of_columns(path: str, cells: Mapping[str, list[Any]], kinds: Mapping[str, CellKind], **more: Any) -> FoundTable:
    """Return a table of columns that are decoded, by their names."""
    columns = [TableColumn(name, kinds.get(name)) for name in cells]
    return of_lists(path, columns, list(cells.values()), **more)
