"""The cursors whose parameter only the service's own word tells, as `cursors.toml` holds them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbauth.data.paging.page_response import MISSING

if TYPE_CHECKING:
    from nbauth.data.paging.envelope import Envelope

__all__ = ["NO_CURSOR", "KnownCursor", "is_cursor", "known_cursor", "known_cursors", "known_last_row", "spelled"]

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
    job: str | None = None
    elsewhere: str | None = None
    names: tuple[str, ...] = ()

    def fits(self, envelope: Envelope) -> bool:
        """Tell whether an answer has the members that are named."""
        return all(_fits(envelope, member) for member in self.beside)


@cache
def known_cursors() -> tuple[KnownCursor, ...]:
    """Return the entries, in the order in which they count."""
    content: dict[str, Any] = tomllib.loads(Path(__file__).with_name("cursors.toml").read_text(encoding="utf-8"))
    return tuple(KnownCursor(**_with_tuples(entry)) for entry in content["cursor"])


@cache
def spelled(name: str) -> str:
    """Return a parameter's name as its service spells it, where it stands in the file; else as it is."""
    names = (other for entry in known_cursors() for other in entry.names)
    return next((other for other in names if other.lower() == name.lower()), name)


def known_cursor(envelope: Envelope, *, in_header: bool) -> KnownCursor | None:
    """Return the first entry whose cursor an answer has, with the members beside it; None if there is none."""
    if in_header:
        entries = (entry for entry in _of_headers(envelope.header_names) if _has_header(envelope, entry))
    else:
        members = envelope.members
        entries = (entry for first, entry in _by_first() if first in members and _has_member(envelope, entry))
    return next((entry for entry in entries if entry.fits(envelope)), None)


def known_last_row(envelope: Envelope) -> KnownCursor | None:
    """Return the first entry by which the last row of an answer leads on; None if there is none."""
    return next((entry for entry in known_cursors() if entry.last_row and entry.fits(envelope)), None)


def is_cursor(value: Any) -> bool:
    """Tell whether a value is a cursor: a text or a number that says something."""
    return type(value) in (str, int) and value not in NO_CURSOR


def _with_tuples(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()}


@cache
def _by_first() -> tuple[tuple[str, KnownCursor], ...]:
    return tuple((entry.path.partition(".")[0], entry) for entry in known_cursors() if entry.path)


@lru_cache(maxsize=256)
def _of_headers(names: tuple[str, ...]) -> tuple[KnownCursor, ...]:
    """Return the entries of which there is a header."""
    return tuple(entry for entry in known_cursors() if entry.header and any(_is_of(entry, name) for name in names))


def _is_of(entry: KnownCursor, name: str) -> bool:
    start, star, _ = entry.header.lower().partition("*")
    return name.lower().startswith(start) if star else name.lower() == start


def _has_header(envelope: Envelope, entry: KnownCursor) -> bool:
    headers = envelope.response.headers
    return any(headers[name] for name in envelope.header_names if _is_of(entry, name))


def _has_member(envelope: Envelope, entry: KnownCursor) -> bool:
    value = envelope.nested(entry.path)
    # A key of several members is one that this file names alone.
    return is_cursor(value) or (value is not MISSING and hasattr(value, "is_object") and value.is_object)


def _fits(envelope: Envelope, member: str) -> bool:
    name, equals, text = member.partition("=")
    value = envelope.nested(name.removesuffix("!"))
    if equals:
        return bool(value == text)
    return value is not MISSING and not (name.endswith("!") and str(value).isdecimal())
