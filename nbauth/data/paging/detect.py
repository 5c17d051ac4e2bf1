"""The style of paging that a first answer shows by itself, and what tells of pages that no style would ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbauth.data.paging.link_header import next_link
from nbauth.data.paging.numbered_strategies import number_at
from nbauth.data.paging.page import MISSING
from nbauth.data.paging.record_selector import collections_of, find_collection, is_odata
from nbauth.data.paging.request_params import get_int
from nbauth.data.paging.styles import Cursor, NextUrl, Offset, PageNumber
from nbauth.errors import PaginationError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from nbauth.data.paging.page import PageResponse
    from nbauth.data.paging.styles import Style

__all__ = ["check_end", "detect_style", "rows_path"]

_URLS = (
    "next", "next_url", "nextUrl", "nextUri", "next_link", "next_page_url", "nextPageUrl", "nextPageLink",
    "next_page", "nextPage", "next_page.uri", "nextRecordsUrl", "links.next", "links.next.href", "_links.next",
    "_links.next.href", "paging.next", "paging.next.link", "pagination.next", "pagination.next_url",
    "pagination.nextUrl", "pagination.links.next", "meta.next", "meta.pagination.links.next", "page.next",
)  # fmt: skip
# Where the cursor stands, and what requests call it.
_CURSORS = (
    ("nextPageToken", "pageToken"), ("next_page_token", "page_token"), ("next_cursor", "cursor"),
    ("nextCursor", "cursor"), ("meta.next_cursor", "cursor"), ("meta.nextCursor", "cursor"),
    ("pagination.next_cursor", "cursor"), ("pagination.nextCursor", "cursor"),
    ("response_metadata.next_cursor", "cursor"), ("paging.next.after", "after"), ("paging.cursors.after", "after"),
    ("nextToken", "nextToken"), ("continuationToken", "continuationToken"),
    ("continuation_token", "continuation_token"),
)  # fmt: skip
# Where the number of the next page stands, not its address.
_NEXT_NUMBERS = ("next", "next_page", "nextPage", "meta.next_page", "meta.nextPage", "pagination.next_page")
_CURSOR_HEADERS = (("x-ms-continuationtoken", "continuationToken"), ("x-next-cursor", "cursor"))
_INSIDE = ("", "meta.", "pagination.", "paging.", "page.", "meta.pagination.")
_OFFSETS = ("offset", "skip", "start", "startAt")
_LIMITS = ("limit", "top", "size", "count", "page_size", "pageSize", "per_page", "maxResults")
_TOTALS = ("total", "total_count", "totalCount", "totalResults", "total_results", "totalElements", "count")
# The page's own number, what requests call it, and the number of the first one.
_NUMBERS = (("page", "page", 1), ("current_page", "page", 1), ("currentPage", "page", 1), ("number", "page", 0))
_PAGES = ("total_pages", "totalPages", "pages", "last_page", "page_count", "pageCount")
_MORE = (
    *(("has_more", True), ("hasMore", True), ("has_next", True), ("hasNext", True), ("has_next_page", True)),
    *(("hasNextPage", True), ("more", True), ("moreAvailable", True), ("isLast", False), ("is_last", False)),
)
_BESIDE_ROWS = ("", "pageInfo.", "page_info.")  # the second is GraphQL's
_SAY_HOW = 'Say how, as in paging=nbauth.data.paging.Cursor(parameter="cursor", path="meta.next").'


def detect_style(answer: PageResponse, records: str | None) -> tuple[Style, str | None]:
    """Return the style of a first answer and the path of its rows.

    The path is None where the answer is an array or a single object, for which next links and the ``Link`` header are
    followed.

    Args:
        answer: the first answer.
        records: the path of the rows, if the caller named it.

    Raises:
        PaginationError: the answer says that there is more, in no way that is known.
    """
    document = answer.document
    by_header = _by_header(answer)
    if not document.is_object:
        return by_header or "auto", records
    if records is None and is_odata(document.members()):
        return by_header or "auto", "value"
    if records is None and (old := _odata_2(answer)) is not None:
        return NextUrl(path="d.__next"), old
    path = records if records is not None else find_collection(document)
    style = _style_of(answer, path)
    if records is None:
        more = _more(answer, path)
        if style is None and more is None and not _has_link(answer):
            return "auto", None  # nothing says that it is a page: it is a row
        path = _only_list(answer, style, more) if path is None else path
    return ("auto", None) if path is None else (style or "auto", path)


def _style_of(answer: PageResponse, path: str | None) -> Style | None:
    # What says that there is more comes before what may only be empty here.
    found: Style | None = _by_header(answer) or _by_url(answer) or _by_cursor(answer)
    if found is not None or _has_link(answer):
        return found
    numbered = _by_number(answer, path)
    if numbered is not None and _goes_on(answer, numbered):
        return numbered
    return _by_next_number(answer) or _ended(answer) or numbered


def rows_path(answer: PageResponse, style: Style) -> str | None:
    """Return the path of the rows of a first answer where the caller named the style; None as in `recognise`."""
    members = answer.document.members()
    is_collection = is_odata(members) or (style == "odata" and "value" in members and members["value"].is_list)
    if is_collection or style in ("none", "odata"):
        return "value" if is_collection else None
    found = find_collection(answer.document)
    lists = [] if found is not None else collections_of(answer.document, is_page=True)
    return lists[0] if len(lists) == 1 else found


def check_end(answer: PageResponse, style: Style, path: str | None, *, is_first: bool) -> None:
    """Check that an answer after which a chain of pages ends does not say that there is more.

    Args:
        answer: the answer.
        style: how the API is paged.
        path: the path of the rows.
        is_first: whether it is the first answer.

    Raises:
        PaginationError: it does.
    """
    if style == "none" or isinstance(style, (Offset, PageNumber)) or callable(style):
        return  # counted, or the caller's own word
    more = _says_more(answer, path)
    if more is None and is_first:
        own = style.path if isinstance(style, NextUrl) or (isinstance(style, Cursor) and not style.header) else ""
        if not own or _get(answer, own) is MISSING:
            more = _more(answer, path)
    if more is not None:
        place = redact_url(answer.url)
        raise PaginationError(
            f"{place}: the answer says {more}, but not how the next page is asked for.", url=place, next_step=_SAY_HOW
        )


def _odata_2(answer: PageResponse) -> str | None:
    """Return where the rows of an OData 2 collection are (OData 2.0 JSON Format §4), or None."""
    members = answer.document.members()
    if set(members) != {"d"}:
        return None
    inner = members["d"].members()
    if "results" in inner and inner["results"].is_list and set(inner) <= {"results", "__next", "__count"}:
        return "d.results"
    return "d" if members["d"].is_list else None


def _by_header(answer: PageResponse) -> Cursor | None:
    for header, parameter in _CURSOR_HEADERS:
        if header in answer.headers:
            return Cursor(parameter=parameter, header=header)
    return None


def _has_link(answer: PageResponse) -> bool:
    return next_link(answer.headers.get("Link", ""), answer.url) is not None


def _by_url(answer: PageResponse) -> NextUrl | None:
    for path in _URLS:
        found = _get(answer, path)
        if isinstance(found, str) and (found.startswith(("/", "?")) or "://" in found):
            return NextUrl(path=path)
    return None


def _by_cursor(answer: PageResponse) -> Cursor | None:
    for path, parameter in _CURSORS:
        found = _get(answer, path)
        if type(found) in (str, int) and found:
            return Cursor(parameter=parameter, path=path)
    return None


def _by_next_number(answer: PageResponse) -> Cursor | None:
    for path in _NEXT_NUMBERS:
        if number_at(answer, path):
            return Cursor(parameter="page", path=path)
    return None


def _ended(answer: PageResponse) -> Style | None:
    """Return the style of an answer without a next page: the member is there, and null."""
    for path in _URLS:
        if _get(answer, path) is None:
            return NextUrl(path=path)
    return next(
        (Cursor(parameter=name, path=path) for path, name in _CURSORS if _get(answer, path) in (None, "")), None
    )


def _by_number(answer: PageResponse, path: str | None) -> Offset | PageNumber | None:
    for inside in _INSIDE:
        total = _first_number(answer, inside, _TOTALS)
        offset, limit = _first_number(answer, inside, _OFFSETS), _first_number(answer, inside, _LIMITS)
        pages = _first_number(answer, inside, _PAGES)
        if total == limit:
            total = None
        if total == "count" and path is not None and _rows_at(answer, path) == number_at(answer, inside + "count"):
            total = None  # of this page
        if offset and limit:
            start = number_at(answer, inside + offset) or 0
            # Some count from one; a place that the caller's URL names says nothing about that.
            base = int(start == 1 and get_int(answer.asked.url, offset) is None)
            return Offset(
                offset=offset, limit=limit, start=start - base, base=base, total=total and inside + total,
                echo=inside + offset,
            )  # fmt: skip
        for name, parameter, first in _NUMBERS:
            if pages and number_at(answer, inside + name) is not None:
                return PageNumber(parameter=parameter, first=first, pages=inside + pages, echo=inside + name)
    return None


def _goes_on(answer: PageResponse, style: Offset | PageNumber) -> bool:
    """Tell whether a numbered style says of itself that there is more."""
    if isinstance(style, Offset):
        return style.total is not None
    pages, number = number_at(answer, style.pages), number_at(answer, style.echo)
    return pages is not None and number is not None and number + 1 < pages + style.first


def _only_list(answer: PageResponse, style: Style | None, more: str | None) -> str | None:
    """Return the path of the rows where their name is none that is known; None if the answer is a row itself.

    Raises:
        PaginationError: there is more, and it cannot be told of what.
    """
    is_sure = more is not None and not isinstance(style, NextUrl)
    names = collections_of(answer.document, is_page=is_sure)
    if len(names) == 1:
        return names[0]
    if isinstance(style, PageNumber) and number_at(answer, style.pages) == 0:
        return "_embedded"  # HAL leaves out what is empty
    if more is None or (not names and not is_sure):
        return None
    place = redact_url(answer.url)
    which = f"has several lists: {', '.join(names)}" if names else "has no list"
    raise PaginationError(
        f"{place}: the answer says {more}, and {which}.",
        url=place,
        next_step=f'Say where the rows are, as in records="{(names or ["data.items"])[0]}".',
    )


def _more(answer: PageResponse, path: str | None) -> str | None:
    """Return the name of a member that says that there is more, or where."""
    said = _says_more(answer, path)
    found = None if said is not None else _by_url(answer) or _by_cursor(answer) or _by_next_number(answer)
    return said if found is None else found.path


def _says_more(answer: PageResponse, path: str | None) -> str | None:
    """Return the name of a member that says that there is more."""
    above = (path or "").split(".")[:-1]
    beside = [".".join([*above[: count + 1], ""]) for count in range(len(above))]
    for inside in (*_INSIDE, *(outer + inner for outer in ["", *beside] for inner in _BESIDE_ROWS)):
        for name, value in _MORE:
            if _get(answer, inside + name) is value:
                return inside + name
    # Spring's; elsewhere it may be anything.
    return "last=false" if path == "content" and _get(answer, "last") is False else None


def _rows_at(answer: PageResponse, path: str) -> int:
    rows = answer.get(*path.split("."))
    return len(rows) if isinstance(rows, list) else 0


def _get(answer: PageResponse, path: str) -> Any:
    return answer.get(*path.split(".")) if path.partition(".")[0] in answer.document.members() else MISSING


def _first_number(answer: PageResponse, inside: str, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if number_at(answer, inside + name) is not None), None)
