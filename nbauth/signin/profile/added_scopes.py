"""The scopes that a person is asked for beside those of the profile: MSAL adds them to every request."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbauth.signin.profile.profile import Profile

__all__ = ["ADDED", "added_scopes"]

ADDED = ("openid", "profile", "offline_access")  # and MSAL raises where a caller names them


def added_scopes(profile: Profile) -> tuple[str, ...]:
    """Return the scopes that are asked for though the profile does not name them; none for an application."""
    if profile.kind == "application":
        return ()
    named = {*profile.exclude_scopes, *(scope for scopes in profile.apis.values() for scope in scopes)}
    return tuple(scope for scope in ADDED if scope not in named)
