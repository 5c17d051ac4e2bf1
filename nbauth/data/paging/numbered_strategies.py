"""Pages that requests name by number: the rows to leave out, or the number of the page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbauth.data.paging.guards import canonical
from nbauth.data.paging.page import MISSING
from nbauth.data.paging.request_params import get_int, in_body, set_in_body, set_in_query
from nbauth.errors import PaginationError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.page import PageResponse, Rows
    from nbauth.data.paging.styles import Offset, PageNumber

__all__ = ["OffsetPaginator", "PageNumberPaginator", "first_request", "number_at"]

_MOST_PLANNED = 1_000_000


class OffsetPaginator:
    """Offset and limit. The number of rows that came moves the offset, not the number that was asked for."""

    missing_is_end = False

    def __init__(self, style: Offset) -> None:
        self._style = style
        self.most_equal_pages = _most_equal_pages(style)

    def next_request(self, answer: PageResponse, rows: Rows) -> PageRequest | None:
        """Return the request for what comes after these rows."""
        style, count = self._style, rows.count()
        offset = self._offset(answer.asked)
        _check_echo(answer, style.echo, offset, style.offset)
        total = number_at(answer, style.total)
        following = offset + count
        if total is not None and following - style.base >= total:
            return None
        if not count:
            _check_total(answer, offset - style.base, total)
            return None
        return self._request(answer.asked, following)

    def plan(self, answer: PageResponse, rows: Rows) -> list[PageRequest]:
        """Return all further requests, as many rows apart as the first page has."""
        total, step = number_at(answer, self._style.total), rows.count()
        if total is None or not step:
            return []
        start = self._offset(answer.asked) + step
        end = min(total + self._style.base, start + step * _MOST_PLANNED)
        return [self._request(answer.asked, offset) for offset in range(start, end, step)]

    def _offset(self, asked: PageRequest) -> int:
        given = _given(asked, self._style.offset, self._style.send)
        return self._style.start + self._style.base if given is None else given

    def _request(self, asked: PageRequest, offset: int) -> PageRequest:
        return _with(asked, {self._style.offset: offset}, self._style.send)


class PageNumberPaginator:
    """The number of the page."""

    def __init__(self, style: PageNumber, *, rows_before: int = 0) -> None:
        self._style = style
        self.most_equal_pages = _most_equal_pages(style)
        self._rows = rows_before
        self._is_counted = bool(rows_before)  # whether the rows of pages before the first answer are in it
        self._is_guess = False
        self.missing_is_end = style.pages is None and style.total is None

    def next_request(self, answer: PageResponse, rows: Rows) -> PageRequest | None:
        """Return the request for the page with the next number."""
        style, count = self._style, rows.count()
        number = self._page(answer.asked)
        _check_echo(answer, style.echo, number, style.parameter)
        if not self._is_counted and number > style.first:
            # The caller's URL begins further on; how many rows are before it can only be guessed.
            self._rows, self._is_guess = (number - style.first) * count, True
        self._is_counted = True
        self._rows += count
        pages, total = number_at(answer, style.pages), number_at(answer, style.total)
        self.missing_is_end = pages is None and total is None
        if pages is not None:
            return self._request(answer.asked, number + 1) if number + 1 < pages + style.first else None
        if total is not None and self._rows >= total:
            return None
        if not count:
            if not self._is_guess:
                _check_total(answer, self._rows, total)
            return None
        return self._request(answer.asked, number + 1)

    def plan(self, answer: PageResponse, rows: Rows) -> list[PageRequest]:
        """Return all further requests."""
        style, count, number = self._style, rows.count(), self._page(answer.asked)
        pages, total = number_at(answer, style.pages), number_at(answer, style.total)
        if pages is None and total is not None and count:
            pages = -(-total // count)
        if pages is None:
            return []
        last = min(pages + style.first, number + _MOST_PLANNED)
        return [self._request(answer.asked, page) for page in range(number + 1, last)]

    def _page(self, asked: PageRequest) -> int:
        given = _given(asked, self._style.parameter, self._style.send)
        return self._style.first if given is None else given

    def _request(self, asked: PageRequest, number: int) -> PageRequest:
        return _with(asked, {self._style.parameter: number}, self._style.send)


def _most_equal_pages(style: Offset | PageNumber) -> int:
    # An API that does not know the parameter answers its first page again, unless it repeats what it was asked for.
    return 2 if style.echo is None else 3


def first_request(request: PageRequest, style: Any) -> PageRequest:
    """Return the first request of a numbered style: with the size and the place, unless it has them."""
    name = style.offset if hasattr(style, "offset") else style.parameter
    start = style.start + style.base if hasattr(style, "start") else style.first
    values = {name: start} if _given(request, name, style.send) is None else {}
    if style.size is not None:
        values[style.limit] = style.size
    return _with(request, values, style.send) if values else request


def _with(request: PageRequest, values: Mapping[str, int], send: str) -> PageRequest:
    if send == "body":
        return replace(request, body=set_in_body(request.body, values))
    return replace(request, url=canonical(set_in_query(request.url, values)))


def _given(request: PageRequest, name: str, send: str) -> int | None:
    return in_body(request.body, name) if send == "body" else get_int(request.url, name)


def number_at(answer: PageResponse, path: str | None) -> int | None:
    """Return a whole number that the body names, as a number or as text."""
    found = MISSING if path is None else answer.get(*path.split("."))
    if type(found) is int:
        return found
    return int(found) if isinstance(found, str) and found.isdecimal() else None


def _check_echo(answer: PageResponse, path: str | None, expected: int, parameter: str) -> None:
    found = number_at(answer, path)
    if found is not None and found != expected:
        place = redact_url(answer.url)
        raise PaginationError(
            f"{place}: the answer begins at {path} {found}, and {expected} was asked for by {parameter}=.",
            url=place,
            next_step="Say how the API is paged: paging=nbauth.data.paging.Offset(…) or PageNumber(…).",
        )


def _check_total(answer: PageResponse, rows: int, total: int | None) -> None:
    if total is not None and rows < total:
        place = redact_url(answer.url)
        raise PaginationError(
            f"{place}: an empty page came after {rows:,} rows, and the answer says that there are {total:,}.", url=place
        )
