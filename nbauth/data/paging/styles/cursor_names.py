"""Where a cursor stands in an answer and what a request calls it, as far as names alone tell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus, urlsplit

from nbauth.data.paging.request_params import folded
from nbauth.data.paging.styles.known_cursors import is_cursor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.envelope import Envelope

__all__ = ["cursor_header", "empty_cursor", "named_cursor", "parameter_for"]

# Names in small letters without signs between the words.
_CURSORS = frozenset({
    "nextpagetoken", "nextcursor", "nexttoken", "continuationtoken", "nextcontinuationtoken", "nextmarker",
    "nextcursormark", "nextbookmark", "nextpagecursor", "nextskiptoken", "nextpagingtoken", "nextpaginationtoken",
    "cursornext", "aftercursor", "nextcursorid", "nextcontinuation",
})  # fmt: skip
# Of these only the place tells that they are cursors.
_IN_PLACE = {"cursors": ("after", "next"), "next": ("after", "cursor"), "nextpage": ("cursor", "token")}
_ALONE = ("cursor", "bookmark")  # they may also repeat what was asked for
_HEADER = re.compile(r"x?(?:\w*(?:next(?:page)?(?:cursor|token|marker)|continuationtoken))")
_AGAIN = ("nexttoken", "nextpaginationtoken")  # which keep their name, as at Amazon's APIs
# What requests call the place where they start, whatever answers call it.
_PARAMETERS = frozenset({
    "cursor", "pagetoken", "nextpagetoken", "marker", "nextmarker", "continuationtoken", "continuation", "startcursor",
    "startingafter", "after", "aftercursor", "bookmark", "cursormark", "nexttoken", "paginationtoken", "nextcursor",
    "pagecursor", "skiptoken", "startkey",
})  # fmt: skip


def named_cursor(envelope: Envelope) -> str | None:
    """Return the path of the first member that is a cursor by its name or its place, or None."""
    return _first(envelope, empty=False)


def empty_cursor(envelope: Envelope) -> str | None:
    """Return the path of the first such member without a value, or None."""
    return _first(envelope, empty=True)


def cursor_header(envelope: Envelope) -> str | None:
    """Return the name of the header that is a cursor by its name, or None."""
    headers = envelope.response.headers.items()
    return next((name for name, value in headers if value and _HEADER.fullmatch(folded(name))), None)


def parameter_for(name: str, request: PageRequest) -> str:
    """Return what the next request calls a cursor: as this one does, if it names one; else as the name tells.

    Args:
        name: the cursor's name in the answer.
        request: the request that was answered.
    """
    asked = [other for other in _names_of(request) if folded(other) in _PARAMETERS]
    if len(asked) == 1:
        return asked[0]
    return name if folded(name) in _AGAIN else _without_next(name)


def _first(envelope: Envelope, *, empty: bool) -> str | None:
    alone = None
    for place in envelope.places:
        around = folded(place.removesuffix(".").rpartition(".")[2])
        for name in envelope.names(place):
            short = folded(name)
            is_known = short in _CURSORS or short in _IN_PLACE.get(around, ())
            if not is_known and (short not in _ALONE or empty or alone is not None):
                continue
            value: Any = envelope.nested(place + name)
            if is_known and (value in (None, "") if empty else is_cursor(value)):
                return place + name
            if not is_known and is_cursor(value) and isinstance(value, str):
                alone = place + name
    return alone


def _names_of(request: PageRequest) -> Iterator[str]:
    yield from (unquote_plus(item.partition("=")[0]) for item in urlsplit(request.url).query.split("&") if item)
    if isinstance(request.body, dict):
        yield from request.body


def _without_next(name: str) -> str:
    """Return ``cursor`` for ``next_cursor``, ``pageToken`` for ``nextPageToken``, ``Marker`` for ``NextMarker``."""
    rest = re.sub(r"^(?:x_)?next[-_]?(?=.)|[-_]?next$", "", name, flags=re.IGNORECASE)
    rest = rest.removeprefix("x_")
    is_low = name[:1].islower()
    return (rest[:1].lower() if is_low else rest[:1]) + rest[1:]
