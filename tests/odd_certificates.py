"""Certificates of every kind that servers, and proxies that inspect connections, are met with."""

from __future__ import annotations

import datetime as dt
import hashlib
import ssl
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

if TYPE_CHECKING:
    from pathlib import Path


class Authority:
    """An authority that signs what it is told.

    Args:
        directory: where its certificate, and those of its servers, are written.
        is_strict: as RFC 5280 has it. Proxies that inspect connections leave out the authority's key identifier, and
            do not mark basicConstraints as critical, which ``VERIFY_X509_STRICT`` refuses.
    """

    def __init__(self, directory: Path, *, is_strict: bool = True) -> None:
        self._directory = directory
        self._is_strict = is_strict
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("an authority of tests")
        builder = _builder(self._name, self._name, self._key, days=(-30, 30)).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=is_strict
        )
        if is_strict:
            builder = builder.add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
            ).add_extension(_SIGNS, critical=True)
        # How OpenSSL calls its file in a directory (X509_NAME_hash): here the name is in its canonical form already.
        digest = hashlib.sha1(self._name.public_bytes()[2:], usedforsecurity=False).digest()
        self.hashed_name = f"{int.from_bytes(digest[:4], 'little'):08x}.0"
        self.file = directory / "authority.pem"
        self.file.write_bytes(_pem(builder.sign(self._key, hashes.SHA256())))

    def server(self, name: str = "localhost", *, days: tuple[int, int] = (-1, 1)) -> ssl.SSLContext:
        """Return a server's context with a certificate for a name.

        Args:
            name: the host.
            days: from when to when it is valid, from now on.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(name), self._name, key, days=days).add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False
        )
        if self._is_strict:
            issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
            builder = builder.add_extension(issuer, critical=False)
        return self._context(key, builder.sign(self._key, hashes.SHA256()))

    def self_signed(self, name: str = "localhost") -> ssl.SSLContext:
        """Return the context of a server whose certificate nobody else signed."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternative = x509.SubjectAlternativeName([x509.DNSName(name)])
        builder = _builder(_name(name), _name(name), key, days=(-1, 1)).add_extension(alternative, critical=False)
        return self._context(key, builder.sign(key, hashes.SHA256()))

    def _context(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> ssl.SSLContext:
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = self._directory / "server.pem"
        file.write_bytes(private + _pem(certificate))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


_SIGNS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: tuple[int, int]
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(days=days[0]))
        .not_valid_after(now + dt.timedelta(days=days[1]))
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
