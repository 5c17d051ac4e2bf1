"""Series of points, each with labels of its own: one row a point, the labels as columns.

Sources: prometheus.io/docs/prometheus/latest/querying/api; grafana.com/docs/loki/latest/reference/loki-http-api;
docs.influxdata.com/influxdb/v1/tools/api (``/query``); docs.datadoghq.com/api/latest/metrics ("Query timeseries").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbauth.data.paging.tables.found import joined, of_columns
from nbauth.data.parse.array_items import decoded, first_item
from nbauth.errors import PaginationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nbauth.data.paging.tables.found import FoundTable
    from nbauth.data.parse.cell_values import CellKind
    from nbauth.data.parse.lazy_json import Node

__all__ = ["datadog", "datadog_2", "graphite", "influx", "prometheus"]

_LATEST_SECOND = 32_503_680_000  # the year 3000
_RESULTS = ("matrix", "vector", "scalar", "string", "streams")


def prometheus(members: Mapping[str, Node], path: str) -> FoundTable | None:
    """Read what Prometheus and its kin answer to a query: ``resultType`` and ``result``; Loki's streams, too."""
    kind = members["resultType"].value() if {"resultType", "result"} <= members.keys() else None
    if kind not in _RESULTS:
        return None
    result = decoded(members["result"])
    path = joined(path, "result")
    if kind in ("scalar", "string"):
        series: list[tuple[dict[str, Any], Any]] = [({}, [result])]
    elif kind == "vector":
        series = [(one["metric"], [one["value"] if "value" in one else one["histogram"]]) for one in result]
    else:
        labels = "stream" if kind == "streams" else "metric"
        series = [(one[labels], one.get("values") or one.get("histograms") or []) for one in result]
    if kind == "streams":
        return _points(path, series, ("time", "line"), {"time": "epoch nanoseconds", "line": "text"})
    return _points(path, series, ("time", "value"), {"time": "epoch seconds", "value": "float"})


def datadog(members: Mapping[str, Node], path: str) -> FoundTable | None:
    """Read the series of a query of Datadog's: a ``pointlist`` of milliseconds and values in each."""
    first = first_item(members["series"]) if "series" in members else None
    if not (isinstance(first, dict) and "pointlist" in first):
        return None
    result = decoded(members["series"])
    if not all("pointlist" in one for one in result):
        return None
    series = [({name: one[name] for name in ("metric", "scope") if name in one}, one["pointlist"]) for one in result]
    return _points(joined(path, "series"), series, ("time", "value"), {"time": "epoch milliseconds"})


def graphite(document: Node) -> list[FoundTable]:
    """Read Graphite's targets, each with ``datapoints`` of a value and a time."""
    first = first_item(document) if document.may_begin_with(("datapoints",)) else None
    if not (isinstance(first, dict) and {"target", "datapoints"} <= first.keys()):
        return []
    series = [({"target": one["target"]}, [point[::-1] for point in one["datapoints"]]) for one in decoded(document)]
    return [_points("", series, ("time", "value"), {"time": _graphite_time(series)})]


def _graphite_time(series: Sequence[tuple[Any, list[Any]]]) -> CellKind:
    """Return the unit of times, which Grafana's data sources of this form write in milliseconds."""
    first = next((points[0][0] for _, points in series if points), 0)
    return "epoch milliseconds" if first > _LATEST_SECOND else "epoch seconds"


def datadog_2(members: Mapping[str, Node], path: str) -> FoundTable | None:
    """Read the series of a query of Datadog's second version: ``times``, and ``values`` of each of the ``series``."""
    if not {"series", "times", "values"} <= members.keys() or not members["values"].holds_lists:
        return None
    times, values = decoded(members["times"]), decoded(members["values"])
    own = decoded(members["series"])
    if not all("group_tags" in one for one in own):
        return None
    labels = [{"query": one.get("query_index"), "tags": ",".join(one["group_tags"])} for one in own]
    series = [(one, list(zip(times, cells, strict=True))) for one, cells in zip(labels, values, strict=True)]
    return _points(joined(path, "values"), series, ("time", "value"), {"time": "epoch milliseconds"})


def influx(members: Mapping[str, Node], path: str, url: str) -> list[FoundTable]:
    """Read the results of InfluxDB's first version: in each statement's the series have ``columns`` and ``values``.

    Raises:
        PaginationError: one of them says that it is not whole.
    """
    if "results" not in members or not members["results"].may_begin_with(("series", "statement_id")):
        return []
    results = decoded(members["results"])
    if all(one.keys() == {"statement_id"} for one in results):
        return [of_columns(joined(path, "results"), {}, {})]  # nothing was found
    is_known = all(one.keys() & {"series", "statement_id"} for one in results)
    if not is_known or not any("series" in one for one in results):
        return []
    found = []
    for place, result in enumerate(results):
        series = result.get("series", [])
        if not all({"columns"} <= one.keys() for one in series):
            return []
        if result.get("partial") or any(one.get("partial") for one in series):
            raise PaginationError(
                f"{url}: the answer says partial, so the server left rows out.",
                url=url,
                next_step="Ask for less at once by LIMIT and OFFSET, or by times.",
            )
        if series:
            found.append(_influx_table(joined(path, "results", str(place), "series"), series))
    return found


def _influx_table(path: str, series: list[dict[str, Any]]) -> FoundTable:
    tags = list(dict.fromkeys(tag for one in series for tag in one.get("tags", {})))
    columns = list(dict.fromkeys(column for one in series for column in one["columns"]))
    has_names = len({one.get("name") for one in series}) > 1
    cells: dict[str, list[Any]] = {name: [] for name in [*(["name"] if has_names else []), *tags, *columns]}
    for one in series:
        rows = one.get("values", [])
        own = one["columns"]
        for name in cells:
            if name in own:
                place = own.index(name)
                cells[name] += [row[place] for row in rows]
            elif name in tags:
                cells[name] += [one.get("tags", {}).get(name)] * len(rows)
            else:
                cells[name] += [one.get("name") if has_names and name == "name" else None] * len(rows)
    return of_columns(path, cells, dict.fromkeys(tags, "text"))


def _points(
    path: str,
    series: Iterable[tuple[Mapping[str, Any], Sequence[Any]]],
    names: tuple[str, str],
    kinds: dict[str, CellKind],
) -> FoundTable:
    """Return a row for each point; a label that has the name of what is measured gets ``label_`` before it."""
    series = list(series)
    labels = list(dict.fromkeys(label for own, _ in series for label in own))
    cells: dict[str, list[Any]] = {}
    for label in labels:
        name = f"label_{label}" if label in names else label
        cells[name] = [value for own, points in series for value in [own.get(label)] * len(points)]
    for place, name in enumerate(names):
        cells[name] = [point[place] for _, points in series for point in points]
    texts: dict[str, CellKind] = dict.fromkeys((name for name in cells if name not in names), "text")
    return of_columns(path, cells, texts | kinds)
