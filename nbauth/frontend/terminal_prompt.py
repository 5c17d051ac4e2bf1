"""A prompt of plain lines, for terminals and scripts."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import sys
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

from nbauth.frontend.cancelled import cancelled
from nbauth.frontend.request_text import text_of
from nbauth.frontend.text import approval_text, one_line, printable, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.errors import NbauthError
    from nbauth.signin.flows.prompt import ApprovalRequest
    from nbauth.signin.flows.sign_in_request import SignInRequest
    from nbauth.signin.profile.account import Account

__all__ = ["TerminalPrompt"]

_STEP_S = 0.1
_WIDEST = 100
_BACKSPACES = ("\x7f", "\b")
_QUESTION = "Does the page show an error? Type its number or text"


class TerminalPrompt:
    """Prints what to do, and reads a pasted address without showing it.

    Args:
        output: where to print; by default standard output as it is now.
        source: where to read from; by default standard input as it is now.
    """

    opens_addresses = False

    def __init__(self, output: TextIO | None = None, source: TextIO | None = None) -> None:
        self._output = output if output is not None else sys.stdout
        self._source = source if source is not None else sys.stdin
        self._asks = False
        self._asks_approval = False
        self._hears = False
        self._profile = ""

    def ask_approval(self, request: ApprovalRequest) -> None:
        """Print what the configuration would do, and ask; the answer is seen, and is no unless it says yes."""
        self._profile = request.profile
        self._print(approval_text(request))
        print("Approve? [y/N] ", end="", file=self._output, flush=True)
        self._asks = self._asks_approval = True

    def end_approval(self) -> None:
        """Ask no more; what was printed stays."""
        self._asks = self._asks_approval = False

    def begin(self, request: SignInRequest) -> None:
        """Print which application asks, and where its tokens may go."""
        self._profile = request.profile
        self._print(text_of(request, width=min(_WIDEST, shutil.get_terminal_size().columns)))

    def page(self) -> None:
        """Tell that this is no page."""

    def offer(self, ways: tuple[str, ...]) -> None:
        """Offer nothing: the flow is named on the line."""

    def show_address(self, url: str, *, opened: bool) -> None:
        """Print the address, for a browser on this machine."""
        self._print(
            "A browser opens to sign in. If it does not, open this address on this machine:"
            if opened
            else "To sign in, open this address in a browser on this machine:"
        )
        self._print(printable(url))
        self._hear()

    def show_code(self, user_code: str, verification_uri: str, *, expires_at: datetime) -> None:
        """Print the code and where to type it."""
        minutes = max(1, round((expires_at - datetime.now(UTC)).total_seconds() / 60))
        self._print(f"To sign in, open {printable(verification_uri)} on any device")
        self._print(f"and type the code {printable(user_code)} (good for {minutes} minutes).")
        self._hear()

    def ask_redirect(self, url: str, *, channel: str | None = None) -> None:
        """Print the address, and ask for the one where the browser ends up."""
        del channel
        self._print("To sign in, open this address in any browser:")
        self._print(printable(url))
        self._print("Afterwards the browser may say that it cannot reach the page. Copy the whole")
        self._print("address from its address bar, paste it here and press Enter. It is not shown.")
        self._print(f"{_QUESTION} in place of it.")
        self._asks = True

    def tell(self, text: str) -> None:
        """Print it."""
        self._print("\n".join(wrapped(one_line(text), width=min(_WIDEST, shutil.get_terminal_size().columns))))

    def wait(self, timeout_s: float) -> str | None:
        """Sleep, or read a line."""
        try:
            if not self._asks:
                return self._heard(min(timeout_s, _STEP_S))
            line = self._read_line(timeout_s)
        except KeyboardInterrupt:
            raise cancelled(self._profile, "The sign-in was interrupted.") from None
        if line is not None:
            self._asks = False
        return line

    def end(self, outcome: Account | NbauthError) -> None:
        """Print nothing more: the caller tells the outcome."""

    def _print(self, line: str) -> None:
        # Flushed: a script's output may go to a pipe, where a person waits for the code.
        print(line, file=self._output, flush=True)

    def _hear(self) -> None:
        """Ask for an error of the page, where somebody can type without being asked to."""
        self._hears = os.name == "posix" and _is_in_front(self._source)
        if self._hears:
            self._print(f"{_QUESTION} and press Enter.")

    def _heard(self, timeout_s: float) -> str | None:
        """Let time pass; return what was typed meanwhile, which may be several lines of a page."""
        if not self._hears or not _is_in_front(self._source):  # it may have been put in the background
            time.sleep(timeout_s)
            return None
        descriptor, text = self._source.fileno(), ""
        while select.select([descriptor], [], [], _STEP_S if text else timeout_s)[0]:
            data = os.read(descriptor, 4096).decode("utf-8", "replace")
            self._hears = bool(data)  # Ctrl-D
            if not data:
                break
            text += data
        return text.strip() or None

    @property
    def _nowhere(self) -> str:
        return "There is no terminal to " + ("answer in." if self._asks_approval else "paste into.")

    def _read_line(self, timeout_s: float) -> str | None:
        try:
            descriptor = self._source.fileno()
        except (OSError, ValueError, AttributeError):
            descriptor = -1
        if descriptor < 0 or os.name != "posix":
            return self._read_in_thread(timeout_s)
        with contextlib.nullcontext() if self._asks_approval else _unseen(descriptor):
            return self._read_characters(descriptor, timeout_s)

    def _read_characters(self, descriptor: int, timeout_s: float) -> str | None:
        """Read up to the end of a line; None when none was begun within the time."""
        line = ""
        patience_s = timeout_s
        while select.select([descriptor], [], [], patience_s)[0]:
            data = os.read(descriptor, 4096).decode("utf-8", "replace")
            if not data or data == "\x04":  # the end of a pipe, Ctrl-D
                raise cancelled(self._profile, self._nowhere)
            for character in data:
                if character in "\r\n":
                    if not self._asks_approval:
                        self._print("")
                    return line
                line = line[:-1] if character in _BACKSPACES else line + character
            patience_s = 60.0  # a paste has begun; what is left of it follows
        return None

    def _read_in_thread(self, timeout_s: float) -> str | None:
        lines: list[str] = []
        thread = threading.Thread(target=lambda: lines.append(self._source.readline()), daemon=True)
        thread.start()
        thread.join(timeout_s if timeout_s > 1 else 300)  # a thread that reads cannot be ended
        if not lines:
            return None
        if not lines[0]:
            raise cancelled(self._profile, self._nowhere)
        return lines[0].strip()


def _is_in_front(source: TextIO) -> bool:
    """Tell whether this is the main thread of what has the terminal; beside it an event loop may be reading lines."""
    if sys.platform == "win32":
        return False
    try:
        descriptor = source.fileno()
        has_it = os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False
    return has_it and threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def _unseen(descriptor: int) -> Iterator[None]:
    """Turn off the terminal's echo and its line editing, whose lines end at 1,024 or 4,096 characters."""
    if sys.platform == "win32":
        raise NotImplementedError
    if not os.isatty(descriptor):
        yield
        return
    import termios

    before = termios.tcgetattr(descriptor)
    changed = termios.tcgetattr(descriptor)
    changed[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(descriptor, termios.TCSADRAIN, changed)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
