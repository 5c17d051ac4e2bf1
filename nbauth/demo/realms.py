"""The paths that the provider answers under: Entra's tenants, and a plain OpenID realm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["CONSUMERS_ID", "LAB", "TENANT_DOMAIN", "TENANT_ID", "Realm", "find_realm"]

TENANT_ID = "11111111-2222-4333-8444-555555555555"
TENANT_DOMAIN = "contoso.example"
# The tenant that Microsoft's personal accounts are in.
CONSUMERS_ID = "9188040d-6c67-4c5b-b112-36a304b66dad"
LAB = "realms/lab"

_ENTRA_ROUTES = {
    "v2.0/.well-known/openid-configuration": "configuration",
    "discovery/v2.0/keys": "keys",
    "oauth2/v2.0/authorize": "authorize",
    "oauth2/v2.0/token": "token",
    "oauth2/v2.0/devicecode": "devicecode",
    "oauth2/v2.0/logout": "logout",
    "oauth2/deviceauth": "device",
    "login": "login",
}
_OIDC_ROUTES = {
    ".well-known/openid-configuration": "configuration",
    "keys": "keys",
    "authorize": "authorize",
    "token": "token",
    "devicecode": "devicecode",
    "logout": "logout",
    "device": "device",
    "login": "login",
}
_SEGMENTS = {
    TENANT_ID: TENANT_ID,
    TENANT_DOMAIN: TENANT_ID,
    "common": "common",
    "organizations": "organizations",
    "consumers": CONSUMERS_ID,
}


@dataclass(frozen=True)
class Realm:
    """One set of endpoints.

    Attributes:
        kind: ``entra`` for Entra's paths and claims, ``oidc`` for a plain OpenID provider's.
        prefix: the path before an endpoint's own, without slashes at its ends.
        tenant_id: the tenant of those who sign in here.
        origin: the https origin, for issuers.
    """

    kind: Literal["entra", "oidc"]
    prefix: str
    tenant_id: str
    origin: str

    @property
    def entra(self) -> bool:
        """Whether this speaks as Entra does."""
        return self.kind == "entra"

    @property
    def issuer(self) -> str:
        """The `iss` of what is issued here."""
        return f"{self.origin}/{self.tenant_id}/v2.0" if self.entra else f"{self.origin}/{self.prefix}"

    @property
    def advertised_issuer(self) -> str:
        """The issuer in the discovery document: Entra's multi-tenant ones have a place for the tenant in it."""
        if self.prefix in {"common", "organizations"}:
            return f"{self.origin}/{{tenantid}}/v2.0"
        return self.issuer

    def path(self, route: str) -> str:
        """Return the path of an endpoint."""
        routes = _ENTRA_ROUTES if self.entra else _OIDC_ROUTES
        prefix = "common" if self.entra and route == "device" else self.prefix
        return f"/{prefix}/" + next(path for path, name in routes.items() if name == route)


def find_realm(path: str, origin: str) -> tuple[Realm, str] | tuple[None, str | None]:
    """Find whose endpoint a path is.

    Args:
        path: path of a request.
        origin: the provider's https origin.

    Returns:
        The realm and the name of the endpoint. No realm and the unknown tenant, where only that is unknown; no realm
        and None for any other path.
    """
    lab, _, rest = path.strip("/").partition(f"{LAB}/")
    if not lab and rest in _OIDC_ROUTES:
        return Realm("oidc", LAB, TENANT_ID, origin), _OIDC_ROUTES[rest]
    segment, _, rest = path.lstrip("/").partition("/")
    if rest not in _ENTRA_ROUTES:
        return None, None
    known = _SEGMENTS.get(segment.lower())
    if known is None:
        return None, segment
    # Entra answers under a tenant's domain, but its documents name the tenant by its id.
    multi = known in {"common", "organizations"}
    prefix = known if multi else "consumers" if known == CONSUMERS_ID else TENANT_ID
    return Realm("entra", prefix, TENANT_ID if multi else known, origin), _ENTRA_ROUTES[rest]
