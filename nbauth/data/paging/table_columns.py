"""The columns of a table, which stand somewhere beside or above its rows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from nbauth.data.paging.request_params import folded
from nbauth.data.parse.array_items import decoded
from nbauth.data.parse.declared_types import declared
from nbauth.data.parse.json_table import columns_named

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nbauth.data.parse.cell_values import CellKind
    from nbauth.data.parse.json_table import TableColumn
    from nbauth.data.parse.lazy_json import Node

__all__ = ["ROWS", "columns_beside", "columns_in", "is_called_columns"]

# What the members of a column are called that name it and say its type; see `folded`. The first counts.
_NAMES = ("name", "columnname", "column", "fieldname", "field", "label", "title", "displayname", "id", "key", "header")
_TYPES = ("columntype", "typename", "type", "datatype", "propertytype", "datatypename", "columndatatype", "sqltype")
# What lists of columns are called, the rows beside them, and objects that hold such a list.
_LISTS = (
    "columns", "fields", "cols", "columnheaders", "columnnames", "rowtype", "headers", "header", "names", "meta",
    "fieldnames", "columndefs", "labels", "colnames", "schema", "head",
)  # fmt: skip
ROWS = ("rows", "data", "values", "dataarray", "dataset", "records", "datarows", "result", "results")
_OF_TYPES = ("columns", "fields", "schema")
_SURE = ("columns", "cols", "columnheaders", "columnnames", "rowtype", "fields", "fieldnames", "headers", "colnames")
_HOLDERS = ("schema", "manifest", "resultsetmetadata", "metadata", "meta", "dataschema", "view", "tableschema")
_TYPE_LISTS = re.compile(r"(?:column|field|col)?(?:data)?types")
_SNOWFLAKE: dict[str, CellKind] = {
    "date": "epoch days", "timestamp_ntz": "local epoch seconds", "timestamp_ltz": "epoch seconds",
    "timestamp_tz": "offset epoch seconds",
}  # fmt: skip
_DEEPEST = 3
_LARGEST = 4_000_000  # bytes of what may name columns


def is_called_columns(name: str) -> bool:
    """Tell whether a list is called as lists of columns are."""
    return folded(name) in _LISTS


def columns_beside(parents: Sequence[Node], rows: str, width: int | None) -> tuple[TableColumn, ...] | None:
    """Return the columns of rows.

    Args:
        parents: the objects around the rows, the innermost first.
        rows: the name of the rows in the innermost of them.
        width: how many cells the first row has; None where there is no row.

    Returns:
        The columns, if a list there has a name for each cell; the innermost such, and of those by its own name.
    """
    for place, parent in enumerate(parents):
        found = [
            (rank, columns)
            for rank, node, beside in _candidates(parent, skip=rows if place == 0 else None)
            if (columns := columns_in(node, beside, is_snowflakes=rank == _LISTS.index("rowtype"))) is not None
            and (_is_sure(parents[0], rank, columns) if width is None else len(columns) == width)
            and (rank < len(_LISTS) or folded(rows) in ROWS)
        ]
        if found:
            return min(found, key=lambda pair: pair[0])[1]
    return None


def _is_sure(parent: Node, rank: int, columns: Sequence[TableColumn]) -> bool:
    """Tell whether a list names columns though there is no row to compare it with; things have lists of names, too."""
    has_types = any(column.kind for column in columns)
    return rank < len(_LISTS) and (has_types or (_LISTS[rank] in _SURE and "id" not in parent.members()))


def columns_in(
    node: Node, beside: Node | None = None, *, is_snowflakes: bool = False
) -> tuple[TableColumn, ...] | None:
    """Return the columns that a list names; None if any of its items has no name.

    Args:
        node: the list.
        beside: the object that holds it, which may hold a list of the types, too.
        is_snowflakes: whether the types are Snowflake's.
    """
    if node.size > _LARGEST:
        return None
    if node.is_object:  # of names, each with its type
        types = node.value()
        is_told = bool(types) and all(isinstance(one, str) for one in types.values())
        return columns_named(list(types), [declared(one) for one in types.values()]) if is_told else None
    if not node.is_list or node.is_empty or node.holds_lists:
        return None
    items = decoded(node)
    names = [_said(item, _NAMES) for item in items]
    if not all(isinstance(name, str) for name in names):
        return None
    if all(isinstance(item, str) for item in items):
        return columns_named(items, _types_beside(beside, len(items)))
    kinds = [_snowflake_kind(item) if is_snowflakes else declared(_said(item, _TYPES)) for item in items]
    return columns_named([str(name) for name in names], kinds)


def _candidates(parent: Node, skip: str | None, deep: int = 1) -> Iterator[tuple[int, Node, Node]]:
    """Yield the lists that may name columns, each with its rank and the object that holds it."""
    for name, node in parent.members().items():
        if name == skip:
            continue
        plain = folded(name)
        if node.is_list or (node.is_object and plain in _OF_TYPES):
            yield (_LISTS.index(plain) if plain in _LISTS else len(_LISTS)), node, parent
        if node.is_object and deep < _DEEPEST and (deep > 1 or plain in _HOLDERS):
            yield from _candidates(node, None, deep + 1)


def _said(item: Any, names: Sequence[str]) -> Any:
    if not isinstance(item, dict):
        return item if names is _NAMES else None
    members = {folded(name): value for name, value in item.items()}
    return next((members[name] for name in names if members.get(name) is not None), None)


def _snowflake_kind(item: dict[str, Any]) -> CellKind | None:
    """Return the kind of a column of Snowflake's SQL API, whose cells are all text.

    Source: docs.snowflake.com/developer-guide/sql-api/handling-responses, "Getting the data from the results".
    """
    name = item.get("type")
    if name == "fixed":
        return "decimal" if item.get("scale") else "int"
    return _SNOWFLAKE.get(str(name), declared(name))


def _types_beside(beside: Node | None, width: int) -> list[CellKind | None] | None:
    """Return the kinds that stand in a list of their own, as Pinot's ``columnDataTypes``."""
    for name, node in beside.members().items() if beside is not None else ():
        if node.is_list and _TYPE_LISTS.fullmatch(folded(name)):
            types = decoded(node)
            if len(types) == width:
                return [declared(one) for one in types]
    return None
