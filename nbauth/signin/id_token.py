"""ID tokens: signature, issuer, audience, times, nonce (OpenID Connect Core §3.1.3.7), which MSAL does not check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt

from nbauth.errors import ProviderUnavailable, SignInFailed
from nbauth.signin.discovery import discover, get_json

if TYPE_CHECKING:
    import msal

    from nbauth.signin.http_cache import HttpCache
    from nbauth.signin.profiles import Profile

__all__ = ["validate"]

# Asymmetric only: with HS256 anybody who knows the client secret, and with "none" anybody, could sign.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_LEEWAY_S = 300  # the clocks of notebooks in containers are often minutes off


def validate(
    id_token: str,
    *,
    profile: Profile,
    application: msal.ClientApplication,
    http_cache: HttpCache,
) -> dict[str, Any]:
    """Validate an ID token and return its claims. The nonce is MSAL's to check, and it does.

    Args:
        id_token: as the token endpoint returned it.
        profile: whose sign-in.
        application: its client application.
        http_cache: where the discovery document and the keys are.

    Raises:
        SignInFailed: a check failed; nothing of this sign-in is to be kept.
        ProviderUnavailable: the keys cannot be had.
    """
    document = discover(profile, application)
    jwks_uri, issuer = document.get("jwks_uri"), document.get("issuer")
    if not isinstance(jwks_uri, str) or not isinstance(issuer, str):
        raise ProviderUnavailable(
            f"Profile {profile.name!r}: the discovery document of {profile.authority_host} lacks jwks_uri or issuer."
        )
    try:
        key = _key(id_token, application, jwks_uri, http_cache)
        claims: dict[str, Any] = jwt.decode(
            id_token,
            key,
            algorithms=_ALGORITHMS,
            audience=profile.client_id,
            leeway=_LEEWAY_S,
            options={"require": ["iss", "sub", "aud", "exp", "iat"], "verify_iss": False},
        )
    except jwt.PyJWTError as error:
        raise _failed(profile, str(error)) from None
    # Entra's documents for several tenants name the issuer with a placeholder.
    expected = issuer.replace("{tenantid}", str(claims.get("tid", "")))
    if claims["iss"] != expected:
        raise _failed(profile, f"its issuer is {claims['iss']}, not {expected}")
    azp = claims.get("azp")
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if (azp is not None or several) and azp != profile.client_id:
        raise _failed(profile, "it was issued to another application")
    return claims


def _failed(profile: Profile, reason: str) -> SignInFailed:
    return SignInFailed(
        f"Profile {profile.name!r}: the ID token of {profile.authority_host} is not valid: {reason}. Nothing was kept.",
        profile=profile.name,
        error="invalid_id_token",
        next_step=f"Run: %login {profile.name}",
    )


def _key(id_token: str, application: msal.ClientApplication, jwks_uri: str, http_cache: HttpCache) -> jwt.PyJWK:
    kid = jwt.get_unverified_header(id_token).get("kid")
    key = _find(get_json(application, jwks_uri), kid)
    if key is None:  # rotated since they were cached
        http_cache.forget(jwks_uri)
        key = _find(get_json(application, jwks_uri), kid)
    if key is None:
        raise jwt.InvalidKeyError("no key of the provider signed it")
    return key


def _find(document: dict[str, Any], kid: str | None) -> jwt.PyJWK | None:
    keys = jwt.PyJWKSet.from_dict(document).keys
    signing = [key for key in keys if key.public_key_use in (None, "sig")]
    if kid is None:  # allowed where there is one key only (OpenID Connect Core §10.1)
        return signing[0] if len(signing) == 1 else None
    return next((key for key in signing if key.key_id == kid), None)
