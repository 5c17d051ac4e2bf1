"""Issuers: which of them belong to an authority, and which issuer and tenant its ID tokens must name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from nbauth.net.origins import host_of
from nbauth.net.sanitize import clean
from nbauth.signin.profile.authority import CONSUMERS_ID, GUID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbauth.signin.profile.authority import Authority

__all__ = ["check_claims", "is_answer_of", "is_own", "tenant_of"]

# Entra's documents for several tenants name the issuer with this in place of the tenant.
_PLACE = "{tenantid}"
_TENANT_IN_PATH = re.compile(rf"^/(?:tfp/)?({GUID.pattern})(?=/|$)", re.IGNORECASE)


def is_own(authority: Authority, issuer: str) -> bool:
    """Tell whether the issuer that a discovery document names belongs to an authority.

    For an OpenID provider it is the address that the document was looked for under (OpenID Connect Discovery §4.3;
    with or without one slash at its end, because §4.1 drops it and both lead to one document). Entra and AD FS name
    another path than they are asked under, so there it is the host that counts; a tenant that is asked for by its id
    has to stand in it.

    Args:
        authority: where the document comes from.
        issuer: what it says.
    """
    if _is_external_id(authority, issuer):
        return True
    if authority.kind == "oidc":
        return issuer.removesuffix("/") == authority.url
    try:
        own_host = issuer.startswith("https://") and host_of(issuer) in authority.allowed_hosts
    except ValueError:
        return False
    if authority.kind == "adfs":
        return own_host and urlsplit(issuer).path.rstrip("/") == urlsplit(authority.url).path
    tenant = authority.tenant or ""
    fits = not GUID.fullmatch(tenant) or _tenant_in(issuer) == tenant.lower()
    return own_host and fits and (_PLACE not in issuer or authority.audience is not None)


def is_answer_of(authority: Authority, issuer: str, iss: str) -> bool:
    """Tell whether the `iss` of a redirect is that of an authority (RFC 9207 §2.4).

    Args:
        authority: which was asked.
        issuer: what its discovery document says.
        iss: what the redirect says.
    """
    if _PLACE not in issuer:
        return iss == issuer
    before, _, after = issuer.partition(_PLACE)
    tenant = iss[len(before) : len(iss) - len(after)]
    return iss == f"{before}{tenant}{after}" and GUID.fullmatch(tenant) is not None and _serves(authority, tenant)


def check_claims(
    authority: Authority, issuer: str, claims: Mapping[str, Any], *, key_issuer: str | None = None
) -> None:
    """Check the issuer and the tenant of an ID token.

    Args:
        authority: where the sign-in was.
        issuer: what its discovery document says.
        claims: the ID token's; its signature was checked.
        key_issuer: whose tokens the key may sign, where the key set says so, as Entra's does.

    Raises:
        ValueError: another issuer or another tenant; the text says which was expected and which was found.
    """
    tid = str(claims.get("tid", ""))
    if (_PLACE in issuer or tid) and authority.kind in ("entra", "ciam"):
        if not GUID.fullmatch(tid):
            raise ValueError(f"its tenant {clean(tid)!r} is no GUID")
        _check_tenant(authority, issuer, tid)
    for source in filter(None, (issuer, key_issuer)):
        expected = source.replace(_PLACE, tid or _tenant_in(issuer) or "")
        if claims["iss"] != expected:
            whose = "" if source is issuer else "the key that signed it is for another issuer: "
            raise ValueError(f"{whose}its issuer is {clean(str(claims['iss']))}, not {clean(expected)}")
    # A token of another policy has the same issuer and audience; B2C says the policy in `tfp`, formerly in `acr`.
    policy = str(claims.get("tfp") or claims.get("acr") or "")
    if authority.policy and policy and policy.lower() != authority.policy.lower():
        raise ValueError(f"it is of the policy {clean(policy)}, not {authority.policy}")


def tenant_of(authority: Authority, claims: Mapping[str, Any]) -> str:
    """Return the tenant of a checked ID token, which B2C says in `iss` only; empty where the provider has none.

    At a plain OpenID provider `tid` is a word like any other; where that is Entra, its `iss` says the tenant, too.
    """
    told = "" if authority.kind == "oidc" else str(claims.get("tid") or "")
    return told or _tenant_in(str(claims["iss"])) or ""


def _check_tenant(authority: Authority, issuer: str, tid: str) -> None:
    if not _serves(authority, tid):
        expected = {"consumers": f"a personal account ({CONSUMERS_ID})", "organizations": "an organisation's"}
        asked = expected.get(authority.audience or "", authority.tenant)
        raise ValueError(f"it is of the tenant {_named(tid)}, and {asked} was expected")
    named = _tenant_in(issuer)
    if named is not None and named != tid.lower():  # of a domain, the document says whose it is
        asked = "" if named == authority.tenant else f"{authority.audience or authority.tenant}, "
        raise ValueError(f"it is of the tenant {_named(tid)}, and {asked}{named} was expected")


def _serves(authority: Authority, tid: str) -> bool:
    """Tell whether people of a tenant may sign in at an authority, as far as its address says."""
    tenant = (authority.tenant or "").lower()
    match authority.audience:
        case "common":
            return True
        case "organizations":
            return tid.lower() != CONSUMERS_ID
        case "consumers":
            return tid.lower() == CONSUMERS_ID
    return not GUID.fullmatch(tenant) or tenant == tid.lower()


def _is_external_id(authority: Authority, issuer: str) -> bool:
    # Entra External ID: https://{tenant}.ciamlogin.com/{tenant}/v2.0, at a host of the company's name, or its own.
    tenant = _tenant_in(issuer)
    if tenant is None or issuer.lower() != f"https://{tenant}.ciamlogin.com/{tenant}/v2.0":
        return False
    if authority.kind == "ciam":
        asked = (authority.tenant or "").lower()
        return asked == tenant or not GUID.fullmatch(asked)
    return authority.kind in ("entra", "oidc") and _tenant_in(authority.url) == tenant


def _tenant_in(url: str) -> str | None:
    try:
        match = _TENANT_IN_PATH.match(urlsplit(url).path)
    except ValueError:  # brackets that are no IPv6 address
        return None
    return match[1].lower() if match else None


def _named(tid: str) -> str:
    return f"{tid} (Microsoft's personal accounts)" if tid.lower() == CONSUMERS_ID else tid
