"""Reader: the batches of one URL, in any format."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from nbauth.data.build.width import TooManyColumns, too_many_columns
from nbauth.data.fetch.prefetch import prefetched
from nbauth.data.fetch.requester import Requester
from nbauth.data.fetch.validators import check_whole
from nbauth.data.paging.ahead import Ahead
from nbauth.data.paging.detect import CannotResume
from nbauth.data.paging.page_iterator import NOT_FOUND, PageIterator
from nbauth.data.paging.small_pages import SmallPages
from nbauth.data.paging.styles import style_of
from nbauth.data.paging.styles.fetchxml import annotated
from nbauth.data.parse.format import ReadContext
from nbauth.data.parse.formats import JSON, accept
from nbauth.data.parse.opened import no_format, opened
from nbauth.errors import ApiError, FormatError
from nbauth.process.interrupts import raise_lost_interrupt
from nbauth.process.shielded import load

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from requests import Response

    from nbauth.data.batch import Batch, RowBatch
    from nbauth.data.build.frame_builder import FrameBuilder
    from nbauth.data.fetch.progress import LoadProgress
    from nbauth.data.fetch.request import PageRequest, RequestSpec
    from nbauth.data.fetch.response_body import Body
    from nbauth.data.fetch.retry import Retries
    from nbauth.data.fetch.session import Session
    from nbauth.data.paging.arrival import Arrival
    from nbauth.data.paging.file_pages import FilePages
    from nbauth.data.paging.page import Page
    from nbauth.data.paging.styles import Style
    from nbauth.data.parse.opened import Opened
    from nbauth.data.query import Query

__all__ = ["CannotResume", "Reader", "Resume"]

_GONE = frozenset({400, NOT_FOUND, 410})  # what APIs answer to a link that they have forgotten


@dataclass(frozen=True, kw_only=True)
class Resume:
    """Where a load goes on that broke off earlier.

    Attributes:
        request: the next request.
        style: how the API is paged.
        records: the path of the rows.
        rows: how many rows came before it.
    """

    request: PageRequest
    style: Style
    records: str | None
    rows: int


class Reader:
    """Reads one URL.

    Args:
        session: whose tokens the requests carry.
        query: how it is read.
        spec: the URL's first request, which is one of the query's.
        progress: told what has come.
        retries: how often and how long to try again.
        resume: where an earlier load broke off, if this one goes on there.
        is_ahead: whether a thread calls `fetch_ahead`, whose end need not come before the batches are taken.

    Attributes:
        ahead: what that thread fetches, if there is one.
        can_start_over: whether the load is one file, of which nothing that came is needed if it breaks off.
        pending: pages that had come when the load was stopped.
    """

    def __init__(
        self,
        session: Session,
        query: Query,
        spec: RequestSpec,
        progress: LoadProgress,
        *,
        retries: Retries | None = None,
        resume: Resume | None = None,
        is_ahead: bool = False,
    ) -> None:
        self._query = query
        self._progress = progress
        self._resume = resume
        self._requester = Requester(session, annotated(spec), progress, retries=retries, accept=accept())
        self._page_iterator = PageIterator(
            self._requester,
            self._requester.chain,
            style=style_of(query.paging) if resume is None else resume.style,
            records=query.records if resume is None else resume.records,
            concurrency=query.pages_at_once,
            rows_before=0 if resume is None else resume.rows,
            is_named=query.records is not None,
            assume=progress.assume,
            small_pages=SmallPages(self._requester.first, query.headers or {}, progress.hint),
            format_=query.format,
            encoding=query.encoding,
        )
        self._files: FilePages | None = None  # once the first response is a file
        self.can_start_over = False
        self.pending: list[Page] = []
        self.ahead = Ahead(self._requester.stop, self.pending) if is_ahead else None
        self._had_start = False

    def batches(self, *, prefetch: bool, in_parts: bool = False) -> Generator[Batch]:
        """Yield the load's batches: pages, lines, or columns of files that have their own.

        Args:
            prefetch: whether pages are fetched in a thread, ahead of their consumer.
            in_parts: whether files come in parts of some ten thousand rows, Parquet as tables of Arrow's.

        Raises:
            CannotResume: the request to go on with is no longer good.
        """
        ahead, self._had_start = None if self._had_start else self.ahead, True
        arrival = self._begin(in_parts=in_parts) if ahead is None else ahead.take()
        if arrival is None:
            return
        try:
            if ahead is not None and ahead.is_stale(arrival):
                arrival.response.close()
                arrival, ahead = self._begin(in_parts=in_parts) or arrival, None
            request, response, found = arrival.request, arrival.response, arrival.found
            if found is None or arrival.is_json:
                yield from self._pages(arrival, prefetch=prefetch) if ahead is None else ahead.pages()
            elif found.format is None or found.format.read is None:
                check_whole(response, is_file=True)
                self._check_nothing(response, found.body)
            else:
                yield from self._counted(self._file(request, response, found, in_parts=in_parts))
        finally:
            arrival.response.close()

    def fetch_ahead(self, go_on: Callable[[Response], None]) -> None:
        """Fetch what `batches` will take first, in a thread of its own; what that raises is raised there.

        Args:
            go_on: called with the first response before more of it than its start is read; returns when it may be.
        """
        if self.ahead is not None:
            self.ahead.fetch(partial(self._begin, in_parts=False), self._page_iterator.pages, go_on)

    def when_limited(self, slow_down: Callable[[], None], wait: Callable[[], None]) -> None:
        """Share the API's limit with other loads.

        Args:
            slow_down: called when the API says that there were too many requests.
            wait: called before such a request is sent again, when the API's time is over; returns when it may be.
        """
        self._requester.on_throttle, self._requester.before_again = slow_down, wait

    @property
    def detected(self) -> tuple[Style, str | None]:
        """How the API is paged and where the rows are, once the first response has come."""
        of_files = None if self._files is None else self._files.style
        return of_files or self._page_iterator.style, self._page_iterator.records

    @property
    def first(self) -> PageRequest:
        """The first request, as the caller's word has it; before it is sent."""
        return self._page_iterator.first

    def end(self, builder: FrameBuilder) -> None:
        """Give a builder the columns that are known, if no row came."""
        if not builder.rows:
            builder.expect(self._page_iterator.columns)

    def try_again(self, error: BaseException, attempt: int) -> bool:
        """Wait, if a file that broke off may be read again from its start; tell whether it may."""
        return self.can_start_over and self._requester.try_again(error, attempt)

    def add(self, batch: RowBatch, builder: FrameBuilder) -> None:
        """Take a batch into a builder, and count its rows.

        Raises:
            FormatError: it cannot be decoded; the rows before what is broken were taken in.
            DataError: it has too many columns.
        """
        before = builder.rows
        try:
            batch.append_to(builder)
        except TooManyColumns:
            raise too_many_columns(batch.url) from None
        except FormatError:
            self._progress.add_rows(builder.rows - before)
            raise
        self._progress.add_rows(builder.rows - before, batch.total_rows)

    def _begin(self, *, in_parts: bool) -> Arrival | None:
        """Make the first request; return what it led to, or None where there is no more to go on with."""
        request = self._page_iterator.first if self._resume is None else self._resume.request
        try:
            response = self._requester.send(request)
        except ApiError as error:
            if self._resume is None or error.status not in _GONE:
                raise
            if error.status == NOT_FOUND and self._page_iterator.missing_is_end:
                return None
            raise CannotResume from error
        try:
            arrival = self._page_iterator.arrive(request, response, partial(self._open_first, in_parts=in_parts))
            response = arrival.response
            if arrival.is_json:
                check_whole(response, is_file=False)
        except BaseException:
            response.close()
            raise
        return arrival

    def _open(self, request: PageRequest, response: Response, assume: Callable[[str], None] = lambda _: None) -> Opened:
        body, limit = self._requester.body(request, response), self._requester.byte_limit
        return opened(body, response, request.url, limit, named=self._query.format, assume=assume)

    def _open_first(self, request: PageRequest, response: Response, *, in_parts: bool) -> Opened:
        self.can_start_over = not in_parts  # a file that is packed is read to its end here
        found = self._open(request, response, self._progress.assume)
        self.can_start_over = self.can_start_over and found.format is not JSON
        return found

    def _pages(self, arrival: Arrival, *, prefetch: bool) -> Iterator[Page]:
        pages = self._page_iterator.pages(arrival, resuming=self._resume is not None)
        if not prefetch:
            return self._stopping(pages)
        is_eager = self._query.pages_at_once > 1
        return prefetched(pages, size=_size, stop=self._requester.stop, pending=self.pending, is_eager=is_eager)

    def _stopping(self, pages: Iterator[Page]) -> Iterator[Page]:
        """Yield pages; if no more are taken, end what is asked for at once."""
        try:
            yield from pages
        except (GeneratorExit, KeyboardInterrupt):
            self._requester.stop()
            raise

    def _file(self, request: PageRequest, response: Response, found: Opened, *, in_parts: bool) -> Iterator[Batch]:
        """Yield the batches of a file, and of those that come after it if files come in pages."""
        load("nbauth.data.paging.file_pages")  # which pages of JSON need not wait for
        from nbauth.data.paging.file_pages import FilePages

        files = self._files = FilePages(
            self._requester,
            self._open,
            self._context,
            style=self._page_iterator.style,
            rows_before=0 if self._resume is None else self._resume.rows,
        )
        is_paged = files.is_paged(request, response)
        check_whole(response, is_file=not is_paged)
        if not is_paged:
            assert found.format is not None
            assert found.format.read is not None
            context = self._context(request, response, in_parts=in_parts)
            yield from files.checked(found.format.read(found.body, context))
            return
        self.can_start_over = is_joined = not in_parts and files.can_be_joined(request, response, found)
        for batch in files.checked(files.batches(request, response, found, is_joined=is_joined, in_parts=in_parts)):
            self.can_start_over = False  # what came is kept
            yield batch

    def _counted(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield batches; count the rows of those that are not counted when a builder takes them in."""
        for batch in batches:
            if batch.has_own_columns:
                self._progress.add_rows(batch.rows, batch.total_rows)
            yield batch
            raise_lost_interrupt()

    def _context(self, request: PageRequest, response: Response, *, in_parts: bool) -> ReadContext:
        """Return what the format of a file may need beside its body."""

        def repeat() -> tuple[Body, ReadContext]:
            again = self._requester.send(request)
            return self._open(request, again).body, self._context(request, again, in_parts=in_parts)

        return ReadContext(
            response=response,
            byte_limit=self._requester.byte_limit,
            backend=self._query.dtype_backend,
            in_parts=in_parts,
            repeat=repeat if request.verb == "GET" else None,
            stop=self._requester.stop,
            assume=self._progress.assume,
            encoding=self._query.encoding,
            csv=self._query.csv,
            sheet=self._query.sheet,
        )

    def _check_nothing(self, response: Response, body: Body) -> None:
        """Make sure that a body in no format that is known is no body at all."""
        with body:
            start = body.read(1000)
        if start.strip():
            raise no_format(response, start)
        self._progress.add_rows(0, 0)


def _size(page: Page) -> int:
    return page.size
