"""The provider's discovery document, read from MSAL's http cache, and anew (OpenID Connect Discovery §4)."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, NoReturn

import requests

from nbauth.errors import ProviderUnavailable
from nbauth.net.origins import host_of, redact_url
from nbauth.net.sanitize import clean
from nbauth.signin.http.http_cache import ENDPOINT_KEYS, endpoints_allowed, refused_endpoints
from nbauth.signin.oidc import issuers

if TYPE_CHECKING:
    from collections.abc import Callable

    import msal

    from nbauth.signin.http.http_cache import HttpCache
    from nbauth.signin.profile.profile import Profile

__all__ = ["check", "discover", "get_json", "kept_in", "moved"]

logger = logging.getLogger(__name__)

_SHOWN_KEYS = ("issuer", *ENDPOINT_KEYS)


def discover(profile: Profile, application: msal.ClientApplication) -> dict[str, Any]:
    """Return the discovery document: its issuer is the authority's own, and so are the hosts of its endpoints.

    Raises:
        ProviderUnavailable: it cannot be had, or `check` refuses it.
    """
    document = get_json(application, profile.resolved_authority.discovery_url)
    check(document, profile)
    return document


def check(document: dict[str, Any], profile: Profile) -> None:
    """Check that a discovery document is the authority's.

    Raises:
        ProviderUnavailable: it names another issuer, or endpoints on other hosts or over http.
    """
    authority = profile.resolved_authority
    whose = f"Profile {profile.name!r}: the discovery document of {authority.host}"
    refused = refused_endpoints(document, authority.allowed_hosts)
    if any(_is_http(url) for url in refused.values()):
        _refuse_http(document, whose)
    if refused or not endpoints_allowed(document, authority.allowed_hosts):
        raise _on_other_hosts(document, refused, profile, whose)
    issuer = document.get("issuer")
    if not isinstance(issuer, str) or not isinstance(document.get("jwks_uri"), str):
        raise ProviderUnavailable(f"{whose} lacks jwks_uri or issuer.", next_step="Check the authority in the profile.")
    if not issuers.is_own(authority, issuer):
        if _is_http(issuer):
            _refuse_http(document, whose)
        key = "oidc_authority" if authority.kind == "oidc" else "authority"
        raise ProviderUnavailable(
            f"Profile {profile.name!r}: the discovery document of {authority.url} is that of another issuer, "
            f"{clean(issuer)}.",
            next_step=f"If that is the provider you mean, write it as {key} in the profile.",
        )


def _is_http(url: Any) -> bool:
    return isinstance(url, str) and url.lower().startswith("http://")


def _refuse_http(document: dict[str, Any], whose: str) -> NoReturn:
    named = (f"{key} {redact_url(document[key])}" for key in _SHOWN_KEYS if _is_http(document.get(key)))
    raise ProviderUnavailable(
        f"{whose} names http:// addresses, where secrets and tokens could be read: {clean(', '.join(named))}.",
        next_step="If a proxy before the provider ends TLS, tell the provider its https:// address, or have the proxy "
        "send X-Forwarded-Proto.",
    )


def _on_other_hosts(
    document: dict[str, Any], refused: dict[str, Any], profile: Profile, whose: str
) -> ProviderUnavailable:
    """Return the error that names the hosts, and what to write if they are right."""
    # Userinfo is asked for names alone, and where it cannot be had nothing is said; here it is known to be needed, too.
    named = {**refused, "userinfo_endpoint": document.get("userinfo_endpoint")}
    hosts: dict[str, list[str]] = {}
    for key, url in named.items():
        try:
            host = host_of(url).removesuffix(":443")
        except (TypeError, AttributeError, ValueError):
            continue
        if host_of(f"https://{host}") not in profile.resolved_authority.allowed_hosts:
            hosts.setdefault(host, []).append(key)
    if not hosts:
        odd = ", ".join(refused) or "metadata"
        return ProviderUnavailable(
            f"{whose} names endpoints on other hosts, or what is no address: {odd}.",
            next_step="Check the authority in the profile.",
        )
    shown = ", ".join(f"{host} ({', '.join(keys)})" for host, keys in hosts.items())
    written = json.dumps([*profile.endpoint_hosts, *hosts])
    return ProviderUnavailable(
        f"{whose} names endpoints on other hosts: {shown}.",
        next_step=f"If they are the provider's own, write them into the profile: endpoint_hosts = {written}.",
    )


def moved(
    profile: Profile,
    application: msal.ClientApplication,
    http_cache: HttpCache | None,
    *,
    name: str,
    url: str,
) -> str | None:
    """Return where an endpoint is by now that was not found at a URL, or None where that is not known.

    The document is fetched anew, once a minute at most.

    Args:
        profile: whose provider.
        application: its client application.
        http_cache: where the document is kept; None asks nobody.
        name: the document's word for the endpoint.
        url: where it was looked for.
    """
    for look in (discover, _discover_anew(http_cache)):
        try:
            place = look(profile, application).get(name)
        except (ProviderUnavailable, requests.RequestException) as error:
            logger.info("Profile %r: the discovery document cannot be fetched again: %s", profile.name, error)
            return None
        if isinstance(place, str) and place != url:
            logger.info("Profile %r: %s is at %s by now.", profile.name, name, redact_url(place))
            return place
    return None


def _discover_anew(http_cache: HttpCache | None) -> Callable[[Profile, msal.ClientApplication], dict[str, Any]]:
    def look(profile: Profile, application: msal.ClientApplication) -> dict[str, Any]:
        if http_cache is None:
            return {}
        with http_cache.anew(profile.resolved_authority.discovery_url):
            return discover(profile, application)

    return look


def kept_in(http_cache: HttpCache | None) -> str:
    """Return what an error says of a document that may be out of date: where it is; empty where it is kept nowhere."""
    place = None if http_cache is None else http_cache.place
    return (
        "" if place is None else f"what nbauth knows of the provider is in {place}, fetched anew once a minute at most"
    )


def get_json(application: msal.ClientApplication, url: str) -> dict[str, Any]:
    """GET a public document of the provider through MSAL's http cache.

    Raises:
        ProviderUnavailable: it is answered with an error.
    """
    answer = application.http_client.get(url)
    if answer.status_code != 200:  # noqa: PLR2004 - RFC 9110 §15.3.1
        raise ProviderUnavailable(f"{url} answered HTTP {answer.status_code}.")
    document: dict[str, Any] = json.loads(answer.text)
    return document
