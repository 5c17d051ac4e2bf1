"""The counts in a response's headers: a range of the rows, their number, the number of pages.

`header:` in front of a header's name makes it a path, as in ``Offset(total="header:X-Total-Count")``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus, urlsplit

from nbauth.data.paging.page_response import HEADER, number_at, whole_number
from nbauth.data.paging.request_params import folded
from nbauth.data.paging.totals import asked_for
from nbauth.errors import PaginationError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.page_response import PageResponse, Rows

__all__ = [
    "OFFSETS",
    "PAGES",
    "HeaderCounts",
    "RowRange",
    "check_counts",
    "has_paging_object",
    "header_counts",
    "named_in",
    "row_range",
]

_PARTIAL = 206
_RANGE = re.compile(r"\s*(?!bytes\b)(?:[\w-]+[\s=]+)?(\d{1,18})\s*-\s*(\d{1,18})\s*/\s*(\d{1,18}|\*)\s*", re.IGNORECASE)
# X-Total-Count, X-Total, Total-Count, X-WP-Total, X-Pagination-Total-Results, …
_TOTAL = re.compile(
    r"(?!\w*(?:rate|limit|quota|time|byte|length|cost|size|duration))\w*total(?:count|results?|records?|items?|elements?|rows?|entries|hits|objects)?|xcount"
)
_PAGES = re.compile(r"\w*(?:total|num|number)(?:of)?pages?(?:count)?|\w*(?:pages?count|lastpage)")
_PAGE = re.compile(r"x?(?:current|this)?page(?:number|no)?|x(?:pagination)?(?:current)?page")
_MORE = re.compile(
    r"(?:x|has|pagination)*(?:more|hasnext|nextpage)(?:page|items|results)?"
    r"|(?:x|is|was|data|rows?|results?|response|output)*(?:truncated|partial)(?:data|rows|results?)?"
)
# Where the next rows begin, without a word of how they are asked for: X-Next-Offset, Next-Page, X-Next-Start, …
_NEXT = re.compile(r"(?:x|page|paging|pagination)*next(?:offset|start|skip|index|page(?:number)?|records?|rows?)")
# What requests call the rows to leave out, and the page that they want.
OFFSETS = frozenset({"offset", "skip", "start", "from", "startindex", "startat", "sysparmoffset", "startrow", "first"})
PAGES = frozenset({"page", "pagenumber", "pageno", "pageindex", "currentpage", "pagenum", "p"})


@dataclass(frozen=True)
class RowRange:
    """The rows that a response holds of all.

    Attributes:
        first: the number of the first one.
        last: the number of the last one.
        total: how many there are; None if the response does not say.
        is_part: whether the response says that it is a part.
    """

    first: int
    last: int
    total: int | None
    is_part: bool


@dataclass(frozen=True)
class HeaderCounts:
    """The headers that count.

    Attributes:
        total: the one with the number of all rows.
        pages: the one with the number of pages.
        page: the one with the page's own number.
    """

    total: str | None = None
    pages: str | None = None
    page: str | None = None


def row_range(response: PageResponse) -> RowRange | None:
    """Return what ``Content-Range`` says of rows, as PostgREST, Azure's and others' APIs use it; None of bytes.

    See https://docs.postgrest.org/en/stable/references/api/pagination_count.html
    """
    match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if match is None:
        return None
    first, last, total = match.groups()
    return RowRange(int(first), int(last), None if total == "*" else int(total), response.status == _PARTIAL)


def header_counts(response: PageResponse, names: tuple[str, ...] | None = None) -> HeaderCounts:
    """Return the headers that count rows or pages; a number each.

    Args:
        response: the response.
        names: the names of its headers, where somebody has them at hand.
    """
    found: dict[str, str] = {}
    for kind, name in _counting(tuple(response.headers) if names is None else names):
        if number_at(response, HEADER + name) is not None:
            found.setdefault(kind, name)
    return HeaderCounts(**found)


@lru_cache(maxsize=256)
def _counting(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((kind, name) for name in names if (kind := _kind(folded(name))) is not None)


def named_in(request: PageRequest, names: frozenset[str]) -> str | None:
    """Return the parameter of a request's query that has one of these names and a number; None if there is none."""
    for item in urlsplit(request.url).query.split("&"):
        name, _, value = item.partition("=")
        if folded(unquote_plus(name)) in names and value.isdecimal():
            return unquote_plus(name)
    return None


