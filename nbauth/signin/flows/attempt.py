"""What a flow gets to work with."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nbauth.errors import SignInTimeout
from nbauth.next_step import Login, NextStep, Shell, Words
from nbauth.signin.flows.sign_in_request import SignInRequest, what_to_check

if TYPE_CHECKING:
    import msal

    from nbauth.signin.flows.prompt import Prompt
    from nbauth.signin.profile.profile import Profile

__all__ = ["SignInAttempt"]

logger = logging.getLogger(__name__)

_TIMEOUT = Words(magic="--timeout", python="timeout_s", command_line="timeout_s")


@dataclass(frozen=True, kw_only=True)
class SignInAttempt:
    """One sign-in that is going on.

    Attributes:
        profile: the profile that signs in.
        application: its client application, on a cache that holds its tokens back.
        scopes: what to ask for.
        prompt: the person.
        flow: name of the flow.
        timeout_s: seconds it may take.
        account: the sign-in name that is wanted, or None.
        claims: a claims challenge to meet (OpenID Connect Core §5.5), or None.
        select_account: let the person choose an account (OpenID Connect Core §3.1.2.1, `prompt`).
        strays: what came back that nothing proves to be this sign-in's answer.
    """

    profile: Profile
    application: msal.ClientApplication = field(repr=False)
    scopes: tuple[str, ...]
    prompt: Prompt = field(repr=False)
    flow: str
    timeout_s: float
    account: str | None = None
    claims: str | None = field(default=None, repr=False)
    select_account: bool = False
    strays: list[str] = field(default_factory=list, repr=False)
    deadline: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "deadline", time.monotonic() + self.timeout_s)

    @property
    def request(self) -> SignInRequest:
        """Who asks, for the prompt."""
        return SignInRequest.of(self.profile, flow=self.flow, scopes=self.scopes, timeout_s=self.timeout_s)

    @property
    def left_s(self) -> float:
        """Seconds until it gives up."""
        return self.deadline - time.monotonic()

    def wait(self, timeout_s: float) -> str | None:
        """Let time pass at the prompt, but not beyond the deadline.

        Raises:
            SignInTimeout: the deadline is over.
            SignInCancelled: the person ended it.
        """
        if self.left_s <= 0:
            raise self.timed_out()
        return self.prompt.wait(max(0.0, min(timeout_s, self.left_s)))

    def tell(self, text: str) -> None:
        """Show the person something besides what they are asked."""
        if hasattr(self.prompt, "tell"):
            self.prompt.tell(text)
        else:  # a caller's own, from before there was that
            logger.warning("%s", text)

    def timed_out(self) -> SignInTimeout:
        """Return the exception for a deadline that is over."""
        seen = "".join(f" Meanwhile {stray}." for stray in self.strays)
        return SignInTimeout(
            f"Profile {self.profile.name!r}: nobody finished the sign-in within {self.timeout_s:.0f} s.{seen}",
            profile=self.profile.name,
            next_step=_cure_of_timeout(self.profile, self.flow),
        )


def _cure_of_timeout(profile: Profile, flow: str) -> NextStep:
    """Return what to do about a sign-in that nobody finished: perhaps nobody could."""
    looked_up = Shell(("nbauth", "explain", "ERROR"))
    again = (Login(profile.name), " (", _TIMEOUT, " gives it longer)")
    if flow == "device_code":
        elsewhere = Login(profile.name, flow="paste")
        lead = "If the provider's page refuses the code, run: "
        says = " says what its error means. Otherwise run: "
        return NextStep((lead, elsewhere, "; ", looked_up, says, *again))
    lead = f"If the provider's page shows an error, {what_to_check(profile)}; "
    return NextStep((lead, looked_up, " says more. Otherwise run: ", *again))
