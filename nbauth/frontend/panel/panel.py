"""SignInPanel: a widget that signs a person in and out, and follows what the kernel is signed in to."""

from __future__ import annotations

import dataclasses
import functools
import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, cast

import traitlets
from IPython.core.getipython import get_ipython

from nbauth import kernel
from nbauth.environment import detect
from nbauth.errors import ConfigError, NbauthError
from nbauth.frontend.importing_prompt import OF_A_LOAD, ImportingPrompt
from nbauth.frontend.not_granted import tell_not_granted
from nbauth.frontend.not_remembered import tell_not_remembered
from nbauth.frontend.panel.main_loop import MainLoop
from nbauth.frontend.panel.messages import signed_in_view
from nbauth.frontend.panel.prompt import PanelPrompt
from nbauth.frontend.panel.widget import PanelWidget
from nbauth.frontend.text import one_line, printable
from nbauth.frontend.voila_cells import explain_in
from nbauth.process import visitors
from nbauth.process.ahead import ImportsInLoop
from nbauth.signin.flows import page_errors
from nbauth.signin.flows.sign_in_request import SignInRequest
from nbauth.signin.login_request import LoginRequest
from nbauth.signin.profile.resolve import by_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nbauth.frontend.panel.messages import Action
    from nbauth.signin.flows import FlowName
    from nbauth.signin.profile.account import Account

__all__ = ["SignInPanel"]

_ARGUMENTS = frozenset(field.name for field in dataclasses.fields(LoginRequest))


class _OwnBool(traitlets.Bool[bool, bool]):
    """A trait that has its default for everybody but the visitor in whose visit the panel was made."""

    def get(self, obj: Any, cls: Any = None) -> Any:
        return super().get(obj, cls) if obj.is_for_here else self.default_value


class _OwnText(traitlets.Unicode[str, str]):
    """As `_OwnBool`, for a text."""

    def get(self, obj: Any, cls: Any = None) -> Any:
        return super().get(obj, cls) if obj.is_for_here else self.default_value


class _OwnAny(traitlets.Any):
    """As `_OwnBool`, for anything."""

    def get(self, obj: Any, cls: Any = None) -> Any:
        return super().get(obj, cls) if obj.is_for_here else self.default_value


