"""From an answer to the next request, for each style of paging."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from nbauth.data.paging.guards import canonical, resolve
from nbauth.data.paging.link_header import next_link
from nbauth.data.paging.numbered_strategies import OffsetPaginator, PageNumberPaginator
from nbauth.data.paging.page import MISSING
from nbauth.data.paging.record_selector import NEXT
from nbauth.data.paging.request_params import set_in_body, set_in_query
from nbauth.data.paging.styles import Cursor, NextUrl, Offset, PageNumber
from nbauth.errors import PaginationError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.page import PageResponse, Rows
    from nbauth.data.paging.styles import Style

__all__ = ["Paginator", "paginator_of"]


class Paginator(Protocol):
    """How a style goes on."""

    most_equal_pages: int
    missing_is_end: bool  # whether a 404 for a further page means that there is none

    def next_request(self, answer: PageResponse, rows: Rows) -> PageRequest | None:
        """Return the request for the page after this one; None after the last page."""

    def plan(self, answer: PageResponse, rows: Rows) -> list[PageRequest]:
        """Return the requests for all further pages, if the first answer tells them; else none."""


class _Chain:
    """A style in which each answer names the next request, and that one alone."""

    most_equal_pages = 3
    missing_is_end = False

    def plan(self, answer: PageResponse, rows: Rows) -> list[PageRequest]:
        """Return nothing: only the next answer will tell."""
        del answer, rows
        return []


class LinkPaginator(_Chain):
    """Next links in OData's members, in the ``Link`` header, or in both, where the body's comes first.

    Args:
        odata: whether to look into the body.
        header: whether to look into the header.
    """

    def __init__(self, *, odata: bool, header: bool) -> None:
        self._names = NEXT if odata else ()
        self._header = header

    def next_request(self, answer: PageResponse, rows: Rows) -> PageRequest | None:
        """Return the request that the link names."""
        del rows
        for name in self._names:
            link: Any = answer.get(name)
            if link is not MISSING and link is not None and not isinstance(link, str):
                raise PaginationError(f"{redact_url(answer.url)}: {name} is not a string.", url=redact_url(answer.url))
            if isinstance(link, str) and link:
                return replace(answer.asked, url=resolve(link, answer.url))
        header = answer.headers.get("Link") if self._header else None
        following = next_link(header, answer.url) if header else None
        return replace(answer.asked, url=resolve(following, answer.url)) if following else None


class UrlPaginator(_Chain):
    """A next link somewhere in the body."""

    def __init__(self, style: NextUrl) -> None:
        self._path = tuple(style.path.split("."))

    def next_request(self, answer: PageResponse, rows: Rows) -> PageRequest | None:
        """Return the request that the link names."""
        del rows
        link: Any = answer.get(*self._path)
        if link is MISSING or link is None or link == "" or link is False:
            return None
        if not isinstance(link, str):
            place = redact_url(answer.url)
            raise PaginationError(f"{place}: {'.'.join(self._path)} is not a string.", url=place)
        return replace(answer.asked, url=resolve(link, answer.url))


class CursorPaginator(_Chain):
    """A cursor in the body or in a header."""

    def __init__(self, style: Cursor) -> None:
        self._style = style

    def next_request(self, answer: PageResponse, rows: Rows) -> PageRequest | None:
        """Return the request that sends the cursor."""
        del rows
        style, asked = self._style, answer.asked
        if style.header is not None:
            cursor: Any = answer.headers.get(style.header)
        else:
            cursor = answer.get(*style.path.split("."))
        if cursor is MISSING or cursor is None or cursor == "" or cursor is False:
            return None
        if not isinstance(cursor, (str, int)) or isinstance(cursor, bool):
            place, where = redact_url(answer.url), style.header or style.path
            raise PaginationError(f"{place}: {where} is neither text nor a number.", url=place)
        if style.send == "query":
            return replace(asked, url=canonical(set_in_query(asked.url, {style.parameter: cursor})))
        if style.send == "body":
            return replace(asked, body=set_in_body(asked.body, {style.parameter: cursor}))
        return replace(asked, headers={**asked.headers, style.parameter: str(cursor)})


class FunctionPaginator(_Chain):
    """A caller's own function."""

    def __init__(self, function: Callable[[PageResponse], str | Mapping[str, Any] | None]) -> None:
        self._function = function

    def next_request(self, answer: PageResponse, rows: Rows) -> PageRequest | None:
        """Return the request that the function names: a URL, or parameters for the present one."""
        del rows
        found = self._function(answer)
        if found is None or found == "":
            return None
        if isinstance(found, str):
            return replace(answer.asked, url=resolve(found, answer.url))
        if hasattr(found, "items"):
            return replace(answer.asked, url=canonical(set_in_query(answer.asked.url, dict(found))))
        place = redact_url(answer.url)
        raise PaginationError(
            f"{place}: the function given as paging returned {type(found).__name__}, not a URL, parameters or None.",
            url=place,
        )


class NoPaginator(_Chain):
    """One page, whatever it says."""

    def next_request(self, answer: PageResponse, rows: Rows) -> PageRequest | None:
        """Return nothing."""
        del answer, rows
        return None


def paginator_of(style: Style, *, rows_before: int = 0) -> Paginator:
    """Return how a style goes on.

    Args:
        style: the style.
        rows_before: how many rows came before the first answer, in an earlier load that broke off.
    """
    made: Paginator
    match style:
        case "none":
            made = NoPaginator()
        case "auto" | "odata" | "link":
            made = LinkPaginator(odata=style != "link", header=style != "odata")
        case NextUrl():
            made = UrlPaginator(style)
        case Cursor():
            made = CursorPaginator(style)
        case Offset():
            made = OffsetPaginator(style)
        case PageNumber():
            made = PageNumberPaginator(style, rows_before=rows_before)
        case _:
            made = FunctionPaginator(style)
    return made
