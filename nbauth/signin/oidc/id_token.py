"""ID tokens: signature, issuer, tenant, audience, times (OpenID Connect Core §3.1.3.7), which MSAL does not check."""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt

from nbauth.errors import SignInFailed
from nbauth.net import base64url
from nbauth.net.sanitize import clean
from nbauth.next_step import Login, NextStep, to_run
from nbauth.signin.http.clock_skew import what_is_off
from nbauth.signin.oidc import issuers
from nbauth.signin.oidc.discovery import discover, get_json

if TYPE_CHECKING:
    import msal

    from nbauth.next_step import Step
    from nbauth.signin.http.http_cache import HttpCache
    from nbauth.signin.profile.profile import Profile

__all__ = ["check_times", "validate"]

# What a key may sign with, by its type and curve (RFC 7518 §3.1, RFC 8037). Asymmetric only: with HS256 anybody who
# knows the client secret, and with "none" anybody, could sign.
_ALGORITHMS = {
    ("RSA", None): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
_LEEWAY_S = 300  # the clocks of notebooks in containers are often minutes off


def validate(
    id_token: str,
    *,
    profile: Profile,
    application: msal.ClientApplication,
    http_cache: HttpCache | None,
    access_token: str | None = None,
    now: float | None = None,
) -> dict[str, Any]:
    """Validate an ID token and return its claims. The nonce is MSAL's to check, and it does.

    Args:
        id_token: as the token endpoint returned it.
        profile: whose sign-in.
        application: its client application.
        http_cache: where the discovery document and the keys are; None fetches no key anew.
        access_token: what came with it; compared with `at_hash`, where the ID token has one (§3.1.3.6).
        now: the time by the provider's clock, in seconds since the epoch; None goes by this machine's.

    Raises:
        SignInFailed: a check failed; nothing of this sign-in is to be kept.
        ProviderUnavailable: the keys cannot be had.
    """
    document = discover(profile, application)
    try:
        keys = _Keys(application, document["jwks_uri"], http_cache)
        claims, entry, algorithm = _verified(id_token, keys, audience=profile.client_id)
        check_times(claims, time.time() if now is None else now)
        issuers.check_claims(profile.resolved_authority, document["issuer"], claims, key_issuer=_issuer_of(entry))
        _check_party(claims, profile)
        _check_hash(claims, algorithm, access_token)
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError) as error:
        off = what_is_off(application)
        compare = "Compare this machine's clock with the time; then sign in again."
        step = NextStep(("Set the clock, then run: ", Login(profile.name))) if off else compare
        raise _failed(profile, off or str(error), step) from None
    except (jwt.PyJWTError, ValueError) as error:
        raise _failed(profile, str(error)) from None
    return claims


def _failed(profile: Profile, reason: str, next_step: Step | None = None) -> SignInFailed:
    return SignInFailed(
        f"Profile {profile.name!r}: the ID token of {profile.authority_host} is not valid: {reason.rstrip('.')}. "
        "Nothing was kept.",
        profile=profile.name,
        error="invalid_id_token",
        next_step=next_step or to_run(Login(profile.name)),
    )


@dataclass(frozen=True)
class _Keys:
    """Where the provider's keys are."""

    application: msal.ClientApplication
    uri: str
    http_cache: HttpCache | None

    def entry(self, kid: str | None) -> dict[str, Any]:
        """Return the key of an id."""
        entry = _find(get_json(self.application, self.uri), kid)
        if entry is None and self.forget():  # rotated since they were cached
            entry = _find(get_json(self.application, self.uri), kid)
        if entry is None:
            raise jwt.InvalidKeyError("no key of the provider signed it")
        return entry

    def forget(self) -> bool:
        """Have the next key fetched anew; tell whether that is of any use just now."""
        return self.http_cache is not None and self.http_cache.forget(self.uri)