class SignInPanel(PanelWidget):
    """A sign-in panel, for notebooks and dashboards. It never blocks.

    In a server with several visitors it signs in the one in whose visit it was made, and is of no use to another one.

    `signed_in`, `username` and `account` can be observed. What observes them runs in the loop that the panel was made
    in, as a notebook's main thread; what it raises is shown and ends no sign-in. The first two are known to the page,
    too, so that marimo and Solara follow them, and may be saved with the notebook; nothing secret is ever a trait.

    Args:
        profile: name of the profile, or ``"default"``.
        flow: ``"auto"``, or one of the other flows of `nbauth.login`.
        scopes: what to ask for; by default the scopes of the profile's first API.
        account: the sign-in name that is wanted.
        tenant: another tenant than the profile's.
        remember: keep the sign-in for later kernels.
        timeout_s: seconds that the person has.

    Raises:
        ConfigError: there is no such profile, or an argument is wrong.

    Examples:
        >>> panel = nbauth.SignInPanel("work")
        >>> panel.observe(lambda change: load(), "signed_in")
        >>> panel
    """

    signed_in = _OwnBool(default_value=False, read_only=True, help="Whether somebody is signed in to the profile.").tag(
        sync=True
    )
    username = _OwnText("", read_only=True, help="The account's sign-in name, or nothing.").tag(sync=True)
    account: traitlets.TraitType[Account | None, Account | None] = _OwnAny(
        default_value=None, allow_none=True, read_only=True, help="The `nbauth.Account`, or None."
    )
    # The page counts up when the first two change: marimo runs the cells that read a panel when its page writes.
    _followed = traitlets.Int(0).tag(sync=True)

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
        self._login = LoginRequest(
            profile=profile,
            flow=flow,
            scopes=scopes,
            account=account,
            tenant=tenant,
            remember=remember,
            timeout_s=timeout_s,
        )
        profiles = kernel.config()
        wanted = self._login.profile_in(profiles)
        super().__init__(
            by_name(profiles, profile), SignInRequest.of(wanted, flow=flow, scopes=self._login.scopes_for(wanted))
        )
        if detect().front_end == "voila":
            explain_in(get_ipython())
        self._loop = MainLoop(self._tell_failure)
        self._shows_somebody = False
        kernel.watch(self._look_again)
        self._look_again()

    def __setattr__(self, name: str, value: object) -> None:
        # Solara sets an element's arguments anew whenever it draws it.
        login = self.__dict__.get("_login")
        if login is None or name not in _ARGUMENTS:
            super().__setattr__(name, value)
        elif dataclasses.replace(login, **{name: value}) != login:
            raise ConfigError(
                f"A sign-in panel keeps its {name}, and this one is for profile {self.profile.name!r}.",
                next_step="Make another panel. In Solara give the element another key: SignInPanel.element(…).key(…).",
            )

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what the page sets; who is signed in it is told, and never tells."""
        super().set_state({name: value for name, value in sync_data.items() if name not in ("signed_in", "username")})

    def act(self, action: Action) -> None:
        """Do what the person pressed while no sign-in runs."""
        try:
            match action.kind:
                case "press":
                    self.start()
                case "flow":
                    self.start(flow=cast("FlowName", action.text))  # which is checked
                case "sign_out":
                    kernel.logout(self.profile.name)
                case "switch":
                    self.start(select_account=True)
                case "use":
                    self.start(account=action.text)
                case "page_error":  # which still stands there when nobody waits any more
                    told = one_line(page_errors.meaning(action.text, self.profile))
                    self.show(dataclasses.replace(self._view, told=told))
        except NbauthError as error:
            self._failed(error)

    def start(self, *, flow: FlowName | None = None, account: str | None = None, select_account: bool = False) -> None:
        """Begin a sign-in in the background, as the button does.

        Args:
            flow: another flow than the panel's own.
            account: another account than the panel's own.
            select_account: let the person choose another account at the provider.

        Raises:
            ConfigError: there is no such flow.
            SignInRequired: it was made in another visit.
        """
        self.check_visit()
        request = dataclasses.replace(
            self._login,
            profile=self.profile.name,
            flow=flow or self._login.flow,
            account=account if account or select_account else self._login.account,
            select_account=select_account,
        )
        prompt = PanelPrompt(self)
        asks = ImportingPrompt(prompt, ImportsInLoop(self._loop.of_one_person, *OF_A_LOAD))

        def run() -> None:
            try:
                who, why_not = kernel.login(request, make_prompt=lambda: asks, environment=detect().with_somebody())
                tell_not_granted(who, stacklevel=1)
                tell_not_remembered(why_not, stacklevel=1)
            except NbauthError as error:
                self._failed(error)
            finally:
                if self.is_served_by(prompt):  # nobody was asked, or it ended before that
                    self.serve(None)
                    self._look_again()

        self.serve(prompt)
        self.show(self.view_of("starting", status="Asking the provider…"))
        # In the context of this message: ipykernel 7.0 finds there what every message it sends refers to.
        threading.Thread(
            target=copy_context().run, args=(visitors.carried(run),), name="nbauth-sign-in", daemon=True
        ).start()

    def _failed(self, error: NbauthError) -> None:
        if self.step != "failed":
            self.show(self.view_of("failed", alert=printable(str(error))))

    def _look_again(self) -> None:
        """Follow what the kernel is signed in to; it is called when that changed, in whatever thread."""
        people = self._people()
        if not self.is_served:
            self._show_who(people)
        self._loop.run(visitors.carried(self._follow))

    def _people(self) -> list[Account]:
        """Return who is signed in to the profile, the present account last."""
        return [account for account in kernel.accounts() if account.profile == self.profile.name]

    def _show_who(self, people: list[Account]) -> None:
        if people:
            self.show(signed_in_view(self.profile, people[-1], [each.username for each in people[:-1]]))
        elif self._shows_somebody:
            self.show(self.view_of("idle", status="Signed out."))
        elif self.step == "loading":
            self.show(self.view_of("idle"))
        self._shows_somebody = bool(people)

    def _follow(self) -> None:
        """Set the traits, in the loop."""
        people = self._people()
        account = people[-1] if people else None
        traits = {"account": account, "username": account.username if account else "", "signed_in": bool(people)}
        self._loop.run(*(functools.partial(self.set_trait, name, value) for name, value in traits.items()))

    def _tell_failure(self, error: Exception) -> None:
        """Say that what observes the panel failed; its text may be for nobody but who wrote it."""
        told = f"The sign-in is fine, but what observes this panel raised {type(error).__name__}."
        self.show(dataclasses.replace(self._view, told=printable(told)))
