"""Counts what has come in a load, for whoever watches; from any thread."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from nbauth.data.progress import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.data.progress import Outcome, Progress

__all__ = ["Meter"]

_WORTH_SAYING_S = 1.0


class Meter:
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
        self._has_ended = False  # a request that was given up may end later

    def asked(self, requests: int) -> None:
        """Count requests."""
        with self._lock:
            self._requests += requests

    def receiver(self) -> Callable[[int], None]:
        """Return what is told how many bytes of one body have come."""
        before = 0

        def receive(wire_bytes: int) -> None:
            nonlocal before
            with self._lock:
                self._bytes += wire_bytes - before
                before = wire_bytes
            self._tell()

        return receive

    def read(self, rows: int, total_rows: int | None = None) -> None:
        """Count rows."""
        with self._lock:
            self._rows += rows
            self._total_rows = self._total_rows if total_rows is None else total_rows
        self._tell()

    def waiting(self, seconds: float, why: str) -> None:
        """Tell that nothing comes for a while, and why."""
        if seconds >= _WORTH_SAYING_S and not self._has_ended:
            self._tell()
            self._progress.wait(seconds, why)

    def start_over(self) -> None:
        """Forget the rows, which are read again."""
        with self._lock:
            self._rows = 0

    def finish(self, outcome: Outcome) -> None:
        """Tell that the load ended; nothing is told after that."""
        with self._telling:
            self._has_ended = True
            self._progress.finish(outcome)

    def _tell(self) -> None:
        with self._lock:
            state = {"rows": self._rows, "requests": self._requests, "received_bytes": self._bytes}
            total = self._total_rows
        with self._telling:
            if not self._has_ended:
                self._progress.update(**state, total_rows=total)
