"""A client certificate, PEM or PFX, as MSAL takes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbauth.errors import ConfigError
from nbauth.signin.secrets import SecretSource

__all__ = ["ClientCertificate"]

_KEYS = ("path", "passphrase", "thumbprint", "send_chain")


@dataclass(frozen=True)
class ClientCertificate:
    """The place of a certificate with its private key.

    Args:
        path: absolute path of a PEM file (certificate and key) or a PFX file.
        passphrase: where the key's passphrase is kept, or None.
        thumbprint: SHA-1 thumbprint in hexadecimal, for providers that know only RS256 with ``x5t``;
            without it the assertion is PS256 with ``x5t#S256``.
        send_chain: send the certificates too (``x5c``), for subject name and issuer authentication.
        key: the configuration key it stands for, for messages.
    """

    path: str
    passphrase: SecretSource | None = None
    thumbprint: str | None = None
    send_chain: bool = False
    key: str = ""

    @classmethod
    def parse(cls, value: object, *, key: str, base: Path) -> ClientCertificate:
        """Read ``{ path = …, passphrase = { … }, thumbprint = …, send_chain = … }``.

        Raises:
            ConfigError: a key is unknown, missing or of another type.
        """
        if isinstance(value, cls):
            return value
        if not isinstance(value, dict):
            raise ConfigError(f'{key}: expected {{ path = "file.pem" }}, found {value!r}.')
        for unknown in value.keys() - set(_KEYS):
            raise ConfigError(f"{key}.{unknown}: unknown key; expected one of {', '.join(_KEYS)}.")
        path, thumbprint, send_chain = (
            value.get("path"),
            value.get("thumbprint"),
            value.get("send_chain", False),
        )
        if not isinstance(path, (str, Path)) or not str(path):
            raise ConfigError(f"{key}.path: expected the path of a PEM or PFX file.")
        if thumbprint is not None and not isinstance(thumbprint, str):
            raise ConfigError(f"{key}.thumbprint: expected a text in hexadecimal.")
        if not isinstance(send_chain, bool):
            raise ConfigError(f"{key}.send_chain: expected true or false.")
        passphrase = value.get("passphrase")
        if passphrase is not None:
            passphrase = SecretSource.parse(passphrase, key=f"{key}.passphrase", base=base)
        return cls(str(base / Path(path).expanduser()), passphrase, thumbprint, send_chain, key)

    def credential(self) -> dict[str, Any]:
        """Return MSAL's ``client_credential`` for it.

        Raises:
            ConfigError: the file or its passphrase cannot be read.
        """
        passphrase = self.passphrase.read() if self.passphrase else None
        try:
            data = Path(self.path).read_bytes()
        except OSError as error:
            raise ConfigError(f"{self.key}.path: cannot read {self.path}: {error.strerror}.") from None
        self._check(data, passphrase.encode() if passphrase else None)
        credential: dict[str, Any] = {"passphrase": passphrase} if passphrase else {}
        if b"-----BEGIN" not in data:
            credential["private_key_pfx_path"] = self.path
            if self.send_chain:
                credential["public_certificate"] = True
            return credential
        text = data.decode("ascii", "replace")
        credential["private_key"] = text
        if self.thumbprint:
            credential["thumbprint"] = self.thumbprint.replace(":", "")
        if self.send_chain or not self.thumbprint:
            if "BEGIN CERTIFICATE-----" not in text:
                raise ConfigError(f"{self.key}.path: {self.path} holds no certificate beside its key.")
            credential["public_certificate"] = text
        return credential

    def _check(self, data: bytes, passphrase: bytes | None) -> None:
        """Look at the key before MSAL does, whose errors do not say which file it was."""
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

        def wrong(problem: str, next_step: str | None = None) -> ConfigError:
            return ConfigError(f"{self.key}.path: {self.path} {problem}.", next_step=next_step)

        is_pem = b"-----BEGIN" in data
        if is_pem and b"PRIVATE KEY-----" not in data:
            raise wrong("holds no private key")
        try:
            key = load_pem_private_key(data, passphrase) if is_pem else None
            key = key if is_pem else pkcs12.load_key_and_certificates(data, passphrase)[0]
        except TypeError:  # one is given and not needed, or the other way round
            if passphrase is None:
                place = f'Add to {self.key}: passphrase = {{ env = "NAME" }}.'
                raise wrong("cannot be used: its key needs a passphrase", place) from None
            raise wrong("cannot be used: its key has no passphrase", f"Leave out {self.key}.passphrase.") from None
        except ValueError:
            doubt = "the passphrase is wrong, or the file is damaged" if passphrase else "it is no PEM or PFX file, or"
            doubt += "" if passphrase else " needs a passphrase"
            raise wrong(f"cannot be used: {doubt}") from None
        if key is None:
            raise wrong("holds no private key")
        if not isinstance(key, RSAPrivateKey):
            raise wrong("cannot be used: its key is not an RSA key", "Entra takes RSA keys of 2048 bits or more.")
