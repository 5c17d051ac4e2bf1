"""Cubes of statistics offices: a row for each cell that has a value, its dimensions as columns.

Sources: json-stat.org/full; github.com/sdmx-twg/sdmx-json, the field guides of the data message 1.0 and 2.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nbauth.data.paging.tables.found import joined, of_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nbauth.data.paging.tables.found import FoundTable
    from nbauth.data.parse.lazy_json import Node

__all__ = ["json_stat", "sdmx_json"]


def json_stat(members: Mapping[str, Node], path: str) -> FoundTable | None:
    """Read a dataset of JSON-stat: its ``value`` is the cube in row-major order, or an object of places and values."""
    if not {"dimension", "value"} <= members.keys() or not members["dimension"].is_object:
        return None
    dimension = members["dimension"].value()
    ids = members["id"].value() if "id" in members else dimension.get("id")  # beside it since 2.0, in it before
    sizes = members["size"].value() if "size" in members else dimension.get("size")
    if not isinstance(ids, list) or not isinstance(sizes, list) or not all(name in dimension for name in ids):
        return None
    places, values = _sparse(members["value"].value())
    statuses = _sparse(members["status"].value()) if "status" in members else ([], [])
    held = dict(zip(places, values, strict=True))
    status = dict(zip(*statuses, strict=True))
    every = [p for p in sorted({*held, *status}) if held.get(p) is not None or status.get(p) is not None]
    spots = np.unravel_index(np.array(every, np.int64), tuple(sizes)) if every else [np.array([], np.int64)] * len(ids)
    cells: dict[str, list[Any]] = {}
    for name, spot in zip(ids, spots, strict=True):
        codes = np.array(_codes(dimension[name]["category"]), dtype=object)
        cells[name] = codes[spot].tolist()
    cells["value" if "value" not in ids else "value.2"] = [held.get(place) for place in every]
    if status:
        cells["status"] = [status.get(place) for place in every]
    return of_columns(joined(path, "value"), cells, dict.fromkeys(ids, "text"))


def sdmx_json(members: Mapping[str, Node], path: str) -> FoundTable | None:
    """Read a data message of SDMX-JSON, whose series and observations are keyed by places of dimensions' values."""
    if "dataSets" not in members or not members.keys() & {"structure", "structures"}:
        return None
    structures = members["structures"].value() if "structures" in members else [members["structure"].value()]
    rows: list[tuple[dict[str, Any], Any]] = []
    for data in members["dataSets"].value():
        dimensions = structures[data.get("structure", 0)]["dimensions"]
        whole = _named(dimensions.get("dataSet") or dimensions.get("dataset") or [], None)
        for key, series in (data.get("series") or {"": data}).items():
            above = whole | _named(dimensions.get("series") or [], key)
            for spot, observation in (series.get("observations") or {}).items():
                value = observation[0] if isinstance(observation, list) and observation else observation
                rows.append((above | _named(dimensions.get("observation") or [], spot), value))
    names = list(dict.fromkeys(name for own, _ in rows for name in own))
    cells = {name: [own.get(name) for own, _ in rows] for name in names}
    cells["value"] = [value for _, value in rows]
    return of_columns(joined(path, "dataSets"), cells, dict.fromkeys(names, "text"))


def _sparse(value: Any) -> tuple[list[int], list[Any]]:
    """Return the places and the values of a cube that is an array or an object."""
    if isinstance(value, dict):
        return [int(place) for place in value], list(value.values())
    return (list(range(len(value))), value) if isinstance(value, list) else ([], [])


def _codes(category: Mapping[str, Any]) -> list[str]:
    """Return a dimension's codes in their order; one that has a single one may have nothing but its label."""
    index = category.get("index", category.get("label", {}))
    if isinstance(index, list):
        return index
    return sorted(index, key=lambda code: index[code]) if "index" in category else list(index)


def _named(dimensions: list[dict[str, Any]], key: str | None) -> dict[str, Any]:
    """Return the values that a key of places, such as ``0:3``, says; without one each dimension has a single value."""
    spots: Iterator[str] = iter((key or "").split(":") if key else ["0"] * len(dimensions))
    return {one["id"]: _value(one["values"], int(spot)) for one, spot in zip(dimensions, spots, strict=False)}


def _value(values: list[Any], spot: int) -> Any:
    value = values[spot]
    return next((value[name] for name in ("id", "value", "name", "start") if name in value), None)
