"""Errors that a sign-in learns of only from the person, or not for certain.

Of an unknown application or redirect URI a provider tells on its own page alone (RFC 6749 §4.1.2.1): nothing comes back
to whoever waits. And some send an error back without the state that proves whose answer it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.net.sanitize import clean
from nbauth.signin.client.error_catalogue import explain
from nbauth.signin.flows.sign_in_request import what_to_check

if TYPE_CHECKING:
    from nbauth.net.secrecy import Members
    from nbauth.signin.flows.attempt import SignInAttempt
    from nbauth.signin.profile.profile import Profile

__all__ = ["meaning", "tell_of_stray", "tell_what_it_means"]

_LONGEST = 200
_MOST_STRAYS = 3  # anybody's page may send a browser to the listener


def meaning(text: str, profile: Profile) -> str:
    """Return what an error on the provider's page means.

    Args:
        text: its number, or the text of the page, as a person typed or pasted it.
        profile: whose sign-in it is.
    """
    explained = explain(text, profile)
    return (
        str(explained)
        if explained
        else f"nbauth does not know this error. Perhaps it helps to {what_to_check(profile)}."
    )


def tell_what_it_means(attempt: SignInAttempt, text: str | None) -> None:
    """Tell what an error means that the person sees; the sign-in goes on.

    Args:
        attempt: the sign-in that waits.
        text: what they said of it, if they did.
    """
    if text and text.strip():
        attempt.tell(meaning(text, attempt.profile))


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
    explained = explain(clean(words), attempt.profile) if "error" in answer else None
    attempt.tell(" ".join(map(str, filter(None, (f"{came[:1].upper()}{came[1:]}.", explained)))))
