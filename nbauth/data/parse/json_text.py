"""JSON text to Python's values, exactly: no digit, member or constant is lost."""

from __future__ import annotations

import json
import math
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

__all__ = ["decoded_first", "delimiters", "loaded_lines", "loads", "quotes", "reason"]

# One NaN object for all: pages that are equal then compare equal.
_CONSTANTS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_QUOTE, _BACKSLASH, _COLON, _BRACE, _BLANK = b'"\\:{ '
_WORTH_COUNTING = 2_000  # signs
_SEPARATOR = "\x1e"  # which is in no JSON
_CONTAINERS = frozenset({dict, list})


def loads(content: bytes | str) -> Any:
    """Decode a document. Of members with one name, the later ones get ``.2`` and so on after it.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    if isinstance(content, str):
        return _decoder.decode(content)
    # As json.loads does, but for making a decoder each time.
    encoding = json.detect_encoding(content)
    text = content.decode(encoding, "surrogatepass")
    counts = _counted(content) if encoding == "utf-8" and len(content) >= _WORTH_COUNTING else None
    if counts is not None:
        document = _plain_decoder.decode(text)
        if _members(document, counts.objects) == counts.members:
            return document
    return _decoder.decode(text)


def loaded_lines(lines: list[bytes]) -> list[Any] | None:
    """Decode documents in UTF-8 as `loads` does each; None where it has to, be it that one is no JSON."""
    raw = _SEPARATOR.encode().join(lines)
    counts = _counted(raw)
    if counts is None:
        return None
    try:
        texts = raw.decode().split(_SEPARATOR)
        found = [_plain_decoder.raw_decode(text) for text in texts]
    except (ValueError, RecursionError):
        return None
    documents = [document for document, _ in found]
    are_whole = all(
        end == len(text) or not text[end:].strip(" \t\r\n") for text, (_, end) in zip(texts, found, strict=True)
    )
    are_all = len(texts) == len(lines) and _members(documents, counts.objects) == counts.members
    return documents if are_whole and are_all else None


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


class _Counts(NamedTuple):
    members: int  # unless a text begins with a colon: then it is too large
    objects: int  # at the most


def _counted(raw: bytes) -> _Counts | None:
    """Count members and objects by their signs; None where the signs do not tell."""
    signs = np.frombuffer(raw, np.uint8)
    colons = np.flatnonzero(signs == _COLON)
    before = signs.take(colons - 1, mode="clip")
    marks = colons[before == _QUOTE]
    may_be_escaped = (signs.take(marks - 2, mode="clip") == _BACKSLASH).any()
    has_blanks = (before <= _BLANK).any()  # before the colon of a member, or of a text
    if may_be_escaped or has_blanks:
        return None
    return _Counts(len(marks), int(np.count_nonzero(signs == _BRACE)))


def _members(document: Any, most_objects: int) -> int:
    """Count the members of all objects in a document, of which there are so many at the most."""
    found = members = 0
    values = [document] if type(document) in _CONTAINERS else []
    while values:
        objects = [value for value in values if type(value) is dict]
        found += len(objects)
        members += sum(map(len, objects))
        if found == most_objects:
            break
        inner = chain.from_iterable(value.values() if type(value) is dict else value for value in values)
        values = [value for value in inner if type(value) in _CONTAINERS]
    return members


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


# Without the function for each object the C scanner is twice as fast, and keeps the last of members with one name.
_plain_decoder = json.JSONDecoder(parse_constant=_CONSTANTS.__getitem__)
_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_CONSTANTS.__getitem__)
