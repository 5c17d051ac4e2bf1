"""Single flight: one call for whoever wants the same at the same time, in a thread that no interrupt reaches."""

from __future__ import annotations

import contextlib
import copy
import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

from nbauth.net.secrecy import clear_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["SingleFlight"]

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")

_STEP_S = 0.25  # not every platform interrupts a thread that waits for a lock


class SingleFlight(Generic[K, V]):
    """Calls that are on their way.

    Args:
        run: what is called with a key; two calls with one key never run at the same time.
        name: of the threads.
    """

    def __init__(self, run: Callable[[K], V], *, name: str) -> None:
        self._run = run
        self._name = name
        self._lock = threading.Lock()
        # Each who waits has a box of a C type: an interrupt cannot leave one locked, as it can the condition inside a
        # Future or an Event.
        self._boxes: dict[K, list[SimpleQueue[tuple[V | None, BaseException | None]]]] = {}

    def start(self, key: K) -> None:
        """Start a call, unless it is on its way; nobody waits."""
        with self._lock:
            self._join(key)

    def wait(self, key: K, *, timeout_s: float) -> V:
        """Return what the call returns, or raise what it raises.

        Raises:
            TimeoutError: it took longer.
        """
        box: SimpleQueue[tuple[V | None, BaseException | None]] = SimpleQueue()
        with self._lock:
            self._join(key).append(box)
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            with contextlib.suppress(Empty):
                value, error = box.get(timeout=_STEP_S)
                if error is not None:
                    raise error
                return value  # type: ignore[return-value]  # None only where V has it
        raise TimeoutError

    def settle(self, deadline: float) -> None:
        """Wait for every call that is on its way, until a deadline on the monotonic clock."""
        boxes = []
        with self._lock:
            for waiting in self._boxes.values():
                boxes.append(SimpleQueue[tuple[V | None, BaseException | None]]())
                waiting.append(boxes[-1])
        for box in boxes:
            with contextlib.suppress(Empty):
                box.get(timeout=max(0.0, deadline - time.monotonic()))

    def _join(self, key: K) -> list[SimpleQueue[tuple[V | None, BaseException | None]]]:
        waiting = self._boxes.get(key)
        if waiting is None:
            waiting = []
            # Started before it is noted: an interrupt in between leaves a call that nobody waits for, and not people
            # who wait for no call.
            threading.Thread(target=self._call, args=(key, waiting), name=self._name, daemon=True).start()
            self._boxes[key] = waiting
        return waiting

    def _call(self, key: K, waiting: list[SimpleQueue[tuple[V | None, BaseException | None]]]) -> None:
        value, trouble = None, None
        try:
            value = self._run(key)
        except BaseException as error:  # noqa: BLE001 - it is raised in the threads that wait
            clear_frames(error)  # here, where they have ended: this thread may run on while somebody raises it
            trouble = error
        with self._lock:
            if self._boxes.get(key) is waiting:
                del self._boxes[key]
        for number, box in enumerate(waiting):
            box.put((value, trouble if number == 0 else _another(trouble)))


def _another(error: BaseException | None) -> BaseException | None:
    """Return the same error once more: raised by several, one would take the frames of each of them to the others."""
    if error is None:
        return None
    try:
        same = copy.copy(error)
    except Exception:  # noqa: BLE001 - not every error can be copied; then it is the same one after all
        return error
    same.__cause__, same.__context__ = error.__cause__, error.__context__
    same.__suppress_context__ = error.__suppress_context__
    return same.with_traceback(error.__traceback__)
