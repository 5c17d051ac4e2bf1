"""JSON text to Python's values, exactly: no digit, member or constant is lost."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

__all__ = ["decoded_first", "delimiters", "loads", "quotes", "reason"]

# One NaN object for all: pages that are equal then compare equal.
_CONSTANTS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_QUOTE, _BACKSLASH = ord('"'), ord("\\")


def loads(content: bytes | str) -> Any:
    """Decode a document. Of members with one name, the later ones get ``.2`` and so on after it.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    # As json.loads does, but for making a decoder each time.
    text = content if isinstance(content, str) else content.decode(json.detect_encoding(content), "surrogatepass")
    return _decoder.decode(text)


def decoded_first(text: str, position: int) -> tuple[Any, int]:
    """Decode the document that begins at a position, as `loads` does; return it and where it ends.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    return _decoder.raw_decode(text, position)


def quotes(raw: bytes | memoryview) -> int:
    """Count the quotation marks."""
    return int(np.count_nonzero(np.frombuffer(raw, np.uint8) == _QUOTE)) if len(raw) else 0


def delimiters(raw: bytes | memoryview) -> int:
    """Count the quotation marks that begin or end a text: those that no backslash escapes."""
    if not len(raw):
        return 0
    signs = np.frombuffer(raw, np.uint8)
    marks = int(np.count_nonzero(signs == _QUOTE))
    places = np.flatnonzero(signs == _BACKSLASH)
    if not len(places):
        return marks
    # Of backslashes in a row each second one is text itself: an odd number of them escapes what follows.
    gaps = np.diff(places) != 1
    starts, ends = places[np.append(True, gaps)], places[np.append(gaps, True)]
    escaped = ends[(ends - starts) % 2 == 0] + 1
    return marks - int(np.count_nonzero(signs[escaped[escaped < len(signs)]] == _QUOTE))


def reason(error: Exception) -> str:
    """Say in a few words why something could not be read."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return f"it is not in {error.encoding}"
    return str(error).partition("\n")[0].strip().rstrip(".")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    names = set(members)
    members = {}
    for name, value in pairs:
        free, number = name, 1
        while free in members or (number > 1 and free in names):
            number += 1
            free = f"{name}.{number}"
        members[free] = value
    return members


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_CONSTANTS.__getitem__)
