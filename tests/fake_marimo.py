"""A server with several visitors, played: what marimo has in its module, with threads that are in somebody's visit."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

__all__ = ["MARIMO", "FakeMarimo", "Kernel", "in_a_thread"]

MARIMO = "marimo._runtime.context.types"


class Kernel:
    """What marimo has for each visitor."""

    def __init__(self) -> None:
        self.globals = {"mo": "marimo"}


class FakeMarimo:
    """A server whose threads are in the visit that `visit` names, and in none otherwise.

    Args:
        monkeypatch: puts its module in place for the time of a test.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._here = threading.local()
        self.kernels: dict[str, Kernel] = {}
        module: Any = ModuleType(MARIMO)
        module.safe_get_context = self._context
        monkeypatch.setitem(sys.modules, MARIMO, module)
        # A server that never tells whose visit it is: what is in no visit is not the one person's whose process it is.
        monkeypatch.setitem(sys.modules, "uwsgi", ModuleType("uwsgi"))

    def _context(self) -> object:
        who = getattr(self._here, "who", None)
        if who is None:
            return None
        return SimpleNamespace(parent=None, session_mode="run", _kernel=self.kernels.setdefault(who, Kernel()))

    @contextmanager
    def visit(self, who: str) -> Iterator[None]:
        """Be in somebody's visit in this thread."""
        before, self._here.who = getattr(self._here, "who", None), who
        try:
            yield
        finally:
            self._here.who = before

    def end(self, who: str) -> None:
        """End a visit, as marimo does."""
        self.kernels.pop(who).globals.clear()


def in_a_thread(do: Callable[[], Any]) -> Any:
    """Return what a function returns in a thread of its own, or raise what it raises."""
    came: list[Any] = []

    def run() -> None:
        try:
            came.append((do(), None))
        except BaseException as error:
            came.append((None, error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    ((result, error),) = came
    if error is not None:
        raise error
    return result
