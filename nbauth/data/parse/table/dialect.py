"""How a table is written: its separator, its decimal sign, its columns' names; as its first lines show it."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from nbauth.data.parse.table.quotes import Quotes

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Dialect", "dialect_of"]

_SEPARATORS = (",", ";", "\t", "|")
_MOST_LINES = 100
_ENOUGH = 0.5  # of the lines have as many cells as the header
_SEP_LINE = re.compile(rb'"?sep=(.|\\t)"?\r?\n', re.IGNORECASE)  # Excel's
_DECIMAL = re.compile(r"[-+]?(?:[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+)(?:,[0-9]+)?")
_THOUSANDS = re.compile(r"[-+]?[0-9]{1,3}(?:,[0-9]{3})+")


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a table is written.

    Attributes:
        separator: between the cells.
        decimal: between a number's whole part and its fraction.
        names: the columns' names, each once.
        is_quoted: whether a quotation mark at the start of a cell opens it. None where no cell has shown it yet.
        is_doubtful: whether its decimal commas may be commas between thousands.
    """

    separator: str
    names: tuple[str, ...] = ()
    decimal: str = "."
    is_quoted: bool | None = None
    is_doubtful: bool = False

    @property
    def width(self) -> int:
        """How many columns it has."""
        return len(self.names)

    def options(self) -> dict[str, Any]:
        """Return it as arguments of `pandas.read_csv`."""
        return {
            "sep": self.separator,
            "decimal": self.decimal,
            "quoting": csv.QUOTE_NONE if self.is_quoted is False else csv.QUOTE_MINIMAL,
            "index_col": False,
            "skip_blank_lines": self.width > 1,
        }


def dialect_of(start: bytes, separator: str, *, is_whole: bool) -> tuple[Dialect, int]:
    """Return how a table is written, and where its rows begin.

    Args:
        start: its first lines, in UTF-8.
        separator: what its format has between the cells.
        is_whole: whether that is the whole table.

    Raises:
        pandas.errors.EmptyDataError: there is no line with names.
    """
    begin = len(start) - len(start.lstrip(b"\r\n"))
    if told := _SEP_LINE.match(start, begin):
        separator, begin = told[1].decode("latin-1").replace("\\t", "\t"), told.end()
    lines = start[begin:] if is_whole else start[begin : start.rfind(b"\n") + 1]
    text = (lines or start[begin:]).decode("utf-8", "replace")
    if not told:
        separator = _separator(text, separator)
    rows = _rows(text, separator, is_quoted=separator != "\t")
    quotes = Quotes(start[begin:], separator)
    first = start.find(b"\n", begin) + 1 or len(start)
    if b'"' in start[begin:first]:
        ends = (place.end() for place in re.finditer(b"\n|$", start[begin:]))
        first = begin + next(end for end in ends if quotes.outside([end - 1])[0] or end == len(start) - begin)
    header = start[begin:first]
    dialect = Dialect(separator=separator)
    names = pd.read_csv(io.BytesIO(header), nrows=0, **dialect.options() | {"skip_blank_lines": True}).columns
    decimal, is_doubtful = _decimal(rows[1:], separator)
    return replace(dialect, names=tuple(names), decimal=decimal, is_doubtful=is_doubtful), first


def _rows(text: str, separator: str, *, is_quoted: bool = True) -> list[list[str]]:
    """Return the cells of the first lines that are not blank."""
    quoting: Any = csv.QUOTE_MINIMAL if is_quoted else csv.QUOTE_NONE
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, quoting=quoting):
            if row:
                rows.append(row)
            if len(rows) > _MOST_LINES:
                break
    except csv.Error:  # a cell that is longer than it takes
        pass
    return rows


def _separator(text: str, expected: str) -> str:
    """Return what separates the cells: the expected sign, unless another fits the lines and that one does not."""
    best, found = 0.0, expected
    for separator in dict.fromkeys((expected, *_SEPARATORS)):
        header, *others = _rows(text, separator) or [[]]
        if len(header) < 2:  # noqa: PLR2004 - one cell
            continue
        is_prose = all(cell.startswith(" ") for cell in header[1:])  # "Surname, name"
        fit = _fit(header, others)
        if separator == "\t":  # where marks may be signs as any other
            header, *others = _rows(text, separator, is_quoted=False)
            fit = max(fit, _fit(header, others))
        if separator == expected and fit >= _ENOUGH and not is_prose:
            return expected
        if fit >= _ENOUGH and fit > best + is_prose:
            best, found = fit, separator
    return found


def _fit(header: Sequence[str], rows: Sequence[Sequence[str]]) -> float:
    """Return how many of the rows have as many cells as the header."""
    return sum(len(_trimmed(row, len(header))) == len(header) for row in rows) / len(rows) if rows else 1.0


def _trimmed(row: Sequence[str], width: int) -> Sequence[str]:
    """Return a row without blank cells behind those of the header."""
    while len(row) > width and not row[-1].strip():
        row = row[:-1]
    return row


def _decimal(rows: Sequence[Sequence[str]], separator: str) -> tuple[str, bool]:
    """Return the decimal sign, and whether it is in doubt."""
    if separator == ",":
        return ".", False
    width = max(map(len, rows), default=0)
    columns = [[cell for row in rows if (cell := _cell(row, number))] for number in range(width)]
    with_comma = [cells for cells in columns if any("," in c for c in cells) and all(map(_DECIMAL.fullmatch, cells))]
    if not with_comma:
        return ".", False
    is_doubtful = all(_THOUSANDS.fullmatch(cell) for cells in with_comma for cell in cells if "," in cell)
    if is_doubtful and separator != ";":
        return ".", False
    return ",", is_doubtful


def _cell(row: Sequence[str], number: int) -> str:
    return row[number].strip() if number < len(row) else ""
