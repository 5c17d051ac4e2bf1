"""Texts that only who asked for them can read, whoever carries them: X25519, HKDF and AES-GCM, put together as in HPKE.

Who asks makes a `Lock` for one answer and sends its `public_key` along. Who answers calls `seal`. Both name the
*context*: what the answer is for. An answer to anything else does not open, nor does one that was changed, nor any
answer twice. That the public key is the asker's own is for those to see to who carry it: here nothing tells it.

The parts are those of RFC 9180 (base mode): a key pair of the sender's for each answer, and the key of AES-256-GCM
by HKDF-SHA256 from the shared secret and both public keys. A key is used once, so that its nonce may be a fixed one.
"""

from __future__ import annotations

from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

__all__ = ["CannotOpen", "Lock", "seal"]

_KEY_BYTES = 32
_NONCE = bytes(12)
_PURPOSE = b"nbauth sealed answer 1"


class CannotOpen(Exception):
    """A sealed text is not for this lock or context, was changed, or has been opened already."""


class Lock:
    """What one sealed answer opens with. It cannot be pickled.

    Attributes:
        public_key: what the answer is sealed with; 32 bytes that are no secret.
    """

    def __init__(self) -> None:
        self._private_key: X25519PrivateKey | None = X25519PrivateKey.generate()
        self.public_key = self._private_key.public_key().public_bytes_raw()

    def open(self, sealed: bytes, *, context: bytes) -> bytes:
        """Return what was sealed. An answer that does not open leaves the lock as it was.

        Args:
            sealed: what `seal` returned.
            context: what the answer is for.

        Raises:
            CannotOpen: it was sealed for another lock or context, was changed, or the lock has been opened before.
        """
        if self._private_key is None:
            raise CannotOpen("this answer has come already")
        ephemeral = sealed[:_KEY_BYTES]
        try:
            shared = self._private_key.exchange(X25519PublicKey.from_public_bytes(ephemeral))
            text = _cipher(shared, ephemeral, self.public_key).decrypt(_NONCE, sealed[_KEY_BYTES:], context)
        except (InvalidTag, ValueError):  # ValueError: no public key, or one of those that give no secret
            raise CannotOpen("not sealed for this request") from None
        self._private_key = None
        return text

    def __reduce__(self) -> NoReturn:
        raise TypeError("a lock holds a private key and cannot be pickled")


def seal(text: bytes, public_key: bytes, *, context: bytes) -> bytes:
    """Return a text as only the owner of a public key can read it.

    Args:
        text: what is secret.
        public_key: the `Lock`'s.
        context: what the text is for; it is no part of what is returned.

    Raises:
        ValueError: the public key is none.
    """
    ephemeral = X25519PrivateKey.generate()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public_key))
    sender = ephemeral.public_key().public_bytes_raw()
    return sender + _cipher(shared, sender, public_key).encrypt(_NONCE, text, context)


def _cipher(shared: bytes, sender: bytes, receiver: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), _KEY_BYTES, salt=sender + receiver, info=_PURPOSE).derive(shared))
