"""Objects and lists of a column as JSON text, as `json.dumps` writes them, all of them encoded at once."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["as_texts", "separated", "split"]

# Encoded, it stands between two cells; inside a cell it can be in a list only, and then there are too many of it.
_SEPARATOR = "\0"
_ENCODER = json.JSONEncoder(ensure_ascii=False)
_BETWEEN = f", {_ENCODER.encode(_SEPARATOR)}, "


def as_texts(cells: list[Any]) -> list[Any]:
    """Return cells with JSON in place of objects and lists; all others as they are.

    Raises:
        RecursionError: a cell is nested too deeply.
    """
    nested = [cell if isinstance(cell, (dict, list)) else None for cell in cells]
    try:
        texts = split(_ENCODER.encode(separated(nested)), len(cells))
    except RecursionError:  # the list of all cells is one level more
        texts = None
    if texts is None:
        texts = [_ENCODER.encode(cell) for cell in nested]
    return [cell if inner is None else text for cell, inner, text in zip(cells, nested, texts, strict=True)]


def separated(cells: list[Any]) -> list[Any]:
    """Return objects, lists and nulls with what tells in JSON where one ends."""
    items: list[Any] = [_SEPARATOR] * (2 * len(cells) - 1)
    items[::2] = cells
    return items


def split(text: str, count: int) -> list[str] | None:
    """Split the JSON of cells that are separated; None where that cannot be told.

    Args:
        text: the JSON, with a blank behind each comma and each colon.
        count: how many cells there are.
    """
    cells = text[1:-1].split(_BETWEEN)
    return cells if len(cells) == count else None
