"""Google's tables: cells that are objects, under names of their own.

Sources: cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query and tabledata/list;
developers.google.com/analytics/devguides/reporting/data/v1/rest/v1beta/properties/runReport and
reporting/core/v4/rest/v4/reports/batchGet; developers.google.com/chart/interactive/docs/dev/implementing_data_source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbauth.data.paging.tables.found import joined, of_lists
from nbauth.data.parse.array_items import decoded, first_item
from nbauth.data.parse.declared_types import declared
from nbauth.data.parse.json_table import columns_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbauth.data.paging.tables.found import FoundTable
    from nbauth.data.parse.cell_values import CellKind
    from nbauth.data.parse.lazy_json import Node

__all__ = ["analytics", "big_query", "charts", "universal_analytics"]

_NESTED = ("RECORD", "STRUCT")


def big_query(members: Mapping[str, Node], path: str) -> FoundTable | None:
    """Read the rows of a query or table of BigQuery: ``schema.fields``, and ``rows`` of ``{"f": [{"v": …}]}``."""
    schema = members["schema"].members() if "schema" in members else {}
    if "fields" not in schema:
        return None
    first = first_item(members["rows"]) if "rows" in members else None
    is_known = "jobComplete" in members if first is None else isinstance(first, dict) and first.keys() == {"f"}
    if not is_known:
        return None
    rows = decoded(members["rows"]) if first is not None else []
    fields = decoded(schema["fields"])
    columns = columns_named([field["name"] for field in fields], [_big_query_kind(field) for field in fields])
    cells = [[_cell(row["f"][place]["v"], field) for row in rows] for place, field in enumerate(fields)]
    return of_lists(joined(path, "rows"), columns, cells)


def analytics(members: Mapping[str, Node], path: str) -> FoundTable | None:
    """Read a report of Google Analytics 4: ``dimensionHeaders``, ``metricHeaders`` and ``rows``."""
    headers = members.keys() & {"dimensionHeaders", "metricHeaders"}
    if not headers or not all(members[name].is_list for name in headers):
        return None
    dimensions, metrics = _list(members, "dimensionHeaders"), _list(members, "metricHeaders")
    rows = _list(members, "rows")
    names = [header["name"] for header in [*dimensions, *metrics]]
    kinds: list[CellKind | None] = ["text"] * len(dimensions)
    columns = columns_named(names, kinds + [declared(header.get("type")) or "number" for header in metrics])
    cells = [
        [row[held][place].get("value") for row in rows]
        for held, headers in (("dimensionValues", dimensions), ("metricValues", metrics))
        for place in range(len(headers))
    ]
    return of_lists(joined(path, "rows"), columns, cells)


def universal_analytics(members: Mapping[str, Node], path: str) -> FoundTable | None:
    """Read a report of Google Analytics' fourth reporting API: ``columnHeader`` and ``data.rows``."""
    if not {"columnHeader", "data"} <= members.keys():
        return None
    header, data = members["columnHeader"].value(), members["data"].members()
    if not (isinstance(header, dict) and "metricHeader" in header):
        return None
    dimensions, metrics = header.get("dimensions", []), header["metricHeader"].get("metricHeaderEntries", [])
    rows = _list(data, "rows")
    names = [*dimensions, *(metric["name"] for metric in metrics)]
    kinds: list[CellKind | None] = ["text" for _ in dimensions]
    kinds += ["number" for _ in metrics]
    columns = columns_named(names, kinds)
    cells = [[row["dimensions"][place] for row in rows] for place in range(len(dimensions))]
    cells += [[row["metrics"][0]["values"][place] for row in rows] for place in range(len(metrics))]
    return of_lists(joined(path, "data.rows"), columns, cells)


def charts(members: Mapping[str, Node], path: str) -> FoundTable | None:
    """Read a table as Google's charts take it: ``cols``, and ``rows`` of ``{"c": [{"v": …}]}``."""
    if not {"cols", "rows"} <= members.keys():
        return None
    fields, rows = decoded(members["cols"]), decoded(members["rows"])
    if not all(isinstance(row, dict) and isinstance(row.get("c"), list) for row in rows):
        return None
    names = [field.get("label") or field.get("id") or "" for field in fields]
    columns = columns_named(names, ["text" if field.get("type") == "string" else None for field in fields])
    cells = [[_chart_cell(row["c"], place) for row in rows] for place in range(len(fields))]
    return of_lists(joined(path, "rows"), columns, cells)


def _list(members: Mapping[str, Node], name: str) -> list[Any]:
    return decoded(members[name]) if name in members else []


def _big_query_kind(field: Mapping[str, Any]) -> CellKind | None:
    if field.get("mode") == "REPEATED" or field["type"] in _NESTED:
        return "any"
    return "epoch seconds" if field["type"] == "TIMESTAMP" else declared(field["type"])


def _cell(value: Any, field: Mapping[str, Any]) -> Any:
    """Return the value of a cell; those of records and repeated fields are cells, too."""
    if value is None or (field.get("mode") != "REPEATED" and field["type"] not in _NESTED):
        return value
    if field.get("mode") == "REPEATED":
        return [_cell(item["v"], {**field, "mode": ""}) for item in value]
    return {inner["name"]: _cell(cell["v"], inner) for inner, cell in zip(field["fields"], value["f"], strict=True)}


def _chart_cell(cells: list[Any], place: int) -> Any:
    cell = cells[place] if place < len(cells) else None
    return cell.get("v") if isinstance(cell, dict) else None
