"""The releases of a library that were tried, where nbauth relies on what its documentation does not promise.

A module that holds such knowledge names the first and the last release that it was tried with. `tests` compare the
last one with what is installed, so that a new release is looked at where that module says, and nowhere else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbauth.errors import ConfigError
from nbauth.next_step import Install, to_run

if TYPE_CHECKING:
    import logging

__all__ = ["TriedVersions", "version_of"]


@dataclass(frozen=True)
class TriedVersions:
    """The releases of one library that were tried.

    Args:
        library: its name, as pip knows it.
        first: the lowest that `pyproject.toml` admits, as ``"1.35"``.
        last: the newest, in as many parts as tell one release from the next.
    """

    library: str
    first: str
    last: str

    def has(self, version: str) -> bool:
        """Tell whether a release is one of them. Further parts of its number do not count."""
        last = version_of(self.last)
        return version_of(self.first) <= version_of(version) and version_of(version)[: len(last)] <= last

    def note(self, version: str, logger: logging.Logger) -> None:
        """Log if a release was not tried: it may well work, but who looks for a fault should know."""
        if not self.has(version):
            logger.info("%s %s was not tried: %s to %s were.", self.library, version, self.first, self.last)

    def missing(self, name: str, version: str) -> ConfigError:
        """Return the error for a name that the installed release does not have any more.

        Args:
            name: what is missing.
            version: the installed release.
        """
        return ConfigError(
            f"{self.library} {version} has no {name}, which nbauth needs. It was tried with {self.library} "
            f"{self.first} to {self.last}.",
            next_step=to_run(Install(f"{self.library}~={self.last}.0"), ", and restart the kernel."),
        )


def version_of(text: str) -> tuple[int, ...]:
    """Return the numbers of a release, as (1, 36, 0) for ``"1.36.0rc1"``."""
    numbers = re.match(r"\d+(\.\d+)*", text)
    return tuple(int(part) for part in numbers[0].split(".")) if numbers else ()
