"""How a flow speaks to a person: the one seam between sign-in and what the person sees."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from nbauth.errors import SignInCancelled
from nbauth.process.visitors import carried
from nbauth.signin.flows.sign_in_request import SignInRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from nbauth.errors import NbauthError
    from nbauth.signin.flows.browser_page import BrowserPage
    from nbauth.signin.profile.account import Account

__all__ = ["ApprovalRequest", "CancellablePrompt", "NullPrompt", "Prompt", "SignInRequest", "in_a_thread"]

V = TypeVar("V")


@dataclass(frozen=True, kw_only=True)
class ApprovalRequest:
    """What a configuration that may have come with a cloned folder would do, for a person to approve of.

    Attributes:
        profile: name of the profile that is signed in to.
        source: the configuration file, or a description of the environment variables.
        reasons: what it would do, each as a half sentence in plain words.
        timeout_s: seconds until nobody is asked any more.
    """

    profile: str
    source: str
    reasons: tuple[str, ...]
    timeout_s: float


class Prompt(Protocol):
    """A person, seen from a flow.

    A sign-in calls `begin` once, asks for `page`, makes its `offer`, calls one of the other methods that show
    something, then `wait` again and again, then `end` once, whatever happened. Every method may raise
    `SignInCancelled`. What is shown must not outlive the sign-in where it can be removed: the addresses hold `state`,
    the user code is good for minutes.

    Before a sign-in it may be asked for an approval: `ask_approval` once, `wait` again and again, `end_approval` once,
    whatever happened.
    """

    def ask_approval(self, request: ApprovalRequest) -> None:
        """Show what a configuration would do. The answer comes out of a later `wait`: ``"yes"``, or anything else."""

    def end_approval(self) -> None:
        """Remove what `ask_approval` showed."""

    @property
    def opens_addresses(self) -> bool:
        """Whether it brings addresses into the person's browser; otherwise a flow opens them with `webbrowser`."""

    def begin(self, request: SignInRequest) -> None:
        """Show who asks."""

    def page(self) -> BrowserPage | None:
        """Tell of the page that shows this prompt; None where it is no page. It is asked after `begin`."""

    def offer(self, ways: tuple[str, ...]) -> None:
        """Take the names of flows that could run in place of the chosen one; `wait` may then raise `OtherFlow`."""

    def show_address(self, url: str, *, opened: bool) -> None:
        """Ask the person to sign in at `url`, which a browser is showing already if `opened`."""

    def show_code(self, user_code: str, verification_uri: str, *, expires_at: datetime) -> None:
        """Ask the person to type `user_code` at `verification_uri` (RFC 8628 §3.3)."""

    def ask_redirect(self, url: str, *, channel: str | None = None) -> None:
        """Ask the person to sign in at `url` and to paste the address where their browser ends up.

        Where the prompt is a page, it also listens on the BroadcastChannel of that name, on which the callback page
        offers the address. The answer comes out of a later `wait`.
        """

    def tell(self, text: str) -> None:
        """Show something besides what is asked, such as an error that came back; what is asked stays."""

    def wait(self, timeout_s: float) -> str | None:
        """Let up to `timeout_s` seconds pass.

        Returns:
            What the person pasted, as soon as they did: the address that was asked for, or at any time the number or
            the text of an error that the provider's page shows. None when the time is over.

        Raises:
            SignInCancelled: the person chose Cancel or interrupted.
            OtherFlow: the person chose one of the flows that were offered.
        """

    def end(self, outcome: Account | NbauthError) -> None:
        """Show how it ended and remove what is no longer good for anything."""


class NullPrompt:
    """A prompt where nobody is there; for sign-ins that ask nobody."""

    opens_addresses = True

    def ask_approval(self, request: ApprovalRequest) -> None:  # noqa: ARG002 - the protocol's arguments
        """Refuse."""
        raise SignInCancelled("Nobody is there to approve.")

    def end_approval(self) -> None:
        """Show nothing."""

    def begin(self, request: SignInRequest) -> None:
        """Show nothing."""

    def show_address(self, url: str, *, opened: bool) -> None:  # noqa: ARG002 - the protocol's arguments
        """Refuse."""
        raise SignInCancelled("Nobody is there to sign in.")

    def show_code(self, user_code: str, verification_uri: str, *, expires_at: datetime) -> None:  # noqa: ARG002
        """Refuse."""
        raise SignInCancelled("Nobody is there to sign in.")

    def page(self) -> BrowserPage | None:
        """Tell that there is none."""
        return None

    def offer(self, ways: tuple[str, ...]) -> None:
        """Offer nothing."""

    def ask_redirect(self, url: str, *, channel: str | None = None) -> None:  # noqa: ARG002
        """Refuse."""
        raise SignInCancelled("Nobody is there to sign in.")

    def tell(self, text: str) -> None:
        """Show nothing."""

    def wait(self, timeout_s: float) -> str | None:
        """Let time pass."""
        time.sleep(timeout_s)
        return None

    def end(self, outcome: Account | NbauthError) -> None:
        """Show nothing."""


class CancellablePrompt:
    """A prompt that somebody in another thread can cancel.

    Args:
        prompt: the prompt that it stands before.
    """

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt
        self._cancelled = False

    def cancel(self) -> None:
        """End the sign-in at its next `wait`."""
        self._cancelled = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._prompt, name)

    def wait(self, timeout_s: float) -> str | None:
        """Wait as the prompt does, unless it was cancelled."""
        if self._cancelled:
            raise SignInCancelled("The sign-in was cancelled.")
        return self._prompt.wait(timeout_s)


async def in_a_thread(attempt: Callable[[], V], prompt: CancellablePrompt) -> V:
    """Run a sign-in in a thread of its own.

    The event loop's own few threads are for work that ends soon; a person takes minutes.

    Args:
        attempt: what to run; it asks `prompt`.
        prompt: cancelled with the task.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[V] = loop.create_future()

    def tell(result: V | None, error: BaseException | None) -> None:
        if not ended.done():
            if error is not None:
                ended.set_exception(error)
            elif result is not None:
                ended.set_result(result)

    def run() -> None:
        result, trouble = None, None
        try:
            result = attempt()
        except BaseException as error:  # noqa: BLE001 - raised in the task
            trouble = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(tell, result, trouble)

    context = contextvars.copy_context()
    try:
        threading.Thread(target=context.run, args=(carried(run),), name="nbauth-login", daemon=True).start()
        return await ended
    except BaseException as error:  # an interrupt while it starts must end it, too
        if not ended.done() or isinstance(error, asyncio.CancelledError):
            prompt.cancel()
        raise
