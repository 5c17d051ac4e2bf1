"""Prefetch: an iterator runs in its own thread, at most a few items ahead of its consumer.

In a thread, because an interrupt ends no read that is stalled in the main one where the front end cannot send a signal.
Ahead, as soon as the iterator shows that it waits for something: else two threads would only take Python's lock from
each other, which costs more than it gains.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Generator
from typing import TYPE_CHECKING, Generic, TypeVar

from nbauth.data.fetch.bell import Bell
from nbauth.process.interrupts import raise_lost_interrupt
from nbauth.process.visitors import carried

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nbauth.data.fetch.response_body import Body

__all__ = ["Prefetch", "pieces_of", "prefetched"]

T = TypeVar("T")
_MOST_ITEMS = 8
_MOST_BYTES = 8_000_000
_WORTH_IT_S = 0.003  # of waiting an item
_AT_ONCE = 4  # items, where nothing is waited for: to wake the other thread for each would take a tenth of the time
_ITEMS_TO_JUDGE_BY = 2
_WORTH_WAKING_BYTES = 1_000_000
_WAKE_S = 0.2  # on Windows an interrupt does not end a wait


def pieces_of(body: Body, size: int, stop: Callable[[], None]) -> Generator[bytes]:
    """Yield a body in pieces, ahead of a parser, which needs Python's lock for half of its time only.

    Args:
        body: the body.
        size: how many bytes a piece has at the most.
        stop: ends what the thread reads of it.
    """
    return prefetched(iter(lambda: body.read1(size), b""), size=len, stop=stop, pending=[], is_eager=True)


def prefetched(
    iterator: Iterator[T],
    *,
    size: Callable[[T], int],
    stop: Callable[[], None],
    pending: list[T],
    is_eager: bool = False,
) -> Generator[T]:
    """Yield what an iterator yields, which runs in a thread meanwhile.

    Args:
        iterator: the iterator.
        size: the bytes that an item holds; the thread waits while more than some MB wait to be taken.
        stop: called when the caller takes no more, so that the thread ends soon.
        pending: where the items go then that had come, from the one on that was taken last.
        is_eager: whether to run ahead from the start.

    Raises:
        BaseException: what the iterator raised.
    """
    ahead = Prefetch(size=size, stop=stop, pending=pending)
    try:
        # Within: an interrupt while it starts must end it, too.
        run = carried(ahead.run)
        options = {"is_eager": is_eager}
        threading.Thread(target=run, args=(iterator,), kwargs=options, name="nbauth-fetch", daemon=True).start()
        yield from ahead.items()
    finally:
        ahead.abandon()


class Prefetch(Generic[T]):
    """What an iterator yields in one thread, to be taken in another.

    Args:
        size: the bytes that an item holds.
        stop: called when the caller takes no more, so that the thread ends soon.
        pending: where the items go then that had come, from the one on that was taken last.
        most_bytes: the thread waits while more wait to be taken.
    """

    def __init__(
        self, *, size: Callable[[T], int], stop: Callable[[], None], pending: list[T], most_bytes: int = _MOST_BYTES
    ) -> None:
        self._line: _Line[T] = _Line(size, most_bytes)
        self._stop = stop
        self._pending = pending

    @property
    def waiting_bytes(self) -> int:
        """The bytes that wait to be taken."""
        return self._line.bytes

    def run(self, iterator: Iterator[T], *, is_eager: bool = False) -> None:
        """Run an iterator to its end, in a thread of its own. What it raises is raised where the items are taken.

        Args:
            iterator: the iterator.
            is_eager: whether to run ahead from the start.
        """
        _run(iterator, self._line, is_eager)

    def items(self) -> Generator[T]:
        """Yield the items.

        Raises:
            BaseException: what the iterator raised.
        """
        try:
            while (item := self._line.take()) is not None:
                yield item[0]
                raise_lost_interrupt()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Take no more."""
        if self._line.abandon(self._pending):
            self._stop()


