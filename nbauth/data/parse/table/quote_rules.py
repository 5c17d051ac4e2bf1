"""What quotation marks mean in a table, as its blocks show it.

A cell is quoted as in RFC 4180, or its marks have backslashes before them (Spark, Redshift, MySQL). Or a mark is a sign
as any other: where nobody quoted anything, and in tables with tabs
(https://www.iana.org/assignments/media-types/text/tab-separated-values).
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nbauth.data.parse.table.numbers import NULL_WORDS, is_number
from nbauth.data.parse.table.quotes import Quotes
from nbauth.net.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from nbauth.data.parse.table.dialect import Dialect

__all__ = ["NoTable", "QuoteRules", "looks_like_rows"]

_LONGEST = 16 * 1024 * 1024  # of a quoted cell: one mark too many would keep everything back


class NoTable(ValueError):
    """A text is no table; the message says why, as the end of a sentence."""


class QuoteRules:
    """Learns what quotation marks mean.

    Args:
        dialect: how the table is written.
        assume: told what is taken for granted.
    """

    def __init__(self, dialect: Dialect, assume: Callable[[str], None]) -> None:
        self.dialect = dialect
        self._assume = assume
        self._escapes = False

    def cut(self, data: bytes, most: int, is_all: bool) -> int:  # noqa: FBT001 - `Blocks` calls it
        """Return where the last line ends before a place; 0 if none does.

        Args:
            data: some bytes from the start of a line.
            most: the place.
            is_all: whether no more will come.
        """
        if self.dialect.is_quoted is False or b'"' not in data:
            return data.rfind(b"\n", 0, most) + 1
        quotes = self._learned(data, is_all=is_all or len(data) > _LONGEST)
        return data.rfind(b"\n", 0, most) + 1 if quotes is None else quotes.cut(most)

    def quotes_of(self, block: bytes) -> Quotes | None:
        """Return where the quotation marks of whole lines open and close; None where there are none, or they do not.

        Raises:
            NoTable: they do not, and a line with one has too few cells: it looks like a part of a quoted cell.
        """
        if b'"' not in block:
            return None
        quotes = None if self.dialect.is_quoted is False else self._learned(block, is_all=True)
        if quotes is None:
            self._check_lines(block)
        return quotes

    def _check_lines(self, block: bytes) -> None:
        dialect = self.dialect
        if dialect.width < 2:  # noqa: PLR2004 - one column: no line is too short
            return
        comma = re.escape(dialect.separator.encode())
        cell = b"[^\n" + comma + b"]*"
        short = rb'^(?=[^\n]*")(?:%b%b){0,%d}%b\r?$' % (cell, comma, dialect.width - 2, cell)
        if (found := re.search(short, block, re.MULTILINE)) is not None:
            shown = clean(found[0].decode("utf-8", "replace"), 80)
            raise NoTable(
                f"whose quotation marks do not pair; a line with one has fewer cells than the line of names: {shown!r}"
            )

    def plain(self, block: bytes, quotes: Quotes) -> bytes:
        """Return a block whose marks are doubled where they had a backslash before them."""
        if not self._escapes:
            return block
        signs = np.frombuffer(block, np.uint8).copy()
        marks = np.flatnonzero(signs == ord('"'))
        signs[np.setdiff1d(marks, quotes.marks) - 1] = ord('"')
        return signs.tobytes()

    def _learned(self, data: bytes, *, is_all: bool) -> Quotes | None:
        quotes = Quotes(data, self.dialect.separator, escapes=self._escapes)
        if self._is_well(quotes, data, is_all=is_all):
            if quotes.has_cells and quotes.is_closed:
                self.dialect = replace(self.dialect, is_quoted=True)
            return quotes
        if b'\\"' in data and not self._escapes:
            escaped = Quotes(data, self.dialect.separator, escapes=True)
            if self._is_well(escaped, data, is_all=is_all):
                self._escapes = True
                return escaped
        is_tabbed = self.dialect.separator == "\t"
        if self.dialect.is_quoted is None and (is_tabbed or self._is_even(data)):
            if not is_tabbed:
                self._assume(
                    'quotation marks are taken as they stand, since they do not pair; csv={"quoting": 0} pairs them'
                )
            self.dialect = replace(self.dialect, is_quoted=False)
            return None
        if quotes.is_closed:
            self._assume('quotation marks inside of quoted cells are left out; csv={"quoting": 3} keeps all')
        return quotes

    def _is_well(self, quotes: Quotes, data: bytes, *, is_all: bool) -> bool:
        """Tell whether each quoted cell ends where its mark closes it."""
        if quotes.is_regular:
            return quotes.is_closed or not is_all
        ends = [end for _, end in quotes.spans]
        borders = {*b"\r\n", ord(self.dialect.separator)}
        return all(data[end] in borders if end < len(data) else end == len(data) or not is_all for end in ends)

    def _is_even(self, data: bytes) -> bool:
        """Tell whether each line has as many cells as there are names, if quotation marks mean nothing."""
        lines = data[: data.rfind(b"\n") + 1].splitlines()
        comma = self.dialect.separator.encode()
        return self.dialect.width > 1 and all(line.count(comma) + 1 == self.dialect.width for line in lines if line)


def looks_like_rows(block: bytes, quotes: Quotes, columns: Mapping[int, pd.Series[Any]], dialect: Dialect) -> bool:
    """Tell whether a quoted cell goes on over lines each of which would be a row, if the marks meant nothing.

    Two marks that mean inches swallow the rows between them so.
    """
    comma, width = dialect.separator.encode(), dialect.width
    if width < 2:  # noqa: PLR2004 - one column: no line tells
        return False
    are_numbers = [columns[number].dtype.kind in "iuf" for number in range(width)]
    for start, end in quotes.broken_lines():
        first = block.rfind(b"\n", 0, start) + 1
        last = block.find(b"\n", end)
        lines = block[first : last if last >= 0 else len(block)].splitlines()
        rows = [line.split(comma) for line in lines]
        if any(len(row) != width or any(cell[:1].isspace() for cell in row[1:]) for row in rows):
            continue
        if all(_fits(row, are_numbers) for row in rows[1:]):
            return True
    return False


def _fits(row: list[bytes], are_numbers: list[bool]) -> bool:
    cells = (cell.decode("utf-8", "replace").strip('" ') for cell in row)
    return all(
        not cell or cell in NULL_WORDS or is_number(cell)
        for cell, of_numbers in zip(cells, are_numbers, strict=True)
        if of_numbers
    )
