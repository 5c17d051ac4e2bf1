"""Tables whose rows are objects that hold the cells: by place, or with the column's name beside each.

Sources: developers.smartsheet.com/api/smartsheet/openapi/sheets; trino.io/docs/current/develop/client-protocol;
learn.microsoft.com/sharepoint/dev/general-development/sharepoint-search-rest-api-overview; neo4j.com/docs/http-api
(result formats); pxdata.se/en/api1 (response format ``json``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbauth.data.paging.table_columns import columns_in
from nbauth.data.paging.tables.found import FoundTable, joined, of_columns, of_lists
from nbauth.data.parse.array_items import decoded, first_item
from nbauth.data.parse.declared_types import declared
from nbauth.data.parse.json_table import Table, columns_named
from nbauth.data.parse.lazy_json import PlainNode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbauth.data.parse.cell_values import CellKind
    from nbauth.data.parse.lazy_json import Node

__all__ = ["neo4j", "px_web", "sharepoint_search", "smartsheet", "trino"]


def smartsheet(members: Mapping[str, Node], path: str) -> FoundTable | None:
    """Read a sheet: ``columns`` with an ``id``, and ``rows`` with ``cells`` that name it."""
    if not {"columns", "rows"} <= members.keys() or not members["rows"].may_begin_with(("cells",)):
        return None
    fields, rows = decoded(members["columns"]), decoded(members["rows"])
    if not all(isinstance(field, dict) and {"id", "title"} <= field.keys() for field in fields):
        return None
    by_row = [{cell.get("columnId"): cell.get("value") for cell in row["cells"]} for row in rows]
    cells = [[row.get(field["id"]) for row in by_row] for field in fields]
    return of_lists(joined(path, "rows"), columns_named([field["title"] for field in fields]), cells)


def trino(members: Mapping[str, Node], path: str) -> FoundTable | None:
    """Read an answer that has its columns already, and no rows yet; its next one may have them."""
    if not {"columns", "stats", "infoUri"} <= members.keys() or "data" in members:
        return None
    if not isinstance(first_item(members["columns"]), dict):
        return None
    return FoundTable(joined(path, "data"), PlainNode([]), Table(columns_in(members["columns"]) or ()))


def sharepoint_search(members: Mapping[str, Node], path: str) -> FoundTable | None:
    """Read SharePoint's search: ``Rows`` with ``Cells``, each of which has its ``Key`` and its ``ValueType``."""
    rows, path = _verbose(members.get("Rows")), joined(path, "Rows")
    if rows is None or not rows.may_begin_with(("Cells",)):
        return None
    path = path if members["Rows"].is_list else joined(path, "results")
    by_row: list[dict[str, Any]] = []
    kinds: dict[str, CellKind] = {}
    for row in decoded(rows):
        cells = row["Cells"]["results"] if isinstance(row["Cells"], dict) else row["Cells"]
        by_row.append({cell["Key"]: cell["Value"] for cell in cells})
        for cell in cells:
            kind = declared(str(cell.get("ValueType", "")).removeprefix("Edm."))
            if kind is not None:
                kinds.setdefault(cell["Key"], kind)
    names = list(dict.fromkeys(name for row in by_row for name in row))
    return of_columns(path, {name: [row.get(name) for row in by_row] for name in names}, kinds)


def neo4j(members: Mapping[str, Node], path: str) -> FoundTable | None:
    """Read a result of Neo4j's: ``columns``, and ``data`` with a ``row`` in each item."""
    if not {"columns", "data"} <= members.keys() or not members["data"].may_begin_with(("row",)):
        return None
    names, rows = decoded(members["columns"]), [item["row"] for item in decoded(members["data"])]
    if not all(isinstance(name, str) for name in names):
        return None
    return FoundTable(joined(path, "data"), PlainNode(rows), Table(columns_named(names)))


def px_web(members: Mapping[str, Node], path: str) -> FoundTable | None:
    """Read a table of PxWeb, which statistics offices run: ``columns``, and ``data`` with ``key`` and ``values``."""
    if not {"columns", "data"} <= members.keys() or not members["data"].may_begin_with(("key",)):
        return None
    fields, rows = decoded(members["columns"]), decoded(members["data"])
    kinds: list[CellKind | None] = ["number" if field.get("type") == "c" else "text" for field in fields]
    cells = [[*row["key"], *row["values"]] for row in rows]
    table = Table(columns_named([field["code"] for field in fields], kinds))
    return FoundTable(joined(path, "data"), PlainNode(cells), table)


def _verbose(node: Node | None) -> Node | None:
    """Return a list that OData 2 may have wrapped in ``results``."""
    return node if node is None or node.is_list else node.members().get("results")
