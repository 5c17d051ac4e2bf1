"""A profile's own certificate authorities, read once: what a person approved of is what connections trust."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nbauth.errors import ConfigError

if TYPE_CHECKING:
    from nbauth.signin.profile.profile import Profile

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


def bundle_of(profile: Profile) -> Bundle | None:
    """Read a profile's ``ca_bundle``; None where it has none.

    Raises:
        ConfigError: it cannot be read.
    """
    if profile.ca_bundle is None:
        return None
    try:
        content = Path(profile.ca_bundle).read_bytes()
    except OSError as error:
        raise ConfigError(f"{profile.ca_bundle}: cannot be read as PEM certificates: {error}.") from None
    return Bundle(profile.ca_bundle, hashlib.sha256(content).hexdigest(), content)
