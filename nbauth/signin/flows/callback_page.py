"""Sign in with a redirect to the Jupyter server's callback page, which hands the answer to the notebook's page.

For kernels that the browser cannot reach. The answer comes in the fragment, which no server sees, and over a
BroadcastChannel whose name only this sign-in knows; the PKCE verifier never leaves the kernel.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from nbauth.errors import ConfigError
from nbauth.next_step import Login, NextStep
from nbauth.signin.flows import redirect
from nbauth.signin.flows.browser_page import callback_uri, is_callback_page
from nbauth.signin.flows.flow import Flow
from nbauth.signin.flows.paste import redeem_pasted

if TYPE_CHECKING:
    from nbauth.net.secrecy import HiddenMapping
    from nbauth.signin.flows.attempt import SignInAttempt
    from nbauth.signin.flows.flow import Situation

__all__ = ["FLOW", "channel_name"]


def run(attempt: SignInAttempt) -> HiddenMapping:
    """Show the provider's address, wait for the callback page's answer and redeem its code.

    Returns:
        MSAL's result, with tokens.

    Raises:
        ConfigError: the profile's redirect URI does not end on a callback page of this server.
        SignInCancelled, SignInTimeout, SignInRefused, SignInFailed, ProviderUnavailable: how else it ended.
    """
    profile, page = attempt.profile, attempt.prompt.page()
    # Without a page that says where it is (a terminal) the registered URI is taken as it is, and its answer pasted.
    uri = callback_uri(profile.redirect_uri, page) if page else profile.redirect_uri
    if uri is None or not is_callback_page(uri):
        here = f" Its address here is {page.callback}." if page else ""
        raise ConfigError(
            f"Profile {profile.name!r}: its redirect_uri does not lead to the callback page of this server.{here}",
            next_step=NextStep(
                (
                    "Register that address at the provider and set it as redirect_uri, or run: ",
                    Login(profile.name, flow="paste"),
                )
            ),
        )
    flow = redirect.start(attempt, uri, state=secrets.token_urlsafe(32), response_mode="fragment")
    return redeem_pasted(attempt, flow, channel=channel_name(flow["state"]))


def channel_name(state: str) -> str:
    """Return the name of the channel on which the callback page offers its answer; it computes the same."""
    return "nbauth-" + hashlib.sha256(f"nbauth callback {state}".encode()).hexdigest()


def _fits(situation: Situation) -> bool:
    page = situation.page
    return bool(page and page.callback_served and callback_uri(situation.profile.redirect_uri, page))


FLOW = Flow(run=run, label="Come back to this page by itself", fits=_fits)
