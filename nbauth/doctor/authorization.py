"""An authorization request without a person: what a provider tells of the client id and the redirect URI.

Of both it tells before anybody signs in, on its own page (RFC 6749 §4.1.2.1). With ``prompt=none`` a provider that
knows both sends the browser back at once: nobody is signed in (OpenID Connect Core §3.1.2.6). Nothing is spent by it.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote_plus, urljoin, urlsplit

import requests

from nbauth.doctor.finding import Finding, failed
from nbauth.errors import NbauthError
from nbauth.net.origins import display_url, redact_url
from nbauth.net.redirects import is_redirection
from nbauth.net.sanitize import clean
from nbauth.net.tls import Trust
from nbauth.signin.client.error_catalogue import NUMBER, explain
from nbauth.signin.flows import redirect
from nbauth.signin.flows.attempt import SignInAttempt
from nbauth.signin.flows.prompt import NullPrompt
from nbauth.signin.flows.sign_in_request import what_to_check
from nbauth.signin.http.plain_page import get_page

if TYPE_CHECKING:
    from pathlib import Path

    from nbauth.doctor.finding import Level
    from nbauth.net.bundles import Bundle
    from nbauth.next_step import Step
    from nbauth.signin.http.plain_page import PlainPage
    from nbauth.signin.profile.profile import Profile
    from nbauth.signin.tokens.connection import Connection

__all__ = ["try_authorization"]

# What is answered only to a client and a redirect URI that the provider knows (OpenID Connect Core §3.1.2.6).
_NOBODY_IS_SIGNED_IN = ("login_required", "interaction_required", "consent_required", "account_selection_required")
_UNSEEN = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_LONGEST_WORDS = 200
_WRONG_URI = "redirect_uri_mismatch"  # what the catalogue knows a redirect URI by that is not registered


def try_authorization(connection: Connection, *, bundle: Bundle | None, directory: Path) -> Finding:
    """Ask a provider for a sign-in that nobody can take part in, and return what it tells.

    Args:
        connection: of a person's profile.
        bundle: the profile's certificate authorities.
        directory: the notebook's.
    """
    profile = connection.profile
    uri = profile.redirect_uri or redirect.DEFAULT_REDIRECT_URI
    attempt = SignInAttempt(
        profile=dataclasses.replace(profile, prompt="none"),
        application=connection.application,
        scopes=profile.login_scopes,
        prompt=NullPrompt(),
        flow="loopback",
        timeout_s=profile.timeout_s,
    )
    try:
        address = str(redirect.start(attempt, uri)["auth_uri"])
        trust = Trust.of_environment(untrusted=directory).context(() if bundle is None else (bundle,))
        page = get_page(address, trust, timeout_s=profile.timeout_s, proxies=profile.proxies)
    except NbauthError as error:
        return failed(f"profile {profile.name}", error)
    except requests.RequestException as error:
        text = f"its sign-in page {redact_url(address)} cannot be had ({type(error).__name__})."
        return _finding(profile, "error", text, "Check the network, or ask whoever runs the provider.")
    return _read(page, profile, uri, address, by_device=_offers_codes(connection))


def _read(page: PlainPage, profile: Profile, uri: str, address: str, *, by_device: bool) -> Finding:
    what = f"client_id {profile.client_id} and redirect URI {display_url(uri)}"
    if not is_redirection(page.status):
        return _read_page(page, profile, what, by_device=by_device)
    target = urljoin(address, page.location)
    answer = redirect.parameters(target)
    if _is_at(target, uri):
        if "code" in answer or answer.get("error") in _NOBODY_IS_SIGNED_IN:
            return _finding(profile, "ok", f"the provider knows {what}.")
        if "error" in answer:
            return _refused(profile, f"{answer['error']}: {answer.get('error_description', '')}", what)
    elif _is_of_an_error(target):
        return _refused(profile, unquote_plus(target), what, by_device=by_device)
    return _says_nothing(profile, what, f"sends a browser on to {redact_url(target)}")


def _read_page(page: PlainPage, profile: Profile, what: str, *, by_device: bool) -> Finding:
    number = NUMBER.search(page.text)
    if number is not None:
        return _refused(profile, number[0], what, by_device=by_device)
    if page.status >= 400:  # noqa: PLR2004 - RFC 9110 §15.5
        words = " ".join(_UNSEEN.sub(" ", page.text).split())
        return _refused(profile, f"HTTP {page.status}: {words}", what, by_device=by_device)
    return _says_nothing(profile, what, "shows a page")


def _refused(profile: Profile, said: str, what: str, *, by_device: bool = False) -> Finding:
    """Return what an error means.

    Args:
        profile: whose sign-in was tried.
        said: the error in the provider's words.
        what: what was tried.
        by_device: the person can sign in by a code, for which no redirect URI is needed.
    """
    explained = explain(said, profile)
    of_uri = explained is not None and explained.title == str(getattr(explain(_WRONG_URI), "title", None))
    without_uri = by_device and profile.redirect_uri is None and of_uri
    level: Level = "warning" if without_uri else "error"
    if explained is None:
        text = f"the provider does not take {what}: {clean(said, _LONGEST_WORDS)}"
        return _finding(profile, level, f"{text.rstrip('.')}.", f"Perhaps it helps to {what_to_check(profile)}.")
    code = f" ({explained.code})" if explained.code else ""
    text = f"the provider does not take {what}: {explained.title}{code}. {explained.cause}".rstrip()
    text += " A device code works without one." if without_uri else ""
    return _finding(profile, level, text, explained.next_step)


def _says_nothing(profile: Profile, what: str, how: str) -> Finding:
    text = f"the provider {how}, and says nothing against {what}; only a sign-in proves them."
    return _finding(profile, "ok", text)


def _finding(profile: Profile, level: Level, text: str, cure: Step | None = None) -> Finding:
    return Finding(topic=f"profile {profile.name}", level=level, text=text, cure=cure)


def _is_at(target: str, uri: str) -> bool:
    """Tell whether an answer came to a redirect URI; of a loopback one the port does not count (RFC 8252 §7.3)."""
    at, expected = urlsplit(target), urlsplit(uri)
    return (at.scheme, at.hostname, at.path or "/") == (expected.scheme, expected.hostname, expected.path or "/")


def _is_of_an_error(target: str) -> bool:
    """Tell whether an address is that of an error's page; Google's is ``/signin/oauth/error/v2?authError=…``."""
    parts = urlsplit(target.lower())
    named = {name for name, _ in parse_qsl(parts.query)} | set(parts.path.split("/"))
    return not named.isdisjoint(("error", "errors", "autherror", "error_code", "errorcode"))


def _offers_codes(connection: Connection) -> bool:
    offered = bool(connection.application.authority.device_authorization_endpoint)
    return offered and not connection.profile.is_confidential
