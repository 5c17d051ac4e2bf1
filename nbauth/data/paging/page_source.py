"""Where the pages after the first come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.data.fetch.ordered_pool import OrderedPool

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.arrival import Arrival

__all__ = ["PageSource"]


class PageSource:
    """Gives the responses with pages: those that were planned, several at once and in order; others one by one.

    Args:
        get: sends a request; None for a page that is not there, where that is the end.
        planned: the requests that are sure to be made.
        at_once: how many of them are sent at once.

    Attributes:
        slow_down: to be called where the API is asked too often.
        close: ends what is still asked for.
    """

    def __init__(
        self, get: Callable[[PageRequest], Arrival | None], planned: list[PageRequest], *, at_once: int
    ) -> None:
        self._get = get
        self._left = planned[::-1]
        self._results = OrderedPool(get, planned, at_once=at_once)
        self.slow_down = self._results.slow_down
        self.close = self._results.close

    def take(self, request: PageRequest) -> Arrival | None:
        """Return the response to a request; None where the page is not there."""
        if self._left and self._left[-1] == request:
            self._left.pop()
            return self._results.take()
        # A page was shorter than the first: the rest of the plan would leave rows out.
        self._left = []
        self.close()
        return self._get(request)
