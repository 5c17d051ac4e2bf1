"""Imports in a thread, while the main thread waits for a person and would do nothing else."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading

from nbauth.process.interrupts import defer_interrupt

__all__ = ["ImportsAhead"]

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


def _end_before_fork() -> None:
    """Wait for imports: in a child nobody would ever end them, and its own would wait for that."""
    for thread in _running - {threading.current_thread()}:
        thread.join(_AT_FORK_S)


def _after_fork() -> None:
    _running.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_end_before_fork, after_in_child=_after_fork)
