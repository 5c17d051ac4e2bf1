"""Pages that a request names by the rows to leave out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from nbauth.data.paging.counts import RowCounts
from nbauth.data.paging.header_counts import OFFSETS, header_counts, named_in
from nbauth.data.paging.odata_count import count_path, lacks_rows
from nbauth.data.paging.page_response import HEADER, number_at
from nbauth.data.paging.places import plain
from nbauth.data.paging.request_params import get_int
from nbauth.data.paging.styles import numbered
from nbauth.data.paging.styles.style import Sign, StatelessStyle
from nbauth.data.paging.totals import limit_in, place_in, total_in

if TYPE_CHECKING:
    from typing import Self

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.envelope import Envelope
    from nbauth.data.paging.page_response import PageResponse, Rows

__all__ = ["Offset"]


@dataclass(frozen=True, kw_only=True)
class Offset(StatelessStyle):
    """The request says how many rows to leave out.

    The next offset counts the rows that came, whatever was asked for. The load ends at the total if the response names
    one, otherwise at an empty page. A page with few rows does not end it: servers limit the size of pages.

    Attributes:
        offset: the parameter for the rows to leave out.
        limit: the parameter for the size of a page.
        size: how many rows to ask for; None leaves that to the URL or the server.
        start: how many rows to leave out first.
        base: what the API calls the first row: 0, or 1 where it counts from one.
        total: the place in the body, or ``header:NAME``, that says how many rows there are in all.
        echo: where the body repeats the offset; it is an error if it names another row than the request.
        send: whether the parameters go into the query or the JSON body.
    """

    knows_its_end: ClassVar[bool] = True
    is_counted: ClassVar[bool] = True

    offset: str = "offset"
    limit: str = "limit"
    size: int | None = None
    start: int = 0
    base: int = 0
    total: str | None = None
    echo: str | None = None
    send: Literal["query", "body"] = "query"

    @classmethod
    def shown_by(cls, envelope: Envelope, sign: Sign) -> Self | None:
        """Return it for a place in the rows and the size of a page; with a total, they say that there is more."""
        if sign is Sign.HEADER:
            return cls._of_headers(envelope)
        if sign not in (Sign.MORE_COUNTED, Sign.COUNTED):
            return None
        counts, request = envelope.counts, envelope.response.request
        if not isinstance(counts, RowCounts):
            return cls._asked_for(envelope) if sign is Sign.MORE_COUNTED and counts is None else None
        if sign is not (Sign.COUNTED if counts.total is None else Sign.MORE_COUNTED):
            return None
        own = counts.offset.rpartition(".")[2]
        start = envelope.number(counts.offset) or 0
        # Some count from one; a place that the caller's URL names says nothing about that.
        base = int(start == 1 and numbered.given(request, own, numbered.sent_by(request)) is None)
        return cls(
            offset=own, limit=counts.limit or "limit", start=start - base, base=base,
            total=counts.total, echo=counts.offset, send=numbered.sent_by(request),
        )  # fmt: skip

    @classmethod
    def _asked_for(cls, envelope: Envelope) -> Self | None:
        """Return it where the request names a place in the rows, and the response how many there are, or a flag."""
        request = envelope.response.request
        send = numbered.sent_by(request)
        said = envelope.said(envelope.rows_path)
        if said.cut is not None and plain(said.cut) == "exceededtransferlimit" and send == "query":
            # https://developers.arcgis.com/rest/services-reference/enterprise/query-feature-service-layer/
            return cls(offset="resultOffset", limit="resultRecordCount")
        if lacks_rows(envelope):
            return cls(offset="$skip", limit="$top", total=count_path(envelope))
        name, limit = place_in(request), limit_in(request)
        total = None if name is None else total_in(envelope, envelope.places, envelope.rows_path)
        if name is None or total is None or (not total.is_sure and total.number <= envelope.row_count):
            return None
        return cls(offset=name, limit=limit or "limit", total=total.path, send=send)

    @classmethod
    def _of_headers(cls, envelope: Envelope) -> Self | None:
        """Return it for a header with the number of all rows, where the request names the rows to leave out."""
        response = envelope.response
        total, asked = header_counts(response, envelope.header_names).total, named_in(response.request, OFFSETS)
        if envelope.link is not None or total is None or asked is None:
            return None
        if (get_int(response.request.url, asked) or 0) > (number_at(response, HEADER + total) or 0):
            return None  # another thing, such as a time
        return cls(offset=asked, total=HEADER + total)

    def check(self) -> None:
        """Check the numbers, and where they are sent."""
        numbered.check_send(self.send)
        numbered.check_numbers(size=self.size, start=self.start, base=self.base)

    def first_request(self, request: PageRequest) -> PageRequest:
        """Return the request with the size and the place, unless it has a place."""
        size = {} if self.size is None else {self.limit: self.size}
        return numbered.first_request(request, self.offset, self.start + self.base, size, self.send)

    @property
    def most_equal_pages(self) -> int:
        """Two, unless the API repeats what it was asked for."""
        return numbered.most_equal_pages(self.echo)

    @property
    def next_step(self) -> str:
        """What to type where the API ignores the number."""
        return (
            f"The API may not know the parameter {self.offset}. Say what it calls it, as in "
            'paging=nbauth.data.paging.Offset(offset="skip", limit="top"); or paging="none" if one page is all.'
        )

    @property
    def total_path(self) -> str | None:
        """Where the body names the number of all rows."""
        return self.total

    @property
    def rows_left_out(self) -> int:
        """The rows that are left out first."""
        return self.start

    def page_size(self, response: PageResponse) -> int | None:
        """Return the size that the response repeats, or that its request asked for."""
        inside = (self.echo or "").rpartition(".")[0]
        told = number_at(response, f"{inside}.{self.limit}" if inside else self.limit) if self.echo else None
        return told if told is not None else numbered.given(response.request, self.limit, self.send)

    @property
    def beyond_is_end(self) -> bool:
        """Whether nothing says how many rows there are."""
        return self.total is None

    def after_empty(self, response: PageResponse, step: int) -> PageRequest | None:
        """Return the request for the rows a page further on: those of this one were filtered out."""
        step = self.size or step
        return self._request(response.request, self._offset(response.request) + step) if step else None

    def empty_is_end(self, url: str, status: int) -> bool:
        """Return True, unless responses name a total: it is not reached."""
        del status
        return numbered.empty_is_end(url, is_more_known=self.total is not None)

    def next_request(self, response: PageResponse, rows: Rows) -> PageRequest | None:
        """Return the request for the rows after these."""
        count, offset = rows.count(), self._offset(response.request)
        numbered.check_echo(response, self.echo, offset, self.offset)
        total = number_at(response, self.total)
        next_offset = offset + count
        if total is not None and next_offset - self.base >= total:
            return None
        if not count:
            numbered.check_total(response, offset - self.base, total)
            return None
        return self._request(response.request, next_offset)

    def plan(self, response: PageResponse, rows: Rows) -> list[PageRequest]:
        """Return all further requests, as many rows apart as the first page has."""
        total, step = number_at(response, self.total), rows.count()
        if total is None or not step:
            return []
        start = self._offset(response.request) + step
        end = min(total + self.base, start + step * numbered.MOST_PLANNED)
        return [self._request(response.request, offset) for offset in range(start, end, step)]

    def _offset(self, request: PageRequest) -> int:
        given = numbered.given(request, self.offset, self.send)
        return self.start + self.base if given is None else given

    def _request(self, request: PageRequest, offset: int) -> PageRequest:
        return numbered.with_values(request, {self.offset: offset}, self.send)


STYLE = Offset
