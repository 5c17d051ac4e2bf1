"""The ways to sign in, and the choice among them. A new flow is a file beside this one and a line in `FLOWS`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Literal, get_args

from nbauth.errors import ConfigError, SignInRequired
from nbauth.process.shielded import load
from nbauth.signin.flows.browser_page import callback_uri

if TYPE_CHECKING:
    from nbauth.environment import Environment
    from nbauth.net.secrecy import HiddenMapping
    from nbauth.signin.flows.attempt import SignInAttempt
    from nbauth.signin.flows.browser_page import BrowserPage
    from nbauth.signin.profile.profile import Profile

__all__ = ["FLOWS", "FlowName", "alternatives", "check", "choose", "run"]

FlowName = Literal["auto", "loopback", "callback_page", "device_code", "paste"]
FLOWS: tuple[str, ...] = get_args(FlowName)


def check(flow: str, profile: Profile, environment: Environment) -> None:
    """Refuse a flow that cannot run here, before any traffic.

    Args:
        flow: one of `FLOWS`.
        profile: who is to sign in.
        environment: where the kernel runs.

    Raises:
        ConfigError: there is no such flow, or the profile is an application's and the flow is for a person.
        SignInRequired: nobody can be asked here.
    """
    if flow not in FLOWS:
        raise ConfigError(f"There is no flow {flow!r}.", next_step=f"Use one of {', '.join(FLOWS)}.")
    if profile.kind == "application":
        if flow != "auto":
            raise ConfigError(
                f"Profile {profile.name!r} signs in with its own credential; the flow {flow} is for a person.",
                next_step=f"Run: %login {profile.name}",
            )
        return
    if flow == "device_code" and profile.is_confidential:
        raise ConfigError(
            f"Profile {profile.name!r} has a client credential, and MSAL offers device codes to public clients only.",
            next_step=f"Run: %login {profile.name} --flow paste",
        )
    if not environment.can_ask or (flow == "auto" and not environment.interactive):
        hint = " In a script name a flow: flow='device_code'." if environment.can_ask else ""
        raise SignInRequired(
            f"Profile {profile.name!r} needs a person to sign in, and {environment.why_not}.{hint}",
            profile=profile.name,
            scopes=profile.login_scopes,
            next_step="To run unattended, use a profile with client_secret or client_certificate.",
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
    # The browser knows better than the kernel whether both share a machine.
    if page.reaches_kernel if page else environment.is_local:
        return "loopback"
    if page and page.callback_served and callback_uri(profile.redirect_uri, page):
        return "callback_page"
    # Many tenants block device codes, so their error names `paste`, which works wherever there is a browser.
    return "device_code" if device_code_offered else "paste"


def alternatives(
    chosen: str, profile: Profile, environment: Environment, *, device_code_offered: bool, page: BrowserPage | None
) -> tuple[str, ...]:
    """Return the flows that the person may choose in place of the chosen one. Arguments are those of `choose`."""
    possible = {
        "callback_page": page is not None and page.callback_served and callback_uri(profile.redirect_uri, page),
        "loopback": page.reaches_kernel if page else environment.is_local,
        "device_code": device_code_offered,
        "paste": True,
    }
    return tuple(flow for flow, fits in possible.items() if fits and flow != chosen)


def run(attempt: SignInAttempt) -> HiddenMapping:
    """Run the flow that `attempt` names and return MSAL's result, with tokens."""
    load(f"{__name__}.{attempt.flow}")
    module = importlib.import_module(f"{__name__}.{attempt.flow}")
    result: HiddenMapping = module.run(attempt)
    return result
