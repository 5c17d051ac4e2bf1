"""The errors of a profile without a token: why a person has to sign in, and what they do next."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from nbauth.environment import ask_by_panel
from nbauth.errors import SignInRequired
from nbauth.next_step import Login, to_run
from nbauth.signin.client.provider_errors import login_command

if TYPE_CHECKING:
    from nbauth.next_step import Step
    from nbauth.signin.profile.profile import Profile

__all__ = ["claims_not_met", "no_refresh_token", "not_signed_in", "parent_signed_out"]


def not_signed_in(profile: Profile, scopes: tuple[str, ...]) -> SignInRequired:
    """Return the error for a profile that no person is signed in to in this process."""
    step: Step
    # What `spawn` starts, or joblib, knows nothing of the sign-in; a token is not handed over in a pickle.
    processes, by_panel = sys.modules.get("multiprocessing.process"), ask_by_panel(profile.name)
    if by_panel is not None:  # marimo's notebooks are processes that a server started
        where, step = "", by_panel
    elif processes is not None and processes.parent_process() is not None:
        where = " in this worker process; sign-ins stay in the kernel"
        step = "In the kernel: nbauth.share(); or use threads."
    else:
        where, step = "", login_command(profile.name)
    return SignInRequired(
        f"Nobody is signed in to profile {profile.name!r}{where}.", profile=profile.name, scopes=scopes, next_step=step
    )


def claims_not_met(profile: Profile, scopes: tuple[str, ...], claims: str) -> SignInRequired:
    """Return the error for a claims challenge that no silent token meets: a person has to meet it."""
    return SignInRequired(
        f"Profile {profile.name!r}: the API asks for more than this sign-in has (a claims challenge).",
        profile=profile.name,
        scopes=scopes,
        claims=claims,
        next_step=login_command(profile.name),
    )


def no_refresh_token(profile: Profile, scopes: tuple[str, ...], *, is_refused: bool = False) -> SignInRequired:
    """Return the error for an access token that nothing can renew: it has ended, or an API refused it."""
    what = "the API refuses the access token" if is_refused else "the access token has ended"
    return SignInRequired(
        f"Profile {profile.name!r}: {what}, and {profile.authority_host} gave no refresh token to renew it with.",
        profile=profile.name,
        scopes=scopes,
        next_step=to_run(Login(profile.name), ' (some providers give one with prompt = "consent").'),
    )


def parent_signed_out(profile: Profile, scopes: tuple[str, ...], claims: str | None) -> SignInRequired:
    """Return the error for a forked process whose kernel has ended, or has signed out."""
    return SignInRequired(
        f"Profile {profile.name!r}: the kernel that this process was forked from is no longer signed in.",
        profile=profile.name,
        scopes=scopes,
        claims=claims,
        next_step=login_command(profile.name),
    )
