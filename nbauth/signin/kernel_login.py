"""A sign-in to this kernel: who is signed in already, here or at a source, or else who is asked."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from nbauth.errors import SignInRequired
from nbauth.net.bundles import bundle_of
from nbauth.process import visitors
from nbauth.process.patience import within
from nbauth.signin import already, flows
from nbauth.signin.flows import approval
from nbauth.signin.login import sign_in
from nbauth.signin.profile.source_names import asks_nobody
from nbauth.signin.registry import present
from nbauth.signin.remembered import service
from nbauth.signin.sources import taking
from nbauth.signin.visits import keeps_sign_ins, server_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.environment import Environment
    from nbauth.signin.flows.prompt import Prompt
    from nbauth.signin.login_request import LoginRequest
    from nbauth.signin.profile.account import Account
    from nbauth.signin.profile.config import Config
    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.sources.source import NotThere
    from nbauth.signin.state import KernelState
    from nbauth.signin.tokens.credential import SignedIn
    from nbauth.signin.visits import Visit

__all__ = ["login"]


def login(
    state: KernelState,
    config: Callable[[], Config],
    request: LoginRequest,
    *,
    make_prompt: Callable[[], Prompt],
    environment: Environment,
) -> tuple[Account, str | None]:
    """Sign in the one who calls; who is signed in already is not asked again.

    Args:
        state: what the kernel holds.
        config: reads the profiles.
        request: what is asked for.
        make_prompt: makes the prompt that asks the person, once it is known that somebody has to be asked.
        environment: where the kernel runs, and whether that prompt reaches somebody.

    Returns:
        Who is signed in; and why the sign-in is not remembered, where it should be and cannot.

    Raises:
        NbauthError: as `nbauth.login`.
    """
    profile = request.profile_in(config())
    here = visitors.whose()
    visit, keeps = state.visits.serving(profile, here), keeps_sign_ins(here)
    if request.remember:
        service.check(profile, served_by=None if keeps else server_of(here))
    # What is approved is the server's user's to approve, and no visitor's.
    _check_approval(state, profile, request, make_prompt if here is None and environment.interactive else None)
    with within(request.timeout_s):
        signed_in, stays = _signed_in(
            state, profile, request, visit, keeps=keeps, make_prompt=make_prompt, environment=environment
        )
        state.activate(signed_in, visit, visitors.whose())
        visit.untold.pop(profile.name, None)  # whoever signs in is told
        if signed_in.account.source:
            return present(signed_in), already.not_kept(signed_in) if stays else None
        why_not = service.remember(profile, signed_in, connect=visit.connection) if stays else None
        return present(signed_in), why_not


def _signed_in(
    state: KernelState,
    profile: Profile,
    request: LoginRequest,
    visit: Visit,
    *,
    keeps: bool,
    make_prompt: Callable[[], Prompt],
    environment: Environment,
) -> tuple[SignedIn, bool]:
    """Return the sign-in, and whether it is to be remembered."""
    scopes = request.scopes_for(profile)
    known, claims = None, None
    if profile.kind == "person" and not request.select_account:
        known, claims = visit.known(profile, request.account, scopes, with_remembered=keeps)
    passed_over: dict[str, NotThere] = {}
    # Claims that no source could meet are the person's to meet, where one is asked.
    if known is None and profile.kind == "person" and (claims is None or asks_nobody(profile.source)):
        known, passed_over = already.sign_in(profile, request, visit, visitors.whose())
    if known is not None:
        return known, request.remember
    _check_flow(request, profile, environment, passed_over)
    if profile.kind == "application":
        new = state.applications.sign_in(profile, scopes=scopes, timeout_s=request.timeout_s)
    else:
        connection = visit.connection(profile)
        new = sign_in(
            connection, request, scopes=scopes, make_prompt=make_prompt, environment=environment, claims=claims
        )
        new = already.with_passed_over(new, passed_over)
    # Once remembered, an account is until its sign-out.
    return new, request.remember or (keeps and service.is_remembered(profile, new.account))


def _check_flow(
    request: LoginRequest, profile: Profile, environment: Environment, passed_over: dict[str, NotThere]
) -> None:
    try:
        flows.check(request.flow, profile, environment)
    except SignInRequired as error:
        if not passed_over:
            raise
        why_not = error.args[0]
        raise taking.nobody_there(profile, request.scopes_for(profile), passed_over, why_not_asked=why_not) from None


def _check_approval(
    state: KernelState, profile: Profile, request: LoginRequest, make_prompt: Callable[[], Prompt] | None
) -> None:
    if profile.name in state.added:  # made in code
        return
    ask = None
    if make_prompt is not None:
        ask = functools.partial(approval.ask, make_prompt, profile=profile.name, timeout_s=request.timeout_s)
    if state.approvals.check(profile, bundle_of(profile.ca_bundle), ask=ask):
        state.changes.notify()
