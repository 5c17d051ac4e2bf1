"""An error's text behind the rows of a table that came with status 200: the server gave up in the middle of it.

ClickHouse (https://clickhouse.com/docs/interfaces/http, "HTTP response codes caveats") writes `__exception__` and
`Code: 395. DB::Exception: …`; others a sentence, a web page, or an error as JSON.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Tail", "tail_of"]

_MOST_BYTES = 16 * 1024
_MOST_LINES = 60
_TOLD = re.compile(
    rb"__exception__|Code: [0-9]+[.,] .*(?:DB::|Exception)|Code: [0-9]+\. |<!doctype html|<html[ >]"
    rb"|Traceback \(most recent call last\)|(?:[\w.]+)?(?:Exception|Error): ",
    re.IGNORECASE,
)
_CERTAIN = re.compile(
    rb"__exception__|Code: [0-9]+[.,] .*DB::|<!doctype html|<html[ >]|\{\s*\"(?:errors?|exception|fault|message)\"\s*:",
    re.IGNORECASE,
)
_WORDS = re.compile(rb"\S+[ \t]+\S")


@dataclass(frozen=True)
class Tail:
    """What stands behind the rows.

    Attributes:
        start: where it begins.
        text: what it says.
    """

    start: int
    text: str


def tail_of(block: bytes, separator: str, width: int) -> Tail | None:
    """Return what stands behind the rows and is no row; None where there is nothing.

    Args:
        block: the table's end, from the start of a line.
        separator: between the cells.
        width: how many columns there are.
    """
    begin = block.find(b"\n", len(block) - _MOST_BYTES - 1) + 1 if len(block) > _MOST_BYTES else 0
    places = [begin, *(begin + found.end() for found in re.finditer(b"\n", block[begin:]))]
    lines = [
        (place, block[place:end].strip(b"\r\n")) for place, end in zip(places, [*places[1:], len(block)], strict=True)
    ]
    lines = [(place, line) for place, line in lines if line.strip()][-_MOST_LINES:]
    comma = separator.encode()
    has_quotes = any(b'"' in line for _, line in lines)
    start = None
    for number, (place, line) in enumerate(lines):
        if _CERTAIN.match(line) or (width > 1 and comma not in line and _TOLD.match(line)):
            same = sum(_kind(other) == _kind(line) for _, other in lines[:number])
            start = place if not same else None
            break
    if start is None and width > 1 and not has_quotes:
        start = _sentence(lines, comma, width)
    if start is None:
        return None
    return Tail(start, block[start:].decode("utf-8", "replace").replace("__exception__", " ").strip())


def _sentence(lines: list[tuple[int, bytes]], comma: bytes, width: int) -> int | None:
    """Return where lines begin that have other cells than those before: words in one cell, at the very end."""
    odd = [line.count(comma) + 1 != width for _, line in lines]
    count = len(odd) - next((number for number in range(len(odd), 0, -1) if not odd[number - 1]), 0)
    if not count or any(odd[:-count]):
        return None
    place, line = lines[-count]
    return place if comma not in line and _WORDS.search(line) else None


def _kind(line: bytes) -> bytes:
    return line[:1] if line[:1] in (b"{", b"<") else line[:5]
