"""The paths and hosts that the provider answers under: Entra's tenants, B2C, CIAM, AD FS, and plain OpenID realms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

__all__ = [
    "ALIASES",
    "CONSUMERS_ID",
    "LAB",
    "OTHER_LAB",
    "PARTNER_ID",
    "TENANT_DOMAIN",
    "TENANT_ID",
    "Realm",
    "Site",
    "find_realm",
]

TENANT_ID = "11111111-2222-4333-8444-555555555555"
TENANT_DOMAIN = "contoso.example"
# Another organisation's, where people of the first may be guests.
PARTNER_ID = "22222222-3333-4444-8555-666666666666"
# The tenant that Microsoft's personal accounts are in.
CONSUMERS_ID = "9188040d-6c67-4c5b-b112-36a304b66dad"
LAB = "realms/lab"
OTHER_LAB = "realms/other"
# Microsoft's hosts, a line for each cloud; the first is the one that issuers name.
ALIASES = (
    ("login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"),
    ("login.partner.microsoftonline.cn", "login.chinacloudapi.cn"),
    ("login.microsoftonline.us", "login.usgovcloudapi.net"),
    ("login.sovcloud-identity.fr",),
    ("login.sovcloud-identity.de",),
    ("login.sovcloud-identity.sg",),
)

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
_B2C_ROUTES = {path: name for path, name in _ENTRA_ROUTES.items() if name not in ("devicecode", "device")}
_ADFS_ROUTES = {
    ".well-known/openid-configuration": "configuration",
    "discovery/keys": "keys",
    "oauth2/authorize/": "authorize",
    "oauth2/token/": "token",
    "oauth2/devicecode": "devicecode",
    "oauth2/logout": "logout",
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
_ROUTES = {
    "entra": _ENTRA_ROUTES,
    "ciam": _ENTRA_ROUTES,
    "b2c": _B2C_ROUTES,
    "adfs": _ADFS_ROUTES,
    "oidc": _OIDC_ROUTES,
}
_CIAM_SUFFIX = ".ciamlogin.com"
_SEGMENTS = {
    TENANT_ID: TENANT_ID,
    TENANT_DOMAIN: TENANT_ID,
    "contoso.onmicrosoft.com": TENANT_ID,
    PARTNER_ID: PARTNER_ID,
    "partner.example": PARTNER_ID,
    "common": "common",
    "organizations": "organizations",
    "consumers": CONSUMERS_ID,
}


@dataclass(frozen=True)
class Site:
    """A host that the provider answers under.

    Attributes:
        origin: the https origin, of endpoints that programs call.
        pages: where the pages are that people open: an origin, or an origin and a path if a proxy leads there.
    """

    origin: str
    pages: str

    @classmethod
    def of_host(cls, host: str) -> Site:
        """Return the site of a host that is pinned to this machine: everything is on https there."""
        return cls(f"https://{host}", f"https://{host}")

    @property
    def pages_path(self) -> str:
        """The path before those of the pages, as the browser sees them; without a slash at its end."""
        return urlsplit(self.pages).path

    @property
    def issuer_origin(self) -> str:
        """The origin that Entra's issuers name: whichever of a cloud's hosts was asked, the first."""
        host = self.origin.removeprefix("https://")
        return next((f"https://{group[0]}" for group in ALIASES if host in group), self.origin)


@dataclass(frozen=True)
class Realm:
    """One set of endpoints.

    Attributes:
        kind: ``entra`` for Entra's paths and claims, ``ciam`` for the same with External ID's issuers, ``b2c``,
            ``adfs``, ``oidc`` for a plain OpenID provider's.
        prefix: the path before an endpoint's own, without slashes at its ends.
        tenant_id: the tenant of those who sign in here.
        site: the host that was asked.
    """

    kind: Literal["entra", "ciam", "b2c", "adfs", "oidc"]
    prefix: str
    tenant_id: str
    site: Site

    @property
    def entra(self) -> bool:
        """Whether this speaks as Entra does."""
        return self.kind in ("entra", "ciam")

    @property
    def tells_client_info(self) -> bool:
        """Whether answers hold `client_info`, as those of Microsoft's own clouds do."""
        return self.entra or self.kind == "b2c"

    @property
    def policy(self) -> str:
        """B2C's policy."""
        return self.prefix.partition("/")[2] if self.kind == "b2c" else ""

    @property
    def origin(self) -> str:
        """The https origin."""
        return self.site.origin

    @property
    def issuer(self) -> str:
        """The `iss` of what is issued here."""
        return self._issuer_for(self.tenant_id)

    @property
    def v1_issuer(self) -> str:
        """The `iss` of access tokens in the format v1.0: one host for every tenant, whichever was asked."""
        return f"https://sts.windows.net/{self.tenant_id}/"

    @property
    def advertised_issuer(self) -> str:
        """The issuer in the discovery document: Entra's multi-tenant ones have a place for the tenant in it."""
        return self.issuer_template if self.prefix in {"common", "organizations"} else self.issuer

    @property
    def issuer_template(self) -> str:
        """The issuer with a place for the tenant."""
        return self._issuer_for("{tenantid}")

    def _issuer_for(self, tenant: str) -> str:
        match self.kind:
            case "entra":
                return f"{self.site.issuer_origin}/{tenant}/v2.0"
            case "ciam":
                return f"https://{tenant}{_CIAM_SUFFIX}/{tenant}/v2.0"
            case "b2c":
                return f"{self.origin}/{tenant}/v2.0/"
            case _:
                return f"{self.origin}/{self.prefix}".rstrip("/")

    def path(self, route: str) -> str:
        """Return the path of an endpoint."""
        prefix = "common" if self.entra and route == "device" else self.prefix
        own = next(path for path, name in _ROUTES[self.kind].items() if name == route)
        return f"/{prefix}/{own}" if prefix else f"/{own}"

    def has(self, route: str) -> bool:
        """Tell whether there is such an endpoint here."""
        return route in _ROUTES[self.kind].values()


