"""A plain prompt for notebooks: displays that are replaced when the sign-in ends, and a hidden input field."""

from __future__ import annotations

import contextlib
import getpass
import html
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nbauth.errors import NbauthError
from nbauth.frontend.cancelled import cancelled
from nbauth.frontend.request_text import text_of
from nbauth.frontend.text import approval_lines, approval_text, is_web_address, one_line, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.signin.flows.prompt import ApprovalRequest
    from nbauth.signin.flows.sign_in_request import SignInRequest
    from nbauth.signin.profile.account import Account

__all__ = ["Message", "NotebookPrompt", "show_address"]

_STEP_S = 0.1
_POLL_S = 0.05


class Message:
    """Something to display, as HTML and as text.

    Args:
        markup: safe HTML.
        text: the same for front ends without HTML.
    """

    def __init__(self, markup: str, text: str) -> None:
        self._bundle = {"text/html": markup, "text/plain": text}

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return self._bundle


class NotebookPrompt:
    """Shows addresses and codes in one display of the cell's output, and takes them away at the end.

    A notebook that is saved while somebody signs in holds what is shown at that moment: an address with `state`, good
    for one use, or a user code, good for minutes. What is pasted is never part of it.
    """

    opens_addresses = False

    def __init__(self) -> None:
        self._handle: Any = None
        self._who_text = ""
        self._shown = ("", "")
        self._told = ""
        self._asks = False
        self._asks_approval = False
        self._profile = ""
        self._deadline = 0.0

    def ask_approval(self, request: ApprovalRequest) -> None:
        """Show what the configuration would do, and ask for a word."""
        self._profile = request.profile
        self._deadline = time.monotonic() + request.timeout_s
        then = "To approve, type yes below. Anything else leaves it, and nothing is sent."
        lead, reasons = approval_lines(request)
        marked_up = "".join(f"<p>{html.escape(line)}</p>" for line in (lead, *reasons, then))
        self._display(marked_up, f"{approval_text(request)}\n{then}")
        self._asks_approval = True

    def end_approval(self) -> None:
        """Take away what was shown."""
        self._asks_approval = False
        if self._handle is not None:
            self._handle.update(Message("", ""))

    def begin(self, request: SignInRequest) -> None:
        """Remember the request; it is shown with what to do."""
        self._profile = request.profile
        self._who_text = text_of(request)
        self._deadline = time.monotonic() + request.timeout_s

    def page(self) -> None:
        """Tell that this is no page."""

    def offer(self, ways: tuple[str, ...]) -> None:
        """Offer nothing: the flow is named on the line."""

    def show_address(self, url: str, *, opened: bool) -> None:
        """Show a link to the provider's page."""
        lead = "A browser opens to sign in. If it does not, open" if opened else "To sign in, open"
        self._show(f"{lead} {_link(url, 'the sign-in page')} in a browser on the kernel's machine.", f"{lead}: {url}")

    def show_code(self, user_code: str, verification_uri: str, *, expires_at: datetime) -> None:
        """Show the code and where to type it."""
        minutes = max(1, round((expires_at - datetime.now(UTC)).total_seconds() / 60))
        code = html.escape(printable(user_code))
        self._show(
            f"To sign in, open {_link(verification_uri, printable(verification_uri))} on any device and type the code "
            f"<b><code style='font-size: 1.25em'>{code}</code></b> (good for {minutes} minutes).",
            f"To sign in, open {verification_uri} on any device and type the code {user_code} "
            f"(good for {minutes} minutes).",
        )

    def ask_redirect(self, url: str, *, channel: str | None = None) -> None:
        """Show a link, and ask for the address where the browser ends up."""
        del channel
        then = (
            "Afterwards the browser may say that it cannot reach the page: copy the whole address from its address bar "
            "and paste it below. It is not shown or saved; an empty line cancels."
        )
        self._show(f"To sign in, open {_link(url, 'the sign-in page')}. {then}", f"To sign in, open: {url}\n{then}")
        self._asks = True

    def tell(self, text: str) -> None:
        """Show it above what is asked."""
        self._told = one_line(text)
        self._show(*self._shown)

    def wait(self, timeout_s: float) -> str | None:
        """Sleep, or ask for the address."""
        try:
            if self._asks_approval:
                return _ask_hidden("Approve? ", self._deadline)
            if not self._asks:
                time.sleep(min(timeout_s, _STEP_S))
                return None
            # `input` would be saved in the notebook; the field of `getpass` is not.
            pasted = _ask_hidden("Address: ", self._deadline)
        except (KeyboardInterrupt, EOFError):
            raise cancelled(self._profile, "The sign-in was interrupted.") from None
        if pasted is None:
            return None
        if not pasted.strip():
            raise cancelled(self._profile, "The sign-in was cancelled.")
        self._asks = False
        return pasted

    def end(self, outcome: Account | NbauthError) -> None:
        """Replace what was shown: addresses and codes are no longer good for anything."""
        if self._handle is not None:
            # Of a success the caller tells more; an error stands below in a line of its own.
            text = "The sign-in did not succeed." if isinstance(outcome, NbauthError) else ""
            self._handle.update(Message(f"<p>{text}</p>" if text else "", text))

    def _show(self, markup: str, text: str) -> None:
        self._shown, who = (markup, text), self._who_text
        told = f"<p><b>{html.escape(self._told)}</b></p>" if self._told else ""
        self._display(
            f"<div>{told}<p>{markup}</p><pre style='white-space: pre-wrap'>{html.escape(who)}</pre></div>",
            printable_lines("\n".join(filter(None, (self._told, text, who)))),
        )

    def _display(self, markup: str, text: str) -> None:
        from IPython.display import display

        message = Message(markup, text)
        if self._handle is None:
            self._handle = display(message, display_id=True)
        else:
            self._handle.update(message)


def show_address(text: str, url: str) -> None:
    """Display an address to open."""
    from IPython.display import display

    display(Message(f"<p>{html.escape(text)} {_link(url, 'this page')}.</p>", printable_lines(f"{text}:\n{url}")))


def printable_lines(text: str) -> str:
    """Return a text of several lines, each of them printable."""
    return "\n".join(printable(line) for line in text.split("\n"))


def _link(url: str, label: str) -> str:
    if not is_web_address(url):
        return html.escape(printable(url))
    return f'<a href="{html.escape(url)}" target="_blank" rel="noopener noreferrer">{html.escape(label)}</a>'


def _ask_hidden(prompt: str, deadline: float) -> str | None:
    """Ask with `getpass`; None when the deadline is over before anything was typed."""
    over = threading.Event()
    try:
        with _interrupt_at(deadline, over):
            return getpass.getpass(prompt)
    except KeyboardInterrupt:
        if over.is_set():
            return None
        raise


@contextlib.contextmanager
def _interrupt_at(deadline: float, over: threading.Event) -> Iterator[None]:
    """Interrupt the main thread at the deadline, and say in `over` that it was not the person.

    The kernel waits for input in a loop that passes over every Exception but a KeyboardInterrupt.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    import _thread

    answered = threading.Event()

    def watch() -> None:
        while not answered.wait(_POLL_S):
            if time.monotonic() >= deadline:
                over.set()
                _thread.interrupt_main()
                return

    watcher = threading.Thread(target=watch, daemon=True)
    try:
        watcher.start()  # within: left behind, it would interrupt something else at the deadline
        yield
    finally:
        answered.set()
        if watcher.ident is not None:
            watcher.join()
