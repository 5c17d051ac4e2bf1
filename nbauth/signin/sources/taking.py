"""Taking a sign-in that is already there: the first source of a profile that has one, and why the others do not."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nbauth.errors import SignInRequired
from nbauth.net.secrecy import clears_frames
from nbauth.signin.oidc.identity import is_called
from nbauth.signin.profile.account import Account
from nbauth.signin.profile.resolve import check_scopes
from nbauth.signin.profile.source_names import LOGIN
from nbauth.signin.sources import find
from nbauth.signin.sources.source import NotThere, Wish, asked, wrong
from nbauth.signin.sources.source_tokens import SourceTokens, token_of
from nbauth.signin.tokens.credential import Credential, SignedIn

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.next_step import Step
    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.sources.source import Given
    from nbauth.signin.tokens.connection import Connection

__all__ = ["nobody_there", "take"]

logger = logging.getLogger(__name__)


@clears_frames
def take(
    profile: Profile,
    *,
    scopes: tuple[str, ...],
    account: str | None,
    connect: Callable[[Profile], Connection],
) -> tuple[SignedIn | None, dict[str, NotThere]]:
    """Take the first sign-in that is there.

    Args:
        profile: one with `source`.
        scopes: what a token must be had for.
        account: the sign-in name that is wanted, or None.
        connect: returns the profile's connection to its provider.

    Returns:
        The sign-in, or None where no source has one; and why each source that came before has none, by its name.

    Raises:
        ConfigError: nothing says what to ask for.
        SignInFailed: a source gave what does not fit the profile, or somebody else is signed in there.
        ProviderUnavailable: a source does not answer.
    """
    check_scopes(profile, scopes)
    wish = Wish(profile=profile, scopes=scopes, connect=connect)
    passed_over: dict[str, NotThere] = {}
    for name in profile.source:
        if name == LOGIN:
            break
        try:
            given = asked(find(name), wish)
        except NotThere as error:
            passed_over[name] = error
            continue
        if account is not None and not is_called(account, given.username, given.key):
            label = find(name).label
            raise wrong(wish, label, f"is signed in as {given.username}, and {account} was asked for")
        credential = Credential(
            profile,
            SourceTokens(profile, name, given, connect),
            account={"home_account_id": given.key, "username": given.username},
        )
        credential.keep(scopes, {"access_token": given.secret.reveal(), "expires_in": given.life_s})
        taken = _account(profile, name, given, passed_over)
        logger.info("Profile %r: signed in as %s by %s", profile.name, taken.username, taken.source)
        return SignedIn(taken, credential), passed_over
    return None, passed_over


def nobody_there(
    profile: Profile, scopes: tuple[str, ...], passed_over: dict[str, NotThere], *, why_not_asked: str | None = None
) -> SignInRequired:
    """Return the error for sources of which none has a sign-in, with the reason of each.

    Args:
        profile: one with `source`.
        scopes: what was asked for.
        passed_over: why each has none.
        why_not_asked: why nobody is asked, where the profile ends with ``"login"``.
    """
    reasons = [f"{name}: {error.reason}" for name, error in passed_over.items()]
    if why_not_asked is not None:
        reasons.append(f"{LOGIN}: {why_not_asked}")
    steps: list[Step] = [error.step for error in passed_over.values() if error.step is not None]
    return SignInRequired(
        f"Profile {profile.name!r}: none of its sources has a sign-in: {'; '.join(reasons)}.",
        profile=profile.name,
        scopes=scopes,
        next_step=next(iter(steps), None),
    )


def _account(profile: Profile, name: str, given: Given, passed_over: dict[str, NotThere]) -> Account:
    expires_at = token_of(given).expires_at
    return Account(
        username=given.username,
        name=given.name or given.username,
        tenant_id=given.tenant_id,
        home_account_id=given.key,
        profile=profile.name,
        expires_at=datetime.fromtimestamp(int(expires_at), UTC),
        kind=given.kind,
        source=name,
        passed_over=tuple(f"{each}: {error.reason}" for each, error in passed_over.items()),
    )
