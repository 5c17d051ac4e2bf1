"""Whether a load goes on after a page, and whether all rows came when it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nbauth.data.paging.advice import how_to_go_on
from nbauth.data.paging.relay import unasked_end
from nbauth.data.paging.totals import Asked, asked_for, total_in
from nbauth.errors import PaginationError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.detect import Layout
    from nbauth.data.paging.envelope import Envelope
    from nbauth.data.paging.page_response import Rows
    from nbauth.data.paging.totals import Total
    from nbauth.data.parse.lazy_json import Node

__all__ = ["Ending"]

_FEW = 0.01  # of all rows
_SMALLEST_ROUND = 100
_ROUND = {"1", "2", "25", "5"}  # and zeros: the sizes of pages


class Ending:
    """What the pages of one load say of its end.

    Args:
        first: the request that the caller made.
        rows_before: how many rows came in an earlier load that broke off.
        assume: told what is taken for granted.
    """

    def __init__(self, first: PageRequest, *, rows_before: int, assume: Callable[[str], None]) -> None:
        self._first = first
        self._assume = assume
        self._rows: int | None = rows_before
        self._largest_page = 0
        self._pages = 0
        self._total: Total | None = None
        self._partial: str | None = None
        self._had_cut = False
        self._short: Node | None = None  # the rows of the page before, if they were fewer than were asked for

    def following(
        self, envelope: Envelope, layout: Layout, rows: Rows, next_request: PageRequest | None
    ) -> PageRequest | None:
        """Return the request for the page after this one, by the style's and by what else the response says.

        What says that it is the last page counts more than a cursor that is there, too. A page without rows that says
        that there is more is no end.

        Args:
            envelope: the response's.
            layout: where the rows are, and how the API pages.
            rows: the rows.
            next_request: the request by the style alone.
        """
        self._check_overlap(envelope, layout, rows)
        self._count(envelope, layout, rows)
        style, response = layout.style, envelope.response
        if style.is_callers_word or rows.is_single:
            return next_request
        said = envelope.said(layout.records)
        had_cut, self._had_cut = self._had_cut, said.cut is not None
        if next_request is None:
            return style.after_empty(response, self._largest_page) if rows.is_empty and said.any_more else None
        if said.is_end or (had_cut and style.knows_its_end and not said.any_more):
            return None  # ArcGIS leaves the flag out at the end
        if rows.is_empty and not said.any_more and (next_request == response.request or self._has_all):
            return None  # a cursor that comes again, or a link that goes on behind the last row
        return next_request

    def is_steady(self, envelope: Envelope, layout: Layout) -> bool:
        """Tell whether `went_on` does for further answers that say the same, and have rows."""
        return not layout.style.knows_its_end and envelope.said(layout.records).cut is None

    def went_on(self, rows: Rows) -> None:
        """Note a page after which the load goes on, and whose answer says what those before it said."""
        self._pages += 1
        if self._rows is not None:
            self._add(rows.count())

    def _check_overlap(self, envelope: Envelope, layout: Layout, rows: Rows) -> None:
        """Check that the rows behind a short page are others: a service may count the rows that it leaves out.

        Raises:
            PaginationError: they begin with a row that came before.
        """
        before, self._short = self._short, None
        if not layout.style.knows_its_end or rows.is_single or rows.is_empty:
            return
        size = layout.style.page_size(envelope.response)
        if size is not None and rows.count() < size:
            self._short = rows.node
        if before is None:
            return
        first = rows.node.items()[0].identity
        if any(item.identity == first for item in before.items()):
            shown_url = redact_url(envelope.response.url)
            raise PaginationError(
                f"{shown_url}: the page begins with a row of the page before, which had fewer rows than its size: the "
                "service leaves rows out, and counts them.",
                url=shown_url,
                next_step="Say where the next page begins by a function, as in paging=lambda answer: "
                '{"offset": answer.json()["offset"] + 100} if answer.json()["items"] else None.',
            )

    def check(self, envelope: Envelope, layout: Layout) -> None:
        """Check at the end of a load that the rows are all that there are.

        Raises:
            PaginationError: the responses say that there are more, or that rows were left out.
        """
        if layout.style.is_callers_word:
            return
        shown_url = redact_url(envelope.response.url)
        if self._partial is not None:
            raise PaginationError(
                f"{shown_url}: the answer says {self._partial}: the service left rows out.",
                url=shown_url,
                next_step='Ask for fewer rows, or for a shorter time, or again later; paging="none" takes what came.',
            )
        total = self._total
        if total is None or self._rows is None or not layout.style.checks_total:
            return
        expected = self._asked(layout).of(total.number)
        if self._rows >= expected or _is_of_another_list(envelope, layout, total):
            return
        said, is_posted = envelope.said(layout.records), envelope.response.request.body is not None
        text = f"{shown_url}: the answer says {total.path}={total.number:,}, and {_rows(self._rows)} came"
        if self._pages > 1 and expected - self._rows < min(self._largest_page, _FEW * expected):
            self._assume(f"{text}. It is taken that rows were added or deleted while the pages were read.")
            return
        step = how_to_go_on(envelope, layout.records, total)
        if said.is_done or (is_posted and envelope.is_odata):
            # Its protocol says so that these are all: SOQL by `done`, OData by no next link.
            self._assume(f"{text}. These are taken for all. {step}")
            return
        raise PaginationError(f"{text}.", url=shown_url, next_step=step)

    def doubt(self, envelope: Envelope, layout: Layout) -> Callable[[int], None] | None:
        """Return what is to be told the number of rows of a load that ends with its first page, if that is in doubt.

        A number such as 1,000 is that of a page, where nothing in the response says how many rows there are.
        """
        asked = asked_for(self._first)
        said = envelope.said(layout.records)
        is_told = self._pages > 1 or self._total is not None or said.is_end or said.is_done
        if not is_told and layout.style.is_unsaid and (end := unasked_end(envelope, layout.records)):
            return lambda _: self._assume(end)
        if is_told or asked != Asked() or not layout.style.is_unsaid or envelope.form is not None:
            return None

        def on_count(rows: int) -> None:
            if rows >= _SMALLEST_ROUND and f"{rows}".rstrip("0") in _ROUND:
                shown_url = redact_url(envelope.response.url)
                self._assume(
                    f"{shown_url}: the answer has exactly {rows:,} rows, and nothing says whether there are more. "
                    "If the API hands out pages, say how, as in paging=nbauth.data.paging."
                    f'Offset(offset="offset", limit="limit", size={rows}), with its own names; if these are all, say '
                    'paging="none".'
                )

        return on_count

    @property
    def _has_all(self) -> bool:
        return self._total is not None and self._total.is_sure and (self._rows or 0) >= self._total.number

    def _count(self, envelope: Envelope, layout: Layout, rows: Rows) -> None:
        """Count the rows, if the first response says how many there are, or the style counts them, too."""
        self._pages += 1
        self._partial = self._partial or envelope.said(layout.records).partial
        if rows.is_single or _is_in_a_list(layout.records):
            self._rows = None
        if self._rows is not None:
            total = total_in(envelope, envelope.places_around(layout.records), layout.records)
            if total is not None and (self._total is None or total.path == self._total.path):
                self._total = total
        if self._total is None:
            self._rows = None
        if self._rows is not None or layout.style.knows_its_end:
            self._add(rows.count())

    def _add(self, count: int) -> None:
        self._rows = None if self._rows is None else self._rows + count
        self._largest_page = max(self._largest_page, count)

    def _asked(self, layout: Layout) -> Asked:
        asked = asked_for(self._first)
        if self._pages > 1 and asked.limit is not None and (self._rows or 0) > asked.limit:
            asked = replace(asked, limit=None)  # it is the size of a page
        return replace(asked, skipped=max(asked.skipped, layout.style.rows_left_out))


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _is_in_a_list(path: str | None) -> bool:
    return path is not None and any(part.isdecimal() for part in path.split("."))


def _is_of_another_list(envelope: Envelope, layout: Layout, total: Total) -> bool:
    """Tell whether a list beside the rows has as many items as the total says."""
    outer = total.path.rpartition(".")[0]
    node = envelope.response.document if not outer else envelope.node(outer)
    members = {} if node is None else node.members()
    path = f"{outer}." if outer else ""
    return any(
        member.is_list and path + name != layout.records and member.count() == total.number
        for name, member in members.items()
    )
