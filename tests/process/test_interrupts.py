from __future__ import annotations

import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from nbauth.process import interrupts
from nbauth.process.interrupts import defer_interrupt, interrupts_noted, raise_lost_interrupt

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


def test_an_interrupt_that_python_drops() -> None:
    """It is raised at the next step, once; another thread does not raise it."""

    @interrupts_noted
    def work() -> None:
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        thread = threading.Thread(target=raise_lost_interrupt)
        thread.start()
        thread.join()
        with pytest.raises(KeyboardInterrupt):
            raise_lost_interrupt()
        raise_lost_interrupt()

    work()
    raise_lost_interrupt()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_that_waits_while_they_are_noted() -> None:
    """Work that must not be left half done is done, and what it raises at its end may be dropped, too."""
    done: list[str] = []

    @interrupts_noted
    def work() -> None:
        with suppress(KeyboardInterrupt), defer_interrupt():
            signal.raise_signal(signal.SIGINT)
            done.append("whole")
        with pytest.raises(KeyboardInterrupt):
            raise_lost_interrupt()

    work()
    assert done == ["whole"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_while_the_handler_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler before is back, and the interrupt is raised."""
    real = signal.getsignal
    work = interrupts_noted(lambda: monkeypatch.setattr(interrupts.signal, "getsignal", asked))

    def asked(number: int) -> object:
        signal.raise_signal(signal.SIGINT)
        return real(number)

    with pytest.raises(KeyboardInterrupt):
        work()
    monkeypatch.undo()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_that_is_kept() -> None:
    """Who keeps the handler that notes, and sets it after its end, has one that raises."""
    kept = interrupts_noted(lambda: signal.getsignal(signal.SIGINT))()
    assert callable(kept)
    signal.signal(signal.SIGINT, kept)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), defer_interrupt():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is kept
