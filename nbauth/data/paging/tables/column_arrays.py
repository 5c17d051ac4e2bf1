"""Objects of equally long arrays: each is a column, as in Open-Meteo's answers (open-meteo.com/en/docs)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.data.paging.tables.found import joined, of_columns, of_lists
from nbauth.data.parse.array_items import decoded
from nbauth.data.parse.json_table import columns_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbauth.data.paging.tables.found import FoundTable
    from nbauth.data.parse.cell_values import CellKind
    from nbauth.data.parse.lazy_json import Node

__all__ = ["columns_of", "data_frame", "holds_columns", "inside", "whole"]

_FIELDS: dict[str, CellKind] = {"time": "epoch milliseconds", "string": "text"}  # Grafana's
_TIMES = ("time", "times", "timestamp", "timestamps", "date", "dates", "datetime", "t")


def holds_columns(node: Node) -> bool:
    """Tell whether an object is nothing but arrays of scalars, at least two and equally long."""
    members = node.members()
    if len(members) <= 1 or not all(member.is_list for member in members.values()):
        return False
    if any(member.holds_objects or member.holds_lists for member in members.values()):
        return False
    return len({member.count() for member in members.values()}) == 1


def columns_of(node: Node, path: str, assumed: str | None = None) -> FoundTable:
    """Read an object of columns."""
    cells = {name: decoded(member) for name, member in node.members().items()}
    return of_columns(path, cells, {}, assumed=assumed)


def data_frame(members: Mapping[str, Node], path: str) -> FoundTable | None:
    """Read a data frame of Grafana's: ``schema.fields`` and ``data.values``, an array for each field.

    Source: grafana.com/developers/plugin-tools/introduction/data-frames, and the answers of ``/api/ds/query``.
    """
    if not {"schema", "data"} <= members.keys():
        return None
    schema, data = members["schema"].members(), members["data"].members()
    if "fields" not in schema or not ("values" in data and data["values"].is_list):
        return None
    fields, cells = decoded(schema["fields"]), decoded(data["values"])
    if not all(isinstance(column, list) for column in cells):
        return None
    names = [field.get("name") or "" for field in fields]
    labels = [",".join(f"{key}={value}" for key, value in (field.get("labels") or {}).items()) for field in fields]
    is_told = len(set(names)) == len(names)
    columns = columns_named(
        [name if is_told or not label else f"{name} {{{label}}}" for name, label in zip(names, labels, strict=True)],
        [_FIELDS.get(field.get("type")) for field in fields],
    )
    return of_lists(joined(path, "data.values"), columns, cells or [[] for _ in fields])


def whole(members: Mapping[str, Node], path: str) -> FoundTable | None:
    """Read an object whose arrays are columns, beside nothing but scalars; a time among them tells (Finnhub's)."""
    columns = {name: member for name, member in members.items() if member.is_list}
    if path or len(columns) <= 1 or not any(name in columns for name in _TIMES) or "id" in members:
        return None
    if any(member.is_object for member in members.values()):
        return None
    if any(column.holds_objects or column.holds_lists or column.is_empty for column in columns.values()):
        return None
    if len({column.count() for column in columns.values()}) > 1 or next(iter(columns.values())).count() <= 1:
        return None
    return of_columns(path, {name: decoded(column) for name, column in columns.items()}, {})


def inside(members: Mapping[str, Node], path: str) -> list[FoundTable]:
    """Return the members of an object that hold columns, where a unit beside them or a time among them tells."""
    return [
        columns_of(node, joined(path, name))
        for name, node in members.items()
        if node.is_object and _is_told(members, name, node) and holds_columns(node)
    ]


def _is_told(members: Mapping[str, Node], name: str, node: Node) -> bool:
    return f"{name}_units" in members or any(time in node.members() for time in _TIMES)
