"""Several requests at once, whose responses are yielded in the order of the requests."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from nbauth.data.fetch.bell import Bell
from nbauth.process.visitors import carried

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["OrderedPool"]

A = TypeVar("A")
B = TypeVar("B")
_WAKE_S = 0.2


class OrderedPool(Generic[A, B]):
    """Calls a function for each item in several threads, at most so many items ahead of the consumer.

    Args:
        do: what to do with each.
        each: with what.
        at_once: how many at once, at most.
        window: how many may have begun that were not taken; None for twice as many as at once.
    """

    def __init__(self, do: Callable[[A], B], each: Sequence[A], *, at_once: int, window: int | None = None) -> None:
        self._do = do
        self._each = each
        self._most = at_once
        self._window = window or 2 * at_once
        self._lock = threading.Lock()
        self._for_taker, self._for_workers = Bell(), Bell()
        self._next = self._taken = self._active = 0
        self._results: dict[int, B | BaseException] = {}
        self._is_closed = False
        try:
            for _ in range(min(at_once, len(each))):
                threading.Thread(target=carried(self._work), name="nbauth-fetch", daemon=True).start()
        except BaseException:
            self.close()  # nobody else can: an interrupt leaves the caller without this object
            raise

    @property
    def at_once(self) -> int:
        """How many at once now."""
        return self._most

    def slow_down(self) -> None:
        """Do half as many at once."""
        with self._lock:
            self._most = max(1, self._most // 2)

    def take(self) -> B:
        """Return the next result, or raise the exception that its call raised.

        Raises:
            IndexError: there are no more.
        """
        if self._taken >= len(self._each):
            raise IndexError("there are no more results")
        while self._taken not in self._results:
            self._for_taker.wait(_WAKE_S)
        with self._lock:
            result = self._results.pop(self._taken)
            self._taken += 1
        self._for_workers.ring()
        if isinstance(result, BaseException):
            raise result
        return result

    def close(self) -> None:
        """Begin no more."""
        self._is_closed = True
        self._for_workers.ring()

    def _work(self) -> None:
        while True:
            index = self._begin()
            if index is None:
                self._for_workers.ring()  # the next one that waits
                return
            try:
                result: B | BaseException = self._do(self._each[index])
            except BaseException as error:  # noqa: BLE001 - it is raised where the results are taken
                result = error
            with self._lock:
                self._active -= 1
                self._results[index] = result
            self._for_taker.ring()
            self._for_workers.ring()

    def _begin(self) -> int | None:
        """Return the number of the next item, as soon as it may be begun; None if there is none."""
        while True:
            with self._lock:
                if self._is_closed or self._next >= len(self._each):
                    return None
                if self._may_begin():
                    index, self._next = self._next, self._next + 1
                    self._active += 1
                    if self._may_begin():
                        self._for_workers.ring()  # one ring may have been for two of them
                    return index
            self._for_workers.wait(_WAKE_S)

    def _may_begin(self) -> bool:
        return self._active < self._most and self._next < self._taken + self._window
