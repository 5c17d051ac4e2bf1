"""The provider's signing keys: one in use, and those before it for as long as their tokens live."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

__all__ = ["SigningKeys"]


class SigningKeys:
    """RSA keys that sign tokens, each with its key id."""

    def __init__(self) -> None:
        self._keys: dict[str, rsa.RSAPrivateKey] = {}
        self._lock = threading.Lock()
        self._kid = ""
        self.rotate()

    def rotate(self, *, forget_old: bool = False) -> str:
        """Sign with a fresh key from now on.

        Args:
            forget_old: stop publishing the keys before it, so that what they signed no longer counts.

        Returns:
            The key id of the new key.
        """
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        kid = _thumbprint(_jwk(key.public_key()))
        with self._lock:
            if forget_old:
                self._keys.clear()
            self._keys[kid] = key
            self._kid = kid
        return kid

    def sign(self, claims: dict[str, Any], *, token_type: str = "JWT") -> str:
        """Return the claims as a signed token."""
        with self._lock:
            kid, key = self._kid, self._keys[self._kid]
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": kid, "typ": token_type})

    def public_key(self, kid: str | None) -> rsa.RSAPublicKey | None:
        """Return the published key with a key id."""
        with self._lock:
            key = self._keys.get(kid or "")
        return key.public_key() if key else None

    def jwks(self, *, issuer: str | None = None) -> dict[str, Any]:
        """Return the published keys (RFC 7517 §5).

        Args:
            issuer: whose tokens they sign; Entra says so beside each key.
        """
        with self._lock:
            keys = dict(self._keys)
        rest = {"use": "sig", "alg": "RS256", **({} if issuer is None else {"issuer": issuer})}
        return {"keys": [{**_jwk(key.public_key()), "kid": kid, **rest} for kid, key in keys.items()]}


def _jwk(key: rsa.RSAPublicKey) -> dict[str, Any]:
    jwk = RSAAlgorithm.to_jwk(key, as_dict=True)
    return {name: jwk[name] for name in ("e", "kty", "n")}


def _thumbprint(jwk: dict[str, Any]) -> str:
    # RFC 7638 §3
    digest = hashlib.sha256(json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
