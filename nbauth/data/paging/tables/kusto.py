"""Kusto's tables: the frames of its second version, and the tables of the first one.

Sources: learn.microsoft.com/kusto/api/rest/response-v2 and response-http; `azure/kusto/data/response.py` of
azure-kusto-data, where the last of more than two tables says what the others are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbauth.data.paging.table_columns import columns_in
from nbauth.data.paging.tables.found import FoundTable, in_utc, joined
from nbauth.data.parse.array_items import decoded, ends_with_object, first_item
from nbauth.data.parse.json_table import Table
from nbauth.data.parse.lazy_json import PlainNode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nbauth.data.parse.lazy_json import Node

__all__ = ["errors", "frames", "tables"]

_ERRORS = ("OneApiErrors", "Exceptions")  # what stands for a row where the service gave up
_CONTENTS = ["Ordinal", "Kind", "Name", "Id", "PrettyName"]


def frames(document: Node) -> list[FoundTable]:
    """Return the primary tables of a list of frames; none if it is no such list."""
    if not document.may_begin_with(("FrameType",)) or "FrameType" not in first_item(document):
        return []
    found: list[FoundTable] = []
    begun: dict[Any, tuple[str, dict[str, Any], list[Any]]] = {}  # tables that come in fragments
    for place, frame in enumerate(document.items()):
        members = frame.members()
        kind = _text(members, "FrameType")
        if kind == "DataTable" and _text(members, "TableKind") == "PrimaryResult":
            table = _table(members)
            found.append(FoundTable(f"{place}.Rows", _good(members["Rows"]), table, _text(members, "TableName"), True))
        elif kind == "TableHeader" and _text(members, "TableKind") == "PrimaryResult":
            begun[_id(members)] = (f"{place}.Rows", dict(members), [])
        elif kind == "TableFragment" and _id(members) in begun:
            rows = begun[_id(members)][2]
            if _text(members, "TableFragmentType") == "DataReplace":
                rows.clear()
            rows.extend(decoded(_good(members["Rows"])))
    for path, header, rows in begun.values():
        node = PlainNode(rows)
        found.append(FoundTable(path, node, _table(header), _text(header, "TableName"), True))
    return found


def errors(document: Node) -> Any | None:
    """Return what frames or tables say of an error, as whose part their rows came; None if there is none."""
    if document.is_object:
        members = document.members()
        is_kusto = "Tables" in members and members["Tables"].may_begin_with(("Columns", "TableName"))
        return _behind_rows([table.members() for table in members["Tables"].items()]) if is_kusto else None
    if not document.may_begin_with(("FrameType",)):
        return None
    frames = [frame.members() for frame in document.items()]
    if behind := _behind_rows(frames):
        return behind
    for members in reversed(frames):
        if _text(members, "FrameType") == "DataSetCompletion":
            bad = [name for name in ("HasErrors", "Cancelled") if name in members and members[name].value() is True]
            said = members["OneApiErrors"].value() if "OneApiErrors" in members else ""
            return (said or bad[0]) if bad else None
    return None


def _behind_rows(tables: Sequence[Mapping[str, Node]]) -> list[Any] | None:
    """Return the errors that stand behind the rows of tables."""
    lists = [table["Rows"] for table in tables if "Rows" in table and ends_with_object(table["Rows"])]
    return [row for rows in lists for row in decoded(rows) if _is_error(row)] or None


def _good(rows: Node) -> Node:
    """Return rows without the errors behind them."""
    return PlainNode([row for row in decoded(rows) if not _is_error(row)]) if ends_with_object(rows) else rows


def _is_error(row: Any) -> bool:
    return isinstance(row, dict) and not row.keys().isdisjoint(_ERRORS)


def tables(members: dict[str, Node] | Any, path: str) -> list[FoundTable]:
    """Return those of a list of tables that are results; none if nothing says which they are."""
    if not members["Tables"].may_begin_with(("Columns", "TableName")):
        return []
    listed: Sequence[Node] = members["Tables"].items()
    parts = [table.members() for table in listed]
    if not parts or not all({"Columns", "Rows"} <= part.keys() for part in parts):
        return []
    last = parts[-1]
    contents = [column.get("ColumnName") for column in decoded(last["Columns"])]
    chosen: Sequence[int] = range(1 if len(parts) <= 2 else len(parts))  # noqa: PLR2004 - results, and what was said of the query
    if len(parts) > 2 and contents == _CONTENTS:  # noqa: PLR2004
        chosen = [row[0] for row in decoded(last["Rows"]) if row[1] == "QueryResult"]
    return [
        FoundTable(
            joined(path, "Tables", str(place), "Rows"),
            _good(parts[place]["Rows"]),
            _table(parts[place]),
            _text(parts[place], "TableName"),
            len(chosen) == 1,
        )
        for place in chosen
    ]


def _table(members: Any) -> Table:
    return in_utc(Table(columns_in(members["Columns"]) or ()))


def _text(members: Any, name: str) -> str:
    value = members[name].value() if name in members else ""
    return value if isinstance(value, str) else ""


def _id(members: Any) -> Any:
    return members["TableId"].value() if "TableId" in members else None
