"""InfluxDB's annotated CSV: tables one below the other, each with its types and its own header.

Source: docs.influxdata.com/influxdb/v2/reference/syntax/annotated-csv. Rows that begin with ``#`` say the types, the
group keys and the defaults of the table below them; a blank line or other annotations end it. Columns that some tables
lack are null there. Without annotations each table has its header alone.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from nbauth.data.parse.cell_values import is_number
from nbauth.data.parse.format import Format
from nbauth.data.parse.json_table import Table, TableNode, columns_named
from nbauth.data.parse.lazy_json import PlainNode
from nbauth.errors import ApiError
from nbauth.net.origins import redact_url
from nbauth.net.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.data.build.frame_builder import FrameBuilder
    from nbauth.data.fetch.response_body import Body
    from nbauth.data.parse.cell_values import CellKind
    from nbauth.data.parse.format import ReadContext

__all__ = ["FORMAT", "is_annotated"]

_ROWS_AT_ONCE = 25_000
_PIECE = 256 * 1024
_ANNOTATIONS = ("#datatype", "#group", "#default")
_STARTS = (*(f"{name},".encode() for name in _ANNOTATIONS), b",result,table,", b",error,reference")
_KINDS: dict[str, CellKind] = {
    "boolean": "bool", "long": "int", "unsignedLong": "int", "double": "float", "string": "text",
    "dateTime": "zoned time", "dateTime:RFC3339": "zoned time", "dateTime:RFC3339Nano": "zoned time",
    "dateTime:number": "epoch nanoseconds", "duration": "text", "base64Binary": "text",
}  # fmt: skip
_ERROR = ["error", "reference"]


def is_annotated(start: bytes) -> bool:
    """Tell whether a table of text begins as InfluxDB's do."""
    return start.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").startswith(_STARTS)


@dataclass
class _Table:
    """A table, whose rows are taken off while they come."""

    names: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    defaults: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)

    def annotate(self, row: list[str]) -> None:
        """Take in an annotation; the group keys say nothing of the values."""
        if row[0] == "#datatype":
            self.kinds = row[1:]
        elif row[0] == "#default":
            self.defaults = row[1:]

    def take(self, url: str) -> _Rows:
        """Return the rows so far."""
        rows, self.rows = self.rows, []
        width = len(self.names)
        defaults = (self.defaults + [""] * width)[:width]
        cells = [
            [(row[place] or defaults[place] or None) if place < len(row) else None for row in rows]
            for place in range(width)
        ]
        kinds = [_KINDS.get(kind) for kind in self.kinds] or [_guessed(column) for column in cells]
        kinds = (kinds + [None] * width)[:width]
        return _Rows(Table(columns_named(self.names, kinds), "columns"), cells, url)


@dataclass(frozen=True)
class _Rows:
    """Some rows of one table."""

    table: Table
    cells: list[list[str | None]]
    url: str
    has_own_columns: ClassVar[Literal[False]] = False
    size: ClassVar[int] = 0
    total_rows: ClassVar[None] = None
    next_request: ClassVar[None] = None
    is_good: ClassVar[bool] = True

    def append_to(self, builder: FrameBuilder) -> None:
        """Take them into a builder."""
        TableNode(PlainNode(self.cells), self.table, redact_url(self.url)).append_to(builder)


def _read(body: Body, context: ReadContext) -> Iterator[_Rows]:
    """Yield the rows, some ten thousand at once.

    Raises:
        ApiError: the query failed, before or behind some of the rows.
    """
    table, is_body = _Table(), False
    with body, io.TextIOWrapper(io.BufferedReader(body, _PIECE), "utf-8-sig", newline="") as lines:
        for row in csv.reader(lines):
            if not any(row) or row[0] in _ANNOTATIONS:
                if is_body:
                    yield table.take(context.url)
                    # Tables of one kind follow a blank line with a header alone, where there are no annotations.
                    table, is_body = _Table(), False
                if row and row[0] in _ANNOTATIONS:
                    table.annotate(row)
            elif not is_body:
                table.names, is_body = row[1:], True
            else:
                table.rows.append(row[1:])
                if table.names == _ERROR:
                    raise _failed(table.rows[0], context)
                if len(table.rows) >= _ROWS_AT_ONCE:
                    yield table.take(context.url)
    if is_body:
        yield table.take(context.url)


def _guessed(cells: list[str | None]) -> CellKind | None:
    """Return the kind of a column whose type nobody says: numbers that no zero stands before, or whatever it is."""
    present = [cell for cell in cells if cell is not None]
    is_code = any(cell.lstrip("-")[:1] == "0" and cell.lstrip("-")[1:2].isdigit() for cell in present)
    return "number" if present and not is_code and all(map(is_number, present)) else None


def _failed(row: list[str], context: ReadContext) -> ApiError:
    shown_url, said = redact_url(context.url), clean(row[0] if row else "", 300)
    return ApiError(
        f"{shown_url} answered {context.response.status_code} with an error: {said}",
        status=context.response.status_code,
        url=shown_url,
        body=clean(",".join(row)),
    )


FORMAT = Format(name="annotated CSV", media_types=(), endings=(), read=_read)
