"""Codec: how the platform protects a remembered sign-in, and None where it does not."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import logging
import os
import secrets
import sys
from typing import TYPE_CHECKING, Any, Protocol

from nbauth.files.edges import variable
from nbauth.files.tree import is_set_in_dotenv
from nbauth.net.secrecy import HiddenText
from nbauth.process.patience import bounded

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "KEY_VARIABLE",
    "PLAINTEXT_VARIABLE",
    "Codec",
    "CorruptedData",
    "DataProtectionCodec",
    "Keeper",
    "KeyedCodec",
    "PlainCodec",
    "platform_codec",
    "store_name",
]

logger = logging.getLogger(__name__)

KEY_VARIABLE, PLAINTEXT_VARIABLE = "NBAUTH_CACHE_KEY", "NBAUTH_ALLOW_PLAINTEXT_CACHE"
_SERVICE, _KEY_NAME = "nbauth", "remembered sign-ins"
_KEY_BYTES, _NONCE_BYTES = 32, 12
_PATIENCE_S = 60.0  # a keyring may ask the person to unlock it
_SHARE = 0.25  # of a sign-in's time: the person may have to sign in after that


class Codec(Protocol):
    """Protects content, and ties it to its place.

    Attributes:
        name: what protects it; one word.
    """

    @property
    def name(self) -> str:
        """What protects it; one word."""

    def seal(self, data: bytes, place: str) -> bytes:
        """Return `data` protected.

        Raises:
            OSError: the platform refuses.
        """

    def open(self, sealed: bytes, place: str) -> bytes:
        """Return what was sealed for this place.

        Raises:
            CorruptedData: it was not, or was changed since.
            OSError: the platform refuses now and may not later.
        """


class Keeper(Protocol):
    """A platform's store of secrets, seen as the place of one text."""

    def load(self) -> str | None:
        """Return the text, or None where none was saved."""

    def save(self, text: str) -> None:
        """Keep a text."""


class PlainCodec:
    """No protection but the file's mode; a digest finds what was cut short."""

    name = "plain"

    def seal(self, data: bytes, place: str) -> bytes:
        """Put the digest before the data."""
        return self._digest(data, place) + data

    def open(self, sealed: bytes, place: str) -> bytes:
        """Return the data if its digest fits."""
        size = hashlib.sha256().digest_size
        if not hmac.compare_digest(sealed[:size], self._digest(sealed[size:], place)):
            raise CorruptedData("it is damaged")
        return sealed[size:]

    def _digest(self, data: bytes, place: str) -> bytes:
        return hashlib.sha256(place.encode() + b"\0" + data).digest()


class KeyedCodec:
    """AES-256-GCM under a key that lies in the platform's store of secrets.

    The file itself does not lie there: such stores hold small secrets, and a token cache is not small.

    Args:
        name: the platform's store, in one word.
        keeper: where the key lies.
    """

    def __init__(self, name: str, keeper: Keeper) -> None:
        self.name = name
        self._keeper = keeper
        self._key: bytes | None = None

    def seal(self, data: bytes, place: str) -> bytes:
        """Encrypt."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self.key()).encrypt(nonce, data, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Decrypt."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            return AESGCM(self.key()).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError):
            raise CorruptedData("it is damaged, or of another key") from None

    def key(self) -> bytes:
        """Return the key; make it where there is none."""
        if self._key is None:
            text = self._keeper.load()
            if text is None:
                self._keeper.save(base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode())
                # What lies there counts: another kernel may have been faster.
                text = self._keeper.load() or ""
            try:
                key = base64.b64decode(text, validate=True)
            except binascii.Error:
                key = b""
            if len(key) != _KEY_BYTES:
                raise OSError(f"the key {_KEY_NAME!r} of {_SERVICE!r} in {self.name} is damaged; delete it there")
            self._key = key
        return self._key


class DataProtectionCodec:
    """Windows' data protection (DPAPI): only the same user on the same machine can open it."""

    name = "dpapi"

    def seal(self, data: bytes, place: str) -> bytes:
        """Encrypt."""
        return bytes(self._agent(place).protect(base64.b64encode(data).decode()))

    def open(self, sealed: bytes, place: str) -> bytes:
        """Decrypt."""
        try:
            return base64.b64decode(self._agent(place).unprotect(sealed))
        except (OSError, ValueError):
            raise CorruptedData("it is damaged, or of another user") from None

    def _agent(self, place: str) -> Any:
        from msal_extensions.windows import WindowsDataProtectionAgent

        return WindowsDataProtectionAgent(entropy=place)


