"""Starting a browser without waiting for it to end."""

from __future__ import annotations

import contextlib
import queue
import threading
import webbrowser
from contextvars import copy_context
from typing import TYPE_CHECKING

from nbauth.process.visitors import carried

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["started"]

_PATIENCE_S = 1.0  # a program that cannot start ends within a few milliseconds


def started(start: Callable[[str], bool], url: str) -> bool:
    """Have a browser open an address; tell whether one was started.

    The standard library waits until a program that BROWSER names has ended, unless an ampersand stands behind it. One
    that stays in front, as a path or a flatpak does, ends when the person closes it, after any timeout. So it runs in
    a thread, and what has not ended after a moment counts as started.

    Args:
        start: what opens the address, as `webbrowser.open` does; it may wait.
        url: the address.
    """
    outcome: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def run() -> None:
        is_open = False
        try:
            with contextlib.suppress(webbrowser.Error, OSError):
                is_open = bool(start(url))
        finally:
            outcome.put(is_open)

    threading.Thread(target=copy_context().run, args=(carried(run),), name="nbauth-browser", daemon=True).start()
    try:
        return outcome.get(timeout=_PATIENCE_S)
    except queue.Empty:
        return True
