"""The members of a response that may say where its next page is: addresses, cursors, and numbers.

Names count, whatever their case and separators, in every object beside and above the rows, and in arrays of links.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nbauth.data.paging.places import Place

__all__ = ["addresses", "cursors", "is_next", "numbers"]

_URL = "(?:urls?|uri|links?|href)"
_ADDRESS = re.compile(
    "(?:next|following|continuation|more)(?:page|batch|set|chunk|records?|results?|rows?|items?|data|internal|relative)*"
    rf"(?:{_URL}|path)?|{_URL}next|more\w+{_URL}"
)
# Inside an object called so, the address has a name of its own: HAL, HubSpot, Asana.
_NEXT_OBJECTS = {"next", "nextpage"}
_ADDRESS_INSIDE = re.compile(f"{_URL}|abs{_URL}|rel{_URL}")
_LINK_TARGETS = ("href", "url", "uri", "link")  # of an array of links: HAL, STAC, OGC API, PayPal; FHIR's is `url`

_TOKEN = "(?:token|cursormark|cursor|marker|bookmark|key|hash)"  # noqa: S105 - no secret
_CURSOR = re.compile(
    f"next(?:page|pagination|continuation|continue|result|record|search|query|batch|sync|start|evaluated)*{_TOKEN}"
    "|next(?:page|row|record|item|result)?(?:start|offset|skip|from|position|startindex|startat|startposition|after)"
    f"|next(?:max|min|since|page|start|cursor)id|(?:continuation|pagination|resumption)(?:{_TOKEN})?|continue"
    "|skiptoken|cursornext|(?:after|more)cursor"
)
_UNSURE = {"cursor", "bookmark", "pagetoken"}  # they may also repeat what was asked for
# Inside an object that speaks of pages these are cursors, too; elsewhere they may be anything.
_CURSOR_OBJECTS = {
    "next", "nextpage", "cursor", "cursors", "paging", "pagination", "page", "pages", "meta", "pageinfo", "data",
}  # fmt: skip
_AFTER = {"after", "startingafter"}
_CURSOR_IN_NEXT = re.compile(f"(?:page)?{_TOKEN}|after|startingafter|start|offset|skip|from")
_NUMBER = re.compile("next(?:page)?(?:number|no|num|index)?")
_NUMBER_IN_NEXT = re.compile("(?:page)?(?:page|number|no|num|index)")


def addresses(places: Iterable[Place]) -> Iterator[str]:
    """Yield the paths of members that may be the next page's address."""
    for place in places:
        names = _ADDRESS_INSIDE if _ADDRESS.fullmatch(place.role) else _ADDRESS
        yield from (place.path(name) for name in place.names if names.fullmatch(name))
        yield from (f"{array}.next.{target}" for array in place.links for target in _LINK_TARGETS)


def cursors(places: Sequence[Place]) -> Iterator[str]:
    """Yield the paths of members that may be the cursor of the next page, the surest first."""
    for is_sure in (True, False):
        for place in places:
            yield from (place.path(name) for name in place.names if _is_cursor(name, place.role, is_sure=is_sure))


def numbers(places: Iterable[Place]) -> Iterator[str]:
    """Yield the paths of members that may be the next page's number."""
    for place in places:
        names = _NUMBER_IN_NEXT if place.role in _NEXT_OBJECTS else _NUMBER
        yield from (place.path(name) for name in place.names if names.fullmatch(name))


def is_next(name: str) -> bool:
    """Tell whether a plain name is that of an address or a cursor, wherever it stands."""
    return _ADDRESS.fullmatch(name) is not None or _CURSOR.fullmatch(name) is not None


def _is_cursor(name: str, role: str, *, is_sure: bool) -> bool:
    if not is_sure:
        return name in _UNSURE or (name == "offset" and not role)  # Airtable's offset is a text
    if role in _NEXT_OBJECTS:
        return _CURSOR_IN_NEXT.fullmatch(name) is not None
    return _CURSOR.fullmatch(name) is not None or (role in _CURSOR_OBJECTS and name in _AFTER)
