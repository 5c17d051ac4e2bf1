"""From the first answer of a paged API to all of its pages, each asked for while others are parsed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from nbauth.data.fetch.http_errors import format_error
from nbauth.data.fetch.ordered_pool import OrderedPool
from nbauth.data.paging.detect import check_end, detect_style, rows_path
from nbauth.data.paging.guards import Guards
from nbauth.data.paging.numbered_strategies import first_request
from nbauth.data.paging.odata_columns import selected_columns
from nbauth.data.paging.page import Page, PageResponse, Rows
from nbauth.data.paging.record_selector import COUNT, NEXT, rows_at, rows_of, total_of
from nbauth.data.paging.strategies import paginator_of
from nbauth.data.paging.styles import Offset, PageNumber
from nbauth.data.parse.formats import format_of
from nbauth.data.parse.json_text import reason
from nbauth.data.parse.lazy_json import node_of
from nbauth.errors import ApiError, NbauthError, PaginationError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from requests import Response

    from nbauth.data.fetch.chain import Chain
    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.fetch.requester import Requester
    from nbauth.data.paging.strategies import Paginator
    from nbauth.data.paging.styles import Style

__all__ = ["NOT_FOUND", "PageIterator"]

NOT_FOUND = 404
_NO_CONTENT = 204


class PageIterator:
    """Walks through the pages.

    Args:
        requester: sends the requests.
        chain: tells whether a request to a URL may carry a token.
        style: how the API is paged.
        records: the path of the rows, if it is known.
        is_named: whether the caller named that path.
        concurrency: how many requests at once, where the first answer tells all the others.
        rows_before: how many rows came in an earlier load that broke off.

    Attributes:
        style: how the API is paged; after the first answer, what was recognised.
        records: the path of the rows; likewise.
        columns: the columns that are known before any row.
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
    ) -> None:
        self._requester = requester
        self._chain = chain
        self.style = style
        self.records = records
        self._is_named = is_named and records is not None
        self._known: set[str] | None = None  # the first answer's members, where it showed the path
        self._concurrency = concurrency
        self._rows_before = rows_before
        self.columns: list[str] = []

    @property
    def first(self) -> PageRequest:
        """The first request."""
        return (
            first_request(self._requester.first, self.style)
            if isinstance(self.style, Offset | PageNumber)
            else self._requester.first
        )

    @property
    def missing_is_end(self) -> bool:
        """Tell whether a 404 for a further page means that there is none."""
        return paginator_of(self.style).missing_is_end

    def pages(self, request: PageRequest, response: Response, *, goes_on: bool = False) -> Iterator[Page]:
        """Yield the pages, from an answer whose body is still to be read.

        Args:
            request: the request.
            response: its answer.
            goes_on: whether it goes on after an earlier load that broke off, and showed the style and the path.

        Raises:
            DataError: and what is derived from it; see `nbauth.data.sinks.frame.read`.
            OriginNotAllowed: a next link leaves the origins of the profile that serves the load.
        """
        response, content = self._requester.content(request, response)
        answer = _answer(request, response, content)
        if answer is None:
            yield Page(Rows.none(), response, None, None)
            return
        with _reading(response, content):
            self._look_at(answer, goes_on=goes_on)
        paginator = paginator_of(self.style, rows_before=self._rows_before)
        guards = Guards(self._chain, most_equal_pages=paginator.most_equal_pages)
        total = self.style.total if isinstance(self.style, Offset | PageNumber) else None
        source: _Source | None = None
        is_first, are_lists = not goes_on, answer.document.is_list
        try:
            while True:
                with _reading(response, content):
                    rows = self._rows(answer)
                    if are_lists and self.records is None and rows.is_single:
                        raise format_error(response, content, "where the pages before were arrays")
                    following = paginator.next_request(answer, rows)
                    error = self._check(guards, answer, rows, following, is_first=is_first)
                    total_rows = total_of(answer, total)
                is_good = error is None
                yield Page(rows, response, total_rows, following if is_good else None, is_good)
                if error is not None:
                    raise error
                if following is None:
                    return
                source = source or self._source(paginator, guards, answer, rows)
                found = source.take(following)
                if found is None:
                    return
                (response, content), is_first = found, False
                further = _answer(following, response, content)
                if further is None:
                    self._check_nothing(response)
                    return
                answer = further
        finally:
            if source is not None:
                source.close()

    def _look_at(self, answer: PageResponse, *, goes_on: bool) -> None:
        """Learn from the first answer how the API is paged and where the rows are."""
        if goes_on:
            self._known = None if self._is_named else {*answer.document.members(), *NEXT, *COUNT}
            return
        self._known = None if self._is_named else set(answer.document.members())
        if self.style == "auto":
            self.style, self.records = detect_style(answer, self.records)
        elif self.records is None:
            self.records = rows_path(answer, self.style)
        self.columns = selected_columns(answer)

    def _rows(self, answer: PageResponse) -> Rows:
        if self.records is None:
            return rows_of(answer.document)
        return rows_at(answer, self.records, known=self._known)

    def _check(
        self, guards: Guards, answer: PageResponse, rows: Rows, following: PageRequest | None, *, is_first: bool
    ) -> NbauthError | None:
        """Return what speaks against going on after a page.

        Raises:
            PaginationError: the page itself came before.
        """
        guards.saw(answer)
        guards.check_progress(rows, here=answer.url, is_last=following is None)
        try:
            if following is not None:
                guards.check(following, answer=answer)
            elif not rows.is_single:
                check_end(answer, self.style, self.records, is_first=is_first)
        except NbauthError as error:
            return error
        return None

    def _check_nothing(self, response: Response) -> None:
        """Check that a further page may have no body at all."""
        if not isinstance(self.style, Offset | PageNumber):
            if response.status_code != _NO_CONTENT:
                raise format_error(response, b"", "which is empty, where the pages before were JSON")
        elif self.style.total is not None or (isinstance(self.style, PageNumber) and self.style.pages is not None):
            place = redact_url(response.url)
            raise PaginationError(
                f"{place}: an empty answer came, and the answer before says that there is more.", url=place
            )

    def _source(self, paginator: Paginator, guards: Guards, answer: PageResponse, rows: Rows) -> _Source:
        planned = paginator.plan(answer, rows) if self._concurrency > 1 else []
        for one in planned:
            guards.check(one, answer=answer)
        source = _Source(lambda request: self._get(request, paginator), planned, at_once=self._concurrency)
        self._requester.on_throttle = source.slow_down
        return source

    def _get(self, request: PageRequest, paginator: Paginator) -> tuple[Response, bytes] | None:
        try:
            response, content = self._requester.content(request)
        except ApiError as error:
            if error.status == NOT_FOUND and paginator.missing_is_end:
                return None
            raise
        found = format_of(response.headers.get("Content-Type", ""), response.url, request.url)
        if found == "json" or (found is None and not content.strip()):
            return response, content
        why = None if found is None else "where the pages before were JSON"
        raise format_error(response, content, why)


class _Source:
    """Where pages come from: those that were planned, several at once and in order; others one by one."""

    def __init__(
        self, get: Callable[[PageRequest], tuple[Response, bytes] | None], planned: list[PageRequest], *, at_once: int
    ) -> None:
        self._get = get
        self._left = planned[::-1]
        self._results = OrderedPool(get, planned, at_once=at_once)
        self.slow_down = self._results.slow_down
        self.close = self._results.close

    def take(self, request: PageRequest) -> tuple[Response, bytes] | None:
        if self._left and self._left[-1] == request:
            self._left.pop()
            return self._results.take()
        # A page was shorter than the first: the rest of the plan would leave rows out.
        self._left = []
        self.close()
        return self._get(request)


def _answer(request: PageRequest, response: Response, content: bytes) -> PageResponse | None:
    if not content.strip():
        return None
    with _reading(response, content):
        return PageResponse(response.url, response.status_code, response.headers, node_of(content), request)


@contextmanager
def _reading(response: Response, content: bytes) -> Iterator[None]:
    """Turn what a parser raises into an error that says where."""
    try:
        yield
    except NbauthError:
        raise
    except (ValueError, RecursionError) as error:
        raise format_error(response, content, f"which is no valid JSON: {reason(error)}") from error
