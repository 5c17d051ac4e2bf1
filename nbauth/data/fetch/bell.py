"""Bell: wakes a thread that waits, and stays whole when an interrupt comes between any two steps.

A `threading.Condition` is written in Python: an interrupt inside it can leave its lock taken, and the other thread
waits for ever.
"""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, SimpleQueue

__all__ = ["Bell"]


class Bell:
    """Wakes threads that wait: one for each ring. A ring before the wait is kept.

    A thread that wakes checks by itself whether its condition holds.
    """

    def __init__(self) -> None:
        self._rings: SimpleQueue[None] = SimpleQueue()

    def ring(self) -> None:
        """Wake one that waits."""
        if self._rings.empty():
            self._rings.put(None)

    def wait(self, longest_s: float) -> bool:
        """Wait for a ring; tell whether one came in time."""
        with suppress(Empty):
            self._rings.get(timeout=longest_s)
            return True
        return False
