"""ID tokens: signature, issuer, tenant, audience, times (OpenID Connect Core §3.1.3.7), which MSAL does not check."""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt

from nbauth.errors import ProviderUnavailable, SignInFailed
from nbauth.net import base64url
from nbauth.net.sanitize import clean
from nbauth.next_step import Login, NextStep, to_run
from nbauth.signin.http.clock_skew import what_is_off
from nbauth.signin.http.optional_members import without_empty
from nbauth.signin.http.transport import NoEndpoint
from nbauth.signin.oidc import issuers
from nbauth.signin.oidc.discovery import discover, get_json, kept_in, moved

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
_MOST_KEYS = 8  # of one id; each costs a look at the signature
_LONGEST_AUDIENCE = 100
_SIGN_OTHERWISE = (
    "Have the provider sign the application's ID tokens with one of its public keys, as by RS256 "
    "(id_token_signed_response_alg)."
)
_NAME_THE_PARTY = "Have the provider issue the application's ID tokens to it alone, or name it in them as azp."
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
        key_sets = _KeySets(profile, application, http_cache)
        claims, entry, algorithm = _verified(id_token, key_sets, audience=profile.client_id)
        check_times(claims, time.time() if now is None else now)
        issuers.check_claims(profile.resolved_authority, document["issuer"], claims, key_issuer=_issuer_of(entry))
        _check_party(claims, profile)
        _check_hash(claims, algorithm, access_token)
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError) as error:
        off = what_is_off(application)
        compare = "Compare this machine's clock with the time; then sign in again."
        step = NextStep(("Set the clock, then run: ", Login(profile.name))) if off else compare
        raise _failed(profile, off or str(error), step) from None
    except (jwt.InvalidSignatureError, jwt.InvalidKeyError, jwt.InvalidAlgorithmError) as error:
        # Signing in again brings another token that is signed in the same way.
        otherwise = _SIGN_OTHERWISE if isinstance(error, jwt.InvalidAlgorithmError) else None
        raise _failed(profile, "; ".join(filter(None, (str(error), kept_in(http_cache)))), otherwise) from None
    except _ForOthersToo as error:
        raise _failed(profile, str(error), _NAME_THE_PARTY) from None
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
class _KeySets:
    """The provider's keys: as they are known, and then as they are by now."""

    profile: Profile
    application: msal.ClientApplication
    http_cache: HttpCache | None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield each key set that is another one than that before.

        Raises:
            ProviderUnavailable, RequestException: they cannot be had.
        """
        uri: str = discover(self.profile, self.application)["jwks_uri"]
        try:
            known = self._get(uri)
        except (ProviderUnavailable, NoEndpoint) as error:
            uri, known = self._elsewhere(uri, error)
        yield known
        if self.http_cache is None:
            return
        try:
            # Keys that cannot be had are another thing than keys that do not fit, the next time, too.
            with self.http_cache.anew(uri, kept=False):
                fresh = self._get(uri)
        except (ProviderUnavailable, NoEndpoint) as error:
            uri, fresh = self._elsewhere(uri, error)
        if fresh != known:
            yield fresh
        # Some leave the old keys where they were.
        if (place := self._moved(uri)) is not None:
            yield self._get(place)

    def _get(self, uri: str) -> dict[str, Any]:
        return get_json(self.application, uri)

    def _moved(self, uri: str) -> str | None:
        return moved(self.profile, self.application, self.http_cache, name="jwks_uri", url=uri)

    def _elsewhere(self, uri: str, error: Exception) -> tuple[str, dict[str, Any]]:
        if (place := self._moved(uri)) is None:
            wrong = "; ".join(filter(None, (str(error.args[0]).rstrip("."), kept_in(self.http_cache))))
            raise ProviderUnavailable(
                f"Profile {self.profile.name!r}: the provider's keys cannot be had: {wrong}.",
                next_step="Check the authority in the profile.",
            ) from None
        return place, self._get(place)


def _verified(
    id_token: str, key_sets: Iterable[dict[str, Any]], *, audience: str
) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Return the claims that are there, and the key and the algorithm that signed them."""
    header = jwt.get_unverified_header(id_token)
    wrong: jwt.PyJWTError = jwt.InvalidKeyError("no key of the provider signed it")
    for document in key_sets:
        # Dex and Canaille sign with a new key under the id of the old one after a restart.
        named = _named(document, header.get("kid") or None)
        fitting = [entry for entry in named if _signs(entry, header.get("alg"))]
        if named and not fitting:
            algorithm = clean(str(header.get("alg")))
            wrong = jwt.InvalidAlgorithmError(f"the algorithm {algorithm} is not that of the provider's key")
        for entry in fitting[:_MOST_KEYS]:
            try:
                claims = _decoded(id_token, entry, str(header["alg"]), audience=audience)
            except (jwt.InvalidSignatureError, jwt.InvalidKeyError) as error:
                wrong = error
            else:
                return claims, entry, str(header["alg"])
    raise wrong


def _decoded(id_token: str, entry: dict[str, Any], algorithm: str, *, audience: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(
        id_token,
        _public_key(entry, algorithm),
        algorithms=[algorithm],
        audience=audience,
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
    return {name: value for name, value in claims.items() if value is not None}


def _named(document: dict[str, Any], kid: Any) -> list[dict[str, Any]]:
    """Return the keys that may have signed a token with a key id, those of that very id first.

    Neither the token nor the key need have one (RFC 7515 §4.1.4, RFC 7517 §4.5), and several keys may share one where
    they are of other types (§4.5), or where a provider counts from one again. All are the provider's own.
    """
    keys = document.get("keys")
    entries = [without_empty(entry) for entry in (keys if isinstance(keys, list) else []) if isinstance(entry, dict)]
    signing = [entry for entry in entries if _is_for_signatures(entry)]
    if kid is None:
        return signing
    return sorted(
        (entry for entry in signing if entry.get("kid") in (None, kid)), key=lambda entry: entry.get("kid") is None
    )


def _is_for_signatures(entry: dict[str, Any]) -> bool:
    uses = entry.get("key_ops", ["verify"])  # RFC 7517 §4.3
    return "kty" in entry and entry.get("use") in (None, "sig") and isinstance(uses, list) and "verify" in uses


def _signs(entry: dict[str, Any], algorithm: Any) -> bool:
    fitting = _ALGORITHMS.get((str(entry.get("kty")), entry.get("crv")), ())
    # RFC 9864 §2.2 calls EdDSA by the name of its curve.
    said = "EdDSA" if entry.get("alg") == "Ed25519" else entry.get("alg")
    return algorithm in fitting and said in (None, algorithm)


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


class _ForOthersToo(ValueError):
    """An ID token has further audiences, and does not say that it was issued to this application."""


def _check_party(claims: dict[str, Any], profile: Profile) -> None:
    # OpenID Connect Core §3.1.3.7, 3 to 5. Its second errata no longer asks for azp, and has a token refused whose
    # further audiences are not trusted: nobody has said of any that it is.
    azp, audience = claims.get("azp"), claims["aud"]
    if azp is None and isinstance(audience, list) and len(audience) > 1:
        others = clean(", ".join(str(each) for each in audience if each != profile.client_id), _LONGEST_AUDIENCE)
        raise _ForOthersToo(f"it is for others, too ({others}), and does not say by azp to whom it was issued")
    if azp is not None and azp != profile.client_id:
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
