"""What a source's token says: for whom it is, whose it is, and how long it is good, as far as it can be read.

The signature is not verified. An access token is for the API, which verifies it; what is read here only ever refuses
one, and names who it is of.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from nbauth.signin.oidc.identity import names_of, read_claims
from nbauth.signin.profile.authority import GUID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbauth.signin.profile.profile import Profile

__all__ = ["identity_of", "life_of", "read_claims", "why_not_for_these", "why_not_of_this_provider"]

_LATEST = 253402300800  # the year 10000, which no `datetime` has
_GRAPH = "00000003-0000-0000-c000-000000000000"
# Names of one resource: Microsoft Graph has an application id, and Azure Resource Manager a second address.
_SAME = (
    frozenset({"https://graph.microsoft.com", _GRAPH}),
    frozenset({"https://management.azure.com", "https://management.core.windows.net"}),
)


def life_of(claims: Mapping[str, Any], default: float) -> float:
    """Return how many seconds a token is still good; `default` where it names no such time (RFC 7519 §4.1.4)."""
    expires_at = claims.get("exp")
    if not isinstance(expires_at, int | float) or not expires_at < _LATEST:  # nor is NaN
        return default
    return float(expires_at) - time.time()


def identity_of(claims: Mapping[str, Any]) -> tuple[str, str]:
    """Return the key and the sign-in name of whom a token is of; empty texts where it does not say.

    Entra's `sub` is another one for each API, and its `oid` the same for all.
    """
    tenant = str(claims.get("tid", ""))
    key = str(claims.get("oid" if tenant and claims.get("oid") else "sub") or "")
    names = names_of(claims) or tuple(str(claims[n]) for n in ("appid", "azp", "client_id", "sub") if claims.get(n))
    return ".".join(filter(None, (key, tenant))), next(iter(names), "")


def why_not_of_this_provider(claims: Mapping[str, Any], profile: Profile) -> str | None:
    """Return how a token is of another tenant or issuer than the profile's, as a half sentence; None where it is not.

    Args:
        claims: what the token says; empty where it cannot be read.
        profile: whose `tenant`, `authority` or `oidc_authority` it must be of.
    """
    authority = profile.resolved_authority
    tenant, found = authority.tenant or "", str(claims.get("tid", ""))
    if GUID.fullmatch(tenant) and found and found.lower() != tenant.lower():
        return f"gave a token of tenant {found}, and the profile's is {tenant}"
    issuer = str(claims.get("iss", ""))
    if authority.kind == "oidc" and issuer and issuer.rstrip("/") != authority.url:
        return f"gave a token of {issuer[:200]!a}, and the profile's provider is {authority.url}"
    return None


def why_not_for_these(
    claims: Mapping[str, Any], profile: Profile, scopes: tuple[str, ...], *, was_asked_for: bool
) -> str | None:
    """Return how a token is not for a row of a profile, as a half sentence; None where nothing is seen.

    Args:
        claims: what the token says; empty where it cannot be read.
        profile: whose row it is.
        scopes: the row's.
        was_asked_for: whether the source was asked for just this resource, so that an audience of which nobody here
            knows whether it is another name of it counts for it.
    """
    given = claims.get("aud")
    audiences = [str(each) for each in (given if isinstance(given, list) else [given]) if each]
    wanted = _wanted(profile, scopes, of_entra=was_asked_for or profile.resolved_authority.kind == "entra")
    if audiences and wanted and not any(_fits(a, w, trusting=was_asked_for) for a in audiences for w in wanted):
        shown = ", ".join(f"{audience[:200]!a}" for audience in audiences)
        return f"gave a token for {shown}, and {' '.join(scopes)} is of {', '.join(sorted(wanted))}"
    if was_asked_for:
        return None
    said = claims.get("scp", claims.get("scope"))
    granted = str(" ".join(said) if isinstance(said, list) else said or "").split()
    missing = [s for s in scopes if s.rpartition("/")[2] not in (*granted, ".default") and s not in granted]
    return f"gave a token without the scopes {' '.join(missing)}" if granted and missing else None


def _wanted(profile: Profile, scopes: tuple[str, ...], *, of_entra: bool) -> set[str]:
    """Return the resources that scopes are of; none where nothing says which."""
    resources = {scope.rpartition("/")[0] for scope in scopes}
    if all(resources):
        return resources
    named = (profile.authorization_parameters or {}).get("audience")
    if named:
        return {named}
    # Entra's scopes without a resource are Graph's.
    return {"https://graph.microsoft.com"} if scopes and of_entra else set()


def _fits(audience: str, wanted: str, *, trusting: bool) -> bool:
    ours, theirs = _plain(wanted), _plain(audience)
    if ours == theirs or any({ours, theirs} <= same for same in _SAME):
        return True
    # Version 2 tokens are for the application's id, whatever address was asked for.
    is_id, is_known = GUID.fullmatch(theirs), GUID.fullmatch(ours) or any(ours in same for same in _SAME)
    return bool(trusting and is_id and not is_known)


def _plain(resource: str) -> str:
    plain = resource.rstrip("/").lower()
    return plain.removeprefix("api://") if GUID.fullmatch(plain.removeprefix("api://")) else plain
