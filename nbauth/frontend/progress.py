"""Progress of a load: a display that keeps its last state in a notebook, a rewritten line in a terminal."""

from __future__ import annotations

import contextvars
import html
import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, TextIO

from nbauth.frontend.text import printable

if TYPE_CHECKING:
    from nbauth.data.fetch.progress import Outcome

__all__ = ["NotebookProgress", "TerminalProgress", "summary"]

_EVERY_S = 0.2
_QUIET_S = 0.5  # a load that is over sooner needs no display
_WIDEST = 79
_MB = 1_000_000
_ENDINGS = {"done": "", "interrupted": ", interrupted", "failed": ", failed"}


def summary(*, rows: int, requests: int, received_bytes: int, seconds: float) -> str:
    """Say how far a load is, as in ``12,000 rows, 12 requests, 2.4 MB, 0.8 s``."""
    return (
        f"{rows:,} row{'' if rows == 1 else 's'}, {requests:,} request{'' if requests == 1 else 's'}, "
        f"{received_bytes / _MB:,.1f} MB, {seconds:.1f} s"
    )


class _Progress:
    """What both displays share: when to draw, and what."""

    def __init__(self, title: str, note: str = "") -> None:
        self._title = printable(title)
        self._note = printable(note)
        self._started = time.monotonic()
        # What a person has to know is shown however soon the load is over.
        self._drawn = -_EVERY_S if note else self._started + _QUIET_S - _EVERY_S
        self._state: dict[str, Any] = {"rows": 0, "requests": 0, "received_bytes": 0}
        self._total: int | None = None
        self._lock = threading.Lock()
        self._shown = bool(note)
        self._hint: str | None = None

    def update(self, *, rows: int, requests: int, received_bytes: int, total_rows: int | None = None) -> None:
        """Take how far it is; draw at most five times a second."""
        with self._lock:
            self._state = {"rows": rows, "requests": requests, "received_bytes": received_bytes}
            self._total = total_rows
            now = time.monotonic()
            if now - self._drawn >= _EVERY_S:
                self._drawn, self._shown = now, True
                self._draw(self._text(), done=False)

    def wait(self, seconds: float, why: str) -> None:
        """Draw at once why nothing comes for a while."""
        del seconds
        with self._lock:
            self._shown = True
            self._draw(f"{self._text()}; {why}", done=False)

    def hint(self, text: str) -> None:
        """Take how the same load would be quicker, which is drawn at its end."""
        self._hint = text

    def finish(self, outcome: Outcome) -> None:
        """Draw the last state, if anything was drawn."""
        with self._lock:
            if self._shown:
                self._draw(self._text() + _ENDINGS[outcome], done=True)

    def _text(self) -> str:
        return summary(**self._state, seconds=time.monotonic() - self._started)

    def _draw(self, text: str, *, done: bool) -> None:
        raise NotImplementedError


class TerminalProgress(_Progress):
    """One line on standard error, rewritten; nothing where nobody would see that.

    Args:
        title: what is read.
        note: what the person has to know beside it, on a line of its own.
        stream: where to draw.
        rewrites: what is written there is seen by somebody in a place that rewrites lines; by default where it is a
            terminal.
    """

    def __init__(
        self, title: str, note: str = "", stream: TextIO | None = None, *, rewrites: bool | None = None
    ) -> None:
        super().__init__(title, note)
        self._stream = stream if stream is not None else sys.stderr
        self._rewrites = self._stream.isatty() if rewrites is None else rewrites

    def _draw(self, text: str, *, done: bool) -> None:
        if not self._rewrites:
            return
        if self._note:
            self._stream.write(f"{self._note}\n")
            self._note = ""
        width = min(_WIDEST, shutil.get_terminal_size().columns - 1)  # a line that wraps cannot be rewritten
        hint = f"{self._hint}\n" if done and self._hint else ""
        self._stream.write(f"\r{text[:width]:<{width}}" + (f"\n{hint}" if done else ""))
        self._stream.flush()


class NotebookProgress(_Progress):
    """A display whose last state stays in the notebook; widgets would be broken when it is opened again.

    It is made in the cell's own thread, and may be told how far it is in any other.

    Args:
        title: what is read.
        note: what the person has to know beside it.
    """

    def __init__(self, title: str, note: str = "") -> None:
        super().__init__(title, note)
        self._handle: Any = None
        # Up to 7.0 ipykernel knows by this alone which cell shows something, and raises in a thread without it.
        self._cell = contextvars.copy_context()

    def _draw(self, text: str, *, done: bool) -> None:
        from IPython.display import display

        from nbauth.frontend.notebook_prompt import Message

        text = f"{text}; {self._hint}" if done and self._hint else text
        text = f"{self._title}: {text}{f'. {self._note}' if self._note else ''}"
        label = html.escape(text)
        value = f' value="{self._state["rows"]}" max="{self._total}"' if self._total else ' value="1"' if done else ""
        message = Message(
            f'<div><progress{value} aria-label="{html.escape(self._title)}"></progress> {label}</div>',
            text,
        )
        if self._handle is None:
            self._handle = self._cell.run(display, message, display_id=True)
        else:
            self._cell.run(self._handle.update, message)
