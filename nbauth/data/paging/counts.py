"""The numbers beside a response's rows: the offset and the size of a page, or the page's number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbauth.data.paging.body_values import BodyValues

__all__ = ["INSIDE", "PageCounts", "RowCounts", "counts_of"]

# The objects of an envelope in which things stand that are said of all its rows.
INSIDE = ("", "meta.", "pagination.", "paging.", "page.", "meta.pagination.")
_OFFSETS = ("offset", "skip", "start", "startAt")
_LIMITS = ("limit", "top", "size", "count", "page_size", "pageSize", "per_page", "maxResults")
_TOTALS = ("total", "total_count", "totalCount", "totalResults", "total_results", "totalElements", "count")
# The page's own number, what requests call it, and the number of the first one.
_NUMBERS = (("page", "page", 1), ("current_page", "page", 1), ("currentPage", "page", 1), ("number", "page", 0))
_PAGES = ("total_pages", "totalPages", "pages", "last_page", "page_count", "pageCount")


@dataclass(frozen=True)
class RowCounts:
    """Rows are counted.

    Attributes:
        inside: the object that says so, as the start of a path.
        offset: the member with the place of the first row.
        limit: the member with the size of a page.
        total: the member with the number of all rows, if there is one.
    """

    inside: str
    offset: str
    limit: str
    total: str | None


@dataclass(frozen=True)
class PageCounts:
    """Pages are counted.

    Attributes:
        inside: the object that says so, as the start of a path.
        number: the member with the page's own number.
        pages: the member with the number of pages.
        parameter: what requests call the page's number.
        first: the number of the first page.
    """

    inside: str
    number: str
    pages: str
    parameter: str
    first: int


def counts_of(values: BodyValues, rows_path: str | None) -> RowCounts | PageCounts | None:
    """Return what the first object counts that counts rows or pages; rows, if it counts both.

    Args:
        values: the response's.
        rows_path: the path of the rows, if it is known.
    """
    for inside in INSIDE:
        offset, limit = _first(values, inside, _OFFSETS), _first(values, inside, _LIMITS)
        if offset and limit:
            return RowCounts(inside, offset, limit, _total(values, inside, limit, rows_path))
        pages = _first(values, inside, _PAGES)
        for name, parameter, first in _NUMBERS if pages else ():
            if pages and values.number(inside + name) is not None:
                return PageCounts(inside, name, pages, parameter, first)
    return None


def _total(values: BodyValues, inside: str, limit: str, rows_path: str | None) -> str | None:
    total = _first(values, inside, _TOTALS)
    if total == limit:
        return None
    if total == "count" and rows_path is not None:
        rows = values.node(rows_path)
        if (rows.count() if rows is not None and rows.is_list else 0) == values.number(inside + "count"):
            return None  # of this page
    return total


def _first(values: BodyValues, inside: str, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if values.number(inside + name) is not None), None)
