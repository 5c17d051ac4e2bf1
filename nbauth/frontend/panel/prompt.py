"""A prompt that the sign-in panel draws, or plain text where no front end draws it."""

from __future__ import annotations

import hmac
import threading
import time
from typing import TYPE_CHECKING, Any

from nbauth.errors import NbauthError
from nbauth.files.tree import running_shell
from nbauth.frontend.callback import callback_directory, install_callback_page
from nbauth.frontend.cancelled import cancelled
from nbauth.frontend.comm_pump import CommPump
from nbauth.frontend.notebook_prompt import Message, NotebookPrompt
from nbauth.frontend.text import approval_lines, one_line, printable
from nbauth.signin import flows
from nbauth.signin.flows.browser_page import BrowserPage, OtherFlow, callback_uri, is_editor, may_probe
from nbauth.signin.flows.loopback_probe import LoopbackProbe

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from nbauth.frontend.panel.messages import Action
    from nbauth.frontend.panel.widget import PanelWidget
    from nbauth.signin.flows.prompt import ApprovalRequest, Prompt
    from nbauth.signin.flows.sign_in_request import SignInRequest
    from nbauth.signin.profile.account import Account
    from nbauth.signin.profile.profile import Profile

__all__ = ["PanelPrompt"]

_SEEN_S = 4.0  # a page that draws widgets does so within a second; the first one loads anywidget
_SEEN_IN_VSCODE_S = 10.0  # whose page looks for a network first, and asks its extension for the script
_PROBE_S = 3.0
_STEP_S = 0.05


