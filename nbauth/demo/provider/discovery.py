"""What a client may know before it starts: discovery documents, keys, instances and user realms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from nbauth.demo.http.messages import Response
from nbauth.demo.provider.aadsts import Refusal
from nbauth.demo.provider.realms import ALIASES, TENANT_DOMAIN, TENANT_ID

if TYPE_CHECKING:
    from nbauth.demo.http.messages import Request
    from nbauth.demo.provider.realms import Realm, Site
    from nbauth.demo.provider.settings import Settings

__all__ = ["configuration", "instance", "user_realm"]


def configuration(realm: Realm, settings: Settings) -> Response:
    """Return the discovery document (OpenID Connect Discovery §3).

    On localhost the pages that a person opens are on plain http, so that no browser meets a certificate it cannot
    know; what programs call is on https.
    """
    site = realm.site
    document: dict[str, Any] = {
        "issuer": realm.advertised_issuer,
        "authorization_endpoint": site.pages + realm.path("authorize"),
        "token_endpoint": site.origin + realm.path("token"),
        "end_session_endpoint": site.pages + realm.path("logout"),
        "jwks_uri": site.origin + realm.path("keys"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "grant_types_supported": [
            "authorization_code",
            "refresh_token",
            "client_credentials",
            "urn:ietf:params:oauth:grant-type:device_code",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
        ],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": [*settings.secret_ways, "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256"],
        "authorization_response_iss_parameter_supported": True,
        "request_uri_parameter_supported": False,
        "claims_supported": [
            "aud", "exp", "iat", "iss", "sub", "name", "preferred_username", "email", "nonce", "auth_time", "sid",
        ],
    }  # fmt: skip
    if not settings.tell_secret_ways:
        del document["token_endpoint_auth_methods_supported"]
    if realm.has("devicecode"):
        document["device_authorization_endpoint"] = site.origin + realm.path("devicecode")
    if realm.entra:
        document |= {"tenant_region_scope": None, "cloud_instance_name": "localhost"}
    return Response.json(document, headers={"Cache-Control": "max-age=86400, private"})


def instance(site: Site, request: Request) -> Response:
    """Answer instance discovery: whether a host is one of this provider's, and which are one cloud."""
    asked = urlsplit(request.query.get("authorization_endpoint", ""))
    host = urlsplit(site.origin).netloc
    clouds = ((host, "localhost"), *ALIASES) if host.startswith("localhost:") else ALIASES
    if not any(asked.netloc in group for group in clouds):
        return Refusal(50049, "Unknown or invalid instance.").to_json(entra=True)
    tenant = asked.path.strip("/").partition("/")[0] or "common"
    return Response.json(
        {
            "tenant_discovery_endpoint": f"{site.origin}/{tenant}/v2.0/.well-known/openid-configuration",
            "api-version": request.query.get("api-version", "1.1"),
            "metadata": [
                {"preferred_network": group[0], "preferred_cache": group[0], "aliases": list(group)} for group in clouds
            ],
        }
    )


def user_realm(request: Request) -> Response:
    """Answer user realm discovery: whether a user's domain signs in here."""
    username = unquote(request.path.rpartition("/")[2])
    domain = username.rpartition("@")[2].lower()
    known = domain == TENANT_DOMAIN
    answer = {
        "ver": "1.0",
        "account_type": "Managed" if known else "Unknown",
        "domain_name": domain,
        "cloud_instance_name": "localhost",
        "cloud_audience_urn": "urn:federation:nbauth-demo",
    }
    return Response.json(answer | ({"tenant_id": TENANT_ID} if known else {}))
