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
    """Count the quotation marks that begin or end a text: those in front of which no backslash escapes them."""
    signs = np.frombuffer(raw, np.uint8) if len(raw) else np.empty(0, np.uint8)
    marks, backslashes = signs == _QUOTE, signs == _BACKSLASH
    if not backslashes.any():
        return int(np.count_nonzero(marks))
    if (backslashes[1:] & backslashes[:-1]).any():
        return delimiters(bytes(raw).replace(rb"\\", b""))  # a pair is a backslash, and escapes nothing
    return int(np.count_nonzero(marks)) - int(np.count_nonzero(marks[1:] & backslashes[:-1]))


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
