"""An iterator that runs in a thread of its own, a bounded way ahead of whoever takes its items."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["ahead"]

T = TypeVar("T")
_MOST_ITEMS = 8
_MOST_BYTES = 8_000_000
_WAKE_S = 0.2  # on Windows an interrupt does not end a wait


def ahead(
    make: Callable[[], Iterator[T]], *, size: Callable[[T], int], stop: Callable[[], None], left: list[T]
) -> Iterator[T]:
    """Yield what an iterator yields, which runs in a thread meanwhile.

    Args:
        make: makes the iterator; called in the thread.
        size: the bytes that an item holds; the thread waits while more than some MB wait to be taken.
        stop: called when the caller takes no more, so that the thread ends soon.
        left: where the items go then that had come, from the one on that was taken last.

    Raises:
        BaseException: what the iterator raised.
    """
    line: _Line[T] = _Line(size)
    thread = threading.Thread(target=_run, args=(make, line), name="nbauth-fetch", daemon=True)
    thread.start()
    try:
        while True:
            item = line.take()
            if item is None:
                return
            yield item[0]
    finally:
        if line.leave(left):
            stop()


class _Left(Exception):
    """Nobody takes the items any more."""


class _Line(Generic[T]):
    """The items that wait to be taken."""

    def __init__(self, size: Callable[[T], int]) -> None:
        self._size = size
        self._changed = threading.Condition()
        self._items: deque[tuple[T, int]] = deque()
        self._bytes = 0
        self._was_taken = False  # the first of them: it stays until the next is wanted, so that no interrupt loses it
        self._has_ended = False
        self._was_left = False
        self._error: BaseException | None = None

    def put(self, item: T) -> None:
        """Add an item as soon as there is room."""
        size = self._size(item)
        with self._changed:
            while self._items and (len(self._items) >= _MOST_ITEMS or self._bytes + size > _MOST_BYTES):
                if self._was_left:
                    break
                self._changed.wait(_WAKE_S)
            if self._was_left:
                raise _Left
            self._items.append((item, size))
            self._bytes += size
            self._changed.notify_all()

    def take(self) -> tuple[T] | None:
        """Return the next item, or None after the last one."""
        with self._changed:
            if self._was_taken:
                self._was_taken = False
                self._bytes -= self._items.popleft()[1]
                self._changed.notify_all()
            while not self._items and not self._has_ended:
                self._changed.wait(_WAKE_S)
            if self._items:
                self._was_taken = True
                return (self._items[0][0],)
        if self._error is not None:
            raise self._error
        return None

    def end(self, error: BaseException | None) -> None:
        """Note that no more will come."""
        with self._changed:
            self._error, self._has_ended = error, True
            self._changed.notify_all()

    def leave(self, left: list[T]) -> bool:
        """Take no more; tell whether more could have come."""
        with self._changed:
            self._was_left = True
            left += [item for item, _ in self._items]
            self._items.clear()
            self._changed.notify_all()
            return not self._has_ended


def _run(make: Callable[[], Iterator[T]], line: _Line[T]) -> None:
    error: BaseException | None = None
    try:
        for item in make():
            line.put(item)
    except _Left:
        pass
    except BaseException as caught:  # noqa: BLE001 - it is raised where the items are taken
        error = caught
    line.end(error)
