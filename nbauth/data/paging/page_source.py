"""Where the pages after the first come from."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from nbauth.data.fetch.ordered_pool import OrderedPool
from nbauth.errors import NbauthError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.arrival import Arrival
    from nbauth.data.paging.guessed import Guessed, Guesser
    from nbauth.data.paging.page_response import Rows

__all__ = ["PageSource"]


class PageSource:
    """Gives the responses with pages: those that were planned or guessed, several at once and in order; others singly.

    What was guessed counts only where the page before names exactly that request.

    Args:
        get: sends a request; None for a page that is not there, where that is the end.
        planned: the requests that are sure to be made.
        at_once: how many of them are sent at once.
        guesser: tells what follows the requests, where they are not planned; None if nothing is to be guessed.
    """

    def __init__(
        self,
        get: Callable[[PageRequest], Arrival | None],
        planned: list[PageRequest],
        *,
        at_once: int,
        guesser: Guesser | None = None,
    ) -> None:
        self._get = get
        self._at_once = at_once
        self._guesser = None if planned else guesser
        self._expected: Sequence[PageRequest] = planned
        self._is_guessed = False
        self._taken = 0
        self._results = OrderedPool(get, planned, at_once=at_once)

    def slow_down(self) -> None:
        """Ask for half as many at once: there were too many requests."""
        self._at_once = max(1, self._at_once // 2)
        self._results.slow_down()

    def close(self) -> None:
        """End what is still asked for."""
        self._results.close()

    def take(self, request: PageRequest, rows: Rows) -> Arrival | None:
        """Return the response to a request; None where the page is not there.

        Args:
            request: the request.
            rows: those of the page that names it.
        """
        if self._guesser is not None:
            guessed = self._guesser.saw(request, rows.count)
            if guessed is not None and self._at_once > 1:
                self._expect(guessed)
        if self._taken < len(self._expected) and self._expected[self._taken] == request:
            self._taken += 1
            return self._take_guessed(request) if self._is_guessed else self._results.take()
        # A page was shorter than the first, or the guess was wrong: the rest would leave rows out.
        self._expected = []
        self.close()
        return self._get(request)

    def _take_guessed(self, request: PageRequest) -> Arrival | None:
        arrival = None
        with suppress(NbauthError):
            arrival = self._results.take()
        # One that was made before it was named may have failed for that: it is made again.
        return self._get(request) if arrival is None else arrival

    def _expect(self, guessed: Guessed) -> None:
        self._guesser, self._is_guessed, self._expected = None, True, guessed
        self._results = OrderedPool(self._get, guessed, at_once=self._at_once, window=self._at_once)
