"""The public functions that sign in and out: each calls the kernel, and shows the result in the front end."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING

from nbauth import kernel
from nbauth.environment import detect
from nbauth.frontend import front_end
from nbauth.frontend.importing_prompt import OF_A_LOAD, ImportingPrompt
from nbauth.frontend.not_granted import tell_not_granted
from nbauth.frontend.not_remembered import tell_not_remembered
from nbauth.process.ahead import ImportsAhead, ImportsInLoop
from nbauth.signin.login_request import LoginRequest
from nbauth.signin.profile.resolve import by_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    import msal

    from nbauth.signin.flows import FlowName
    from nbauth.signin.flows.prompt import Prompt
    from nbauth.signin.profile.account import Account

__all__ = ["client", "login", "login_async", "logout"]


def login(
    profile: str = "default",
    *,
    flow: FlowName = "auto",
    scopes: Iterable[str] | None = None,
    account: str | None = None,
    tenant: str | None = None,
    remember: bool = False,
    timeout_s: float = 300.0,
    prompt: Prompt | None = None,
    select_account: bool = False,
) -> Account:
    """Sign in; a person who is signed in already is not asked again.

    While a person is asked, pandas and whatever else a first read needs are imported, where the main thread waits.

    Args:
        profile: name of the profile, or ``"default"``.
        flow: ``"auto"``, ``"loopback"``, ``"callback_page"``, ``"device_code"`` or ``"paste"``.
        scopes: what to ask for; by default the scopes of the profile's first API.
        account: the sign-in name that is wanted.
        tenant: another tenant than the profile's, as a GUID or a domain.
        remember: keep the sign-in for later kernels, encrypted by the platform; where that cannot be, it is said (in
            a script by a `NotRememberedWarning`) and the sign-in lives as long as the kernel. A server's visitors
            are not remembered.
        timeout_s: seconds that the person has.
        prompt: how the person is asked; by default as fits the front end.
        select_account: ask even if somebody is signed in, and let the person choose another account.

    Returns:
        Who is signed in.

    Raises:
        ConfigError: the profile or an argument is wrong.
        ApprovalRequired: the configuration came with a folder and was not approved.
        SignInRequired: nobody can be asked here, or a server with several visitors does not tell whose visit this is.
        SignInCancelled: the person ended it.
        SignInTimeout: nobody finished it in time.
        SignInRefused: the person, or a rule, said no on the provider's page.
        SignInFailed: the provider answered with an error, or its ID token is not valid.
        ProviderUnavailable: the provider cannot be reached or is not trusted.
    """
    request = LoginRequest(
        profile=profile,
        flow=flow,
        scopes=scopes,
        account=account,
        tenant=tenant,
        remember=remember,
        timeout_s=timeout_s,
        select_account=select_account,
    )
    make = front_end.prompt if prompt is None else lambda: prompt
    imports = ImportsAhead(*OF_A_LOAD)
    try:
        who, why_not = kernel.login(
            request,
            make_prompt=lambda: ImportingPrompt(make(), imports),
            environment=front_end.environment() if prompt is None else detect().with_somebody(),
        )
    finally:
        imports.end()
    tell_not_granted(who, stacklevel=2)
    tell_not_remembered(why_not, stacklevel=2)
    return who


async def login_async(
    profile: str = "default",
    *,
    flow: FlowName = "auto",
    scopes: Iterable[str] | None = None,
    account: str | None = None,
    tenant: str | None = None,
    remember: bool = False,
    timeout_s: float = 300.0,
) -> Account:
    """Sign in as `login` does, without blocking the event loop; a cancelled task cancels the sign-in.

    What a first read needs is imported in turns of the main thread's loop, while the person is asked.
    """
    from nbauth.signin.flows.prompt import CancellablePrompt, in_a_thread

    request = LoginRequest(
        profile=profile,
        flow=flow,
        scopes=scopes,
        account=account,
        tenant=tenant,
        remember=remember,
        timeout_s=timeout_s,
    )
    imports = ImportsInLoop(asyncio.get_running_loop(), *OF_A_LOAD)
    prompt = CancellablePrompt(ImportingPrompt(front_end.prompt(), imports))
    sign_in = functools.partial(
        kernel.login, request, make_prompt=lambda: prompt, environment=front_end.environment(is_awaited=True)
    )
    who, why_not = await in_a_thread(sign_in, prompt)
    tell_not_granted(who, stacklevel=2)
    tell_not_remembered(why_not, stacklevel=2)
    return who


def logout(profile: str | None = None, *, everywhere: bool = False) -> tuple[str, ...]:
    """Sign out: forget the tokens of this kernel, and what is remembered of them.

    In a server with several visitors it ends the calling visitor's sign-ins, and nothing else.

    Args:
        profile: name of the profile; None signs out of every one, also of what later kernels alone would take up.
        everywhere: end the session at the provider, too, in the person's browser
            (OpenID Connect RP-Initiated Logout §2).

    Returns:
        The user names that were signed in.

    Raises:
        ConfigError: there is no such profile, or what is remembered cannot be deleted.
    """
    return kernel.logout(profile, show_address=front_end.show_address if everywhere else None)


def client(profile: str = "default") -> msal.ClientApplication:
    """Return MSAL's client application of a profile, on this kernel's caches, for what nbauth does not cover.

    In a server with several visitors a person's is the calling visitor's own.

    Args:
        profile: name of the profile, or ``"default"``.

    Raises:
        ConfigError: the profile is wrong.
        SignInRequired: it is a person's, and a server with several visitors does not tell whose visit this is.
        ProviderUnavailable: the provider cannot be reached; MSAL asks it when the application is made.
    """
    return kernel.connection_of(by_name(kernel.config(), profile)).application
