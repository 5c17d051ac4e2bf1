"""Imports while a person signs in: in a thread where the main thread waits, or in turns of a loop that goes on."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
from typing import TYPE_CHECKING

from nbauth.process.interrupts import defer_interrupt

if TYPE_CHECKING:
    import asyncio

__all__ = ["ImportsAhead", "ImportsInLoop"]

_TURN_S = 0.05  # between two imports: clicks, and cells that wait
_STEP_S = 0.1  # on Windows an interrupt does not end a wait
_AT_FORK_S = 10.0  # whoever forks may hold what an import waits for
_running: set[threading.Thread] = set()


class ImportsAhead:
    """Modules that are imported while the main thread waits, from `begin` to `end`.

    Elsewhere nothing happens: where the main thread goes on with its own work it may import parts of the same packages
    from another end, and Python ends one of two imports that wait for each other.

    Args:
        modules: their names, in the order of their imports; one that cannot be imported is left out, and whoever needs
            it hears of it then.
    """

    def __init__(self, *modules: str) -> None:
        self._modules = modules
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Begin, if nobody has begun and anything is missing; it comes back at once."""
        if self._thread is not None or threading.current_thread() is not threading.main_thread():
            return
        if all(name in sys.modules for name in self._modules):
            return
        # No daemon: an import that the end of the process cuts off may crash it.
        self._thread = threading.Thread(target=self._run, name="nbauth-imports", daemon=False)
        with defer_interrupt():  # between the note and the start it would leave a thread that never ends
            _running.add(self._thread)
            try:
                self._thread.start()
            except RuntimeError:  # the interpreter ends, or the platform has no threads
                _running.discard(self._thread)

    def end(self) -> None:
        """Wait until they are there.

        Raises:
            KeyboardInterrupt: the person stopped the wait; the imports go on to their end.
        """
        while self._thread in _running:
            self._thread.join(_STEP_S)

    def _run(self) -> None:
        try:
            for name in self._modules:
                with contextlib.suppress(BaseException):  # nobody asked for it yet
                    importlib.import_module(name)
        finally:
            _running.discard(threading.current_thread())


class ImportsInLoop:
    """Modules that an event loop imports one after the other, each in a turn of its own, from `begin` on.

    A thread of its own would not do where the main thread goes on: see `ImportsAhead`. A cell that is run meanwhile
    waits for one of them, which it may need itself. Nothing happens in another loop than the main thread's.

    Args:
        loop: the main thread's, running; None where there is none.
        modules: their names, in the order of their imports; one that cannot be imported is left out.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None, *modules: str) -> None:
        self._loop = loop
        self._modules = [name for name in modules if name not in sys.modules]
        self._has_begun = False

    def begin(self) -> None:
        """Begin, if nobody has begun; from any thread, and it comes back at once."""
        if self._loop is not None and self._modules and not self._has_begun:
            self._has_begun = True
            with contextlib.suppress(RuntimeError):  # it was closed
                self._loop.call_soon_threadsafe(self._next)

    def _next(self) -> None:
        if self._loop is None or not self._modules or threading.current_thread() is not threading.main_thread():
            return
        with contextlib.suppress(BaseException):  # nobody asked for it yet
            importlib.import_module(self._modules.pop(0))
        self._loop.call_later(_TURN_S, self._next)


def _end_before_fork() -> None:
    """Wait for imports: in a child nobody would ever end them, and its own would wait for that."""
    for thread in _running - {threading.current_thread()}:
        thread.join(_AT_FORK_S)


def _after_fork() -> None:
    _running.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_end_before_fork, after_in_child=_after_fork)
