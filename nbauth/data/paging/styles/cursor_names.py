"""Where a cursor stands in an answer and what a request calls it, as far as names alone tell."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus, urlsplit

from nbauth.data.paging.next_members import cursors
from nbauth.data.paging.page_response import whole_number
from nbauth.data.paging.request_params import folded
from nbauth.data.paging.styles.known_cursors import is_cursor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.envelope import Envelope

__all__ = ["cursor_header", "empty_cursor", "named_cursor", "parameter_for"]

_HEADER = re.compile(r"x?(?:\w*(?:next(?:page)?(?:cursor|token|marker)|continuationtoken)|cursor)")
_PAGE_OF = re.compile(r"(?:page|row|record|item|result)[-_]?(?=start|offset|skip|from)", re.IGNORECASE)
_AGAIN = ("nexttoken", "nextpaginationtoken")  # which keep their name, as at Amazon's APIs
# What requests call the place where they start, whatever answers call it.
_PARAMETERS = frozenset({
    "cursor", "pagetoken", "nextpagetoken", "marker", "nextmarker", "continuationtoken", "continuation", "startcursor",
    "startingafter", "after", "aftercursor", "bookmark", "cursormark", "nexttoken", "paginationtoken", "nextcursor",
    "pagecursor", "skiptoken", "startkey",
})  # fmt: skip


def named_cursor(envelope: Envelope) -> str | None:
    """Return the path of the first member that is a cursor by its name or its place, or None."""
    return next((path for path in cursors(envelope.places) if _is_cursor(path, envelope.value(path))), None)


def empty_cursor(envelope: Envelope) -> str | None:
    """Return the path of the first such member without a value, or None."""
    return next((path for path in cursors(envelope.places) if envelope.value(path) in (None, "")), None)


def cursor_header(envelope: Envelope) -> str | None:
    """Return the name of the header that is a cursor by its name, or None."""
    headers = envelope.response.headers
    return next((name for name in _cursor_headers(envelope.header_names) if headers[name]), None)


@lru_cache(maxsize=256)
def _cursor_headers(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if _HEADER.fullmatch(folded(name)))


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


def _names_of(request: PageRequest) -> Iterator[str]:
    yield from (unquote_plus(item.partition("=")[0]) for item in urlsplit(request.url).query.split("&") if item)
    if isinstance(request.body, dict):
        yield from request.body


def _is_cursor(path: str, value: Any) -> bool:
    """Tell whether a member's value is a cursor; an offset in numbers counts rows."""
    return is_cursor(value) and not (path.lower() == "offset" and whole_number(value) is not None)


def _without_next(name: str) -> str:
    """Return ``cursor`` for ``next_cursor``, ``pageToken`` for ``nextPageToken``, ``Marker`` for ``NextMarker``."""
    rest = re.sub(r"^(?:x_)?next[-_]?(?=.)|[-_]?next$", "", name, flags=re.IGNORECASE)
    rest = _PAGE_OF.sub("", rest.removeprefix("x_"), count=1)
    is_low = name[:1].islower()
    return (rest[:1].lower() if is_low else rest[:1]) + rest[1:]
