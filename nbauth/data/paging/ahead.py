"""What one URL brings first, fetched in a thread before its turn comes, while the rows of others are taken."""

from __future__ import annotations

import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from nbauth.data.fetch.prefetch import Prefetch

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from requests import Response

    from nbauth.data.paging.arrival import Arrival
    from nbauth.data.paging.page import Page

__all__ = ["Ahead"]

_MOST_BYTES = 1_000_000
_STALE_S = 10.0  # after which a server may give up a file that nobody reads
_WAKE_S = 0.2  # on Windows an interrupt does not end a wait


class Ahead:
    """The first response of a URL, and some of its pages. Files are begun only: their parser reads them.

    Args:
        stop: ends what is still asked for.
        pending: where pages go that had come, and are not taken.
    """

    def __init__(self, stop: Callable[[], None], pending: list[Page]) -> None:
        self._stop = stop
        self._pages = Prefetch(size=_size, stop=stop, pending=pending, most_bytes=_MOST_BYTES)
        self._begun: SimpleQueue[Arrival | BaseException | None] = SimpleQueue()
        self._response: Response | None = None
        self._came_at = 0.0

    def fetch(
        self,
        begin: Callable[[], Arrival | None],
        pages: Callable[[Arrival], Iterator[Page]],
        go_on: Callable[[Response], None],
    ) -> None:
        """Fetch, in a thread of its own, until nothing more comes, or enough waits to be taken.

        Args:
            begin: makes the first request.
            pages: yields the pages.
            go_on: called with the first response before more of it than its start is read; returns when it may be.
        """
        try:
            arrival = begin()
        except BaseException as error:  # noqa: BLE001 - it is raised where this is taken
            self._begun.put(error)
            return
        self._came_at = time.monotonic()
        self._response = None if arrival is None else arrival.response
        self._begun.put(arrival)
        if arrival is not None and arrival.is_json:
            go_on(arrival.response)
            self._pages.run(pages(arrival), is_eager=True)

    def take(self) -> Arrival | None:
        """Return what the first request led to, as soon as it is there; or raise what it raised."""
        while True:
            try:
                begun = self._begun.get(timeout=_WAKE_S)
            except Empty:
                continue
            if isinstance(begun, BaseException):
                raise begun
            return begun

    def is_stale(self, arrival: Arrival) -> bool:
        """Tell whether the rest of a file has waited for so long that its connection may have ended."""
        return not arrival.is_json and self.waits_for_reader and time.monotonic() - self._came_at > _STALE_S

    def pages(self) -> Generator[Page]:
        """Yield the pages; or raise what went wrong behind them."""
        return self._pages.items()

    def abandon(self) -> None:
        """End it; nobody takes it."""
        self._pages.abandon()
        self._stop()
        if self._response is not None:
            self._response.close()

    @property
    def waits_for_reader(self) -> bool:
        """Whether a response was begun that keeps its connection until somebody reads it."""
        return self._response is not None and not self._response.raw.closed

    @property
    def waiting_bytes(self) -> int:
        """How many bytes of pages wait to be taken."""
        return self._pages.waiting_bytes


def _size(page: Page) -> int:
    return page.size
