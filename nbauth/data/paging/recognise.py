"""The style of paging that a first answer shows by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbauth.data.paging.answers import MISSING
from nbauth.data.paging.records import find_collection, is_odata
from nbauth.data.paging.styles import Cursor, NextUrl, Offset, PageNumber
from nbauth.errors import PaginationError
from nbauth.signin.origins import redact_url

if TYPE_CHECKING:
    from nbauth.data.paging.answers import Answer
    from nbauth.data.paging.styles import Style

__all__ = ["recognise"]

_URLS = (
    "next", "next_url", "nextUrl", "nextUri", "next_link", "next_page_url", "nextPageUrl", "nextPageLink",
    "next_page", "nextPage", "links.next", "links.next.href", "_links.next", "_links.next.href", "paging.next",
    "paging.next.link", "pagination.next", "pagination.next_url", "pagination.nextUrl", "pagination.links.next",
    "meta.next", "meta.pagination.links.next", "page.next",
)  # fmt: skip
# Where the cursor stands, and what requests call it.
_CURSORS = (
    ("nextPageToken", "pageToken"), ("next_page_token", "page_token"), ("next_cursor", "cursor"),
    ("nextCursor", "cursor"), ("meta.next_cursor", "cursor"), ("meta.nextCursor", "cursor"),
    ("pagination.next_cursor", "cursor"), ("pagination.nextCursor", "cursor"),
    ("response_metadata.next_cursor", "cursor"), ("paging.cursors.after", "after"), ("nextToken", "nextToken"),
    ("continuationToken", "continuationToken"), ("continuation_token", "continuation_token"),
)  # fmt: skip
_CURSOR_HEADERS = (("x-ms-continuationtoken", "continuationToken"), ("x-next-cursor", "cursor"))
_INSIDE = ("", "meta.", "pagination.", "paging.", "page.", "meta.pagination.")
_OFFSETS = ("offset", "skip", "start")
_LIMITS = ("limit", "top", "size", "count", "page_size", "pageSize", "per_page")
_TOTALS = ("total", "total_count", "totalCount", "totalResults", "total_results", "totalElements", "count")
# The page's own number, what requests call it, and the number of the first one.
_NUMBERS = (("page", "page", 1), ("current_page", "page", 1), ("currentPage", "page", 1), ("number", "page", 0))
_PAGES = ("total_pages", "totalPages", "pages", "last_page", "page_count", "pageCount")
_MORE = ("has_more", "hasMore", "has_next", "hasNext", "has_next_page", "hasNextPage", "more", "moreAvailable")


def recognise(answer: Answer, records: str | None) -> tuple[Style, str | None]:
    """Return the style of a first answer and the path of its rows.

    The path is None where the rows are those of OData, an array or a single object, for which next links and the
    ``Link`` header are followed.

    Args:
        answer: the first answer.
        records: the path of the rows, if the caller named it.

    Raises:
        PaginationError: the answer says that there is more, in no way that is known.
    """
    document = answer.document
    for header, parameter in _CURSOR_HEADERS:
        if header in answer.headers:
            return Cursor(parameter=parameter, header=header), records
    if not document.is_object or (records is None and is_odata(document.members())):
        return "auto", records
    if records is None and (old := _odata_2(answer)) is not None:
        return NextUrl(path="d.__next"), old
    path = find_collection(document) if records is None else records
    if path is None:
        return "auto", None
    style = _by_url(answer) or _by_cursor(answer) or _by_number(answer)
    if style is not None:
        return style, path
    if "Link" not in answer.headers:
        _check_no_more(answer)
    return "auto", records


def _odata_2(answer: Answer) -> str | None:
    """Return where the rows of an OData 2 collection are (OData 2.0 JSON Format §4), or None."""
    members = answer.document.members()
    if set(members) != {"d"}:
        return None
    inner = members["d"].members()
    if "results" in inner and inner["results"].is_list and set(inner) <= {"results", "__next", "__count"}:
        return "d.results"
    return "d" if members["d"].is_list else None


def _by_url(answer: Answer) -> Style | None:
    for path in _URLS:
        found = _get(answer, path)
        if isinstance(found, str) and (found.startswith(("/", "?")) or "://" in found):
            return NextUrl(path=path)
    # A page without a next one: the member is there, and null.
    return next((NextUrl(path=path) for path in _URLS if _get(answer, path) is None), None)


def _by_cursor(answer: Answer) -> Style | None:
    for path, parameter in _CURSORS:
        found = _get(answer, path)
        if found is None or (isinstance(found, (str, int)) and not isinstance(found, bool)):
            return Cursor(parameter=parameter, path=path)
    return None


def _by_number(answer: Answer) -> Style | None:
    for inside in _INSIDE:
        total = _first_int(answer, inside, _TOTALS)
        offset, limit = _first_int(answer, inside, _OFFSETS), _first_int(answer, inside, _LIMITS)
        if offset and limit and total and limit != total:
            return Offset(
                offset=offset, limit=limit, start=_get(answer, inside + offset), total=inside + total,
                echo=inside + offset,
            )  # fmt: skip
        pages = _first_int(answer, inside, _PAGES)
        for name, parameter, first in _NUMBERS:
            if pages and type(_get(answer, inside + name)) is int:
                return PageNumber(parameter=parameter, first=first, pages=inside + pages, echo=inside + name)
    return None


def _check_no_more(answer: Answer) -> None:
    for inside in _INSIDE:
        for name in _MORE:
            if _get(answer, inside + name) is True:
                place = redact_url(answer.url)
                raise PaginationError(
                    f"{place}: the answer says {inside + name}, but not how the next page is asked for.",
                    url=place,
                    next_step='Say it, as in paging=nbauth.data.paging.Cursor(parameter="cursor", path="meta.next").',
                )


def _get(answer: Answer, path: str) -> Any:
    return answer.get(*path.split(".")) if path.partition(".")[0] in answer.document.members() else MISSING


def _first_int(answer: Answer, inside: str, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if type(_get(answer, inside + name)) is int), None)
