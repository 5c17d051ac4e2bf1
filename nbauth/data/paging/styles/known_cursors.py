"""The cursors whose parameter only the service's own word tells, as `cursors.toml` holds them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbauth.data.paging.page_response import MISSING

if TYPE_CHECKING:
    from nbauth.data.paging.envelope import Envelope

__all__ = ["NO_CURSOR", "KnownCursor", "is_cursor", "known_cursor", "known_cursors", "known_last_row"]

# Twitter's 0, -1 of others, CouchDB's "nil", Salesforce's "null"
NO_CURSOR: tuple[Any, ...] = ("", 0, "0", -1, "-1", "nil", "null")


@dataclass(frozen=True, kw_only=True)
class KnownCursor:
    """One entry of the file, which says what each of these is."""

    source: str
    path: str = ""
    header: str = ""
    last_row: str = ""
    beside: tuple[str, ...] = ()
    parameter: str = ""
    body: str | None = None
    send: str | None = None
    elsewhere: str | None = None

    def fits(self, envelope: Envelope) -> bool:
        """Tell whether an answer has the members that are named."""
        return all(_fits(envelope, member) for member in self.beside)


@cache
def known_cursors() -> tuple[KnownCursor, ...]:
    """Return the entries, in the order in which they count."""
    content = tomllib.loads(Path(__file__).with_name("cursors.toml").read_text(encoding="utf-8"))
    return tuple(KnownCursor(**{**entry, "beside": tuple(entry.get("beside", ()))}) for entry in content["cursor"])


def known_cursor(envelope: Envelope, *, in_header: bool) -> KnownCursor | None:
    """Return the first entry whose cursor an answer has, with the members beside it; None if there is none."""
    for entry in known_cursors():
        if not entry.last_row and bool(entry.header) is in_header and _has(envelope, entry) and entry.fits(envelope):
            return entry
    return None


def known_last_row(envelope: Envelope) -> KnownCursor | None:
    """Return the first entry by which the last row of an answer leads on; None if there is none."""
    return next((entry for entry in known_cursors() if entry.last_row and entry.fits(envelope)), None)


def is_cursor(value: Any) -> bool:
    """Tell whether a value is a cursor: a text or a number that says something."""
    return type(value) in (str, int) and value not in NO_CURSOR


def _has(envelope: Envelope, entry: KnownCursor) -> bool:
    if entry.header:
        start, star, _ = entry.header.lower().partition("*")
        names = envelope.header_names
        return any(name.startswith(start) for name in names) if star else start in names
    value = envelope.nested(entry.path)
    # A key of several members is one that this file names alone.
    return is_cursor(value) or (value is not MISSING and hasattr(value, "is_object") and value.is_object)


def _fits(envelope: Envelope, member: str) -> bool:
    name, equals, text = member.partition("=")
    value = envelope.nested(name.removesuffix("!"))
    if equals:
        return bool(value == text)
    return value is not MISSING and not (name.endswith("!") and str(value).isdecimal())
