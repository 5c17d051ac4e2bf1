"""What a client may know before it starts: discovery documents, keys, instances and user realms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from nbauth.demo.aadsts import Refusal
from nbauth.demo.messages import Response
from nbauth.demo.realms import TENANT_DOMAIN, TENANT_ID

if TYPE_CHECKING:
    from nbauth.demo.context import Context
    from nbauth.demo.messages import Request
    from nbauth.demo.realms import Realm

__all__ = ["configuration", "instance", "user_realm"]


def configuration(context: Context, realm: Realm) -> Response:
    """Return the discovery document (OpenID Connect Discovery §3).

    Pages that a person opens are on plain http, so that no browser meets a certificate it cannot know; what programs
    call is on https.
    """
    document: dict[str, Any] = {
        "issuer": realm.advertised_issuer,
        "authorization_endpoint": context.page_origin + realm.path("authorize"),
        "token_endpoint": context.origin + realm.path("token"),
        "device_authorization_endpoint": context.origin + realm.path("devicecode"),
        "end_session_endpoint": context.page_origin + realm.path("logout"),
        "jwks_uri": context.origin + realm.path("keys"),
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
        "token_endpoint_auth_methods_supported": [
            "client_secret_post",
            "client_secret_basic",
            "private_key_jwt",
        ],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256"],
        "authorization_response_iss_parameter_supported": True,
        "request_uri_parameter_supported": False,
        "claims_supported": [
            "aud", "exp", "iat", "iss", "sub", "name", "preferred_username", "email", "nonce", "auth_time", "sid",
        ],
    }  # fmt: skip
    if realm.entra:
        document |= {"tenant_region_scope": None, "cloud_instance_name": "localhost"}
    return Response.json(document, headers={"Cache-Control": "max-age=86400, private"})


def instance(context: Context, request: Request) -> Response:
    """Answer instance discovery: whether an authority's host is one of this provider's."""
    asked = urlsplit(request.query.get("authorization_endpoint", ""))
    host = urlsplit(context.origin).netloc
    if asked.netloc not in (host, "localhost"):
        return Refusal(50049, "Unknown or invalid instance.").to_json(entra=True)
    tenant = asked.path.strip("/").partition("/")[0] or "common"
    return Response.json(
        {
            "tenant_discovery_endpoint": f"{context.origin}/{tenant}/v2.0/.well-known/openid-configuration",
            "api-version": request.query.get("api-version", "1.1"),
            "metadata": [{"preferred_network": host, "preferred_cache": "localhost", "aliases": ["localhost", host]}],
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
