"""From the first answer of a paged API to all of its pages, each asked for while others are parsed."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbauth.data.content import format_of
from nbauth.data.failures import format_error
from nbauth.data.in_order import InOrder
from nbauth.data.json_text import reason
from nbauth.data.nodes import RawNode, node_of
from nbauth.data.paging.answers import Answer, Rows
from nbauth.data.paging.guards import Guards
from nbauth.data.paging.numbered import first_ask
from nbauth.data.paging.recognise import check_end, recognise, rows_path
from nbauth.data.paging.records import COUNT, NEXT, rows_at, rows_of, total_of
from nbauth.data.paging.selected import selected
from nbauth.data.paging.steps import steps_of
from nbauth.data.paging.styles import Offset, PageNumber
from nbauth.errors import ApiError, NbauthError, PaginationError
from nbauth.signin.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from requests import Response

    from nbauth.data.asking import Asker
    from nbauth.data.chain import Chain
    from nbauth.data.paging.answers import Ask
    from nbauth.data.paging.steps import Steps
    from nbauth.data.paging.styles import Style

__all__ = ["NOT_FOUND", "Fetched", "Walker"]

NOT_FOUND = 404
_NO_CONTENT = 204


@dataclass(frozen=True)
class Fetched:
    """One page as it came, its rows perhaps still to be decoded.

    Attributes:
        rows: its rows.
        response: the answer, whose body is read.
        total_rows: how many rows there are in all, where the answer says.
        following: the request for the page after it; None after the last.
        is_good: whether what it says of the page after it holds; if not, an error comes next.
    """

    rows: Rows
    response: Response
    total_rows: int | None
    following: Ask | None
    is_good: bool = True

    @property
    def size(self) -> int:
        """The bytes that it holds, about."""
        node = self.rows.node
        return len(node.raw) if isinstance(node, RawNode) else 0


class Walker:
    """Walks through the pages.

    Args:
        asker: sends the requests.
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
        asker: Asker,
        chain: Chain,
        *,
        style: Style,
        records: str | None,
        is_named: bool = True,
        concurrency: int = 1,
        rows_before: int = 0,
    ) -> None:
        self._asker = asker
        self._chain = chain
        self.style = style
        self.records = records
        self._is_named = is_named and records is not None
        self._known: set[str] | None = None  # the first answer's members, where it showed the path
        self._concurrency = concurrency
        self._rows_before = rows_before
        self.columns: list[str] = []

    @property
    def first(self) -> Ask:
        """The first request."""
        return (
            first_ask(self._asker.first, self.style)
            if isinstance(self.style, Offset | PageNumber)
            else self._asker.first
        )

    @property
    def missing_is_end(self) -> bool:
        """Tell whether a 404 for a further page means that there is none."""
        return steps_of(self.style).missing_is_end

    def walk(self, ask: Ask, response: Response, *, goes_on: bool = False) -> Iterator[Fetched]:
        """Yield the pages, from an answer whose body is still to be read.

        Args:
            ask: the request.
            response: its answer.
            goes_on: whether it goes on after an earlier load that broke off, and showed the style and the path.

        Raises:
            DataError: and what is derived from it; see `nbauth.data.read.read`.
            OriginNotAllowed: a next link leaves the origins of the profile that serves the load.
        """
        response, content = self._asker.content(ask, response)
        answer = _answer(ask, response, content)
        if answer is None:
            yield Fetched(Rows.none(), response, None, None)
            return
        with _reading(response, content):
            self._look_at(answer, goes_on=goes_on)
        steps = steps_of(self.style, rows_before=self._rows_before)
        guards = Guards(self._chain, most_equal_pages=steps.most_equal_pages)
        total = self.style.total if isinstance(self.style, Offset | PageNumber) else None
        source: _Source | None = None
        is_first, are_lists = not goes_on, answer.document.is_list
        try:
            while True:
                with _reading(response, content):
                    rows = self._rows(answer)
                    if are_lists and self.records is None and rows.is_single:
                        raise format_error(response, content, "where the pages before were arrays")
                    following = steps.after(answer, rows)
                    error = self._check(guards, answer, rows, following, is_first=is_first)
                    total_rows = total_of(answer, total)
                is_good = error is None
                yield Fetched(rows, response, total_rows, following if is_good else None, is_good)
                if error is not None:
                    raise error
                if following is None:
                    return
                source = source or self._source(steps, guards, answer, rows)
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

    def _look_at(self, answer: Answer, *, goes_on: bool) -> None:
        """Learn from the first answer how the API is paged and where the rows are."""
        if goes_on:
            self._known = None if self._is_named else {*answer.document.members(), *NEXT, *COUNT}
            return
        self._known = None if self._is_named else set(answer.document.members())
        if self.style == "auto":
            self.style, self.records = recognise(answer, self.records)
        elif self.records is None:
            self.records = rows_path(answer, self.style)
        self.columns = selected(answer)

    def _rows(self, answer: Answer) -> Rows:
        if self.records is None:
            return rows_of(answer.document)
        return rows_at(answer, self.records, known=self._known)

    def _check(
        self, guards: Guards, answer: Answer, rows: Rows, following: Ask | None, *, is_first: bool
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

    def _source(self, steps: Steps, guards: Guards, answer: Answer, rows: Rows) -> _Source:
        planned = steps.plan(answer, rows) if self._concurrency > 1 else []
        for one in planned:
            guards.check(one, answer=answer)
        source = _Source(lambda ask: self._get(ask, steps), planned, at_once=self._concurrency)
        self._asker.on_throttle = source.slow_down
        return source

    def _get(self, ask: Ask, steps: Steps) -> tuple[Response, bytes] | None:
        try:
            response, content = self._asker.content(ask)
        except ApiError as error:
            if error.status == NOT_FOUND and steps.missing_is_end:
                return None
            raise
        found = format_of(response.headers.get("Content-Type", ""), response.url, ask.url)
        if found == "json" or (found is None and not content.strip()):
            return response, content
        why = None if found is None else "where the pages before were JSON"
        raise format_error(response, content, why)


class _Source:
    """Where pages come from: those that were planned, several at once and in order; others one by one."""

    def __init__(
        self, get: Callable[[Ask], tuple[Response, bytes] | None], planned: list[Ask], *, at_once: int
    ) -> None:
        self._get = get
        self._left = planned[::-1]
        self._results = InOrder(get, planned, at_once=at_once)
        self.slow_down = self._results.slow_down
        self.close = self._results.close

    def take(self, ask: Ask) -> tuple[Response, bytes] | None:
        if self._left and self._left[-1] == ask:
            self._left.pop()
            return self._results.take()
        # A page was shorter than the first: the rest of the plan would leave rows out.
        self._left = []
        self.close()
        return self._get(ask)


def _answer(ask: Ask, response: Response, content: bytes) -> Answer | None:
    if not content.strip():
        return None
    with _reading(response, content):
        return Answer(response.url, response.status_code, response.headers, node_of(content), ask)


@contextmanager
def _reading(response: Response, content: bytes) -> Iterator[None]:
    """Turn what a parser raises into an error that says where."""
    try:
        yield
    except NbauthError:
        raise
    except (ValueError, RecursionError) as error:
        raise format_error(response, content, f"which is no valid JSON: {reason(error)}") from error
