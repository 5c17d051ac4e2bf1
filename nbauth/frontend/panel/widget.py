"""SignInPanel: the widget that draws a sign-in, and keeps what the person does for whoever waits for it."""

from __future__ import annotations

import logging
import queue
import threading
from contextvars import copy_context
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import anywidget
import traitlets
from IPython.core.getipython import get_ipython

from nbauth import kernel
from nbauth.errors import NbauthError
from nbauth.frontend.comm_log import keep_out_of_log
from nbauth.frontend.panel.messages import View, action_of, signed_in_view
from nbauth.frontend.request_text import facts_of
from nbauth.frontend.text import printable
from nbauth.process import visitors
from nbauth.signin.flows.sign_in_request import SignInRequest
from nbauth.signin.profile.resolve import by_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbauth.frontend.panel.messages import Action
    from nbauth.frontend.panel.prompt import PanelPrompt
    from nbauth.signin.flows import FlowName
    from nbauth.signin.profile.account import Account
    from nbauth.signin.profile.profile import Profile

__all__ = ["SignInPanel"]

logger = logging.getLogger(__name__)

_HERE = Path(__file__).parent


class _OwnBool(traitlets.Bool[bool, bool]):
    """A trait that has its default for everybody but the visitor in whose visit the panel was made."""

    def get(self, obj: Any, cls: Any = None) -> Any:
        return super().get(obj, cls) if obj.is_for_here else self.default_value


class _OwnAny(traitlets.Any):
    """As `_OwnBool`, for anything."""

    def get(self, obj: Any, cls: Any = None) -> Any:
        return super().get(obj, cls) if obj.is_for_here else self.default_value