def find_realm(path: str, site: Site) -> tuple[Realm, str] | tuple[None, str | None]:
    """Find whose endpoint a path is.

    Args:
        path: path of a request.
        site: the host that was asked.

    Returns:
        The realm and the name of the endpoint. No realm and the unknown tenant, where only that is unknown; no realm
        and None for any other path.
    """
    path = path.removeprefix("/")
    for kind, prefix in (("oidc", LAB), ("oidc", OTHER_LAB), ("adfs", "adfs")):
        rest = path.removeprefix(f"{prefix}/")
        if rest != path and rest in _ROUTES[kind]:
            return Realm(kind, prefix, TENANT_ID, site), _ROUTES[kind][rest]  # type: ignore[arg-type]
    if path in _OIDC_ROUTES:
        return Realm("oidc", "", TENANT_ID, site), _OIDC_ROUTES[path]
    segment, _, rest = path.partition("/")
    policy, _, after_policy = rest.partition("/")
    is_b2c = policy.lower().startswith("b2c_") and after_policy in _B2C_ROUTES
    if not is_b2c and rest not in _ENTRA_ROUTES:
        return None, None
    known = _SEGMENTS.get(segment.lower())
    if known is None:
        return None, segment
    if is_b2c:
        return Realm("b2c", f"{segment}/{policy}", TENANT_ID, site), _B2C_ROUTES[after_policy]
    # Entra answers under a tenant's domain, but its documents name the tenant by its id.
    multi = known in {"common", "organizations"}
    prefix = "consumers" if known == CONSUMERS_ID else known
    kind = "ciam" if site.origin.endswith(_CIAM_SUFFIX) else "entra"
    return Realm(kind, prefix, TENANT_ID if multi else known, site), _ENTRA_ROUTES[rest]  # type: ignore[arg-type]
