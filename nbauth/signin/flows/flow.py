"""What each flow tells of itself: its file holds one `Flow`, named ``FLOW``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.environment import Environment
    from nbauth.net.secrecy import HiddenMapping
    from nbauth.signin.flows.attempt import SignInAttempt
    from nbauth.signin.flows.browser_page import BrowserPage
    from nbauth.signin.profile.profile import Profile

__all__ = ["Flow", "Situation"]


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What decides whether a flow works.

    Attributes:
        profile: who is to sign in.
        environment: where the kernel runs.
        device_code_offered: whether the provider has a device authorization endpoint.
        page: what the page that shows the prompt tells of itself; None where no page shows it.
    """

    profile: Profile
    environment: Environment
    device_code_offered: bool
    page: BrowserPage | None


@dataclass(frozen=True, kw_only=True)
class Flow:
    """A way to sign in.

    Attributes:
        run: asks the person and returns MSAL's result, with tokens.
        label: the text of the button that changes to this flow.
        fits: tells whether the flow works in a situation. Only ``"auto"`` and the panel's buttons ask; a flow that the
            person names is tried wherever they are.
        may_fit: tells whether the flow works for all that is known. The panel's buttons ask this, too: the person knows
            more.
        check: raises `ConfigError` where a profile can never use the flow.
    """

    run: Callable[[SignInAttempt], HiddenMapping]
    label: str = ""
    fits: Callable[[Situation], bool] = lambda _: True
    may_fit: Callable[[Situation], bool] = lambda _: False
    check: Callable[[Profile], None] = lambda _: None
