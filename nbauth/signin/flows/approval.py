"""Asking a person whether they approve of a configuration, before anything of it takes effect."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from nbauth.errors import SignInCancelled
from nbauth.next_step import Login, to_run
from nbauth.signin.flows.prompt import ApprovalRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.signin.flows.prompt import Prompt
    from nbauth.signin.profile.approvals import Request

__all__ = ["ask"]

_YES = ("y", "yes")
_STEP_S = 0.5


def ask(make_prompt: Callable[[], Prompt], request: Request, *, profile: str, timeout_s: float) -> bool:
    """Ask, and tell whether the person said yes. No answer within the time is a no.

    Args:
        make_prompt: makes the prompt that asks the person.
        request: what they are asked to approve of.
        profile: name of the profile that is signed in to.
        timeout_s: seconds that they have.

    Raises:
        ApprovalRequired: the prompt is a caller's own, from before there were approvals.
        SignInCancelled: the person ended it.
    """
    prompt = make_prompt()
    if not hasattr(prompt, "ask_approval"):
        raise request.required(profile)
    until = time.monotonic() + timeout_s
    try:
        prompt.ask_approval(
            ApprovalRequest(profile=profile, source=request.source, reasons=request.reasons, timeout_s=timeout_s)
        )
        while (left_s := until - time.monotonic()) > 0:
            answer = prompt.wait(min(left_s, _STEP_S))
            if answer is not None:
                return answer.strip().lower() in _YES
    except KeyboardInterrupt:
        raise SignInCancelled(
            f"Profile {profile!r}: The sign-in was interrupted.", profile=profile, next_step=to_run(Login(profile))
        ) from None
    finally:
        prompt.end_approval()
    return False
