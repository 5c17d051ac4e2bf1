"""SignInPanel: a widget that signs a person in and out, and follows what the kernel is signed in to."""

from __future__ import annotations

import dataclasses
import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, cast

import traitlets

from nbauth import kernel
from nbauth.environment import detect
from nbauth.errors import NbauthError
from nbauth.frontend.not_granted import tell_not_granted
from nbauth.frontend.not_remembered import tell_not_remembered
from nbauth.frontend.panel.messages import signed_in_view
from nbauth.frontend.panel.prompt import PanelPrompt
from nbauth.frontend.panel.widget import PanelWidget
from nbauth.frontend.text import one_line, printable
from nbauth.process import visitors
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


class _OwnBool(traitlets.Bool[bool, bool]):
    """A trait that has its default for everybody but the visitor in whose visit the panel was made."""

    def get(self, obj: Any, cls: Any = None) -> Any:
        return super().get(obj, cls) if obj.is_for_here else self.default_value


class _OwnAny(traitlets.Any):
    """As `_OwnBool`, for anything."""

    def get(self, obj: Any, cls: Any = None) -> Any:
        return super().get(obj, cls) if obj.is_for_here else self.default_value


class SignInPanel(PanelWidget):
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
        ConfigError: there is no such profile, or an argument is wrong.

    Examples:
        >>> panel = nbauth.SignInPanel("work")
        >>> panel.observe(lambda change: load(), "signed_in")
        >>> panel
    """

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
        kernel.watch(self._look_again)
        self._look_again()

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

        def run() -> None:
            try:
                who, why_not = kernel.login(request, make_prompt=lambda: prompt, environment=detect().with_somebody())
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
        """Follow what the kernel is signed in to; it is called when that changed."""
        signed_in = [a for a in kernel.accounts() if a.profile == self.profile.name]
        account: Account | None = signed_in[-1] if signed_in else None
        was = self.account
        self.account = account
        self.signed_in = account is not None
        if self.is_served:
            return
        if account is not None:
            self.show(signed_in_view(self.profile, account, [a.username for a in signed_in[:-1]]))
        elif was is not None:
            self.show(self.view_of("idle", status="Signed out."))
        elif self.step == "loading":
            self.show(self.view_of("idle"))
