"""A sign-in that is there already, as this kernel takes it: for `login`, and when a token is first asked for."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from nbauth.errors import ConfigError
from nbauth.next_step import Login, to_run
from nbauth.signin.profile.source_names import LOGIN, asks_nobody
from nbauth.signin.sources import find, taking
from nbauth.signin.sources.source import NotThere, Wish
from nbauth.signin.tokens.credential import SignedIn
from nbauth.signin.tokens.sign_in_required import not_signed_in
from nbauth.signin.visits import keeps_sign_ins, server_of

if TYPE_CHECKING:
    from nbauth.errors import SignInRequired
    from nbauth.process.visitors import Whose
    from nbauth.signin.login_request import LoginRequest
    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.visits import Visit

__all__ = ["not_kept", "serving", "sign_in", "with_passed_over"]


def sign_in(
    profile: Profile, request: LoginRequest, visit: Visit, here: Whose
) -> tuple[SignedIn | None, dict[str, NotThere]]:
    """Take the sign-in that is there, for somebody who signs in.

    Args:
        profile: the profile.
        request: what is asked for.
        visit: whose it will be.
        here: who asks.

    Returns:
        The sign-in, or None where the person has to be asked; and why each source before has none, by its name.

    Raises:
        ConfigError: a flow is named, and the profile asks nobody.
        SignInRequired: no source has one, and the profile asks nobody.
        SignInFailed, ProviderUnavailable: as `taking.take`.
    """
    asks = not asks_nobody(profile.source)
    if request.flow != "auto" and not asks:
        raise ConfigError(
            f"Profile {profile.name!r}: takes the sign-in of {', '.join(profile.source)} and asks nobody: there is no "
            "flow to choose.",
            next_step=f'Leave the flow out; or, for a profile that asks, add "{LOGIN}" to the end of its source.',
        )
    if not profile.source or (asks and (request.flow != "auto" or request.select_account)):
        return None, {}  # how to ask the person is said, so that they are asked
    visit.signed_out.discard(profile.name)
    return _take(profile, request.scopes_for(profile), request.account, visit, here)


def serving(profile: Profile, scopes: tuple[str, ...], visit: Visit, here: Whose) -> SignedIn:
    """Return who serves a profile that has sources: who is signed in, or whom the first source gives, once.

    Args:
        profile: the profile.
        scopes: what a token must be had for.
        visit: whose it is.
        here: who asks.

    Raises:
        ApprovalRequired: the profile came with a folder and was not approved.
        SignInRequired: no source has a sign-in, another person is there now, or somebody signed out.
        SignInFailed, ProviderUnavailable: as `taking.take`.
    """
    with visit.taking:
        present = visit.registry().find(profile)
        if present is not None:
            return present
        if profile.name in visit.signed_out:
            raise not_signed_in(profile, scopes)
        visit.check(profile)
        taken, passed_over = _take(profile, scopes, None, visit, here)
        if taken is None:
            why_not_asked = "nobody is asked until a sign-in begins"
            raise _with_login(taking.nobody_there(profile, scopes, passed_over, why_not_asked=why_not_asked))
        visit.untold[profile.name] = taken.account
        return taken


def with_passed_over(signed_in: SignedIn, passed_over: dict[str, NotThere]) -> SignedIn:
    """Return a sign-in that a person made, with what was tried before them."""
    reasons = tuple(f"{name}: {error.reason}" for name, error in passed_over.items())
    return SignedIn(dataclasses.replace(signed_in.account, passed_over=reasons), signed_in.credential)


def not_kept(signed_in: SignedIn) -> str:
    """Return why a sign-in of a source is not remembered, which was to be."""
    account = signed_in.account
    return (
        f"Profile {account.profile!r}: there is nothing to remember: the sign-in is that of "
        f"{find(account.source).label}, where a later kernel finds it, too."  # type: ignore[arg-type]  # one of theirs
    )


def _take(
    profile: Profile, scopes: tuple[str, ...], account: str | None, visit: Visit, here: Whose
) -> tuple[SignedIn | None, dict[str, NotThere]]:
    if not keeps_sign_ins(here):
        taken, passed_over = None, _not_a_visitors(profile, scopes, visit, server_of(here))
    else:
        taken, passed_over = taking.take(profile, scopes=scopes, account=account, connect=visit.connection)
    if taken is None and asks_nobody(profile.source):
        raise taking.nobody_there(profile, scopes, passed_over)
    return taken, passed_over


def _not_a_visitors(profile: Profile, scopes: tuple[str, ...], visit: Visit, server: str) -> dict[str, NotThere]:
    """Return why no source serves a visitor: all would be signed in as the server's own user."""
    wish = Wish(profile=profile, scopes=scopes, connect=visit.connection)
    return {
        name: NotThere(wish, find(name).label, f"what is signed in here is {server}'s own user, and no visitor of it")
        for name in profile.source
        if name != LOGIN
    }


def _with_login(error: SignInRequired) -> SignInRequired:
    error.step = to_run(Login(error.profile))
    return error
