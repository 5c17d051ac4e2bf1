"""The progress of a load: what it has read so far. `nbauth.frontend` draws it."""

from __future__ import annotations

import sys
import threading
import warnings
from typing import TYPE_CHECKING, Literal, Protocol

from nbauth.errors import AssumptionWarning

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


__all__ = ["LoadProgress", "Outcome", "Progress", "SilentProgress"]

Outcome = Literal["done", "interrupted", "failed"]
_WORTH_SAYING_S = 1.0


class Progress(Protocol):
    """An observer of a load. It may be called from any thread, and often: the observer throttles its drawing."""

    def update(self, *, rows: int, requests: int, received_bytes: int, total_rows: int | None = None) -> None:
        """Tell how many rows, requests and bytes have come so far, and how many rows there will be if known."""

    def wait(self, seconds: float, why: str) -> None:
        """Tell that nothing comes for so many seconds, and why."""

    def hint(self, text: str) -> None:
        """Tell how the same load would be quicker; called once at most."""

    def finish(self, outcome: Outcome) -> None:
        """Tell that the load ended; called once."""


class SilentProgress:
    """Shows nothing."""

    def update(self, *, rows: int, requests: int, received_bytes: int, total_rows: int | None = None) -> None:
        """Show nothing."""

    def wait(self, seconds: float, why: str) -> None:
        """Show nothing."""

    def hint(self, text: str) -> None:
        """Show nothing."""

    def finish(self, outcome: Outcome) -> None:
        """Show nothing."""


class LoadProgress:
    """What one load has done so far.

    Args:
        progress: who is told.
    """

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress or SilentProgress()
        self._lock = threading.Lock()
        self._telling = threading.Lock()
        self._rows = self._requests = self._bytes = 0
        self._total_rows: int | None = None
        self._has_hint = False
        self._has_ended = False  # a request that was given up may end later
        self._assumptions: dict[str, None] = {}
        self._parts: list[LoadProgress] = []

    def part(self) -> LoadProgress:
        """Return the progress of one URL of several, which counts here.

        What is taken for granted of them is said in the order in which the parts were made.
        """
        self._parts.append(_Part(self))
        return self._parts[-1]

    def add_requests(self, requests: int) -> None:
        """Count requests."""
        with self._lock:
            self._requests += requests

    def byte_counter(self) -> Callable[[int], None]:
        """Return a function to call with the number of bytes of one body so far."""
        before = 0

        def receive(wire_bytes: int) -> None:
            nonlocal before
            with self._lock:
                self._bytes += wire_bytes - before
                before = wire_bytes
            self._tell()

        return receive

    def add_rows(self, rows: int, total_rows: int | None = None) -> None:
        """Count rows."""
        with self._lock:
            self._rows += rows
            self._total_rows = self._total_rows if total_rows is None else total_rows
        self._tell()

    def waiting(self, seconds: float, why: str) -> None:
        """Tell that nothing comes for a while, and why."""
        if seconds < _WORTH_SAYING_S:
            return
        self._tell()
        with self._telling:
            if not self._has_ended:
                self._progress.wait(seconds, why)

    def assume(self, text: str) -> None:
        """Note what is taken for granted about the answer; the person is warned of it when the load is done.

        Args:
            text: what is assumed, with the URL, and the argument that says otherwise.
        """
        self._assumptions[text] = None

    def hint(self, text: str) -> None:
        """Tell how the same load would be quicker, the first time that somebody knows."""
        with self._telling:
            if not self._has_ended and not self._has_hint:
                self._has_hint = True
                self._progress.hint(text)

    def forget_rows(self) -> None:
        """Forget the rows, which are read again."""
        with self._lock:
            self._rows = 0

    def finish(self, outcome: Outcome) -> None:
        """Tell that the load ended; nothing is told after that. Of a load that is done, warn what was assumed.

        Warns:
            AssumptionWarning: something was; the warning names the caller's line.
        """
        with self._telling:
            self._has_ended = True
            self._progress.finish(outcome)
        if outcome == "done":
            each = [self._assumptions, *(part._assumptions for part in self._parts)]  # noqa: SLF001 - of this class
            for text in dict.fromkeys(text for assumptions in each for text in assumptions):
                warnings.warn(text, AssumptionWarning, stacklevel=_callers_level())

    def _tell(self) -> None:
        with self._lock:
            state = {"rows": self._rows, "requests": self._requests, "received_bytes": self._bytes}
            total = self._total_rows
        with self._telling:
            if not self._has_ended:
                self._progress.update(**state, total_rows=total)


class _Part(LoadProgress):
    """The progress of one URL: all but what is taken for granted is the whole load's."""

    def __init__(self, whole: LoadProgress) -> None:
        super().__init__()
        self._whole = whole

    def add_requests(self, requests: int) -> None:
        self._whole.add_requests(requests)

    def byte_counter(self) -> Callable[[int], None]:
        return self._whole.byte_counter()

    def add_rows(self, rows: int, total_rows: int | None = None) -> None:
        self._whole.add_rows(rows, total_rows)

    def waiting(self, seconds: float, why: str) -> None:
        self._whole.waiting(seconds, why)

    def hint(self, text: str) -> None:
        self._whole.hint(text)

    def forget_rows(self) -> None:
        self._whole.forget_rows()


def _callers_level() -> int:
    """Return the ``stacklevel`` of whoever called the package, seen from the caller of this function."""
    level = 1
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - inspect.stack() reads a source file for each frame
    while frame is not None and frame.f_globals.get("__name__", "").startswith("nbauth."):
        level, frame = level + 1, frame.f_back
    return level
