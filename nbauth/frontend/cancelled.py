"""What a prompt raises when the person ends the sign-in."""

from __future__ import annotations

from nbauth.errors import SignInCancelled
from nbauth.next_step import Login, to_run

__all__ = ["cancelled"]


def cancelled(profile: str, reason: str) -> SignInCancelled:
    """Return the error.

    Args:
        profile: whose sign-in it is; "" where none is known yet.
        reason: why it ended, as a sentence.
    """
    return SignInCancelled(f"Profile {profile!r}: {reason}", profile=profile, next_step=to_run(Login(profile or None)))
