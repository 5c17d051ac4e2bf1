"""Pages that a request names by their number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from nbauth.data.paging.counts import PageCounts
from nbauth.data.paging.header_counts import PAGES, has_paging_object, header_counts, named_in
from nbauth.data.paging.page_response import HEADER, number_at
from nbauth.data.paging.request_params import get_int
from nbauth.data.paging.styles import numbered
from nbauth.data.paging.styles.style import Sign, Style
from nbauth.data.paging.totals import page_in

if TYPE_CHECKING:
    from typing import Self

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.envelope import Envelope
    from nbauth.data.paging.page_response import PageResponse, Rows
    from nbauth.data.paging.styles.style import Paginator

__all__ = ["PageNumber"]


@dataclass(frozen=True, kw_only=True)
class PageNumber(Style):
    """The request says which page it wants.

    The load ends at the last page if the response says how many there are, or at the total if it names one. Otherwise
    it ends at an empty page, or at a 404 after the first page. A page with few rows does not end it: servers filter.

    Attributes:
        parameter: the parameter for the page's number.
        limit: the parameter for the size of a page.
        size: how many rows to ask for; None leaves that to the URL or the server.
        first: the number of the first page.
        pages: the place in the body that says how many pages there are, such as ``"meta.pages"``.
        total: the place in the body, or ``header:NAME``, that says how many rows there are in all.
        echo: where the body repeats the page's number; it is an error if it names another page than the request.
        send: whether the parameters go into the query or the JSON body.
    """

    knows_its_end: ClassVar[bool] = True
    is_counted: ClassVar[bool] = True

    parameter: str = "page"
    limit: str = "per_page"
    size: int | None = None
    first: int = 1
    pages: str | None = None
    total: str | None = None
    echo: str | None = None
    send: Literal["query", "body"] = "query"

    @classmethod
    def shown_by(cls, envelope: Envelope, sign: Sign) -> Self | None:
        """Return it for a page's number and the number of pages, which say whether there is more."""
        if sign is Sign.HEADER:
            return cls._of_headers(envelope)
        counts = envelope.counts if sign in (Sign.MORE_COUNTED, Sign.COUNTED) else None
        if not isinstance(counts, PageCounts):
            return None
        number, first = envelope.number(counts.number) or 0, counts.first
        pages = None if counts.pages is None else envelope.number(counts.pages)
        if pages is None and counts.total is not None and counts.limit is not None:
            pages = -(-(envelope.number(counts.total) or 0) // max(1, envelope.number(counts.limit) or 1))
        if pages is None and counts.total is None:
            is_more = envelope.said(envelope.rows_path).more is not None
            if not is_more:
                return None
        else:
            is_more = number + 1 < (pages or 0) + first
        if sign is not (Sign.MORE_COUNTED if is_more else Sign.COUNTED):
            return None
        request = envelope.response.request
        return cls(
            parameter=page_in(request) or counts.parameter, first=first, pages=counts.pages, total=counts.total,
            echo=counts.number, send=numbered.sent_by(request),
        )  # fmt: skip

    @classmethod
    def _of_headers(cls, envelope: Envelope) -> Self | None:
        """Return it for headers that count, where they tell the page's number or the request names one."""
        response = envelope.response
        counts, asked = header_counts(response, envelope.header_names), named_in(response.request, PAGES)
        is_told = counts.total or counts.pages or has_paging_object(response, envelope.header_names)
        if envelope.link is not None or not is_told or not (asked or counts.page):
            return None
        if asked is None and counts.pages is None:
            return None
        return cls(
            parameter=asked or "page", first=int(get_int(response.request.url, asked or "page") != 0),
            pages=counts.pages and HEADER + counts.pages, total=counts.total and HEADER + counts.total,
            echo=counts.page and HEADER + counts.page,
        )  # fmt: skip

    def check(self) -> None:
        """Check the numbers, and where they are sent."""
        numbered.check_send(self.send)
        numbered.check_numbers(size=self.size, first=self.first)

    def first_request(self, request: PageRequest) -> PageRequest:
        """Return the request with the size and the number, unless it has a number."""
        size = {} if self.size is None else {self.limit: self.size}
        return numbered.first_request(request, self.parameter, self.first, size, self.send)

    @property
    def most_equal_pages(self) -> int:
        """Two, unless the API repeats what it was asked for."""
        return numbered.most_equal_pages(self.echo)

    @property
    def next_step(self) -> str:
        """What to type where the API ignores the number."""
        return (
            f"The API may not know the parameter {self.parameter}. Say what it calls it, as in "
            'paging=nbauth.data.paging.PageNumber(parameter="pageNumber"); or paging="none" if one page is all.'
        )

    @property
    def total_path(self) -> str | None:
        """Where the body names the number of all rows."""
        return self.total

    def missing_is_end(self, response: PageResponse | None) -> bool:
        """Tell whether nothing says how many pages or rows there are."""
        if response is None:
            return self.pages is None and self.total is None
        return number_at(response, self.pages) is None and number_at(response, self.total) is None

    def after_empty(self, response: PageResponse, step: int) -> PageRequest | None:
        """Return the request for the page with the next number: the rows of this one were filtered out."""
        del step
        return self.request(response.request, self.number(response.request) + 1)

    def empty_is_end(self, url: str, status: int) -> bool:
        """Return True, unless responses name the number of pages or rows: it is not reached."""
        del status
        return numbered.empty_is_end(url, is_more_known=self.pages is not None or self.total is not None)

    def paginator(self, *, rows_before: int = 0) -> Paginator:
        """Return what counts the rows of one load."""
        return _Counter(self, rows_before)

    def number(self, request: PageRequest) -> int:
        """Return the number of the page that a request wants."""
        given = numbered.given(request, self.parameter, self.send)
        return self.first if given is None else given

    def request(self, before: PageRequest, number: int) -> PageRequest:
        """Return a request for another page."""
        return numbered.with_values(before, {self.parameter: number}, self.send)


class _Counter:
    """The state of one load, whose rows are counted up to the total."""

    def __init__(self, style: PageNumber, rows_before: int) -> None:
        self._style = style
        self._rows = rows_before
        self._is_counted = bool(rows_before)  # whether the rows of pages before the first response are in it
        self._is_guess = False

    def next_request(self, response: PageResponse, rows: Rows) -> PageRequest | None:
        """Return the request for the page with the next number."""
        style, count, number = self._style, rows.count(), self._style.number(response.request)
        numbered.check_echo(response, style.echo, number, style.parameter)
        if not self._is_counted and number > style.first:
            # The caller's URL begins further on; how many rows are before it can only be guessed.
            self._rows, self._is_guess = (number - style.first) * count, True
        self._is_counted = True
        self._rows += count
        pages, total = number_at(response, style.pages), number_at(response, style.total)
        if pages is not None:
            is_last = number + 1 >= pages + style.first
            return None if is_last else style.request(response.request, number + 1)
        if total is not None and self._rows >= total:
            return None
        if not count:
            if not self._is_guess:
                numbered.check_total(response, self._rows, total)
            return None
        return style.request(response.request, number + 1)

    def plan(self, response: PageResponse, rows: Rows) -> list[PageRequest]:
        """Return all further requests."""
        style, count, number = self._style, rows.count(), self._style.number(response.request)
        pages, total = number_at(response, style.pages), number_at(response, style.total)
        if pages is None and total is not None and count:
            pages = -(-total // count)
        if pages is None:
            return []
        last = min(pages + style.first, number + numbered.MOST_PLANNED)
        return [style.request(response.request, page) for page in range(number + 1, last)]


STYLE = PageNumber
