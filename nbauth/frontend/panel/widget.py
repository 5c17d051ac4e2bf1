"""PanelWidget: draws a sign-in, and keeps what the person does for whoever waits for it."""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
from IPython.core.getipython import get_ipython

from nbauth.frontend.comm_log import keep_out_of_log
from nbauth.frontend.panel.messages import View, action_of
from nbauth.frontend.request_text import facts_of
from nbauth.frontend.text import printable
from nbauth.next_step import Login, to_run
from nbauth.process import visitors

if TYPE_CHECKING:
    from nbauth.frontend.panel.messages import Action
    from nbauth.signin.flows.prompt import Prompt
    from nbauth.signin.flows.sign_in_request import SignInRequest
    from nbauth.signin.profile.profile import Profile

__all__ = ["PanelWidget"]

logger = logging.getLogger(__name__)

_HERE = Path(__file__).parent


class PanelWidget(anywidget.AnyWidget):
    """A view in the page, and a queue of what the person does there.

    It is of use only in the visit in which it was made. Nothing secret is ever a trait: those may be saved with the
    notebook.

    Args:
        profile: the profile that it signs in to.
        request: who asks for the sign-in, and where the tokens may go.
    """

    _esm = _HERE / "panel.js"
    _css = _HERE / "panel.css"

    def __init__(self, profile: Profile, request: SignInRequest) -> None:
        self._profile = profile
        self._visitor = visitors.whose()
        self._request = request
        self._actions: queue.SimpleQueue[Action] = queue.SimpleQueue()
        self._prompt: Prompt | None = None
        self._page: dict[str, Any] | None = None
        self._seen = threading.Event()
        self._view = View(step="loading")
        super().__init__()
        if self.comm is not None:
            keep_out_of_log(getattr(get_ipython(), "kernel", None), self.comm.comm_id)
        self.on_msg(self._received)

    # What it tells

    def __repr__(self) -> str:
        return f"Sign-in panel of profile {self._profile.name}"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle: Any = super()._repr_mimebundle_(**options)
        data: dict[str, Any] = bundle[0] if isinstance(bundle, tuple) else bundle
        # What a saved notebook shows where no widget is drawn.
        data["text/plain"] = f"Sign-in panel of nbauth. {to_run(Login(self._profile.name))}"
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

    def check_visit(self) -> None:
        """Refuse to sign in to a panel that was made in another visit.

        Raises:
            SignInRequired: it was.
        """
        visitors.check_same(self._visitor, profile=self._profile.name, scopes=self._profile.login_scopes)

    @property
    def step(self) -> str:
        """The step that it shows."""
        return self._view.step

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

    def view_of(self, step: str, **content: Any) -> View:
        """Make a view with who asks and where the tokens may go."""
        who = tuple((term, "\n".join(lines)) for term, lines in facts_of(self._request))
        return View(step=step, heading=printable(f"Sign in to {self._profile.name}"), who=who, **content)

    def tell(self, kind: str, **content: str) -> None:
        """Send something to the page that is no view."""
        self.send({"kind": kind, **content})

    def serve(self, prompt: Prompt | None, request: SignInRequest | None = None) -> None:
        """Let `prompt` have what the person does; None lets the panel act by itself.

        Args:
            prompt: who has it.
            request: who asks in this sign-in, to be shown from now on; the profile may have changed since the panel
                was made.
        """
        self._prompt = prompt
        self._request = request or self._request
        self._actions = queue.SimpleQueue()

    @property
    def is_served(self) -> bool:
        """Whether a prompt has what the person does."""
        return self._prompt is not None

    def is_served_by(self, prompt: Prompt) -> bool:
        """Tell whether it is this prompt."""
        return self._prompt is prompt

    def act(self, action: Action) -> None:
        """Do what the person pressed while no prompt has it; nothing here."""

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
            self.act(action)
