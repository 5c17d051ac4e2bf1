"""Objects and lists of a column that msgspec decoded, as JSON text."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from nbauth.data.build.json_cells import as_texts, separated, split
from nbauth.data.parse.json_text import delimiters

__all__ = ["json_cells"]

_E, _MINUS, _0, _9 = map(ord, "e-09")


def json_cells(cells: list[Any]) -> tuple[list[str | None], int]:
    """Return the JSON of cells, which are objects, lists and nulls, and how many quotes delimit text in it.

    It is what `json.dumps` writes. None of the cells has NaN or infinity, which msgspec decodes nowhere.
    """
    encoded = msgspec.json.encode(separated(cells))
    texts = None
    if not _may_differ(encoded):
        texts = split(msgspec.json.format(encoded, indent=0).decode(), len(cells))
    if texts is None:
        texts = as_texts(cells)
    of_separators = 2 * (len(cells) - 1)
    with_nulls = [None if cell is None else text for cell, text in zip(cells, texts, strict=True)]
    return with_nulls, delimiters(encoded) - of_separators


def _may_differ(encoded: bytes) -> bool:
    """Tell whether a number may be written in another way than by Python: one that is very large or very small."""
    if b"0.0000" in encoded:
        return True
    signs = np.frombuffer(encoded, np.uint8)
    places = np.flatnonzero(signs[1:-1] == _E)
    before, after = signs[places], signs[places + 2]
    is_exponent = _is_digit(before) & (_is_digit(after) | (after == _MINUS))
    return bool(is_exponent.any())


def _is_digit(signs: Any) -> Any:
    return (signs >= _0) & (signs <= _9)