class PanelPrompt:
    """Draws a sign-in in a panel.

    Args:
        panel: a panel that is shown already; None makes one and displays it.
        make_panel: makes the panel of a profile, where none is shown yet.
    """

    def __init__(
        self, panel: PanelWidget | None = None, *, make_panel: Callable[[str], PanelWidget] | None = None
    ) -> None:
        self._panel = panel
        self._own = panel is None
        self._make_panel = make_panel
        self._handle: Any = None
        self._pump: CommPump | None = None
        self._plain: Prompt | None = None
        self._request: SignInRequest | None = None
        self._page: BrowserPage | None = None
        self._ways: tuple[str, ...] = ()
        self._asks_approval = False
        self._shown: tuple[str, dict[str, Any]] | None = None
        self._told = ""

    @property
    def opens_addresses(self) -> bool:
        """Whether the panel alone brings the person to an address; a flow that was named opens it here, too."""
        return self._plain is None and self._request is not None and self._request.flow == "auto"

    # The protocol

    def ask_approval(self, request: ApprovalRequest) -> None:
        """Show what the configuration would do, in a panel that is gone afterwards where it is not the person's own."""
        self._panel = self._panel_of(request.profile)
        self._panel.serve(self)
        self._pump = CommPump.here(self._panel.comm)
        self._asks_approval = True
        if self._own and not self._display():
            self._clear()
            self._plain = NotebookPrompt()
            self._plain.ask_approval(request)
            return
        lead, reasons = approval_lines(request)
        self._panel.show(self._panel.view_of("approval", status=lead, reasons=reasons))

    def end_approval(self) -> None:
        """Remove what was shown; a sign-in begins anew."""
        self._asks_approval = False
        if self._plain is not None:
            self._plain.end_approval()
            self._plain = None
        if self._pump is not None:
            self._pump.remove()
            self._pump = None
        if self._panel is None:
            return
        if self._own:
            self._panel.serve(None)
            self._clear()
            self._panel.close()
            self._panel = None
        else:
            self._panel.show(self._panel.view_of("starting", status="Asking the provider…"))

    def begin(self, request: SignInRequest) -> None:
        """Show the panel; turn to plain text where nobody draws it."""
        self._request = request
        self._panel = self._panel_of(request.profile)
        self._panel.serve(self, request)
        self._pump = CommPump.here(self._panel.comm)
        if self._own and not self._display():
            self._turn_plain()
            return
        self._panel.show(self._panel.view_of("starting", status="Asking the provider…"))
        self._page = self._look_at_page()

    def page(self) -> BrowserPage | None:
        """Tell what is known of the page that shows the panel."""
        return self._page

    def offer(self, ways: tuple[str, ...]) -> None:
        """Take the flows that could run in place of the present one."""
        self._ways = ways

    def show_address(self, url: str, *, opened: bool) -> None:
        """Show the button that leads to the provider."""
        if self._plain is not None:
            self._plain.show_address(url, opened=opened)
            return
        here = opened and not self.opens_addresses
        lead = "A browser opens to sign in. If it does not, press Sign in." if here else "Press Sign in."
        self._show("open", url=url, status=lead)

    def show_code(self, user_code: str, verification_uri: str, *, expires_at: datetime) -> None:
        """Show the code, where to type it, and how long it is good."""
        if self._plain is not None:
            self._plain.show_code(user_code, verification_uri, expires_at=expires_at)
            return
        self._show(
            "code",
            code=printable(user_code),
            verification_uri=printable(verification_uri),
            expires_at=expires_at.timestamp(),
            status="Type this code at the address below, on any device.",
        )

    def ask_redirect(self, url: str, *, channel: str | None = None) -> None:
        """Show the button, and wait for the redirect: from the callback page, or pasted."""
        if self._plain is not None:
            self._plain.ask_redirect(url, channel=channel)
            return
        text = "Press Sign in; you come back here by yourself." if channel else "Press Sign in."
        self._show("open", url=url, channel=channel, paste="closed" if channel else "open", status=text)

    def tell(self, text: str) -> None:
        """Show it below what is asked."""
        if self._plain is not None:
            self._plain.tell(text)
            return
        self._told = one_line(text)
        if self._shown is not None:
            step, content = self._shown
            self._show(step, **content)

    def wait(self, timeout_s: float) -> str | None:
        """Let time pass, and do what the person presses."""
        if self._plain is not None:
            return self._plain.wait(timeout_s)
        try:
            until = time.monotonic() + timeout_s
            while True:
                action = self._next(min(_STEP_S, max(0.0, until - time.monotonic())))
                if action is not None and (text := self._take(action)) is not None:
                    return text
                if time.monotonic() >= until:
                    return None
        except KeyboardInterrupt:
            raise cancelled(self._name, "The sign-in was interrupted.") from None

    def end(self, outcome: Account | NbauthError) -> None:
        """Show how it ended."""
        if self._plain is not None:
            self._plain.end(outcome)
        if self._pump is not None:
            self._pump.remove()
            self._pump = None
        panel = self._panel
        if panel is None:
            return
        panel.serve(None)
        if self._plain is not None:
            panel.close()
        elif isinstance(outcome, NbauthError):
            panel.show(panel.view_of("failed", alert=printable(str(outcome))))
        # Of a success the panel learns from the kernel, which has the account a moment later.

    # How

    def _panel_of(self, profile: str) -> PanelWidget:
        if self._panel is not None:
            return self._panel
        assert self._make_panel is not None
        return self._make_panel(profile)

    def _display(self) -> bool:
        """Display the panel; tell whether a front end draws it."""
        from IPython.display import display

        assert self._panel is not None
        if self._pump is None and threading.current_thread() is threading.main_thread():
            return False  # clicks would wait for this cell, and this cell for them
        self._handle = display(self._panel, display_id=True)
        in_vscode = "__vsc_ipynb_file__" in getattr(running_shell(), "user_ns", {})
        until = time.monotonic() + (_SEEN_IN_VSCODE_S if in_vscode else _SEEN_S)
        while self._panel.page is None and time.monotonic() < until:
            self._next(_STEP_S)
        return self._panel.page is not None

    def _clear(self) -> None:
        if self._handle is not None:
            self._handle.update(Message("", ""))
            self._handle = None

    def _turn_plain(self) -> None:
        self._clear()
        self._plain = NotebookPrompt()
        assert self._request is not None
        self._plain.begin(self._request)

    def _look_at_page(self) -> BrowserPage | None:
        """Read what the page told, and find out whether its browser reaches this machine."""
        assert self._panel is not None
        facts = self._panel.page
        if facts is None:
            return None
        origin = str(facts.get("origin"))
        return BrowserPage(
            origin=origin,
            callback=str(facts.get("callback")),
            callback_served=facts.get("callback_served") is True,
            reaches_kernel=self._page.reaches_kernel if self._page else self._reaches(origin),
        )

    def _reaches(self, origin: str) -> bool | None:
        """Find out whether the browser reaches this machine; None where it may, and the page cannot tell."""
        reached = may_probe(origin) and self._reached(origin)
        # An editor's page may be forbidden to connect to this machine, which the browser then is not.
        return None if is_editor(origin) and not reached else reached

    def _reached(self, origin: str) -> bool:
        assert self._panel is not None
        with LoopbackProbe(origin) as probe:
            self._panel.tell("probe", url=probe.url)
            until = time.monotonic() + _PROBE_S
            while time.monotonic() < until:
                action = self._next(_STEP_S)
                if action is not None and action.kind == "probed":
                    return hmac.compare_digest(action.text.encode(), probe.word.encode())
                if action is not None and action.kind == "cancel":
                    raise cancelled(self._name, "The sign-in was cancelled.")
        return False

    def _next(self, timeout_s: float) -> Action | None:
        """Return what the person did next. Here the clicks of a blocking cell are let in."""
        assert self._panel is not None
        if self._pump is not None:
            self._pump.run()
        return self._panel.next_action(timeout_s)

    def _take(self, action: Action) -> str | None:
        assert self._panel is not None
        match action.kind:
            case "cancel":
                raise cancelled(self._name, "The sign-in was cancelled.")
            case "approve":
                return "yes" if self._asks_approval else None
            case "flow" if action.text in self._ways:
                raise OtherFlow(action.text)
            case "redirect":
                self._panel.tell("taken")
                self._show("finishing", status="Checking the answer…")
                return action.text
            case "page_error" if not self._asks_approval:
                return action.text
            case "install":
                install_callback_page(callback_directory())
                self._panel.tell("look")  # it answers with `ready`
            case "ready":
                could = self._could_come_back()
                self._page = self._look_at_page()
                if self._could_come_back() and not could:
                    raise OtherFlow("callback_page")
            case "opened":
                self._panel.tell("heard")
        return None

    def _could_come_back(self) -> bool:
        page = self._page
        return bool(page and page.callback_served and callback_uri(self._profile.redirect_uri, page))

    def _may_install(self) -> bool:
        page = self._page
        return bool(page and not page.callback_served and callback_uri(self._profile.redirect_uri, page))

    @property
    def _name(self) -> str:
        return self._panel.profile.name if self._panel else ""

    @property
    def _profile(self) -> Profile:
        assert self._panel is not None
        return self._panel.profile

    def _show(self, step: str, **content: Any) -> None:
        assert self._panel is not None
        self._shown = step, content
        ways = tuple({"flow": flow, "label": flows.label_of(flow)} for flow in self._ways)
        self._panel.show(
            self._panel.view_of(step, ways=ways, may_install=self._may_install(), told=self._told, **content)
        )
