"""The tables in a response: columns beside rows that are arrays, and the forms of `nbauth.data.paging.tables`."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from nbauth.data.paging.request_params import folded
from nbauth.data.paging.table_columns import ROWS, columns_beside
from nbauth.data.paging.tables import (
    cells_in_objects,
    column_arrays,
    cubes,
    google,
    kusto,
    named_by_first_row,
    series,
    statements,
)
from nbauth.data.paging.tables.found import FoundTable, in_utc, joined
from nbauth.data.parse.array_items import decoded, first_item
from nbauth.data.parse.cell_values import is_number
from nbauth.data.parse.json_table import Table, columns_named
from nbauth.data.parse.lazy_json import PlainNode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from nbauth.data.parse.json_table import TableColumn
    from nbauth.data.parse.lazy_json import Node

__all__ = ["beside_columns", "search"]

_FORMS: tuple[Callable[[Mapping[str, Node], str], FoundTable | None], ...] = (
    google.big_query,
    google.analytics,
    google.universal_analytics,
    google.charts,
    column_arrays.data_frame,
    column_arrays.whole,
    cells_in_objects.smartsheet,
    cells_in_objects.trino,
    cells_in_objects.sharepoint_search,
    cells_in_objects.neo4j,
    cells_in_objects.px_web,
    statements.databricks,
    named_by_first_row.sheet,
    series.prometheus,
    series.datadog,
    series.datadog_2,
    cubes.json_stat,
    cubes.sdmx_json,
)
# Lists whose items are tables, and what those have; all as `folded` makes them.
_OF_TABLES = frozenset({
    "tables", "results", "reports", "valueranges", "datasets", "resultsets", "frames", "responses", "result",
})  # fmt: skip
_IN_TABLES = frozenset({
    "columns", "fields", "cols", "columnheaders", "columnnames", "rowtype", "headers", "fieldnames", "columndefs",
    "colnames", "head", "schema", "manifest", "metadata", "resultsetmetadata", "dataschema", "meta", "tables", "frames",
    "dimensionheaders", "metricheaders", "columnheader", "majordimension", "body",
})  # fmt: skip
_AROUND_TABLES = frozenset({"body", "data", "result", "results", "response", "table", "resultset", "resulttable"})
_NAME = re.compile(rb'"([^"\\]{1,40})"\s*:')
_OF_NUMBERS = ("int", "float", "number", "decimal")
_SQUARE = 1_000  # columns
# What is raised of a response that has a form's members, and not what they mean there: it is none of that form.
_OF_ANOTHER_FORM = (AttributeError, IndexError, KeyError, TypeError, ValueError)
_DEEPEST = 6
_MOST = 100


def search(document: Node, url: str, *, is_columnar: bool = False) -> list[FoundTable]:
    """Return the tables of a response, which is an object or an array of frames.

    Args:
        document: the response.
        url: where it is from, to be shown.
        is_columnar: whether the caller asked for columns where there are rows otherwise.

    Raises:
        PaginationError: a table says that it is not whole.
    """
    if document.is_list:
        with suppress(*_OF_ANOTHER_FORM):
            return kusto.frames(document) or series.graphite(document) if document.holds_objects else []
        return []
    return list(_Search(url, is_columnar=is_columnar).inside([document], ""))


def beside_columns(parents: Sequence[Node], name: str, path: str, *, is_columnar: bool = False) -> FoundTable | None:
    """Return the table whose rows have a name in the innermost of some objects; None if it has no columns there."""
    rows = parents[0].members()[name]
    if rows.holds_objects:
        return _of_records(parents[0], name, path, rows)
    first = first_item(rows)
    if first is not None and not isinstance(first, list):
        return None
    is_columnar = is_columnar or folded(name) == "columns"  # Splunk's json_cols
    columns = None if is_columnar else columns_beside(parents, name, None if first is None else len(first))
    if columns is not None and len(columns) <= _SQUARE and _is_transposed(rows, columns):
        return FoundTable(path, rows, Table(columns, "columns"))
    if columns is not None:
        return _with_index(FoundTable(path, rows, Table(columns)), parents[0])
    if first is not None and (columns := columns_beside(parents, name, rows.count())) is not None:
        return FoundTable(path, rows, Table(columns, "columns"))
    return None


def _is_transposed(rows: Node, columns: Sequence[TableColumn]) -> bool:
    """Tell whether as many columns as a row has cells are the columns themselves, by what their types say."""
    first = first_item(rows) or []
    if not _contradicts([[cell] for cell in first], columns) or rows.count() != len(columns):
        return False
    cells = decoded(rows)
    by_rows = list(zip_longest(*cells))
    return _contradicts(by_rows, columns) and not _contradicts(cells, columns)


def _contradicts(cells: Sequence[Sequence[Any]], columns: Sequence[TableColumn]) -> bool:
    return any(
        (column.kind == "text" and isinstance(cell, (int, float)))
        or (column.kind in _OF_NUMBERS and isinstance(cell, str) and not is_number(cell))
        for column, values in zip(columns, cells, strict=False)
        for cell in values
    )


def _of_records(parent: Node, name: str, path: str, rows: Node) -> FoundTable | None:
    """Return rows that are objects, whose types stand beside them (ClickHouse's ``JSON``, pandas' ``table``)."""
    columns = columns_beside([parent], name, None)
    if columns is None or not any(column.kind for column in columns):
        return None
    is_of_rows = {column.name for column in columns} == first_item(rows).keys()
    return FoundTable(path, rows, Table(columns, "records")) if is_of_rows else None


def _with_index(found: FoundTable, parent: Node) -> FoundTable:
    """Return a table with the index that stands beside it, unless it counts the rows (pandas' ``split``)."""
    index = parent.members().get("index")
    if index is None or not index.is_list or found.rows.count() != index.count():
        return found
    names = decoded(index)
    if names == list(range(len(names))):
        return found
    rows = [[name, *row] for name, row in zip(names, decoded(found.rows), strict=True)]
    own = found.table.columns
    columns = columns_named(["index", *(column.name for column in own)], [None, *(column.kind for column in own)])
    return FoundTable(found.path, PlainNode(rows), Table(columns))


class _Search:
    def __init__(self, url: str, *, is_columnar: bool) -> None:
        self._url = url
        self._is_columnar = is_columnar

    def inside(self, parents: list[Node], path: str, *, is_item: bool = False) -> Iterator[FoundTable]:
        """Yield the tables in the innermost of some objects; what is inside a table is none.

        Args:
            parents: the objects.
            path: the path of the innermost of them.
            is_item: whether that is an item of a list. It may be a row, which may have tables of its own.
        """
        node = parents[0]
        members = node.members()
        found = self._form(members, path) or list(self._rows(parents, path))
        if found:
            yield from found
            return
        yield from column_arrays.inside(members, path)
        if len(parents) > _DEEPEST:
            return
        for name, member in members.items():
            if member.is_object and (not is_item or folded(name) in _AROUND_TABLES):
                yield from self.inside([member, *parents], joined(path, name))
            elif folded(name) in _OF_TABLES and _may_hold_tables(member):
                for place, item in enumerate(member.items()[:_MOST]):
                    for table in self.inside([item, *parents], joined(path, name, str(place)), is_item=True):
                        yield _named(table, item)

    def _form(self, members: Mapping[str, Node], path: str) -> list[FoundTable]:
        for form in _FORMS:
            with suppress(*_OF_ANOTHER_FORM):
                found = form(members, path)
                if found is not None:
                    return [replace(found, is_own_form=True)]
        with suppress(*_OF_ANOTHER_FORM):
            if "Tables" in members and (found_here := kusto.tables(members, path)):
                return found_here
            return series.influx(members, path, self._url)
        return []

    def _rows(self, parents: list[Node], path: str) -> Iterator[FoundTable]:
        tables: dict[bool, list[FoundTable]] = {True: [], False: []}
        for name, member in parents[0].members().items():
            is_called = folded(name) in ROWS
            if member.holds_lists or (member.is_list and is_called):
                found = beside_columns(parents, name, joined(path, name), is_columnar=self._is_columnar)
                if found is not None:
                    tables[is_called].append(found)
        yield from tables[True] or tables[False]


def _may_hold_tables(node: Node) -> bool:
    """Tell whether a list may be of tables, by the names at its start."""
    if not node.holds_objects:
        return False
    if node.size:
        return any(folded(name.decode("utf-8", "ignore")) in _IN_TABLES for name in set(_NAME.findall(node.start)))
    return any(folded(name) in _IN_TABLES for name in first_item(node))


def _named(table: FoundTable, item: Node) -> FoundTable:
    """Return a table with the name that stands beside it."""
    members = item.members()
    name = next((members[key].value() for key in ("name", "TableName", "title", "range") if key in members), "")
    if table.name or not isinstance(name, str):
        return table
    if name != "PrimaryResult":
        return replace(table, name=name)
    return replace(table, name=name, is_primary=True, table=in_utc(table.table))