class _Keychain:
    def load(self) -> str | None:
        from msal_extensions.osx import Keychain, KeychainError

        try:
            with Keychain() as keychain:
                return str(keychain.get_generic_password(_SERVICE, _KEY_NAME))
        except KeychainError as error:
            if error.exit_status == KeychainError.ITEM_NOT_FOUND:
                return None
            raise

    def save(self, text: str) -> None:
        from msal_extensions.osx import Keychain

        with Keychain() as keychain:
            keychain.set_generic_password(_SERVICE, _KEY_NAME, text)


class _SecretService:
    def load(self) -> str | None:
        found = self._agent().load()
        return None if found is None else str(found)

    def save(self, text: str) -> None:
        if not self._agent().save(text):
            raise OSError("the secret service did not keep the key")

    def _agent(self) -> Any:
        from msal_extensions.libsecret import LibSecretAgent

        return LibSecretAgent(_SERVICE, {"use": _KEY_NAME}, label=f"{_SERVICE}: {_KEY_NAME}")


class _GivenKey:
    """A key that whoever runs the server has put into the environment: 32 bytes, in base64 or hexadecimal.

    Args:
        text: the variable's value.
    """

    def __init__(self, text: HiddenText) -> None:
        self._text = text

    def load(self) -> HiddenText:
        """Return the key in base64.

        Raises:
            ValueError: it is no key.
        """
        for decode in (bytes.fromhex, base64.b64decode, base64.urlsafe_b64decode):
            with contextlib.suppress(ValueError):
                key = decode(self._text.reveal())
                if len(key) == _KEY_BYTES:
                    return HiddenText(base64.b64encode(key).decode())
        raise ValueError(f"{KEY_VARIABLE} is no key: expected {_KEY_BYTES} bytes in base64 or hexadecimal")

    def save(self, text: str) -> None:
        """Do nothing: it is there already."""


def platform_codec(
    environ: Mapping[str, str] = os.environ, *, platform: str = sys.platform, keeper: Keeper | None = None
) -> Codec | None:
    """Return what protects remembered sign-ins here.

    Args:
        environ: the environment variables. The key in ``NBAUTH_CACHE_KEY``, which a server's administrator sets, comes
            before the platform's store. ``NBAUTH_ALLOW_PLAINTEXT_CACHE=1`` allows a file that is not encrypted where
            the platform offers nothing better; nothing else does. A ``.env`` of the notebook's tree sets neither.
        platform: as `sys.platform`.
        keeper: the platform's store of secrets; by default what is found.

    Returns:
        The codec, or None where the platform offers no encryption.

    Raises:
        ValueError: ``NBAUTH_CACHE_KEY`` is no key.
    """
    given = variable(KEY_VARIABLE, environ)
    if given and not is_set_in_dotenv(KEY_VARIABLE, environ):
        with_key = KeyedCodec(KEY_VARIABLE, _GivenKey(HiddenText(given)))
        with_key.key()
        return with_key
    if platform == "win32":
        return DataProtectionCodec()
    name, found = _store(platform)
    codec = KeyedCodec(name, keeper or found)
    try:
        bounded(codec.key, most_s=_PATIENCE_S, share=_SHARE)
    except Exception as error:  # noqa: BLE001 - of whatever kind: no library, no bus, locked, refused, no answer
        logger.info("%s keeps no key here: %s", name, type(error).__name__)
    else:
        return codec
    is_allowed = environ.get(PLAINTEXT_VARIABLE) == "1" and not is_set_in_dotenv(PLAINTEXT_VARIABLE, environ)
    return PlainCodec() if is_allowed else None


def store_name(environ: Mapping[str, str] = os.environ, *, platform: str = sys.platform) -> str | None:
    """Return the name of what would encrypt a remembered sign-in here, without making a key; None where nothing would.

    Args:
        environ: the environment variables.
        platform: as `sys.platform`.

    Raises:
        ValueError: ``NBAUTH_CACHE_KEY`` is no key.
    """
    if platform == "win32" or (variable(KEY_VARIABLE, environ) and not is_set_in_dotenv(KEY_VARIABLE, environ)):
        codec = platform_codec(environ, platform=platform)
        return None if codec is None else codec.name
    name, keeper = _store(platform)
    try:
        bounded(keeper.load, most_s=_PATIENCE_S, share=_SHARE)
    except Exception as error:  # noqa: BLE001 - as in `platform_codec`
        logger.info("%s cannot be read here: %s", name, type(error).__name__)
        return None
    return name


def _store(platform: str) -> tuple[str, Keeper]:
    """Return the platform's store of secrets, and its name."""
    return ("keychain", _Keychain()) if platform == "darwin" else ("libsecret", _SecretService())


class CorruptedData(ValueError):
    """The content cannot be what was written; it is set aside."""
