"""Where the quotation marks of a table's text open and close, as pandas' C parser takes them."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

import numpy as np

__all__ = ["Quotes"]

_QUOTE, _NEWLINE, _RETURN, _BACKSLASH = b'"\n\r\\'


class Quotes:
    """The quoted cells of a block that begins where a line does.

    Args:
        block: its bytes.
        separator: between the cells.
        escapes: whether a backslash takes its meaning from a quotation mark.
    """

    def __init__(self, block: bytes, separator: str, *, escapes: bool = False) -> None:
        self._block = block
        self._signs = np.frombuffer(block, np.uint8)
        self._separator = ord(separator)
        self._escapes = escapes

    @cached_property
    def marks(self) -> Any:
        """The places of the quotation marks that may open or close a cell."""
        marks = np.flatnonzero(self._signs == _QUOTE)
        if not self._escapes or not len(marks):
            return marks
        # A mark behind an odd number of backslashes is a sign as any other.
        if b"\\" not in self._block:
            return marks
        runs = np.zeros(len(marks), np.int64)
        place, left = marks - 1, np.ones(len(marks), bool)
        while left.any():
            left &= place >= 0
            left[left] &= self._signs[place[left]] == _BACKSLASH
            runs += left
            place = place - 1
        return marks[runs % 2 == 0]

    @cached_property
    def is_regular(self) -> bool:
        """Whether each cell with a mark is quoted from its start to its end, or its marks are doubled (RFC 4180)."""
        marks, signs = self.marks, self._signs
        opens, closes = marks[0::2], marks[1::2]
        before = np.where(opens > 0, signs[opens - 1], _NEWLINE)
        doubled = np.zeros(len(opens), bool)
        doubled[1:] = opens[1:] == closes[: len(opens) - 1] + 1
        inner = closes[closes + 1 < len(signs)]
        behind = signs[inner + 1]
        ends = self._is_border(behind) | (behind == _QUOTE)
        return bool((self._is_border(before) | doubled).all() and ends.all())

    @property
    def has_cells(self) -> bool:
        """Whether a cell is quoted."""
        return len(self.marks) > 0 if self.is_regular else bool(self.spans)

    @cached_property
    def is_closed(self) -> bool:
        """Whether no quoted cell is open at the end."""
        if self.is_regular:
            return len(self.marks) % 2 == 0
        spans = self.spans
        return not len(spans) or spans[-1][1] <= len(self._block)

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """The start and end of each quoted cell; the end is behind the block where a cell is not closed.

        A cell is quoted where a mark is its first sign; a mark elsewhere is a sign as any other.
        """
        separator = re.escape(bytes([self._separator]))
        inside = rb'(?:[^"\\]|\\.|"")*' if self._escapes else rb'[^"]*(?:""[^"]*)*'
        pattern = re.compile(rb"(?<![^\n\r" + separator + rb'])"' + inside + rb'("?)', re.DOTALL)
        return [(found.start(), found.end() + (not found[1])) for found in pattern.finditer(self._block)]

    def outside(self, places: Any) -> Any:
        """Tell which places are outside of quoted cells."""
        if self.is_regular:
            return np.searchsorted(self.marks, places) % 2 == 0
        if not self.spans:
            return np.ones(len(places), bool)
        starts, ends = np.array(self.spans).T
        which = np.searchsorted(starts, places, side="right") - 1
        return (which < 0) | (places >= ends[which])

    def cut(self, most: int) -> int:
        """Return where the last line ends that does so before a place; 0 if none does."""
        if b'"' not in self._block:
            return self._block.rfind(b"\n", 0, most) + 1
        ends = np.flatnonzero(self._signs[:most] == _NEWLINE)
        ends = ends[self.outside(ends)]
        return int(ends[-1]) + 1 if len(ends) else 0

    def broken_lines(self) -> list[tuple[int, int]]:
        """Return the start and end of the quoted cells that go over a line's end."""
        block = self._block
        if self.is_regular:
            marks = self.marks[: len(self.marks) // 2 * 2]
            ends = np.flatnonzero(self._signs == _NEWLINE)
            which = np.searchsorted(marks, ends)
            pairs = np.unique(which[which % 2 == 1]) // 2
            return [(int(marks[2 * pair]), int(marks[2 * pair + 1]) + 1) for pair in pairs]
        return [(start, end) for start, end in self.spans if b"\n" in block[start:end]]

    def _is_border(self, signs: Any) -> Any:
        return (signs == self._separator) | (signs == _NEWLINE) | (signs == _RETURN)
