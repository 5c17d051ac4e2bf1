"""Sheets and other arrays of arrays whose first row holds the names, or that have no names at all.

Sources: developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets.values (what is empty at the end of a
row is left out); learn.microsoft.com/graph/api/range-get; census.gov/data/developers/guidance/api-user-guide;
druid.apache.org/docs/latest/api-reference/sql-api (``header``, ``typesHeader``, ``sqlTypesHeader``).
"""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from nbauth.data.paging.tables.found import FoundTable, joined
from nbauth.data.parse.array_items import decoded
from nbauth.data.parse.declared_types import declared
from nbauth.data.parse.json_table import Table, columns_named
from nbauth.data.parse.lazy_json import PlainNode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbauth.data.parse.cell_values import CellKind
    from nbauth.data.parse.lazy_json import Node

__all__ = ["arrays", "sheet"]

_OF_RANGES = ("address", "addressLocal", "formulas", "text", "numberFormat", "valueTypes", "cellCount")
_NUMBER = re.compile(r"\s*[+-]?[\d.,]+%?\s*|\s*", re.ASCII)
_TYPE = re.compile(r"[A-Z]+[A-Z0-9_]*(?:<.*>|\(.*\))?", re.ASCII)
_SCALARS = (str, int, float, bool, type(None))


def sheet(members: Mapping[str, Node], path: str) -> FoundTable | None:
    """Read a range of Google Sheets or of Excel through Graph; the first row of it holds the names."""
    is_google = "majorDimension" in members and "range" in members
    if not is_google and not ("values" in members and any(name in members for name in _OF_RANGES)):
        return None
    rows = decoded(members["values"]) if "values" in members else []
    if not all(isinstance(row, list) for row in rows):
        return None
    if is_google and members["majorDimension"].value() == "COLUMNS":
        rows = [list(row) for row in zip_longest(*rows)]
    rows = [[None if cell == "" else cell for cell in row] for row in rows]  # an empty cell, as at the end of a row
    header, body = (rows[0], rows[1:]) if rows else ([], [])
    names = ["" if cell is None else str(cell) for cell in header]
    while names and not names[-1] and all(len(row) < len(names) or row[len(names) - 1] is None for row in body):
        names.pop()
        body = [row[: len(names)] for row in body]
    return FoundTable(joined(path, "values"), PlainNode(body), Table(columns_named(names), "short arrays"))


def arrays(rows: Node, path: str, url: str) -> FoundTable | None:
    """Read arrays of scalars without columns beside them; None where they are not equally long, and stay as they are.

    The first holds the names if it is text, and something below it is not.
    """
    cells = decoded(rows)
    width = len(cells[0])
    if not width or not all(isinstance(row, list) and len(row) == width for row in cells):
        return None
    if not all(isinstance(cell, _SCALARS) for row in cells[:100] for cell in row):
        return None
    names, body = cells[0], cells[1:]
    kinds, body = _types(body)
    is_sure = kinds is not None or any(map(_is_value, zip(*body[:1000], strict=True)))
    is_header = all(map(_is_name, names)) and len(set(names)) == width and (width > 1 or is_sure)
    if not is_header or not (body or kinds):
        columns = columns_named([str(place) for place in range(width)])
        assumed = f"{url}: the rows are arrays without names; the columns are called by their places, from 0 on."
        return FoundTable(path, PlainNode(cells), Table(columns), is_headed=True, assumed=assumed)
    assumed = f"{url}: the first of the rows, which are arrays of text, was taken for the names of the columns."
    table = Table(columns_named(names, kinds))
    return FoundTable(path, PlainNode(body), table, is_headed=True, assumed=None if is_sure else assumed)


def _is_name(cell: Any) -> bool:
    return isinstance(cell, str) and _NUMBER.fullmatch(cell) is None


def _is_value(cells: tuple[Any, ...]) -> bool:
    """Tell whether cells cannot be of one kind with a name above them."""
    present = [cell for cell in cells if cell is not None]
    return bool(present) and all(not isinstance(cell, str) or _NUMBER.fullmatch(cell) for cell in present)


def _types(body: list[list[Any]]) -> tuple[list[CellKind | None] | None, list[list[Any]]]:
    """Take the rows off that hold types, as Druid writes them below the names: its own and SQL's."""
    kinds: list[CellKind | None] | None = None
    for _ in range(2):
        if not body or not all(isinstance(cell, str) and _TYPE.fullmatch(cell) for cell in body[0]):
            break
        found = [declared(cell) for cell in body[0]]
        if None in found:
            break
        kinds, body = kinds or list(found), body[1:]
    return kinds, body
