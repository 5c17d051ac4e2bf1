"""Cells of a table that a parser would take for numbers though they may be none: 007, +49, 12E4.

A block's bytes are looked at as a whole, since pandas keeps no text of what it took for a number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from nbauth.data.parse.table.quotes import Quotes

__all__ = ["columns_of", "exponents", "zeros_in_front"]

_SLICE = 128 * 1024  # what stays in the processor's cache
_MARK, _BLANK, _PLUS, _MINUS, _ZERO, _NEWLINE, _E = b'" +-0\ne'
_TEN, _LOWER = 10, 32
_MOST_BORDER = ord(",")  # few signs of words and numbers are below it


def zeros_in_front(block: bytes, separator: str) -> Any:
    """Return the places of cells that begin with a zero and a digit, or with a plus sign and a digit.

    What follows are digits and a number's other signs. A minus sign before the zero, and a quotation mark and a blank
    before the cell, are left out of account.
    """
    signs = np.frombuffer(block, np.uint8)
    comma = ord(separator)
    border = max(comma, _NEWLINE)
    found = [np.zeros(1, np.int64)]  # the first cell has nothing before it
    size = min(_SLICE, len(signs))
    starts, at = np.empty(size, bool), np.empty(size, bool)
    for start in range(0, len(signs) - 1, _SLICE):
        first = signs[start + 1 : start + 1 + _SLICE]
        before = signs[start : start + len(first)]
        starts, at = starts[: len(first)], at[: len(first)]
        # What cannot be in few passes over all signs; what is not, by a look at those that are left.
        if border <= _MOST_BORDER:
            np.less_equal(before, border, out=starts)
        else:
            np.equal(before, comma, out=starts)
            starts |= np.equal(before, _NEWLINE, out=at)
        starts &= np.less_equal(first, _ZERO, out=at)
        found.append(np.flatnonzero(starts) + (start + 1))
    places = np.concatenate(found)
    before = signs.take(places - 1, mode="clip")
    places = _odd(signs, places[(before == comma) | (before == _NEWLINE) | (places == 0)])
    if not len(places):
        return places
    others = b".eE" if separator == "," else b".,eE"
    return places[_reaches_border(signs, places, 1, separator, others=others)]


def _odd(signs: Any, places: Any) -> Any:
    """Return those places at which a number begins that may be none."""
    for skipped in (_MARK, _BLANK):
        places = places + (_sign(signs, places) == skipped)
    first = _sign(signs, places)
    is_plus = first == _PLUS
    digits = places + (is_plus | (first == _MINUS))
    first, second = _sign(signs, digits), _sign(signs, digits + 1)
    has_zero = (first == _ZERO) & (second - _ZERO < _TEN)
    return places[has_zero | (is_plus & (first - _ZERO < _TEN))]


def _sign(signs: Any, places: Any) -> Any:
    """Return the signs at places; behind the last one is a line's end."""
    found = signs.take(places, mode="clip")
    found[places >= len(signs)] = _NEWLINE
    return found


def exponents(block: bytes, separator: str) -> Any:
    """Return the places of an E in cells that have digits before and behind it, and nothing else."""
    signs = np.frombuffer(block, np.uint8)
    found = [np.zeros(0, np.int64)]
    for start in range(0, len(signs) - 2, _SLICE):
        part = signs[start : start + _SLICE + 2]
        is_digit = part - _ZERO < _TEN
        at = part[1:-1] | _LOWER == _E
        at &= is_digit[:-2]
        at &= is_digit[2:]
        if len(places := np.flatnonzero(at)):
            found.append(places + start + 1)
    places = np.concatenate(found)
    for step in (-2, 2):  # most are in words and in hexadecimal text, whose letters are above the digits
        behind = signs.take(places + step, mode="clip")
        places = places[(behind < _ZERO + _TEN) | (behind == ord(separator))]
    places = places[_reaches_border(signs, places, -1, separator)]
    return places[_reaches_border(signs, places, 1, separator)]


def _reaches_border(signs: Any, places: Any, step: int, separator: str, *, others: bytes = b"") -> Any:
    """Tell from which places nothing but digits, and maybe other signs, is on the way to the end of their cell."""
    kinds = np.zeros(256, np.uint8)
    kinds[list(b"0123456789" + others)] = 1
    kinds[list(b'\r\n" ' + separator.encode())] = 2
    reached = np.zeros(len(places), bool)
    left, here = np.arange(len(places)), places + step
    while len(left):
        sign = kinds[signs.take(here, mode="clip")]
        sign[(here < 0) | (here >= len(signs))] = 2
        reached[left[sign == 2]] = True  # noqa: PLR2004 - as above
        goes_on = sign == 1
        left, here = left[goes_on], here[goes_on] + step
    return reached


def columns_of(places: Any, block: bytes, separator: str, quotes: Quotes | None) -> set[int]:
    """Return the columns in which places are.

    Args:
        places: the places, in order.
        block: the block.
        separator: between the cells.
        quotes: where its quotation marks open and close; None where they are signs as any other.
    """
    if not len(places):
        return set()
    signs = np.frombuffer(block, np.uint8)
    commas, ends = (np.flatnonzero(signs == sign) for sign in (ord(separator), _NEWLINE))
    if quotes is not None and b'"' in block:
        commas, ends = (found[quotes.outside(found)] for found in (commas, ends))
    lines = np.searchsorted(ends, places)
    starts = np.where(lines > 0, ends[lines - 1], -1) if len(ends) else np.full(len(places), -1)
    return set((np.searchsorted(commas, places) - np.searchsorted(commas, starts)).tolist())
