"""Work in a process that is forked from the test's."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["in_child"]


def in_child(work: Callable[[], Any]) -> Any:
    """Return what `work` returns in a forked child."""
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()

    def run() -> None:
        try:
            queue.put((work(), None))
        except BaseException as error:
            queue.put((None, repr(error)))
            raise

    child = context.Process(target=run)
    child.start()
    answer, error = queue.get()
    child.join()
    assert error is None, error
    return answer
