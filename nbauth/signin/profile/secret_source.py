"""Where a secret is kept: an environment variable, a file or the platform's keyring; read anew at each use."""

from __future__ import annotations

import codecs
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from nbauth.errors import ConfigError
from nbauth.files.edges import trimmed
from nbauth.files.tree import expanded
from nbauth.net.sanitize import clean
from nbauth.net.secrecy import HiddenText
from nbauth.next_step import Install, Shell, to_run
from nbauth.process.patience import bounded
from nbauth.process.shielded import load

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SecretSource", "hidden"]

Kind = Literal["env", "file", "keyring"]
_FORMS = '{ env = "NAME" }, { file = "path" } or { keyring = "service/username" }'
_LARGEST = 64 * 1024  # a secret or an assertion; a path to something else is a mistake
_PATIENCE_S = 15.0  # a renewal waits as long twice, and a caller waits longer for the renewal


@dataclass(frozen=True)
class SecretSource:
    """The place of a secret, never the secret itself.

    Args:
        kind: ``"env"``, ``"file"`` or ``"keyring"``.
        place: name of the variable, absolute path of the file, or ``service/username`` in the keyring.
        key: the configuration key it stands for, with its file, for messages.
    """

    kind: Kind
    place: str
    key: str = ""

    @classmethod
    def parse(cls, value: object, *, key: str, base: Path) -> SecretSource:
        """Read ``{ env = … }``, ``{ file = … }`` or ``{ keyring = … }``.

        Args:
            value: what stands in the file or was given in code.
            key: how messages name it.
            base: directory that a relative file is relative to.

        Raises:
            ConfigError: it is a literal secret, or of another form.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            raise ConfigError(
                f"{key}: a literal secret is refused, because files and code are copied, committed and shown.",
                next_step=f"Say where it is kept: {_FORMS}.",
            )
        kinds = get_args(Kind)
        if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in kinds:
            raise ConfigError(f"{key}: expected {_FORMS}.")
        (kind, place), *_ = value.items()
        if not isinstance(place, str) or not place:
            raise ConfigError(f"{key}.{kind}: expected a text that is not empty.")
        if kind == "file":
            place = str(base / expanded(place, where=f"{key}.file"))
        if kind == "keyring" and "/" not in place:
            raise ConfigError(f'{key}.keyring: expected "service/username", found "{place}".')
        return cls(kind, place, key)

    def read(self, environ: Mapping[str, str] = os.environ) -> HiddenText:
        """Return the secret, without the blanks, line breaks and byte order mark at its edges.

        Editors, ``echo`` and a copied page leave them there, and nobody sees them. No provider gives out a secret that
        begins or ends so.

        Raises:
            ConfigError: it is not there, is empty, or cannot be read.
        """
        read = {"env": self._from_environment, "file": self._from_file, "keyring": self._from_keyring}[self.kind]
        secret = trimmed(read(environ))
        if not secret:
            raise ConfigError(f"{self.key}: {self.described} is empty.")
        return hidden(secret, f"{self.key}: {self.described}")

    def _from_environment(self, environ: Mapping[str, str]) -> str:
        if self.place not in environ:
            raise ConfigError(
                f"{self.key}: {self.described} is not set.",
                next_step="Set it where the kernel is started.",
            )
        return environ[self.place]

    def _from_file(self, _environ: Mapping[str, str]) -> str:
        try:
            with Path(self.place).open("rb") as file:
                data = file.read(_LARGEST + 1)
            if len(data) > _LARGEST:
                raise ConfigError(f"{self.key}: {self.described} is larger than 64 KiB.")
            # PowerShell writes UTF-16, and says so by its mark.
            is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            return data.decode("utf-16" if is_utf16 else "utf-8")
        except OSError as error:
            raise ConfigError(f"{self.key}: cannot read {self.described}: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise ConfigError(f"{self.key}: {self.described} is not UTF-8 text.") from None

    def _from_keyring(self, _environ: Mapping[str, str]) -> str:
        try:
            load("keyring", "keyring.errors")
            import keyring
            import keyring.errors
        except ImportError:
            raise ConfigError(
                f"{self.key}: the keyring package is not installed.",
                next_step=to_run(Install("nbauth[keyring]")),
            ) from None
        service, _, username = self.place.partition("/")
        try:
            password: Any = bounded(lambda: keyring.get_password(service, username), most_s=_PATIENCE_S)
        except TimeoutError:
            raise ConfigError(
                f"{self.key}: the keyring does not answer; it may be waiting to be unlocked.",
                next_step="Unlock it, and try again.",
            ) from None
        except keyring.errors.KeyringError as error:
            raise ConfigError(f"{self.key}: the keyring answered: {clean(str(error))}.") from None
        except Exception as error:  # noqa: BLE001 - of whatever kind: the bus, the desktop, a library of the platform
            said = f"{type(error).__name__}: {clean(str(error))}".rstrip(": ")
            raise ConfigError(
                f"{self.key}: {self.described} cannot be read: the keyring raised {said}.",
                next_step="Check it in a shell, or keep the secret in a file.",
            ) from None
        if password is None:
            raise ConfigError(
                f"{self.key}: {self.described} is not in the keyring.",
                next_step=to_run(Shell(("keyring", "set", service, username), asks=True)),
            )
        return str(password)

    @property
    def described(self) -> str:
        """What it is and how it is called, for messages."""
        names = {"env": "the environment variable", "file": "the file", "keyring": "the keyring's entry"}
        return f"{names[self.kind]} {self.place}"


def hidden(secret: str, what: str) -> HiddenText:
    """Return a secret hidden, if it can be sent: the error of whoever encodes it first would quote it.

    Args:
        secret: the secret.
        what: names it in a message.

    Raises:
        ConfigError: it has no UTF-8 form, such as a variable whose bytes were no UTF-8.
    """
    if any("\ud800" <= character <= "\udfff" for character in secret):
        raise ConfigError(f"{what} is not UTF-8 text.")
    return HiddenText(secret)
