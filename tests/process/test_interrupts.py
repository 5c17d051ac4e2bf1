from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import pytest

from nbauth.process.interrupts import defer_interrupt

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def usual_handler() -> Iterator[None]:
    """Python's own handler, whatever runs the tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_waits() -> None:
    """The work is done before an interrupt that came meanwhile is raised, and the next one comes at once."""
    done: list[str] = []

    def work(name: str) -> None:
        signal.raise_signal(signal.SIGINT)
        done.append(name)

    with pytest.raises(KeyboardInterrupt), defer_interrupt():
        work("first")
    with pytest.raises(KeyboardInterrupt):
        work("second")
    assert done == ["first"]


def test_an_error_of_the_work_comes_first() -> None:
    """What the work raises is not hidden by an interrupt, and the handler is put back."""

    def work() -> None:
        signal.raise_signal(signal.SIGINT)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"), defer_interrupt():
        work()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_somebody_elses_interrupt() -> None:
    """Another thread, and a handler that somebody has set, are left alone."""
    seen: list[object] = []

    def work() -> None:
        with defer_interrupt():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    signal.signal(signal.SIGINT, handler := lambda *_: None)
    work()
    assert seen == [signal.default_int_handler, handler]
