"""Files that come in pages, such as CSV with a `Link` header: each is asked for when the one before is read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbauth.data.fetch.charsets import has_lines
from nbauth.data.fetch.http_errors import format_error
from nbauth.data.paging.arrival import Arrival
from nbauth.data.paging.arrive import arrive
from nbauth.data.paging.detect import detect_file
from nbauth.data.paging.envelope import Envelope
from nbauth.data.paging.file_page import FilePage, file_rows, one_batch
from nbauth.data.paging.guards import Guards
from nbauth.data.paging.header_counts import check_counts, header_counts
from nbauth.data.paging.page_iterator import NOT_FOUND
from nbauth.data.paging.page_response import PageResponse
from nbauth.data.paging.styles.cursor import Cursor
from nbauth.data.paging.styles.function import ByFunction
from nbauth.data.paging.styles.next import NextUrl
from nbauth.data.paging.styles.next_links import NextLinks
from nbauth.data.parse.first_bytes import is_text
from nbauth.data.parse.joined_table import joined
from nbauth.data.parse.lazy_json import PlainNode
from nbauth.errors import ApiError, DataError, NbauthError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from requests import Response

    from nbauth.data.batch import Batch
    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.fetch.requester import Requester
    from nbauth.data.fetch.response_body import Body
    from nbauth.data.paging.page_response import Rows
    from nbauth.data.paging.styles.style import Style
    from nbauth.data.parse.format import ReadContext
    from nbauth.data.parse.opened import Opened
    from nbauth.errors import FormatError

__all__ = ["FilePages"]

_TEXT = frozenset({"CSV", "TSV"})
_BY_HEADERS = (NextLinks, NextUrl, Cursor, ByFunction)  # a response's headers alone tell the next request
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")  # UTF-16 and UTF-32


class FilePages:
    """Walks through the pages of a load whose answers are files.

    Args:
        requester: sends the requests.
        open_: returns a response's body with its format.
        context: returns what a format may need beside the body of a response; whether it comes in parts.
        style: how the API is paged, as the caller or a checkpoint says.
        rows_before: how many rows came in an earlier load that broke off.

    Attributes:
        style: how it is paged, as the first response shows; None if it is one file.
    """

    def __init__(
        self,
        requester: Requester,
        open_: Callable[[PageRequest, Response], Opened],
        context: Callable[..., ReadContext],
        *,
        style: Style,
        rows_before: int = 0,
    ) -> None:
        self._requester = requester
        self._open = open_
        self._context = context
        self._said = style
        self._rows_before = rows_before
        self._pages = 1
        self.style: Style | None = None

    def is_paged(self, request: PageRequest, response: Response) -> bool:
        """Look at the headers of the first response; tell whether pages may come after it."""
        self._first = self._page = _page(request, response)
        self.style = detect_file(Envelope(self._page), self._said)
        if self.style is None:
            return False
        self._paginator = self.style.paginator(rows_before=self._rows_before)
        self._guards = Guards(
            self._requester.chain,
            most_equal_pages=self.style.most_equal_pages,
            is_counted=self.style.is_counted,
            next_step=self.style.next_step,
        )
        return True

    def checked(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield the batches of a load.

        Raises:
            PaginationError: a header of the first response says that there are more rows; after the last batch.
        """
        rows = self._rows_before
        for batch in batches:
            rows += _rows(batch)
            yield batch
        counts = header_counts(self._first)
        is_all = self._pages > 1 and (counts.total is None or counts.pages is not None)
        if not (self.style or self._said).is_callers_word and not is_all:
            check_counts(self._first, file_rows(rows, None))

    def can_be_joined(self, request: PageRequest, response: Response, found: Opened) -> bool:
        """Tell whether the pages can be read as one table of text, whose columns have one dtype for all pages."""
        is_text = found.format is not None and found.format.name in _TEXT
        if not is_text or not isinstance(self.style, _BY_HEADERS):
            return False
        codec = self._context(request, response, in_parts=False).codec()
        return has_lines(codec) and not found.body.peek(2).startswith(_WIDE_MARKS)

    def batches(
        self, request: PageRequest, response: Response, found: Opened, *, is_joined: bool, in_parts: bool
    ) -> Iterator[Batch]:
        """Yield the pages.

        Args:
            request: the first request.
            response: its response.
            found: its body.
            is_joined: whether all rows of a table come together; else a batch comes for each page.
            in_parts: whether Parquet comes as tables of Arrow's.
        """
        if is_joined:
            return self._joined(request, response, found)
        return self._each(request, response, found, in_parts=in_parts)

    def _joined(self, request: PageRequest, response: Response, found: Opened) -> Iterator[Batch]:
        codec = self._context(request, response, in_parts=False).codec()

        def advance(has_rows: bool, checksum: int | None) -> tuple[Response, Any] | None:  # noqa: FBT001
            next_request, error = self._next(file_rows(int(has_rows), checksum))
            if error is not None:
                raise error
            following = None if next_request is None else self._get(next_request, found)
            if next_request is None or following is None:
                return None
            self._check_codec(next_request, following[0], codec)
            return following[0], following[1].body

        def repeat() -> tuple[Body, ReadContext]:
            """Begin anew: columns are text after all, as a later page showed."""
            again = self._requester.send(request)
            body = self._open(request, again).body
            self.is_paged(request, again)
            context = replace(self._context(request, again, in_parts=False), repeat=None)
            return next(joined(again, body, advance)), context

        assert found.format is not None
        assert found.format.read is not None
        for body in joined(response, found.body, advance):
            context = self._context(request, response, in_parts=False)
            if context.repeat is not None:
                context = replace(context, repeat=repeat)
            yield from found.format.read(body, context)

    def _check_codec(self, request: PageRequest, response: Response, codec: str) -> None:
        """Check that a page of a table names no other character set than that in which the table is read.

        Raises:
            FormatError: it does.
        """
        if "charset" not in response.headers.get("Content-Type", "").lower():
            return
        named = self._context(request, response, in_parts=False).codec()
        if named != codec:
            response.close()
            why = f"in the character set {named}, though the pages before it are in {codec}"
            step = f'Say which all of them are in, as in encoding="{codec}".'
            raise format_error(response, b"", why, next_step=step)

    def _each(self, request: PageRequest, response: Response, found: Opened, *, in_parts: bool) -> Iterator[Batch]:
        # Of text, each page is read in one piece: so its columns have one dtype.
        in_parts = in_parts and found.format is not None and found.format.name not in _TEXT
        names: set[str] | None = None
        while True:
            context = self._context(request, response, in_parts=in_parts)
            batches, rows = self._batches(request, context, found)
            next_request, error = self._next(rows)
            batch = one_batch(batches, context.url, next_request, context.backend, is_good=error is None)
            names = _same_names(batch, names, context.response)
            yield batch
            if error is not None:
                raise error
            following = None if next_request is None else self._get(next_request, found)
            if next_request is None or following is None:
                return
            request, (response, found) = next_request, following

    def _batches(self, request: PageRequest, context: ReadContext, found: Opened) -> tuple[list[Batch], Rows]:
        """Read one page; again, if it breaks off."""
        attempt = 0
        while True:
            assert found.format is not None
            assert found.format.read is not None
            found.body.watch()
            try:
                batches = list(found.format.read(found.body, context))
            except DataError as error:
                if not self._requester.try_again(error.__cause__ or error, attempt):
                    raise
                attempt += 1
                response = self._requester.send(request)
                context, found = replace(context, response=response), self._open(request, response)
                continue
            return batches, file_rows(sum(map(_rows, batches)), found.body.checksum)

    def _next(self, rows: Rows) -> tuple[PageRequest | None, NbauthError | None]:
        """Return the request for the page after the present one, and what speaks against it."""
        page = self._page
        next_request = self._paginator.next_request(page, rows)
        self._guards.saw(page)
        self._guards.check_progress(rows, here=page.url, is_last=next_request is None)
        try:
            if next_request is not None:
                self._guards.check(next_request, response=page)
        except NbauthError as error:
            return None, error
        return next_request, None

    def _look_at(self, request: PageRequest, response: Response) -> Arrival:
        return Arrival(request, response, found=self._open(request, response))

    def _get(self, request: PageRequest, first: Opened) -> tuple[Response, Opened] | None:
        """Return the response to a further request, and its body; None if there is no such page."""
        assert self.style is not None
        assert first.format is not None
        try:
            response = self._requester.send(request)
            arrival = arrive(self._requester, request, response, look_at=self._look_at, named=None)
        except ApiError as error:
            if error.status == NOT_FOUND and self.style.missing_is_end(self._page):
                return None
            raise
        response, found = arrival.response, arrival.found
        self._page = _page(request, response)
        self._pages += 1
        if found is None:
            raise format_error(response, arrival.content or b"", f"where the pages before were {first.format.name}")
        if found.format is first.format:
            return response, found
        start = found.body.peek(1000)[:1000]
        is_empty = not start.strip()
        if is_empty and self.style.empty_is_end(response.url, response.status_code):
            found.body.close()
            return None
        is_untold = found.format is None or found.format.name in _TEXT
        if is_empty or (first.format.name in _TEXT and is_untold and is_text(start)):
            return response, replace(found, format=first.format)  # there is too little of it to tell
        found.body.close()
        raise _other_format(response, start, found, first.format.name)


