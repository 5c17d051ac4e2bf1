"""Telling a person that a sign-in brought fewer scopes than it asked for: the provider's page let them say no."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from nbauth.environment import detect
from nbauth.errors import ScopesNotGrantedWarning
from nbauth.frontend.text import printable
from nbauth.next_step import Login, Logout, NextStep

if TYPE_CHECKING:
    from nbauth.signin.profile.account import Account

__all__ = ["tell_not_granted"]


def tell_not_granted(account: Account, *, stacklevel: int) -> None:
    """Print which scopes were not granted, if some were not; a script gets a warning.

    Args:
        account: who is signed in.
        stacklevel: whose line the warning names, as in `warnings.warn` called in place of this.
    """
    if not account.not_granted:
        return
    scopes, profile = " ".join(account.not_granted), account.profile
    step = NextStep(("If they are needed, run: ", Logout(profile), ", then ", Login(profile), ", and agree to them."))
    if account.kind == "application":
        step = NextStep(("If they are needed, ask an administrator of the provider.",))
    text = f"Profile {profile!r}: the provider did not grant these scopes, which were asked for: {scopes}. {step}"
    if detect().front_end == "script":
        warnings.warn(text, ScopesNotGrantedWarning, stacklevel=stacklevel + 1)
    else:
        print(printable(text), flush=True)
