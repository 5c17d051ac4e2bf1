"""Waits for what is not ours to hurry, such as a keyring that a person unlocks: bounded, and within a caller's time."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import Future
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["bounded", "within"]

V = TypeVar("V")
_LEAST_S = 1.0  # what is there answers in milliseconds, also at the end of a caller's time
_deadline: ContextVar[float | None] = ContextVar("nbauth_deadline", default=None)


@contextlib.contextmanager
def within(timeout_s: float) -> Iterator[None]:
    """Let everything in this block wait no longer than to its end, so many seconds from now."""
    token = _deadline.set(time.monotonic() + timeout_s)
    try:
        yield
    finally:
        _deadline.reset(token)


def bounded(act: Callable[[], V], *, most_s: float, share: float = 1.0) -> V:
    """Run what may take its time in a thread, which is left behind when it takes too long.

    Args:
        act: what is run.
        most_s: seconds that it may take, where the caller's time is not over before.
        share: how much of the caller's time it may take: something else may have to wait after it.

    Raises:
        TimeoutError: it took longer.
        Exception: whatever `act` raises.
    """
    deadline, done = _deadline.get(), Future[Any]()
    if deadline is not None:
        most_s = min(most_s, max(_LEAST_S, (deadline - time.monotonic()) * share))

    def run() -> None:
        try:
            done.set_result(act())
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            done.set_exception(error)

    threading.Thread(target=run, name="nbauth-patience", daemon=True).start()
    result: V = done.result(most_s)
    return result