def _page(request: PageRequest, response: Response) -> PageResponse:
    """Return a response as styles see it: by its headers alone."""
    return PageResponse(response.url, response.status_code, response.headers, PlainNode({}), request)


def _other_format(response: Response, start: bytes, found: Opened, name: str) -> FormatError:
    if found.announced is not None:
        return found.contradicted(response, start)
    return format_error(response, start, f"where the pages before were {name}")


def _rows(batch: Batch) -> int:
    """Return how many rows a batch has; of lines, as many as are not blank."""
    if batch.has_own_columns:
        return batch.rows
    if isinstance(batch, FilePage):
        return sum(map(_rows, batch.batches))
    lines: Any = getattr(batch, "lines", None)
    return len(getattr(batch, "records", ())) if lines is None else len(lines) - lines.count(b"") - lines.count(b"\r")


def _same_names(batch: Batch, names: set[str] | None, response: Response) -> set[str] | None:
    """Return the names of a page's columns.

    Raises:
        FormatError: they are others than those of the pages before.
    """
    if not batch.has_own_columns:
        return None
    here = batch.names
    if not here or names is None:
        return here or names
    if here != names:
        shown = ", ".join(sorted(here - names or here)[:5])
        raise format_error(response, b"", f"whose columns are others than those of the pages before: {shown}")
    return names
