"""Where a client certificate is kept, PEM or PFX, and how it is used; `client_assertion` reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from nbauth.errors import ConfigError
from nbauth.files.tree import expanded
from nbauth.signin.profile.secret_source import SecretSource

__all__ = ["ClientCertificate"]

_KEYS = ("path", "passphrase", "thumbprint", "send_chain")
_SHA1 = re.compile(r"[0-9a-fA-F]{40}")


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
        if thumbprint is not None and not (
            isinstance(thumbprint, str) and _SHA1.fullmatch(thumbprint.replace(":", ""))
        ):
            raise ConfigError(f"{key}.thumbprint: expected a SHA-1 thumbprint, 40 hexadecimal digits.")
        if not isinstance(send_chain, bool):
            raise ConfigError(f"{key}.send_chain: expected true or false.")
        passphrase = value.get("passphrase")
        if passphrase is not None:
            passphrase = SecretSource.parse(passphrase, key=f"{key}.passphrase", base=base)
        return cls(str(base / expanded(path, where=f"{key}.path")), passphrase, thumbprint, send_chain, key)
