"""Sign in through a browser on this machine: a redirect to a listener on loopback (RFC 8252 §7.3)."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from nbauth.errors import ConfigError, SignInFailed
from nbauth.net.origins import display_url, is_loopback
from nbauth.net.secrecy import HiddenMapping
from nbauth.next_step import Login, NextStep, to_run
from nbauth.signin.flows import page_errors, redirect
from nbauth.signin.flows.browser_file import opened
from nbauth.signin.flows.browser_page import is_callback_page
from nbauth.signin.flows.flow import Flow
from nbauth.signin.flows.redirect import DEFAULT_REDIRECT_URI
from nbauth.signin.flows.redirect_listener import Listener

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from nbauth.signin.flows.attempt import SignInAttempt
    from nbauth.signin.flows.flow import Situation
    from nbauth.signin.profile.profile import Profile

__all__ = ["FLOW"]

_STEP_S = 0.1


def run(attempt: SignInAttempt) -> HiddenMapping:
    """Open the provider's page, wait for the redirect and redeem its code.

    Returns:
        MSAL's result, with tokens.

    Raises:
        SignInCancelled, SignInTimeout, SignInRefused, SignInFailed, ProviderUnavailable: how else it ended.
    """
    flow = HiddenMapping({"state": secrets.token_urlsafe(32)})  # of no sign-in, until MSAL has made one
    registered = _registered(attempt)
    try:
        listener = Listener(lambda answer: redirect.is_answer(flow, answer), **registered)
    except OSError as error:
        raise SignInFailed(
            f"Profile {attempt.profile.name!r}: cannot listen on {error.filename}: {error.strerror}.",
            profile=attempt.profile.name,
            next_step=NextStep(("End what uses the port, or run: ", Login(attempt.profile.name, flow="device_code"))),
        ) from None
    with listener:
        flow = redirect.start(attempt, _address(attempt, listener.port))
        address = str(flow["auth_uri"])
        with _browser(attempt, address) as started:
            attempt.prompt.show_address(address, opened=started)
            while listener.answer is None:
                page_errors.tell_what_it_means(attempt, attempt.wait(_STEP_S))
                while (turned_away := listener.stray()) is not None:
                    page_errors.tell_of_stray(attempt, turned_away)
        return redirect.finish(attempt, flow, listener.answer)


def _registered(attempt: SignInAttempt) -> dict[str, Any]:
    parts = urlsplit(_loopback_uri(attempt))
    return {"host": parts.hostname, "port": parts.port or 0, "path": parts.path or "/"}


def _address(attempt: SignInAttempt, port: int) -> str:
    # Providers ignore the port of a loopback redirect URI (RFC 8252 §7.3) but nothing else of it: some take any port
    # with 127.0.0.1 only, and to most of them a slash at the end is another address.
    parts = urlsplit(_loopback_uri(attempt))
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
    return parts._replace(netloc=f"{host}:{port}").geturl()


def _loopback_uri(attempt: SignInAttempt) -> str:
    uri = attempt.profile.redirect_uri
    return uri if uri is not None and _is_listened_on(uri) else DEFAULT_REDIRECT_URI


def _is_listened_on(uri: str) -> bool:
    return uri.startswith("http://") and is_loopback(uri)


def _has_place(profile: Profile) -> bool:
    """Tell whether the answer can come to a listener: the callback page's address may be one of several registered."""
    uri = profile.redirect_uri
    return uri is None or _is_listened_on(uri) or is_callback_page(uri)


def _check(profile: Profile) -> None:
    if not _has_place(profile):
        uri = display_url(str(profile.redirect_uri))
        raise ConfigError(
            f"Profile {profile.name!r}: nothing here can listen on its redirect_uri {uri}.",
            next_step=to_run(
                Login(profile.name, flow="paste"),
                ", or register http://localhost and leave redirect_uri out.",
            ),
        )


def _browser(attempt: SignInAttempt, url: str) -> AbstractContextManager[bool]:
    return contextlib.nullcontext(enter_result=True) if attempt.prompt.opens_addresses else opened(url)


def _fits(situation: Situation) -> bool:
    # The browser knows better than the kernel whether both share a machine.
    reached = situation.page.reaches_kernel if situation.page else situation.environment.is_local
    return bool(reached) and _has_place(situation.profile)


def _may_fit(situation: Situation) -> bool:
    # Where the page cannot find out, the person knows whether the kernel runs on their machine; a hub's never does.
    page = situation.page
    unknown = page is not None and page.reaches_kernel is None and situation.environment.remote is None
    return unknown and _has_place(situation.profile)


FLOW = Flow(run=run, label="A browser on the kernel's machine", fits=_fits, may_fit=_may_fit, check=_check)
