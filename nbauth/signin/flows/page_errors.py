"""Errors that a sign-in learns of only from the person, or not for certain.

Of an unknown application or redirect URI a provider tells on its own page alone (RFC 6749 §4.1.2.1): nothing comes back
to whoever waits. And some send an error back without the state that proves whose answer it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.net.sanitize import clean

if TYPE_CHECKING:
    from nbauth.net.secrecy import Members
    from nbauth.signin.flows.attempt import SignInAttempt

__all__ = ["tell_of_stray"]

_LONGEST = 200
_MOST_STRAYS = 3  # anybody's page may send a browser to the listener


def tell_of_stray(attempt: SignInAttempt, answer: Members) -> None:
    """Tell of an answer that nothing proves to be this sign-in's. It is not taken.

    Args:
        attempt: the sign-in that waits.
        answer: the parameters that came.
    """
    if "error" in answer:
        words = ": ".join(filter(None, (answer["error"], answer.get("error_description", ""))))
        what = f"the error {clean(words, _LONGEST)}"
    else:
        what = "a code"
    lacks = "with another state than this sign-in's" if answer.get("state") else "without this sign-in's state"
    came = f"{what} came back {lacks}, and was not taken"
    if came in attempt.strays or len(attempt.strays) >= _MOST_STRAYS:
        return
    attempt.strays.append(came)
    attempt.tell(f"{came[:1].upper()}{came[1:]}.")
