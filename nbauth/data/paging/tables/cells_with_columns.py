"""Tables whose cells name their columns, and those whose first answers have columns alone.

Sources: developers.smartsheet.com/api/smartsheet/openapi/sheets; trino.io/docs/current/develop/client-protocol.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.data.paging.table_columns import columns_in
from nbauth.data.paging.tables.found import FoundTable, joined, of_lists
from nbauth.data.parse.array_items import decoded, first_item
from nbauth.data.parse.json_table import Table, columns_named
from nbauth.data.parse.lazy_json import PlainNode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbauth.data.parse.lazy_json import Node

__all__ = ["smartsheet", "trino"]


def smartsheet(members: Mapping[str, Node], path: str) -> FoundTable | None:
    """Read a sheet: ``columns`` with an ``id``, and ``rows`` with ``cells`` that name it."""
    if not {"columns", "rows"} <= members.keys() or not members["rows"].may_begin_with(("cells",)):
        return None
    fields, rows = decoded(members["columns"]), decoded(members["rows"])
    if not all(isinstance(field, dict) and {"id", "title"} <= field.keys() for field in fields):
        return None
    if not all(isinstance(row.get("cells"), list) for row in rows):
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
