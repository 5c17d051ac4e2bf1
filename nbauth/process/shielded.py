"""Work that no interrupt reaches: it runs in its own thread, and an interrupt ends only the wait for it.

An interrupt in the middle of an import leaves NumPy, pandas or a library in C half there, and Python cannot import it
again before a restart.
"""

from __future__ import annotations

import contextvars
import importlib
import sys
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from nbauth.process.visitors import carried

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["load", "shielded"]

V = TypeVar("V")
_STEP_S = 0.1  # on Windows an interrupt does not end a wait
_loaded: set[str] = set()


def load(*modules: str) -> None:
    """Import modules; an interrupt meanwhile lets the import end, and the next caller finds it done.

    Raises:
        ImportError: one of them cannot be imported.
        KeyboardInterrupt: the person stopped the wait.
    """
    # The second question is for a module that somebody took away.
    missing = [name for name in modules if name not in _loaded or sys.modules.get(name) is None]
    if missing:
        shielded(lambda: [importlib.import_module(name) for name in missing])
        _loaded.update(missing)


def shielded(run: Callable[[], V]) -> V:
    """Call `run` where no interrupt reaches it; return its result, or raise its exception.

    Raises:
        KeyboardInterrupt: the person stopped the wait; what `run` does goes on to its end, and nobody hears of it.
    """
    if threading.current_thread() is not threading.main_thread():
        return run()  # an interrupt comes to the main thread only
    box: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
    context, carried_run = contextvars.copy_context(), carried(run)

    def work() -> None:
        try:
            box.put((context.run(carried_run), None))
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that waits
            box.put((None, error))

    try:
        threading.Thread(target=work, name="nbauth-work", daemon=True).start()
    except RuntimeError:  # the interpreter ends: Python starts no thread any more
        return run()
    while True:
        try:
            value, error = box.get(timeout=_STEP_S)
        except Empty:
            continue
        if error is not None:
            raise error
        return value  # type: ignore[no-any-return]
