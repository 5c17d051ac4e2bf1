"""Several URLs at once: what the next ones bring first is fetched in threads, while the rows of one are taken."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from nbauth.data.fetch.bell import Bell
from nbauth.data.fetch.ordered_pool import OrderedPool

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from requests import Response

    from nbauth.data.reader import Reader

__all__ = ["readers"]

_MOST_BYTES = 32_000_000  # that wait for their turn
_PACKED = 8  # so many times larger is what came compressed, about
_WAKE_S = 0.2  # on Windows an interrupt does not end a wait


def readers(makers: Sequence[Callable[..., Reader]], *, at_once: int) -> Generator[Reader]:
    """Yield a reader for each URL, in order; all its batches are taken before the next one is asked for.

    Rows and errors come as if one URL were read after another. What comes early waits in memory: some MB of each URL,
    and 32 MB in all, as far as the servers say how much comes.

    Args:
        makers: each makes the reader of a URL; ``is_ahead`` as in `Reader`.
        at_once: how many URLs are asked for at once. An answer that there were too many requests halves it.

    Raises:
        NbauthError: a reader cannot be made; when its turn comes.
    """
    if at_once == 1 or len(makers) == 1:
        for make in makers:
            yield make()
        return
    urls = _Urls(makers, at_once)
    try:
        urls.start()
        for index in range(len(makers)):
            yield urls.turn(index)
    finally:
        urls.close()


class _Url:
    """One URL, from when its reader is made until its rows were taken."""

    def __init__(self) -> None:
        self.for_thread, self.for_taker = Bell(), Bell()
        self.made: Reader | BaseException | None = None
        self.announced = 0  # bytes that come
        self.refused = 0  # so many times, since there were too many requests

    @property
    def waiting_bytes(self) -> int:
        ahead = getattr(self.made, "ahead", None)
        return self.announced if ahead is None else max(self.announced, ahead.waiting_bytes)

    def abandon(self) -> None:
        ahead = getattr(self.made, "ahead", None)
        if ahead is not None:
            ahead.abandon()


class _Urls:
    def __init__(self, makers: Sequence[Callable[..., Reader]], at_once: int) -> None:
        self._makers = makers
        self._at_once = at_once
        self._urls: dict[int, _Url] = {}  # those whose turn is, or comes soon
        self._lock = threading.Lock()
        self._fetching: set[int] = set()
        self._turn = 0
        self._is_closed = False
        self._pool: OrderedPool[int, None] | None = None

    def start(self) -> None:
        """Begin to fetch."""
        self._pool = OrderedPool(self._fetch, range(len(self._makers)), at_once=self._at_once)

    def turn(self, index: int) -> Reader:
        """Return the reader of a URL. Those before it are done."""
        self._turn = index
        url = self._url(index)
        if index:
            self._url(index - 1).for_thread.ring()
            assert self._pool is not None
            self._pool.take()
            self._forget(index - 1)
        self._ring()
        while url.made is None:
            url.for_taker.wait(_WAKE_S)
        if isinstance(url.made, BaseException):
            raise url.made
        return url.made

    def close(self) -> None:
        """Fetch no more."""
        self._is_closed = True
        if self._pool is not None:
            self._pool.close()
        with self._lock:
            urls = list(self._urls.values())
        for url in urls:
            url.abandon()
        self._ring()

    def _url(self, index: int) -> _Url:
        with self._lock:
            return self._urls.setdefault(index, _Url())

    def _forget(self, index: int) -> None:
        with self._lock:
            del self._urls[index]

    def _ring(self) -> None:
        with self._lock:
            urls = list(self._urls.values())
        for url in urls:
            url.for_thread.ring()

    def _fetch(self, index: int) -> None:
        """Fetch a URL's first response and pages, in a thread."""
        url = self._url(index)
        with self._lock:
            self._fetching.add(index)
        try:
            self._wait_for_room(index, 0)
            try:
                reader = self._makers[index](is_ahead=True)
            except BaseException as error:  # noqa: BLE001 - it is raised when its turn comes
                url.made = error
                url.for_taker.ring()
                return
            reader.when_limited(partial(self._slow_down, index), partial(self._wait_for_limit, index))
            url.made = reader
            url.for_taker.ring()
            reader.fetch_ahead(lambda response: self._wait_for_room(index, _announced(response)))
            # Its connection is one of those that are used at once, until somebody has read the file.
            self._wait(index, lambda: reader.ahead is None or not reader.ahead.waits_for_reader or self._turn > index)
            if self._is_closed:
                url.abandon()
        finally:
            with self._lock:
                self._fetching.discard(index)
            self._ring()

    def _wait_for_room(self, index: int, size: int) -> None:
        """Wait until so many bytes more may wait for their turn, or the turn has come."""

        def is_there() -> bool:
            with self._lock:
                url = self._urls[index]
                others = sum(other.waiting_bytes for i, other in self._urls.items() if i not in (index, self._turn))
                if self._turn < index and others + size > _MOST_BYTES:
                    return False
                url.announced = size
                return True

        self._wait(index, is_there)

    def _slow_down(self, index: int) -> None:
        """Ask for half as many at once, after an answer that there were too many requests.

        A URL that would not have been asked for yet at the present number says nothing of that.
        """
        if self._pool is not None and self._before(index) < self._now_at_once:
            self._pool.slow_down()

    def _wait_for_limit(self, index: int) -> None:
        """Wait until fewer URLs before this one are asked for than may be at once; none, if it is refused again."""
        url = self._url(index)
        url.refused += 1
        self._wait(index, lambda: self._before(index) < (1 if url.refused > 1 else self._now_at_once))

    @property
    def _now_at_once(self) -> int:
        return self._at_once if self._pool is None else self._pool.at_once

    def _before(self, index: int) -> int:
        with self._lock:
            return sum(other < index for other in self._fetching)

    def _wait(self, index: int, is_over: Callable[[], bool]) -> None:
        bell = self._url(index).for_thread
        while not self._is_closed and not is_over():
            bell.wait(_WAKE_S)


def _announced(response: Response) -> int:
    """Return how many bytes are still to come, as far as the server says."""
    length = response.headers.get("Content-Length", "")
    if response.raw.closed or not length.isdecimal():
        return 0
    return int(length) * (_PACKED if response.headers.get("Content-Encoding") else 1)
