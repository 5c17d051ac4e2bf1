"""Counts what may change which token a URL gets, and tells who watches: of a visitor's sign-ins that visitor alone."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from nbauth.process.visitors import visiting, whose

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.process.visitors import Visitor, Whose

__all__ = ["ChangeNotifier"]


class ChangeNotifier:
    """The changes of a kernel's sign-ins and profiles.

    Attributes:
        version: grows with each.
    """

    def __init__(self) -> None:
        self.version = 0
        self._lock = threading.Lock()
        self._watchers: list[tuple[Whose, weakref.WeakMethod[Callable[[], None]]]] = []

    def after_fork(self) -> None:
        """Begin anew in a child process: a lock of its own, and nobody who watches; it counts as a change."""
        self._lock = threading.Lock()
        self._watchers = []
        self.version += 1

    def watch(self, method: Callable[[], None]) -> None:
        """Call a bound method after every change that concerns this visitor, as long as its object lives.

        It is called in whatever thread that is, on behalf of the visitor who watches.
        """
        with self._lock:
            self._watchers.append((whose(), weakref.WeakMethod(method)))

    def notify(self, only: Visitor | None = None) -> None:
        """Count a change, and tell who watches.

        Args:
            only: the visitor whose sign-ins changed; None where it concerns everybody.
        """
        with self._lock:
            self.version += 1
            self._watchers = [(who, reference) for who, reference in self._watchers if reference() is not None]
            watchers = [(who, reference()) for who, reference in self._watchers if only is None or who is only]
        for who, watcher in watchers:
            if watcher is not None:
                with visiting(who):
                    watcher()