def check_counts(response: PageResponse, rows: Rows) -> None:
    """Check that the headers of a first response, behind which no page comes, do not say that there is more.

    Args:
        response: the response.
        rows: its rows.

    Raises:
        PaginationError: they do.
    """
    names = tuple(response.headers)
    said = _said(response, names, rows)
    if said is None:
        return
    shown_url, total = redact_url(response.url), header_counts(response, names).total
    named = f', total="{HEADER}{total}"' if total else ""
    raise PaginationError(
        f"{shown_url}: the answer has {rows.count():,} rows and says {said}, but not how the next page is asked for.",
        url=shown_url,
        next_step=(
            f'Say how, as in paging=nbauth.data.paging.Offset(offset="offset", limit="limit"{named}) or '
            f'PageNumber(parameter="page"{named}). If these rows are all that you want: paging="none".'
        ),
    )


def _said(response: PageResponse, names: tuple[str, ...], rows: Rows) -> str | None:
    if response.headers.get("Link") and "rel" in response.headers["Link"]:
        return None  # the links of a last page
    counts = header_counts(response, names)
    if counts.pages is not None:
        here = _number(response, counts.page) or 1
        return None if here >= (_number(response, counts.pages) or 0) else _shown(response, counts.pages)
    if counts.total is not None:
        total = _number(response, counts.total) or 0
        return None if rows.count() >= _expected(response.request, total) else _shown(response, counts.total)
    for name in _flags(names):
        value = response.headers[name].strip()
        is_place = value.isdecimal() and value.strip("0") != "" and _NEXT.fullmatch(folded(name)) is not None
        if is_place or value.lower() in ("true", "1") or (value.startswith("{") and _object_says_more(value, rows)):
            return _shown(response, name)
    is_part = response.status == _PARTIAL and "Content-Range" not in response.headers
    return "by its status, 206, that it is a part" if is_part else None


def has_paging_object(response: PageResponse, names: tuple[str, ...]) -> bool:
    """Tell whether a header holds an object that says of which page the response is."""
    return any(response.headers[name].strip().startswith("{") for name in _flags(names))


@lru_cache(maxsize=256)
def _flags(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the headers that may say in so many words that there is more, or hold an object that does."""
    patterns = (_MORE, _NEXT)
    return tuple(name for name in names if "pagin" in name.lower() or any(p.fullmatch(folded(name)) for p in patterns))


def _expected(request: PageRequest, total: int) -> int:
    """Return how many of so many rows a request asked for; a place beyond them is another thing, such as a time."""
    asked = asked_for(request)
    return (asked if asked.skipped <= total else replace(asked, skipped=0)).of(total)


def _object_says_more(text: str, rows: Rows) -> bool:
    """Tell whether a header that holds an object says that there is more, as ``X-Pagination`` of ASP.NET does."""
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError):
        return False
    members = {folded(name): value for name, value in content.items()}
    for name in ("hasnext", "hasnextpage", "hasmore"):
        if name in members:
            return members[name] is True
    page = whole_number(members.get("currentpage", members.get("page", members.get("pagenumber")))) or 1
    pages = whole_number(members.get("totalpages", members.get("pagecount")))
    if pages is not None:
        return page < pages
    total = whole_number(members.get("totalcount", members.get("total", members.get("totalitems"))))
    return total is not None and page == 1 and rows.count() < total


def _number(response: PageResponse, name: str | None) -> int | None:
    return None if name is None else number_at(response, HEADER + name)


def _shown(response: PageResponse, name: str) -> str:
    return f"{name}: {response.headers[name][:200]}"


def _kind(short: str) -> str | None:
    kinds = {"pages": _PAGES, "total": _TOTAL, "page": _PAGE}
    return next((kind for kind, pattern in kinds.items() if pattern.fullmatch(short)), None)
