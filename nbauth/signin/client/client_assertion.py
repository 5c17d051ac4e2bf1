"""The key of a client certificate: read from its file, checked, and signing what proves the application."""

from __future__ import annotations

import base64
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key, pkcs12

from nbauth.errors import ConfigError
from nbauth.net import base64url

if TYPE_CHECKING:
    from nbauth.signin.profile.certificate import ClientCertificate

__all__ = ["KeyAndChain", "assertion", "load"]

_LARGEST = 256 * 1024  # a key with a long chain; a path to something else is a mistake
_LIFE_S = 600


@dataclass(frozen=True)
class KeyAndChain:
    """What a file held.

    Attributes:
        key: the private key.
        chain: the key's own certificate, then each one's issuer; empty where only the thumbprint is known.
        thumbprint: SHA-1 in hexadecimal, where the profile names it.
    """

    key: RSAPrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...]
    thumbprint: str | None


def load(at: ClientCertificate) -> KeyAndChain:
    """Read the key and its certificates, and check that they belong together.

    Raises:
        ConfigError: the file or its passphrase cannot be read, or is not what it should be.
    """
    passphrase = at.passphrase.read().encode() if at.passphrase else None
    data = _read(at)
    key, certificates = _parse(at, data, passphrase)
    own = _public(key.public_key())
    leaf = next((c for c in certificates if _public(c.public_key()) == own), None)
    thumbprint = at.thumbprint and at.thumbprint.replace(":", "").lower()
    if leaf is None:
        if certificates:
            raise _wrong(at, "holds no certificate for its key")
        if at.send_chain or not thumbprint:
            raise _wrong(at, "holds no certificate beside its key")
        return KeyAndChain(key, (), thumbprint)
    own_thumbprint = leaf.fingerprint(hashes.SHA1()).hex()  # noqa: S303 - x5t is SHA-1
    if thumbprint and thumbprint != own_thumbprint:
        raise ConfigError(
            f"{at.key}.thumbprint: the SHA-1 thumbprint of the certificate in {at.path} is another one.",
            next_step=f'Write thumbprint = "{own_thumbprint}", or leave it out.',
        )
    return KeyAndChain(key, _ordered(leaf, certificates), thumbprint)


def assertion(at: ClientCertificate, *, client_id: str, token_endpoint: str, old: bool = False) -> str:
    """Sign an assertion, with the key as the file holds it now (RFC 7523 §2.2).

    Made here and not by MSAL, which takes the first certificate of a file for the key's own, sends it whether it
    is asked to or not, sends no intermediate ones with PS256, keeps the key that it was made with, and uses one
    assertion for nine minutes. What is in it: https://learn.microsoft.com/entra/identity-platform/certificate-credentials.

    Args:
        at: where the certificate is, and how it is used.
        client_id: of the application.
        token_endpoint: whom it is for.
        old: the provider knows RS256 with ``x5t`` only, as AD FS does.

    Raises:
        ConfigError: as `load`.
    """
    loaded = load(at)
    headers: dict[str, Any] = {}
    if loaded.thumbprint or old:
        algorithm = "RS256"
        sha1 = loaded.thumbprint or loaded.chain[0].fingerprint(hashes.SHA1()).hex()  # noqa: S303 - x5t is SHA-1
        headers["x5t"] = base64url.encode(bytes.fromhex(sha1))
    else:
        algorithm = "PS256"
        headers["x5t#S256"] = base64url.encode(loaded.chain[0].fingerprint(hashes.SHA256()))
    if at.send_chain:  # RFC 7515 §4.1.6: base64, not base64url
        headers["x5c"] = [base64.b64encode(c.public_bytes(Encoding.DER)).decode() for c in loaded.chain]
    now = int(time.time())
    claims = {
        "aud": token_endpoint,
        "iss": client_id,
        "sub": client_id,
        "jti": str(uuid.uuid4()),
        "iat": now,
        "exp": now + _LIFE_S,
    }
    return jwt.encode(claims, loaded.key, algorithm=algorithm, headers=headers)


def _wrong(at: ClientCertificate, problem: str, next_step: str | None = None) -> ConfigError:
    return ConfigError(f"{at.key}.path: {at.path} {problem}.", next_step=next_step)


def _read(at: ClientCertificate) -> bytes:
    try:
        with Path(at.path).open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"{at.key}.path: cannot read {at.path}: {error.strerror}.") from None
    if len(data) > _LARGEST:
        raise _wrong(at, "is larger than 256 KiB")
    return data


def _parse(
    at: ClientCertificate, data: bytes, passphrase: bytes | None
) -> tuple[RSAPrivateKey, list[x509.Certificate]]:
    is_pem = b"-----BEGIN" in data
    if is_pem and b"PRIVATE KEY-----" not in data:
        raise _wrong(at, "holds no private key")
    key: object
    try:
        if is_pem:
            key = load_pem_private_key(data, passphrase)
            certificates = x509.load_pem_x509_certificates(data) if b"BEGIN CERTIFICATE-----" in data else []
        else:
            key, own, others = pkcs12.load_key_and_certificates(data, passphrase)
            certificates = [*([own] if own else []), *others]
    except TypeError:  # one is given and not needed, or the other way round
        if passphrase is None:
            place = f'Add to {at.key}: passphrase = {{ env = "NAME" }}.'
            raise _wrong(at, "cannot be used: its key needs a passphrase", place) from None
        step = f"Leave out {at.key}.passphrase."
        raise _wrong(at, "cannot be used: its key has no passphrase", step) from None
    except (ValueError, UnsupportedAlgorithm):
        doubt = "the passphrase is wrong, or the file is damaged" if passphrase else "it is no PEM or PFX file, or"
        doubt += "" if passphrase else " needs a passphrase"
        raise _wrong(at, f"cannot be used: {doubt}") from None
    if key is None:
        raise _wrong(at, "holds no private key")
    if not isinstance(key, RSAPrivateKey):
        step = "Entra takes RSA keys of 2048 bits or more."
        raise _wrong(at, "cannot be used: its key is not an RSA key", step)
    return key, certificates


def _public(key: Any) -> bytes:
    der: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return der


def _ordered(leaf: x509.Certificate, certificates: list[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """Return a chain as RFC 7515 §4.1.6 wants it, in whatever order a file holds it: each issued by the next."""
    chain, rest = [leaf], [c for c in certificates if c != leaf]
    while (issuer := next((c for c in rest if c.subject == chain[-1].issuer), None)) is not None:
        chain.append(issuer)
        rest.remove(issuer)
    return tuple(chain)
