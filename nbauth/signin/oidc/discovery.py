"""The provider's discovery document, read again from MSAL's http cache (OpenID Connect Discovery §4)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nbauth.errors import ProviderUnavailable
from nbauth.net.sanitize import clean
from nbauth.signin.http.http_cache import endpoints_allowed
from nbauth.signin.oidc import issuers

if TYPE_CHECKING:
    import msal

    from nbauth.signin.profile.profile import Profile

__all__ = ["discover", "get_json"]


def discover(profile: Profile, application: msal.ClientApplication) -> dict[str, Any]:
    """Return the discovery document: its issuer is the authority's own, and so are the hosts of its endpoints.

    Raises:
        ProviderUnavailable: it cannot be had, or names another issuer or other hosts.
    """
    authority = profile.resolved_authority
    document = get_json(application, authority.discovery_url)
    if not endpoints_allowed(document, authority.allowed_hosts):
        raise ProviderUnavailable(
            f"Profile {profile.name!r}: the discovery document of {authority.host} names endpoints on other hosts.",
            next_step="If they are the provider's own, add them to the profile's endpoint_hosts.",
        )
    issuer = document.get("issuer")
    if not isinstance(issuer, str) or not isinstance(document.get("jwks_uri"), str):
        raise ProviderUnavailable(
            f"Profile {profile.name!r}: the discovery document of {authority.host} lacks jwks_uri or issuer.",
            next_step="Check the authority in the profile.",
        )
    if not issuers.is_own(authority, issuer):
        key = "oidc_authority" if authority.kind == "oidc" else "authority"
        raise ProviderUnavailable(
            f"Profile {profile.name!r}: the discovery document of {authority.url} is that of another issuer, "
            f"{clean(issuer)}.",
            next_step=f"If that is the provider you mean, write it as {key} in the profile.",
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