class SignInPanel(anywidget.AnyWidget):
    """A sign-in panel, for notebooks and dashboards. It never blocks.

    In a server with several visitors it signs in the one in whose visit it was made, and is of no use to another one.

    `signed_in` and `account` can be observed. Neither is part of the widget's state, which may be saved with the
    notebook; nothing secret is ever a trait.

    Args:
        profile: name of the profile, or ``"default"``.
        flow: ``"auto"``, or one of the other flows of `nbauth.login`.
        scopes: what to ask for; by default the scopes of the profile's first API.
        account: the sign-in name that is wanted.
        tenant: another tenant than the profile's.
        remember: keep the sign-in for later kernels.
        timeout_s: seconds that the person has.

    Raises:
        ConfigError: there is no such profile.

    Examples:
        >>> panel = nbauth.SignInPanel("work")
        >>> panel.observe(lambda change: load(), "signed_in")
        >>> panel
    """

    _esm = _HERE / "panel.js"
    _css = _HERE / "panel.css"

    signed_in = _OwnBool(default_value=False, help="Whether somebody is signed in to the profile.")
    account: traitlets.TraitType[Account | None, Account | None] = _OwnAny(
        default_value=None, allow_none=True, help="The `nbauth.Account`, or None."
    )

    def __init__(
        self,
        profile: str = "default",
        *,
        flow: FlowName = "auto",
        scopes: Iterable[str] | None = None,
        account: str | None = None,
        tenant: str | None = None,
        remember: bool = False,
        timeout_s: float = 300.0,
    ) -> None:
        self._profile = by_name(kernel.config(), profile)
        self._visitor = visitors.whose()
        wanted = (scopes,) if isinstance(scopes, str) else None if scopes is None else tuple(scopes)
        self._options: dict[str, Any] = {
            "flow": flow,
            "scopes": wanted,
            "account": account,
            "tenant": tenant,
            "remember": remember,
            "timeout_s": timeout_s,
        }
        asked = self._profile if tenant is None else self._profile.with_tenant(tenant)
        self._request = SignInRequest.of(asked, flow=flow, scopes=wanted)
        self._actions: queue.SimpleQueue[Action] = queue.SimpleQueue()
        self._prompt: PanelPrompt | None = None
        self._page: dict[str, Any] | None = None
        self._seen = threading.Event()
        self._view = View(step="loading")
        super().__init__()
        if self.comm is not None:
            keep_out_of_log(getattr(get_ipython(), "kernel", None), self.comm.comm_id)
        self.on_msg(self._received)
        kernel.watch(self._look_again)
        self._look_again()

    # What it tells

    def __repr__(self) -> str:
        return f"Sign-in panel of profile {self._profile.name}"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle: Any = super()._repr_mimebundle_(**options)
        data: dict[str, Any] = bundle[0] if isinstance(bundle, tuple) else bundle
        # What a saved notebook shows where no widget is drawn.
        data["text/plain"] = f"Sign-in panel of nbauth. Run: %login {self._profile.name}"
        return bundle

    @property
    def profile(self) -> Profile:
        """Its profile, as it was when the panel was made."""
        return self._profile

    @property
    def is_for_here(self) -> bool:
        """Whether this is the visit in which it was made; a thread that no visitor is named in counts as such."""
        here = visitors.whose()
        return not isinstance(here, visitors.Visitor) or here is getattr(self, "_visitor", here)

    @property
    def page(self) -> dict[str, Any] | None:
        """What the page told of itself, or None while no front end has drawn the panel."""
        return self._page

    def wait_until_seen(self, timeout_s: float) -> bool:
        """Wait until a front end has drawn it; tell whether one did."""
        return self._seen.wait(timeout_s)

    # What it shows

    def show(self, view: View) -> None:
        """Show a view; who opens the page later sees it, too."""
        self._view = view
        self.send({"kind": "view", "view": asdict(view)})

    def tell(self, kind: str, **content: str) -> None:
        """Send something to the page that is no view."""
        self.send({"kind": kind, **content})

    def serve(self, prompt: PanelPrompt | None, request: SignInRequest | None = None) -> None:
        """Let `prompt` have what the person does; None lets the panel act by itself.

        Args:
            prompt: who has it.
            request: who asks in this sign-in, to be shown from now on; the profile may have changed since the panel
                was made.
        """
        self._prompt = prompt
        self._request = request or self._request
        self._actions = queue.SimpleQueue()

    def next_action(self, timeout_s: float) -> Action | None:
        """Return what the person did next, or None when the time is over."""
        try:
            return self._actions.get(timeout=timeout_s)
        except queue.Empty:
            return None

    # What comes in

    def _received(self, _widget: object, content: object, _buffers: object) -> None:
        action = action_of(content)
        if action is None:
            return
        if not self.is_for_here:
            logger.warning("A sign-in panel was used in another visit than the one it was made in: ignored")
            return
        with visitors.visiting(self._visitor):
            self._take(action)

    def _take(self, action: Action) -> None:
        if action.kind == "ready":
            self._page = action.page
            self._seen.set()
            self.send({"kind": "view", "view": asdict(self._view)})
        if self._prompt is not None:
            self._actions.put(action)
        else:
            self._act(action)

    def _act(self, action: Action) -> None:
        name = self._profile.name
        try:
            match action.kind:
                case "press":
                    self.start()
                case "flow":
                    self.start(flow=cast("FlowName", action.text))  # `kernel.login` checks it
                case "sign_out":
                    kernel.logout(name)
                case "switch":
                    self.start(select_account=True)
                case "use":
                    self.start(account=action.text)
        except NbauthError as error:
            self._failed(error)

    def start(self, *, flow: FlowName | None = None, account: str | None = None, select_account: bool = False) -> None:
        """Begin a sign-in in the background, as the button does.

        Args:
            flow: another flow than the panel's own.
            account: another account than the panel's own.
            select_account: let the person choose another account at the provider.

        Raises:
            SignInRequired: it was made in another visit.
        """
        visitors.check_same(self._visitor, profile=self._profile.name, scopes=self._profile.login_scopes)
        from nbauth.frontend.panel.prompt import PanelPrompt

        options = {**self._options, **({"flow": flow} if flow else {})}
        if account or select_account:
            options["account"] = account
        prompt = PanelPrompt(self)

        def run() -> None:
            try:
                kernel.login(self._profile.name, prompt=prompt, select_account=select_account, **options)
            except NbauthError as error:
                self._failed(error)
            finally:
                if self._prompt is prompt:  # nobody was asked, or it ended before that
                    self.serve(None)
                    self._look_again()

        self.serve(prompt)
        self.show(self.view_of("starting", status="Asking the provider…"))
        # In the context of this message: ipykernel 7.0 finds there what every message it sends refers to.
        threading.Thread(
            target=copy_context().run, args=(visitors.carried(run),), name="nbauth-sign-in", daemon=True
        ).start()

    def _failed(self, error: NbauthError) -> None:
        if self._view.step != "failed":
            self.show(self.view_of("failed", alert=printable(str(error))))

    # What it knows

    def view_of(self, step: str, **content: Any) -> View:
        """Make a view with who asks and where the tokens may go."""
        who = tuple((term, "\n".join(lines)) for term, lines in facts_of(self._request))
        return View(step=step, heading=printable(f"Sign in to {self._profile.name}"), who=who, **content)

    def _look_again(self) -> None:
        """Follow what the kernel is signed in to; it is called when that changed."""
        mine = [a for a in kernel.accounts() if a.profile == self._profile.name]
        account: Account | None = mine[-1] if mine else None
        was = self.account
        self.account = account
        self.signed_in = account is not None
        if self._prompt is not None:
            return
        if account is not None:
            self.show(signed_in_view(self._profile, account, [a.username for a in mine[:-1]]))
        elif was is not None:
            self.show(self.view_of("idle", status="Signed out."))
        elif self._view.step == "loading":
            self.show(self.view_of("idle"))