def _verified(id_token: str, keys: _Keys, *, audience: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Return the claims that are there, and the key and the algorithm that signed them."""
    header = jwt.get_unverified_header(id_token)
    entry = keys.entry(header.get("kid"))
    while True:
        algorithm = _algorithm(header, entry)
        try:
            claims: dict[str, Any] = jwt.decode(
                id_token,
                _public_key(entry, algorithm),
                algorithms=[algorithm],
                audience=audience,
                leeway=_LEEWAY_S,
                options={
                    "require": ["iss", "sub", "aud", "exp", "iat"],
                    "verify_iss": False,
                    # `check_times` does: PyJWT takes a time that is null for one that cannot be read.
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "verify_jti": False,  # nothing here uses it, and it may be null
                },
            )
        except jwt.InvalidSignatureError:
            # Dex and Canaille sign with a new key under the id of the old one after a restart.
            cached, fresh = entry, keys.entry(header.get("kid")) if keys.forget() else entry
            if fresh == cached:
                raise
            entry = fresh
        else:
            return {name: value for name, value in claims.items() if value is not None}, entry, algorithm


def _find(document: dict[str, Any], kid: str | None) -> dict[str, Any] | None:
    keys = document.get("keys")
    entries = [entry for entry in keys if isinstance(entry, dict)] if isinstance(keys, list) else []
    signing = [entry for entry in entries if entry.get("use") in (None, "sig")]
    if kid is None:  # allowed where there is one key only (OpenID Connect Core §10.1)
        return signing[0] if len(signing) == 1 else None
    return next((entry for entry in signing if entry.get("kid") == kid), None)


def _algorithm(header: dict[str, Any], entry: dict[str, Any]) -> str:
    fitting = _ALGORITHMS.get((str(entry.get("kty")), entry.get("crv")), ())
    algorithm = header.get("alg")
    if algorithm not in fitting or entry.get("alg") not in (None, algorithm):
        raise jwt.InvalidAlgorithmError(f"the algorithm {clean(str(algorithm))} is not that of the provider's key")
    return str(algorithm)


def _public_key(entry: dict[str, Any], algorithm: str) -> jwt.PyJWK:
    try:
        return jwt.PyJWK.from_dict(entry, algorithm=algorithm)
    except (AttributeError, KeyError, TypeError, ValueError):  # members of another type
        raise jwt.InvalidKeyError("the provider's key cannot be read") from None


def _issuer_of(entry: dict[str, Any]) -> str | None:
    issuer = entry.get("issuer")
    return issuer if isinstance(issuer, str) else None


def check_times(claims: dict[str, Any], now: float) -> None:
    """Check that an ID token is good at a time.

    Raises:
        PyJWTError: it has ended, or is of a time to come.
    """
    try:
        begins = max(float(claims.get(name, 0)) for name in ("iat", "nbf"))
        if float(claims["exp"]) < now - _LEEWAY_S:
            raise jwt.ExpiredSignatureError("it has expired")
    except (TypeError, ValueError, KeyError, OverflowError):
        raise jwt.DecodeError("its times are no numbers") from None
    if begins > now + _LEEWAY_S:
        raise jwt.ImmatureSignatureError("it is not yet valid: it is of a time to come")


def _check_party(claims: dict[str, Any], profile: Profile) -> None:
    # OpenID Connect Core §3.1.3.7, 3 to 5: where it is for several, it has to say that it was issued to us.
    azp = claims.get("azp")
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if (azp is not None or several) and azp != profile.client_id:
        raise ValueError("it was issued to another application")


def _check_hash(claims: dict[str, Any], algorithm: str, access_token: str | None) -> None:
    at_hash = claims.get("at_hash")
    if at_hash is None or access_token is None:
        return
    # The left half of the hash that the signature uses; Ed25519's is SHA-512 (RFC 8032 §5.1).
    digest = hashlib.new(f"sha{algorithm[2:] if algorithm != 'EdDSA' else '512'}", access_token.encode()).digest()
    expected = base64url.encode(digest[: len(digest) // 2])
    if not hmac.compare_digest(expected.encode(), str(at_hash).encode()):
        raise ValueError("it came with another access token")
