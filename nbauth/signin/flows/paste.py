"""Sign in anywhere: open an address, then paste the address where the browser ended up."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from nbauth.net.secrecy import HiddenMapping
from nbauth.signin.flows import page_errors, redirect
from nbauth.signin.flows.flow import Flow

if TYPE_CHECKING:
    from nbauth.signin.flows.attempt import SignInAttempt

__all__ = ["FLOW", "redeem_pasted"]

_STEP_S = 0.25
_ADDRESS = re.compile(r"\w+://\S*")
_AGAIN = "That is not the address that this sign-in leads to. Finish on the page, then paste the whole address."


def run(attempt: SignInAttempt) -> HiddenMapping:
    """Show the provider's address, wait for the pasted redirect and redeem its code.

    Returns:
        MSAL's result, with tokens.

    Raises:
        SignInCancelled, SignInTimeout, SignInRefused, SignInFailed, ProviderUnavailable: how else it ended.
    """
    # Nothing listens at the default: the browser shows an error page with the address.
    flow = redirect.start(attempt, attempt.profile.redirect_uri or redirect.DEFAULT_REDIRECT_URI)
    return redeem_pasted(attempt, flow)


def redeem_pasted(attempt: SignInAttempt, flow: HiddenMapping, *, channel: str | None = None) -> HiddenMapping:
    """Ask for the redirect until it is this sign-in's, and redeem its code.

    Args:
        attempt: the sign-in.
        flow: what `redirect.start` returned.
        channel: name of the channel on which the callback page offers it.
    """
    ask = functools.partial(attempt.prompt.ask_redirect, flow["auth_uri"], **({"channel": channel} if channel else {}))
    ask()
    while True:
        pasted = attempt.wait(_STEP_S)
        if pasted is None:
            continue
        answer = HiddenMapping(redirect.parameters(pasted))
        # A person pastes only what their own browser shows: to them an error belongs, whatever it leaves out.
        if redirect.is_answer(flow, answer) or redirect.is_anonymous_refusal(answer):
            return redirect.finish(attempt, flow, answer)
        # Part of an address, one of an earlier try, or an error of the page: ask again, the sign-in is not lost.
        if "error" in answer:
            page_errors.tell_of_stray(attempt, answer)
        elif answer or _ADDRESS.fullmatch(pasted.strip()):
            attempt.tell(_AGAIN)
        else:
            page_errors.tell_what_it_means(attempt, pasted)
        ask()


# It always fits: it works wherever there is a browser. Many tenants block device codes, so their error names this flow.
FLOW = Flow(run=run, label="Paste the address where the browser ends up")
