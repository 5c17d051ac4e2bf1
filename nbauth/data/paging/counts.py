"""The numbers beside a response's rows: the offset and the size of a page, or the page's number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbauth.data.paging.more import is_flag
from nbauth.data.paging.totals import SURE_TOTALS, TOTALS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbauth.data.paging.body_values import BodyValues
    from nbauth.data.paging.places import Place

__all__ = ["PageCounts", "RowCounts", "counts_of"]

# Plain names; the first that is there counts.
_OFFSETS = ("offset", "skip", "start", "startat", "startindex", "startposition", "resultoffset", "from", "retstart")
_LIMITS = (
    "limit", "top", "size", "pagesize", "perpage", "maxresults", "itemsperpage", "take", "ps",
    "resultsperpage", "hitsperpage", "retmax", "maxrecords", "maxitems", "length", "rows", "count",
)  # fmt: skip
_NUMBERS = ("page", "currentpage", "number", "pagenumber", "pageindex", "pageno", "pagenum", "p")
_NEEDS = {"p": "ps", "number": "size"}  # alone, such a name may be anything
_ALL_CALLED_PAGE = ("page", "currentpage", "number")  # requests call all of these so
_FROM_ZERO = ("number",)  # Spring's
_PAGES = (
    "totalpages",
    "pages",
    "lastpage",
    "pagecount",
    "numpages",
    "numberofpages",
    "totalpagecount",
    "pagestotal",
    "nbpages",
)


@dataclass(frozen=True)
class RowCounts:
    """Rows are counted.

    Attributes:
        offset: the path of the place of the first row.
        limit: what the size of a page is called, if it is said.
        total: the path of the number of all rows, if there is one.
    """

    offset: str
    limit: str | None
    total: str | None


@dataclass(frozen=True)
class PageCounts:
    """Pages are counted.

    Attributes:
        number: the path of the page's own number.
        pages: the path of the number of pages, if there is one; else there is a total, or a flag says what follows.
        limit: the path of the size of a page, if it is said.
        total: the path of the number of all rows, if there is one and no number of pages.
        parameter: what requests call the page's number.
        first: the number of the first page.
    """

    number: str
    pages: str | None
    limit: str | None
    total: str | None
    parameter: str
    first: int


def counts_of(values: BodyValues, places: Iterable[Place], rows_path: str | None) -> RowCounts | PageCounts | None:
    """Return what the first object counts that counts rows or pages; rows, if it counts both.

    Args:
        values: the response's.
        places: the objects beside and above its rows.
        rows_path: the path of the rows, if it is known.
    """
    for place in places:
        if place.is_envelope:
            counts = _rows(values, place, rows_path) or _pages(values, place, rows_path)
            if counts is not None:
                return counts
    return None


def _rows(values: BodyValues, place: Place, rows_path: str | None) -> RowCounts | None:
    offset, limit = _first(values, place, _OFFSETS), _first(values, place, _LIMITS)
    if offset is None:
        return None
    total = _total(values, place, limit, rows_path)
    if limit is None and (total is None or not SURE_TOTALS.fullmatch(total)):
        return None
    return RowCounts(place.path(offset), limit and place.names[limit], total and place.path(total))


def _pages(values: BodyValues, place: Place, rows_path: str | None) -> PageCounts | None:
    number = _first(values, place, _NUMBERS)
    if number is None:
        return None
    pages, limit = _first(values, place, _PAGES), _first(values, place, _LIMITS)
    total = _total(values, place, limit, rows_path)
    is_flagged = number not in _NEEDS and any(map(is_flag, place.names))
    is_totalled = limit is not None and total is not None and _NEEDS.get(number, limit) == limit
    if pages is None and not is_totalled and not is_flagged:
        return None
    first = 0 if number in _FROM_ZERO or values.number(place.path(number)) == 0 else 1
    return PageCounts(
        number=place.path(number),
        pages=pages and place.path(pages),
        limit=limit and place.path(limit),
        total=place.path(total) if total is not None and pages is None and is_totalled else None,
        parameter="page" if number in _ALL_CALLED_PAGE else place.names[number],
        first=first,
    )


def _total(values: BodyValues, place: Place, limit: str | None, rows_path: str | None) -> str | None:
    numbers = [name for name in place.names if TOTALS.fullmatch(name) and values.number(place.path(name)) is not None]
    total = next((name for name in numbers if SURE_TOTALS.fullmatch(name)), next(iter(numbers), None))
    if total == limit:
        return None
    if total is not None and not SURE_TOTALS.fullmatch(total) and rows_path is not None:
        rows = values.node(rows_path)
        if (rows.count() if rows is not None and rows.is_list else 0) == values.number(place.path(total)):
            return None  # of this page
    return total


def _first(values: BodyValues, place: Place, names: tuple[str, ...]) -> str | None:
    there = (name for name in names if name in place.names)
    return next((name for name in there if values.number(place.path(name)) is not None), None)
