"""The ways to sign in, and the choice among them. A new flow is a file beside this one and a line in `FlowName`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Literal, get_args

from nbauth.environment import ask_by_panel
from nbauth.errors import ConfigError, SignInRequired
from nbauth.next_step import Login, to_run
from nbauth.process.shielded import load
from nbauth.signin.flows.flow import Situation

if TYPE_CHECKING:
    from nbauth.environment import Environment
    from nbauth.net.secrecy import HiddenMapping
    from nbauth.signin.flows.attempt import SignInAttempt
    from nbauth.signin.flows.browser_page import BrowserPage
    from nbauth.signin.flows.flow import Flow
    from nbauth.signin.profile.profile import Profile

__all__ = ["FLOWS", "FlowName", "alternatives", "check", "choose", "label_of", "run"]

# The registry. But for "auto" each is the name of a module beside this one. "auto" takes the first that fits.
FlowName = Literal[
    "auto",
    "loopback",
    "callback_page",
    "device_code",
    "paste",
]
FLOWS: tuple[str, ...] = get_args(FlowName)


def check(flow: str, profile: Profile, environment: Environment) -> None:
    """Refuse a flow that cannot run here, before any traffic.

    Args:
        flow: one of `FLOWS`.
        profile: who is to sign in.
        environment: where the kernel runs.

    Raises:
        ConfigError: the profile is an application's and the flow is for a person, or MSAL has it for others only.
        SignInRequired: nobody can be asked here.
    """
    if profile.kind == "application":
        if flow != "auto":
            raise ConfigError(
                f"Profile {profile.name!r} signs in with its own credential; the flow {flow} is for a person.",
                next_step=to_run(Login(profile.name)),
            )
        return
    if flow != "auto":
        _flow(flow).check(profile)
    if not environment.can_ask or (flow == "auto" and not environment.interactive):
        by_panel = ask_by_panel(profile.name) if environment.can_ask else None
        hint = " In a script name a flow: flow='device_code'." if environment.can_ask and by_panel is None else ""
        raise SignInRequired(
            f"Profile {profile.name!r} needs a person to sign in, and {environment.why_not}.{hint}",
            profile=profile.name,
            scopes=profile.login_scopes,
            next_step=by_panel or "To run unattended, use a profile with client_secret or client_certificate.",
        )


def choose(
    flow: str,
    profile: Profile,
    environment: Environment,
    *,
    device_code_offered: bool,
    broker: bool = False,
    page: BrowserPage | None = None,
) -> str:
    """Choose the flow to run.

    Args:
        flow: what the caller named; ``"auto"`` leaves it to this function.
        profile: who is to sign in.
        environment: where the kernel runs.
        device_code_offered: whether the provider has a device authorization endpoint.
        broker: whether the profile wants the system's broker, and MSAL found one.
        page: what the page that shows the prompt tells of itself.

    Returns:
        The name of a module beside this one.
    """
    if profile.kind == "application":
        return "client_credentials"
    if flow != "auto":
        return flow
    if broker:
        return "broker"
    situation = Situation(profile=profile, environment=environment, device_code_offered=device_code_offered, page=page)
    return next(name for name in FLOWS if name != "auto" and _flow(name).fits(situation))


def alternatives(
    chosen: str, profile: Profile, environment: Environment, *, device_code_offered: bool, page: BrowserPage | None
) -> tuple[str, ...]:
    """Return the flows that the person may choose in place of the chosen one. Arguments are those of `choose`."""
    situation = Situation(profile=profile, environment=environment, device_code_offered=device_code_offered, page=page)
    others = [name for name in FLOWS if name not in ("auto", chosen)]
    return tuple(name for name in others if _flow(name).fits(situation) or _flow(name).may_fit(situation))


def label_of(flow: str) -> str:
    """Return the text of the button that changes to a flow."""
    return _flow(flow).label


def run(attempt: SignInAttempt) -> HiddenMapping:
    """Run the flow that `attempt` names and return MSAL's result, with tokens."""
    return _flow(attempt.flow).run(attempt)


def _flow(name: str) -> Flow:
    load(f"{__name__}.{name}")
    flow: Flow = importlib.import_module(f"{__name__}.{name}").FLOW
    return flow
