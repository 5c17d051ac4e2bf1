"""From the first response of a paged API to all of its pages, each asked for while others are parsed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from nbauth.data.fetch.http_errors import format_error
from nbauth.data.fetch.validators import check_whole
from nbauth.data.paging.arrival import Arrival, may_be_of_job
from nbauth.data.paging.arrive import arrive
from nbauth.data.paging.detect import Layout, detect, resumed, rows_in
from nbauth.data.paging.ending import Ending
from nbauth.data.paging.envelope import Envelope
from nbauth.data.paging.guards import Guards
from nbauth.data.paging.guessed import Guesser
from nbauth.data.paging.page import Page
from nbauth.data.paging.page_look import PageLook
from nbauth.data.paging.page_response import PageResponse, Rows
from nbauth.data.paging.page_source import PageSource
from nbauth.data.paging.reading import announced, reading
from nbauth.data.paging.unwrapped import document_of
from nbauth.data.parse.json_wrapping import as_json
from nbauth.data.parse.opened import json_of
from nbauth.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from requests import Response

    from nbauth.data.fetch.chain import Chain
    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.fetch.requester import Requester
    from nbauth.data.paging.alike import Alike
    from nbauth.data.paging.small_pages import SmallPages
    from nbauth.data.paging.styles.style import Paginator, Style
    from nbauth.data.parse.opened import Opened

__all__ = ["NOT_FOUND", "PageIterator"]

NOT_FOUND = 404
_NOT_UNDERSTOOD = frozenset({400, NOT_FOUND, 422})  # what APIs answer to a parameter that they do not know
_BEHIND_THE_END = 416  # PostgREST's, for an offset beyond the last row


class PageIterator:
    """Walks through the pages.

    Args:
        requester: sends the requests.
        chain: tells whether a request to a URL may carry a token.
        style: how the API is paged.
        records: the path of the rows, if it is known.
        is_named: whether the caller named that path.
        concurrency: how many requests at once, where the first response tells all the others, or the next links go on
            in one number.
        rows_before: how many rows came in an earlier load that broke off.
        assume: told what is taken for granted of where the rows are.
        small_pages: notices that larger pages would be quicker.
        format_: the name of the responses' format, if the caller says it.
        encoding: their character set, likewise.
    """

    def __init__(
        self,
        requester: Requester,
        chain: Chain,
        *,
        style: Style,
        records: str | None,
        is_named: bool = True,
        concurrency: int = 1,
        rows_before: int = 0,
        assume: Callable[[str], None],
        small_pages: SmallPages,
        format_: str | None = None,
        encoding: str | None = None,
    ) -> None:
        self._requester = requester
        self._assume = assume
        self._small_pages = small_pages
        self._chain = chain
        self._layout = Layout(style, records)  # as the caller says, until the first response has come
        self._named = records if is_named else None
        self._concurrency = concurrency
        self._rows_before = rows_before
        self._format = format_
        self._encoding = encoding
        self._missing_is_end = style.missing_is_end(None)
        self._is_understood = False  # whether a further page came
        self._look: PageLook | None = None  # once the first response has come

    @property
    def style(self) -> Style:
        """How the API is paged; after the first response, what that shows."""
        return self._layout.style

    @property
    def records(self) -> str | None:
        """The path of the rows; likewise."""
        return self._layout.records

    @property
    def columns(self) -> list[str]:
        """The columns that are known before any row."""
        return list(self._layout.columns)

    @property
    def first(self) -> PageRequest:
        """The first request."""
        return self.style.first_request(self._requester.first)

    @property
    def missing_is_end(self) -> bool:
        """Tell whether a 404 for a further page means that there is none."""
        return self._missing_is_end

    def arrive(
        self, request: PageRequest, response: Response, open_: Callable[[PageRequest, Response], Opened]
    ) -> Arrival:
        """Return the response with the data: where the first tells of a job, that of the job's result.

        Args:
            request: the first request.
            response: its response.
            open_: finds out in which format a body is.
        """

        def look_at(request: PageRequest, response: Response) -> Arrival:
            arrival = Arrival(request, response, found=open_(request, response))
            return self._read(arrival) if may_be_of_job(arrival) else arrival

        return arrive(self._requester, request, response, look_at=look_at, named=self._named)

    def pages(self, arrival: Arrival, *, resuming: bool = False) -> Iterator[Page]:
        """Yield the pages, from the first response that has data.

        Args:
            arrival: that response, which is JSON.
            resuming: whether it goes on after an earlier load that broke off, and showed the style and the path.

        Raises:
            DataError: and what is derived from it; see `nbauth.data.sinks.frame.read`.
            OriginNotAllowed: a next link leaves the origins of the profile that serves the load.
        """
        arrival = self._read(arrival) if arrival.content is None else arrival
        http_response, content, found = arrival.response, arrival.content or b"", arrival.found
        response = _page_response(arrival)
        if response is None:
            yield Page(Rows.none(), http_response, None, None)
            return
        with reading(http_response, content), announced(found, http_response, content):
            envelope = Envelope(response, self._named)
            self._layout = self._detect(envelope, resuming=resuming)
            self._check_data(found, envelope, http_response, content)
        paginator = self.style.paginator(rows_before=self._rows_before)
        guards = Guards(
            self._chain,
            most_equal_pages=self.style.most_equal_pages,
            is_counted=self.style.is_counted,
            next_step=self.style.next_step,
        )
        ending = Ending(self._requester.first, rows_before=self._rows_before, assume=self._assume)
        look = self._look = PageLook(self._layout, paginator, guards=guards, ending=ending, assume=self._assume)
        source: PageSource | None = None
        known: Alike | None = None
        is_first = not resuming
        try:
            while True:
                with reading(http_response, content):
                    if known is None:
                        seen = look.look(http_response, content, envelope, is_first=is_first)
                    else:
                        seen = look.look_less(known, response)
                    rows, next_request, total_rows, error = seen
                    self._missing_is_end = self.style.missing_is_end(response)
                is_good = error is None
                doubt = ending.doubt(envelope, self._layout) if is_good and next_request is None else None
                yield Page(
                    rows,
                    http_response,
                    total_rows,
                    next_request if is_good else None,
                    is_good,
                    doubt,
                    plan=partial(_planned, paginator, guards, response, rows),
                )
                if error is not None:
                    raise error
                if next_request is None:
                    return
                source = source or self._source(paginator, guards, response, rows)
                further = self._further(source, next_request, envelope, rows)
                if further is None:
                    ending.check(envelope, self._layout)
                    return
                http_response, content, is_first = further.response, further.content or b"", False
                known = look.alike if further.alike is look.alike else None  # one that came early may know less
                self._is_understood = True
                response = _page_response(further)
                if response is None:
                    if not self.style.empty_is_end(http_response.url, http_response.status_code):
                        raise format_error(http_response, b"", "which is empty, where the pages before were JSON")
                    ending.check(envelope, self._layout)
                    return
                envelope = Envelope(response, self._named)
        finally:
            self._end(source)

    def _detect(self, envelope: Envelope, *, resuming: bool) -> Layout:
        if resuming:
            return resumed(envelope, self.style, self.records)
        layout = detect(envelope, self.style)
        if layout.assumed is not None:
            self._assume(layout.assumed)
        return layout

    def _read(self, arrival: Arrival) -> Arrival:
        """Read the body of a first response, which is JSON."""
        request, found = arrival.request, arrival.found
        response, content = self._requester.content(request, arrival.response, None if found is None else found.body)
        if response is not arrival.response:  # it broke off, and was asked for again
            return replace(arrival, response=response, content=self._json_of(request, response, content))
        with reading(response, content):
            content = as_json(content, response.headers.get("Content-Type", ""), self._encoding)
        return replace(arrival, content=content)

    def _json_of(self, request: PageRequest, response: Response, content: bytes) -> bytes:
        limit = self._requester.byte_limit
        with reading(response, content):
            return json_of(response, content, request.url, limit, named=self._format, encoding=self._encoding)

    def _check_data(self, found: Opened | None, envelope: Envelope, response: Response, content: bytes) -> None:
        """Make sure that JSON has rows where its server says that a table comes."""
        if found is not None and found.announced is not None and rows_in(envelope, self._layout).is_single:
            raise found.contradicted(response, content)

    def _source(self, paginator: Paginator, guards: Guards, response: PageResponse, rows: Rows) -> PageSource:
        planned = _planned(paginator, guards, response, rows) if self._concurrency > 1 else []
        may_guess = self._concurrency > 1 and self._requester.byte_limit.limit is None  # what is dropped counts there
        guesser = Guesser(response.request) if may_guess else None
        source = PageSource(self._get, planned, at_once=self._concurrency, guesser=guesser)
        of_load = self._requester.on_throttle

        def slow_down() -> None:
            of_load()
            source.slow_down()

        self._requester.on_throttle = slow_down
        return source

    def _end(self, source: PageSource | None) -> None:
        if source is not None:
            source.close()
            self._requester.end()  # what was guessed beyond the last page, and refused for now, would be sent again

    def _further(self, source: PageSource, request: PageRequest, envelope: Envelope, rows: Rows) -> Arrival | None:
        self._small_pages.saw(envelope, rows)
        with self._small_pages.waiting():
            return source.take(request, rows)

    def _get(self, request: PageRequest) -> Arrival | None:
        try:
            response = self._requester.send(request)
            return arrive(self._requester, request, response, look_at=self._look_at_later, named=self._named)
        except ApiError as error:
            is_end = error.status == NOT_FOUND and self._missing_is_end
            if is_end or (error.status == _BEHIND_THE_END and self.style.beyond_is_end):
                return None
            if error.status in _NOT_UNDERSTOOD and not self._is_understood and self.style.next_step is not None:
                error.next_step = self.style.next_step
            raise

    def _look_at_later(self, request: PageRequest, response: Response) -> Arrival:
        response, content = self._requester.content(request, response)
        check_whole(response, is_file=False)
        content = self._json_of(request, response, content)
        known = None if self._look is None else self._look.alike
        page = None if known is None else known.response(request, response, content)
        return Arrival(request, response, content, page=page, alike=None if page is None else known)


def _planned(paginator: Paginator, guards: Guards, response: PageResponse, rows: Rows) -> list[PageRequest]:
    planned = paginator.plan(response, rows)
    for request in planned:
        guards.check(request, response=response)
    return planned


def _page_response(arrival: Arrival) -> PageResponse | None:
    """Return a response with its whole body; None if it has none."""
    response, content = arrival.response, arrival.content or b""
    if arrival.page is not None or not content.strip():
        return arrival.page
    with reading(response, content):
        document = document_of(content)
        return PageResponse(response.url, response.status_code, response.headers, document, arrival.request)
