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
from nbauth.data.paging.recognise import recognise
from nbauth.data.paging.records import find_collection, is_odata, odata_rows, rows_at, total_of
from nbauth.data.paging.selected import selected
from nbauth.data.paging.steps import steps_of
from nbauth.data.paging.styles import Offset, PageNumber
from nbauth.errors import ApiError, NbauthError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from requests import Response

    from nbauth.data.asking import Asker
    from nbauth.data.paging.answers import Ask
    from nbauth.data.paging.steps import Steps
    from nbauth.data.paging.styles import Style

__all__ = ["Fetched", "Walker"]

_NOT_FOUND = 404


@dataclass(frozen=True)
class Fetched:
    """One page as it came, its rows perhaps still to be decoded.

    Attributes:
        rows: its rows.
        response: the answer, whose body is read.
        total_rows: how many rows there are in all, where the answer says.
        following: the request for the page after it; None after the last.
    """

    rows: Rows
    response: Response
    total_rows: int | None
    following: Ask | None

    @property
    def size(self) -> int:
        """The bytes that it holds, about."""
        node = self.rows.node
        return len(node.raw) if isinstance(node, RawNode) else 0


class Walker:
    """Walks through the pages.

    Args:
        asker: sends the requests.
        allows: tells whether a request to a URL may carry a token.
        style: how the API is paged.
        records: the path of the rows, if the caller named it.
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
        allows: Callable[[str], bool],
        *,
        style: Style,
        records: str | None,
        concurrency: int = 1,
        rows_before: int = 0,
    ) -> None:
        self._asker = asker
        self._allows = allows
        self.style = style
        self.records = records
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

    def walk(self, ask: Ask, response: Response) -> Iterator[Fetched]:
        """Yield the pages, from an answer whose body is still to be read.

        Raises:
            DataError: and what is derived from it; see `nbauth.data.read.read`.
            OriginNotAllowed: a next link leaves the origins that a profile names.
        """
        response, content = self._asker.content(ask, response)
        answer = _answer(ask, response, content)
        if answer is None:
            yield Fetched(Rows.none(), response, None, None)
            return
        style, records = self.style, self.records
        with _reading(response, content):
            if style == "auto":
                style, records = recognise(answer, records)
            elif records is None and not isinstance(style, str) and not is_odata(answer.document.members()):
                records = find_collection(answer.document)
            self.columns = selected(answer)
        self.style, self.records = style, records
        steps = steps_of(style, rows_before=self._rows_before)
        guards = Guards(self._allows, most_equal_pages=steps.most_equal_pages)
        total = style.total if isinstance(style, Offset | PageNumber) else None
        source: _Source | None = None
        try:
            while True:
                with _reading(response, content):
                    rows = odata_rows(answer.document) if records is None else rows_at(answer, records)
                    following = steps.after(answer, rows)
                _check(guards, answer, rows, following)
                yield Fetched(rows, response, total_of(answer, total), following)
                if following is None:
                    return
                source = source or self._source(steps, guards, answer, rows)
                found = source.take(following)
                further = None if found is None else _answer(following, *found)
                if found is None or further is None:
                    return
                (response, content), answer = found, further
        finally:
            if source is not None:
                source.close()

    def _source(self, steps: Steps, guards: Guards, answer: Answer, rows: Rows) -> _Source:
        planned = steps.plan(answer, rows) if self._concurrency > 1 else []
        for one in planned:
            guards.check(one, here=answer.url)
        source = _Source(lambda ask: self._get(ask, steps), planned, at_once=self._concurrency)
        self._asker.on_throttle = source.slow_down
        return source

    def _get(self, ask: Ask, steps: Steps) -> tuple[Response, bytes] | None:
        try:
            response, content = self._asker.content(ask)
        except ApiError as error:
            if error.status == _NOT_FOUND and steps.missing_is_end:
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


def _check(guards: Guards, answer: Answer, rows: Rows, following: Ask | None) -> None:
    guards.saw(answer)
    if following is not None:
        guards.check(following, here=answer.url)
        guards.check_progress(rows, here=answer.url)


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