class _Abandoned(Exception):
    """Nobody takes the items any more."""


class _Line(Generic[T]):
    """The items that wait to be taken."""

    def __init__(self, size: Callable[[T], int], most_bytes: int) -> None:
        self._size = size
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._for_taker, self._for_maker = Bell(), Bell()
        self._items: deque[tuple[T, int]] = deque()
        self.bytes = 0
        self._was_taken = False  # the first of them: it stays until the next is wanted, so that no interrupt loses it
        self._is_wanted = False
        self._is_ready = False  # enough has come to wake whoever takes it
        self._has_ended = False
        self._is_abandoned = False
        self._error: BaseException | None = None

    def wait_until_wanted(self) -> None:
        """Wait until somebody waits for an item."""
        while not self._is_wanted and not self._is_abandoned:
            self._for_maker.wait(_WAKE_S)
        if self._is_abandoned:
            raise _Abandoned

    def put(self, item: T, *, wake: bool) -> None:
        """Add an item as soon as there is room.

        Args:
            item: the item.
            wake: whether to wake whoever waits for items; else they wait for more, or for the end of a short wait.
        """
        size = self._size(item)
        while self._items and (len(self._items) >= _MOST_ITEMS or self.bytes + size > self._most_bytes):
            if self._is_abandoned:
                break
            self._is_ready = True
            self._for_taker.ring()
            self._for_maker.wait(_WAKE_S)
        with self._lock:
            if self._is_abandoned:
                raise _Abandoned
            self._items.append((item, size))
            self._is_wanted = False
            self.bytes += size
            if wake or self.bytes >= _WORTH_WAKING_BYTES:
                self._is_ready = True
        if self._is_ready:
            self._for_taker.ring()

    def take(self) -> tuple[T] | None:
        """Return the next item, or None after the last one."""
        with self._lock:
            if self._was_taken:
                self._was_taken = False
                self.bytes -= self._items.popleft()[1]
            is_empty = not self._items
            if is_empty:
                self._is_wanted, self._is_ready = True, False
        self._for_maker.ring()
        if is_empty:
            while not self._is_ready and not self._has_ended:
                if not self._for_taker.wait(_WAKE_S) and self._items:
                    break
                raise_lost_interrupt()
        with self._lock:
            if self._items:
                self._was_taken = True
                return (self._items[0][0],)
        if self._error is not None:
            raise self._error
        return None

    def end(self, error: BaseException | None) -> None:
        """Note that no more will come."""
        self._error, self._has_ended = error, True
        self._for_taker.ring()

    def abandon(self, pending: list[T]) -> bool:
        """Take no more; tell whether more could have come."""
        self._is_abandoned = True  # first, since a second interrupt may come at any step
        self._for_maker.ring()
        with self._lock:
            pending += [item for item, _ in self._items]
            self._items.clear()
        return not self._has_ended


def _run(iterator: Iterator[T], line: _Line[T], is_eager: bool) -> None:  # noqa: FBT001 - a thread's arguments
    error: BaseException | None = None
    waited_s, item_count, together = 0.0, 0, 0
    try:
        while True:
            if not is_eager and not together:
                line.wait_until_wanted()
            began, worked = time.perf_counter(), time.thread_time()
            try:
                item = next(iterator)
            except StopIteration:
                break
            waited_s += time.perf_counter() - began - (time.thread_time() - worked)
            item_count += 1
            is_eager = is_eager or waited_s > _WORTH_IT_S * max(item_count, _ITEMS_TO_JUDGE_BY)
            together = (together + 1) % _AT_ONCE if item_count >= _ITEMS_TO_JUDGE_BY else 0
            line.put(item, wake=is_eager or not together)
    except _Abandoned:
        if isinstance(iterator, Generator):
            iterator.close()  # an interrupt that somebody keeps would keep it, and what it has begun
    except BaseException as caught:  # noqa: BLE001 - it is raised where the items are taken
        error = caught
    line.end(error)
