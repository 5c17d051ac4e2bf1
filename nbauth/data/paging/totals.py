"""How many rows a response says that there are, and how many of them its request asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from nbauth.data.paging.page_response import whole_number
from nbauth.data.paging.places import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.body_values import BodyValues
    from nbauth.data.paging.places import Place

__all__ = ["SURE_TOTALS", "TOTALS", "Asked", "Total", "asked_for", "limit_in", "page_in", "place_in", "total_in"]

_OF_WHAT = (
    "(?:row|record|result|item|element|hit|entry|entrie|match|matche|object|doc|document|resource|element|feature)s?"
)
SURE_TOTALS = re.compile(
    rf"total(?:number)?(?:of)?(?:{_OF_WHAT})?(?:count|size|number|found|matched|available)?|(?:num|number|nb)(?:of)?total"
    rf"|num(?:ber)?(?:found|matched)|records(?:total|filtered)|nbhits|resultsetsize|(?:full|overall|grand|all)(?:{_OF_WHAT})?count"
)
# These may be the number of rows on this page as well. Where it is larger, it is not.
TOTALS = re.compile(rf"{SURE_TOTALS.pattern}|(?:{_OF_WHAT})?count|found|matches|hits")
_ODATA = ("@odata.count", "odata.count", "@count", "d.__count")
_PLACES = {"start", "offset", "skip", "startat", "startindex", "limit", "page", "from"}
_SIZES = {"perpage", "pagesize", "itemsperpage", "resultsperpage", "limit", "hitsperpage", "maxresults"}
_OTHER_SUMS = {"summary", "info", "properties", "stats", "statistics"}  # where these may be of money
_SUMS = {"total", "count"}
_FILTERED = "recordsfiltered"  # DataTables' own total is that of the table before it was filtered

# What requests call the most rows that they want, and the rows to leave out.
_LIMITS = {
    "limit", "top", "first", "take", "size", "count", "rows", "n", "num", "max", "maxresults", "maxrecords", "maxitems",
    "maxrows", "resultrecordcount", "length", "results", "rowlimit", "last",
}  # fmt: skip
_SKIPS = {"offset", "skip", "start", "startat", "from", "startindex", "resultoffset", "startposition", "startrow"}
_OF_TIME = {"start", "from"}  # which may say since when, too
_LATEST_ROW = 100_000_000
_FROM_ONE = {"startindex", "startposition"}  # SCIM's and QuickBooks' first row is 1
_PAGES = {"page", "p", "pagenumber", "pageno", "pagenum", "pageindex", "currentpage"}
_FURTHER_ON = re.compile(
    r"\w*(?:cursor|marker|continuation|bookmark|scrollid)|(?:next|page|pagination|continuation|skip|start|sync|resumption)"
    r"\w*token|after|before|startingafter|endingbefore|searchafter"
    r"|pageafter|pagecursor|since\w*id"
)
_IN_TEXT = re.compile(r"\b(?:first|last|limit|top|take|size|maxresults)\b\W{0,3}\d", re.IGNORECASE)
_TEXTS = {"query", "q", "sql", "statement", "fetchxml", "kql", "csl", "soql", "jql", "command"}


@dataclass(frozen=True)
class Total:
    """The number of all rows.

    Attributes:
        path: what says so.
        number: how many there are.
        is_sure: whether it can be nothing else, such as the number of rows on the page.
    """

    path: str
    number: int
    is_sure: bool


@dataclass(frozen=True)
class Asked:
    """What a request asked for.

    Attributes:
        limit: how many rows at most; None for all.
        skipped: how many to leave out.
        is_part: whether it asked for a part whose size cannot be told, so that no total speaks of it.
    """

    limit: int | None = None
    skipped: int = 0
    is_part: bool = False

    def of(self, total: int) -> int:
        """Return how many of so many rows were asked for."""
        if self.is_part:
            return 0
        left = max(0, total - self.skipped)
        return left if self.limit is None else min(left, self.limit)


def total_in(values: BodyValues, places: Iterable[Place], rows_path: str | None) -> Total | None:
    """Return the number of all rows that a response says; a sure one, if there are several.

    Args:
        values: the response's.
        places: the objects beside and above its rows.
        rows_path: the path of the rows, if it is known.
    """
    totals = list(_totals(values, places, rows_path))
    filtered = (total for total in totals if plain(total.path) == _FILTERED)
    sure = (total for total in totals if total.is_sure)
    return next(filtered, None) or next(sure, None) or next(iter(totals), None)


def asked_for(request: PageRequest) -> Asked:
    """Return what a request asked for, by its parameters and the JSON object that it posts."""
    limit, skipped = None, 0
    for name, value in _parameters(request):
        short, number = plain(name), whole_number(value)
        if short in _TEXTS and isinstance(value, str) and _IN_TEXT.search(value):
            return Asked(is_part=True)
        if _FURTHER_ON.fullmatch(short) and value not in (None, "", "*"):
            return Asked(is_part=True)
        if short in _PAGES and number is not None and number > 1:
            return Asked(is_part=True)
        if short in _LIMITS and number is not None and number >= 0:
            limit = number
        if short in _SKIPS and value not in (None, ""):
            if short in _OF_TIME and (number is None or number > _LATEST_ROW):
                continue  # a time
            if number is None:
                return Asked(is_part=True)
            skipped = max(0, number - (short in _FROM_ONE))
    return Asked(limit, skipped)


def place_in(request: PageRequest) -> str | None:
    """Return the name of the one parameter that says how many rows to leave out; None without one."""
    return _named(request, _SKIPS)


def limit_in(request: PageRequest) -> str | None:
    """Return the name of the one parameter that says how many rows to bring; None without one."""
    return _named(request, _LIMITS)


def page_in(request: PageRequest) -> str | None:
    """Return the name of the one parameter that says which page to bring; None without one."""
    return _named(request, _PAGES)


def _named(request: PageRequest, names: set[str]) -> str | None:
    body = request.body
    given: Iterable[tuple[str, Any]] = (
        body.items() if isinstance(body, dict) else parse_qsl(urlsplit(request.url).query)
    )
    found = [name for name, value in given if plain(str(name)) in names and whole_number(value) is not None]
    return found[0] if len(found) == 1 else None


def _totals(values: BodyValues, places: Iterable[Place], rows_path: str | None) -> Iterator[Total]:
    own = f"total{plain((rows_path or '').rpartition('.')[2])}"  # as Plaid's total_transactions
    for place in places:
        if not place.is_envelope or "id" in place.names:  # an order has a total, too
            continue
        # Elasticsearch's is an object: {"value": 10000, "relation": "gte"}
        is_total = TOTALS.fullmatch(place.role) is not None
        # LinkedIn's count beside a start is the size of a page, OpenAlex's count beside a per_page is not.
        is_counting = "count" in place.names and not _PLACES.isdisjoint(place.names) and _SIZES.isdisjoint(place.names)
        for name in place.names:
            is_other = place.role in _OTHER_SUMS and name in _SUMS
            if is_other or not (TOTALS.fullmatch(name) or name == own or (is_total and name == "value")):
                continue
            path = place.path(name)
            number, is_sure = (
                values.number(path),
                is_total or path in _ODATA or name == own or SURE_TOTALS.fullmatch(name) is not None,
            )
            if number is not None and number >= 0 and (is_sure or name != "count" or not is_counting):
                yield Total(path, number, is_sure)


def _parameters(request: PageRequest) -> Iterator[tuple[str, Any]]:
    yield from parse_qsl(urlsplit(request.url).query, keep_blank_values=True)
    if isinstance(request.body, dict):
        inner = (value for value in request.body.values() if isinstance(value, dict))
        for members in (request.body, *inner):
            yield from ((str(name), value) for name, value in members.items())
