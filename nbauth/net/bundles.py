"""A profile's own certificate authorities, read once, so that connections trust those that a person approved of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from nbauth.errors import ConfigError

__all__ = ["Bundle", "bundle_of"]


@dataclass(frozen=True)
class Bundle:
    """The content of a PEM file. It may be another one the next time that somebody looks.

    Attributes:
        path: the file.
        digest: SHA-256 of the content.
        content: the content.
    """

    path: str
    digest: str
    content: bytes = field(repr=False, compare=False)

    @property
    def text(self) -> str:
        """The certificates. What else stands there are comments, in any letters."""
        return self.content.decode("ascii", "ignore")


def bundle_of(path: str | None) -> Bundle | None:
    """Read the ``ca_bundle`` of a profile; None if it has none.

    Raises:
        ConfigError: it cannot be read.
    """
    if path is None:
        return None
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read as PEM certificates: {error}.") from None
    return Bundle(path, hashlib.sha256(content).hexdigest(), content)
