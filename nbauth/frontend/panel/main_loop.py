"""MainLoop: what observes a panel runs where the panel was made, as a notebook's main thread, and fails alone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from contextvars import copy_context
from typing import TYPE_CHECKING

from IPython.core.getipython import get_ipython

from nbauth.process import visitors

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MainLoop"]

logger = logging.getLogger(__name__)


class MainLoop:
    """The event loop that runs where it is made; a script has none.

    A sign-in ends in a thread of its own, and a front end may hand on a click in another one. Widgets, plots and
    Jupyter's outputs are meant for the loop's thread.

    Args:
        tell_failure: is called with what a function raised, after it has been shown.
    """

    def __init__(self, tell_failure: Callable[[Exception], None]) -> None:
        self._tell_failure = tell_failure
        self._thread = threading.get_ident()
        # The cell's outputs (ipykernel 7) and the visitor's document (Panel) are found by it.
        self._context = copy_context()
        self._loop: asyncio.AbstractEventLoop | None = None
        with contextlib.suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()

    @property
    def of_one_person(self) -> asyncio.AbstractEventLoop | None:
        """The loop, where the process is one person's, and nobody else waits for it."""
        return self._loop if visitors.whose() is None else None

    def run(self, *functions: Callable[[], None]) -> None:
        """Run functions one after the other: at once in the loop's own thread, or soon from another one.

        What one of them raises stops none of the others, and does not reach the caller.
        """
        if self._loop is not None and self._loop.is_running() and threading.get_ident() != self._thread:
            with contextlib.suppress(RuntimeError):  # it was closed this moment
                self._loop.call_soon_threadsafe(self._run_all, functions, context=self._context.copy())
                return
        self._run_all(functions)

    def _run_all(self, functions: tuple[Callable[[], None], ...]) -> None:
        for function in functions:
            try:
                function()
            except Exception as error:  # noqa: BLE001 - somebody else's: it is shown, and no sign-in fails for it
                self._show(error)

    def _show(self, error: Exception) -> None:
        shell = get_ipython()
        if shell is not None:
            shell.showtraceback()
        else:
            logger.error("What observes a sign-in panel raised an error", exc_info=error)
        self._tell_failure(error)
