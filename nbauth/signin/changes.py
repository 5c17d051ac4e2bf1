"""Counts what may change which token a URL gets, and tells who watches."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Changes"]


class Changes:
    """The changes of a kernel's sign-ins and profiles.

    Attributes:
        version: grows with each.
    """

    def __init__(self) -> None:
        self.version = 0
        self._lock = threading.Lock()
        self._watchers: list[weakref.WeakMethod[Callable[[], None]]] = []

    def start_over(self) -> None:
        """Begin anew in a child process: a lock of its own, and nobody who watches; it counts as a change."""
        self._lock = threading.Lock()
        self._watchers = []
        self.version += 1

    def watch(self, method: Callable[[], None]) -> None:
        """Call a bound method after every change, as long as its object lives; in whatever thread that is."""
        with self._lock:
            self._watchers.append(weakref.WeakMethod(method))

    def note(self) -> None:
        """Count a change, and tell who watches."""
        with self._lock:
            self.version += 1
            self._watchers = [reference for reference in self._watchers if reference() is not None]
            watchers = [reference() for reference in self._watchers]
        for watcher in filter(None, watchers):
            watcher()
