"""Interrupts: work that must not be left half done, and is short, holds them back; and a load loses none."""

from __future__ import annotations

import signal
import threading
from contextlib import closing, contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from types import FrameType

__all__ = ["defer_interrupt", "interrupts_noted", "interrupts_noted_in_each_step", "raise_lost_interrupt"]

P = ParamSpec("P")
T = TypeVar("T")


class _Noting:
    """Does what Python's own handler does, and notes that an interrupt came.

    Attributes:
        came: whether one came.
        is_held: whether one is noted only.
        held: whether one came meanwhile.
        now: the one that notes now, if any.
    """

    now: ClassVar[_Noting | None] = None

    def __init__(self) -> None:
        self.came = self.is_held = self.held = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        if self.is_held:
            self.held = True
        else:
            signal.default_int_handler(number, frame)


@contextmanager
def defer_interrupt() -> Iterator[None]:
    """Hold an interrupt back until the end.

    Raises:
        KeyboardInterrupt: one came; after the work was done.
    """
    before = _usual_handler()
    if before is None:
        yield  # it comes to another thread, or is somebody else's to handle
        return
    interrupts: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupts:
        before(signal.SIGINT, None)


def interrupts_noted(work: Callable[P, T]) -> Callable[P, T]:
    """Return a function that does the same, and notes interrupts meanwhile, for `raise_lost_interrupt`.

    Python drops what is raised in a callback of the garbage collector, which may run in the middle of anything, and
    ipykernel 6 has such a callback: an interrupt that comes in there ends nothing.
    """

    @wraps(work)
    def noted(*args: P.args, **kwargs: P.kwargs) -> T:
        with _noted_by(_Noting()):
            return work(*args, **kwargs)

    return noted


def interrupts_noted_in_each_step(steps: Generator[T]) -> Generator[T]:
    """Yield what a generator yields, and note interrupts while it works; not while its caller does."""
    handler = _Noting()
    with closing(steps):
        while True:
            with _noted_by(handler):
                try:
                    step = next(steps)
                except StopIteration:
                    return
            yield step


def raise_lost_interrupt() -> None:
    """Raise an interrupt that was noted, and dropped by Python: else nothing would have gone on to here.

    Raises:
        KeyboardInterrupt: there was one.
    """
    handler = _Noting.now
    if handler is not None and handler.came and threading.current_thread() is threading.main_thread():
        handler.came = False
        raise KeyboardInterrupt


def _usual_handler() -> Callable[[int, FrameType | None], Any] | None:
    """Return the handler of interrupts, in the main thread, where nobody else has set one."""
    handler: Any = signal.getsignal(signal.SIGINT)
    is_usual = handler is signal.default_int_handler or isinstance(handler, _Noting)
    return handler if is_usual and threading.current_thread() is threading.main_thread() else None


@contextmanager
def _noted_by(handler: _Noting) -> Iterator[None]:
    before = _usual_handler()
    if before is None:
        yield
        return
    outer = _Noting.now
    try:
        _Noting.now = handler
        signal.signal(signal.SIGINT, handler)
        yield
    finally:
        handler.is_held = True  # one that came now would leave the handler here
        _Noting.now = outer
        if signal.getsignal(signal.SIGINT) is handler:
            signal.signal(signal.SIGINT, before)
        handler.is_held = False  # somebody may have kept it
    if handler.held:
        raise KeyboardInterrupt
