"""What each answer of a load says: its rows, the request for the next page, and what speaks against going on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nbauth.data.fetch.http_errors import format_error
from nbauth.data.paging.alike import alike
from nbauth.data.paging.detect import check_end, failed, rows_in, total_in
from nbauth.data.paging.inner_lists import short_lists
from nbauth.data.paging.notices import notices
from nbauth.errors import NbauthError

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import Response

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.alike import Alike
    from nbauth.data.paging.detect import Layout
    from nbauth.data.paging.ending import Ending
    from nbauth.data.paging.envelope import Envelope
    from nbauth.data.paging.guards import Guards
    from nbauth.data.paging.page_response import PageResponse, Rows
    from nbauth.data.paging.styles.style import Paginator

__all__ = ["PageLook", "Seen"]


class Seen(NamedTuple):
    """What an answer says.

    Attributes:
        rows: its rows.
        next_request: the request for the page after it.
        total_rows: how many rows there are in all, where it says so.
        error: what speaks against going on after it.
    """

    rows: Rows
    next_request: PageRequest | None
    total_rows: int | None
    error: NbauthError | None


class PageLook:
    """Looks at the answers of one load, in their order.

    Args:
        layout: where the rows are, and how the API pages.
        paginator: leads through the pages.
        guards: checks each further request.
        ending: notes what the answers say of the end.
        assume: told what is taken for granted.

    Attributes:
        alike: what further answers may have in common with the last one that was looked at closely.
    """

    def __init__(
        self, layout: Layout, paginator: Paginator, *, guards: Guards, ending: Ending, assume: Callable[[str], None]
    ) -> None:
        self._layout = layout
        self._paginator = paginator
        self._guards = guards
        self._ending = ending
        self._assume = assume
        self.alike: Alike | None = None

    def look(self, http_response: Response, content: bytes, envelope: Envelope, *, is_first: bool) -> Seen:
        """Return what an answer says.

        Args:
            http_response: the answer.
            content: its body, as JSON.
            envelope: what it says beside its rows.
            is_first: whether it is the first one of all.

        Raises:
            FormatError: it has no rows where those before it had them.
            PaginationError: the page itself came before.
        """
        layout, response = self._layout, envelope.response
        rows = rows_in(envelope, layout)
        if layout.is_array and layout.records is None and rows.is_single:
            raise format_error(http_response, content, "where the pages before were arrays")
        told = notices(envelope, rows, layout.records)
        for said in told:
            self._assume(said)
        next_request = self._paginator.next_request(response, rows)
        next_request = self._ending.following(envelope, layout, rows, next_request)
        next_request = next_request and self._guards.meant(next_request, response=response)
        error = self._check(envelope, rows, next_request, is_first=is_first)
        total_rows = total_in(envelope, layout.style)
        is_usual = next_request is not None and error is None and not told and layout.table is None
        self.alike = None
        if is_usual and self._ending.is_steady(envelope, layout):
            self.alike = alike(envelope, content, rows, layout.style, layout.records, total_rows=total_rows)
        return Seen(rows, next_request, total_rows, error)

    def look_less(self, known: Alike, response: PageResponse) -> Seen:
        """Return what an answer says that is alike: of the same words around its rows nothing is found out again."""
        rows = known.rows(response)
        if (said := short_lists(response, rows)) is not None:
            self._assume(said)
        next_request = self._paginator.next_request(response, rows)
        assert next_request is not None
        self._ending.went_on(rows)
        next_request = self._guards.meant(next_request, response=response)
        self._guards.saw(response)
        self._guards.check_progress(rows, here=response.url)
        return Seen(rows, next_request, known.total_rows, self._refused(next_request, response))

    def _check(
        self, envelope: Envelope, rows: Rows, next_request: PageRequest | None, *, is_first: bool
    ) -> NbauthError | None:
        """Return what speaks against going on after a page."""
        response = envelope.response
        self._guards.saw(response)
        if (failure := failed(envelope, self._layout)) is not None:
            return failure
        self._guards.check_progress(rows, here=response.url, is_last=next_request is None)
        if next_request is not None:
            return self._refused(next_request, response)
        if rows.is_single:
            return None
        try:
            check_end(envelope, self._layout, is_first=is_first)
            self._ending.check(envelope, self._layout)
        except NbauthError as error:
            return error
        return None

    def _refused(self, request: PageRequest, response: PageResponse) -> NbauthError | None:
        """Return what speaks against asking for a page that a response leads to."""
        try:
            self._guards.check(request, response=response)
        except NbauthError as error:
            return error
        return None
