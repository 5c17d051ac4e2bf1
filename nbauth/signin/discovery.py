"""The provider's discovery document, read again from MSAL's http cache (OpenID Connect Discovery §4)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nbauth.errors import ProviderUnavailable
from nbauth.signin.http_cache import endpoints_allowed

if TYPE_CHECKING:
    import msal

    from nbauth.signin.profiles import Profile

__all__ = ["discover", "discovery_url", "get_json"]


def discovery_url(profile: Profile) -> str:
    """Return the address that MSAL reads the profile's discovery document from."""
    url = profile.authority_url
    version = "" if profile.oidc_authority or url.lower().endswith("/adfs") else "/v2.0"
    return f"{url}{version}/.well-known/openid-configuration"


def discover(profile: Profile, application: msal.ClientApplication) -> dict[str, Any]:
    """Return the discovery document, with every endpoint on one of the provider's own hosts.

    Raises:
        ProviderUnavailable: it cannot be had, or names other hosts.
    """
    document = get_json(application, discovery_url(profile))
    if not endpoints_allowed(document, profile.allowed_hosts):
        raise ProviderUnavailable(
            f"Profile {profile.name!r}: the discovery document of {profile.authority_host} names endpoints "
            "on other hosts.",
            next_step="If they are the provider's own, add them to the profile's endpoint_hosts.",
        )
    return document


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
