"""Sign in through the system's own broker, which keeps the account and opens its own window."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

import msal

from nbauth.errors import ConfigError
from nbauth.net.secrecy import HiddenMapping, clear_frames
from nbauth.signin.client.application import without_reserved_scopes
from nbauth.signin.client.provider_errors import provider_errors, raise_for_error
from nbauth.signin.flows.flow import Flow

if TYPE_CHECKING:
    from nbauth.signin.flows.attempt import SignInAttempt

__all__ = ["FLOW"]

_STEP_S = 0.1


def run(attempt: SignInAttempt) -> HiddenMapping:
    """Let the broker ask the person, in its own window.

    MSAL waits for the broker without end and cannot be told to stop, so that it waits in a thread of its own: Cancel,
    Interrupt and the timeout end the sign-in here, and what the broker answers later is thrown away.

    Returns:
        MSAL's result, with tokens.

    Raises:
        SignInCancelled, SignInTimeout, SignInFailed, ProviderUnavailable: how else it ended.
        ConfigError: the application lacks the redirect URI that the broker wants.
    """
    profile, answer = attempt.profile, Future[HiddenMapping]()

    def ask() -> None:
        try:
            result = attempt.application.acquire_token_interactive(
                without_reserved_scopes(attempt.scopes),
                # A kernel has no window; this lets the broker find the one in front.
                parent_window_handle=msal.PublicClientApplication.CONSOLE_WINDOW_HANDLE,
                prompt=profile.prompt,
                login_hint=attempt.account or profile.login_hint,
                claims_challenge=attempt.claims,
            )
            answer.set_result(HiddenMapping(result))
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits
            clear_frames(error)
            answer.set_exception(error)

    threading.Thread(target=ask, name="nbauth-broker", daemon=True).start()
    while not answer.done():
        attempt.wait(_STEP_S)
    with provider_errors(profile):
        try:
            result = answer.result()
        except ValueError as error:  # MSAL's RedirectUriError, which lists them
            raise ConfigError(
                f"Profile {profile.name!r}: {' '.join(str(error).split())}",
                next_step="Register them for the application, or leave broker out of the profile.",
            ) from None
    raise_for_error(result, profile, attempt.scopes)
    return result


FLOW = Flow(run=run)
