"""Starting a browser without waiting for it to end."""

from __future__ import annotations

import os
import shlex
import threading
import time
import webbrowser
from typing import TYPE_CHECKING, Any

import pytest

from nbauth.errors import SignInTimeout
from nbauth.process import browsers
from nbauth.signin.flows import browser_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nbauth.demo.server import DemoServer


@pytest.fixture
def in_front(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Name a program as BROWSER that stays in front until the test ends; return the file of what it was given."""
    given, end = tmp_path / "given", tmp_path / "end"
    os.mkfifo(end)
    program = tmp_path / "browser"
    program.write_text(f"#!/bin/sh\nprintf '%s' \"$1\" > {given}.new; mv {given}.new {given}\nread line < {end}\n")
    program.chmod(0o700)
    monkeypatch.setenv("BROWSER", shlex.quote(str(program)))
    _read_anew(monkeypatch)
    yield given
    end.write_text("\n")


def _read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the standard library read BROWSER again."""
    monkeypatch.setattr(webbrowser, "_browsers", {})
    monkeypatch.setattr(webbrowser, "_tryorder", None)


def test_a_program_that_stays_in_front(in_front: Path) -> None:
    """A program that has not ended after a moment counts as started, and nobody waits for its end."""
    with browser_file.opened("https://login.example/authorize?state=s") as is_open:
        assert is_open
        until = time.monotonic() + 20
        while not in_front.exists() and time.monotonic() < until:
            time.sleep(0.02)
        assert in_front.read_text().startswith("file://")


def test_the_timeout_holds(in_front: Path, demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sign-in ends at its timeout, whatever the browser does."""
    import nbauth

    with pytest.raises(SignInTimeout):
        nbauth.login("demo", flow="loopback", timeout_s=0.2)
    assert in_front.exists()


def test_an_object_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser that is an object of Python's own gets the address itself, and may wait, too."""
    seen, end = [], threading.Event()

    class Own:
        name = "own"

        def open(self, url: str, *_: Any) -> bool:
            seen.append(url)
            return end.wait(60)

    monkeypatch.setenv("BROWSER", "own")
    _read_anew(monkeypatch)
    webbrowser.register("own", None, Own(), preferred=True)  # type: ignore[arg-type]
    try:
        with browser_file.opened("https://login.example/") as is_open:
            assert (is_open, seen) == (True, ["https://login.example/"])
    finally:
        end.set()


@pytest.mark.parametrize("outcome", [True, False, webbrowser.Error("none"), OSError("no")])
def test_what_ends_at_once(outcome: bool | Exception) -> None:  # noqa: FBT001 - a row
    """What a browser says of itself is told, and one that cannot be started is none."""

    def start(_url: str) -> bool:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert browsers.started(start, "https://login.example/") is (outcome is True)
