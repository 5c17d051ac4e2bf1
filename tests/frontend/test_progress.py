"""The progress of a load, as a person sees it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from nbauth.frontend import progress
from nbauth.frontend.progress import TerminalProgress

if TYPE_CHECKING:
    import pytest


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_hint_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """How a load would be quicker stands on a line of its own behind the last state."""
    monkeypatch.setattr(progress, "_QUIET_S", -1.0)
    terminal = _Terminal()
    told = TerminalProgress("Reading", stream=terminal)
    told.hint("larger pages")
    told.update(rows=1, requests=1, received_bytes=0)
    told.finish("done")
    *_, last, hint, empty = terminal.getvalue().split("\n")
    assert last.rstrip().endswith(" s")
    assert (hint, empty) == ("larger pages", "")


def test_a_quick_load_says_nothing() -> None:
    """A load that is over before anything was drawn gives no hint, either."""
    terminal = _Terminal()
    told = TerminalProgress("Reading", stream=terminal)
    told.hint("larger pages")
    told.finish("done")
    assert terminal.getvalue() == ""
