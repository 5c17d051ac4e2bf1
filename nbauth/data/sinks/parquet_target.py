"""Where a Parquet file may be written: at a file's place, or at the end of a person's own link to one."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

from nbauth.errors import ConfigError
from nbauth.files.private_files import follow_links, why_status_not_own

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["place_of"]

_OTHERS = frozenset({".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".xlsx", ".xls", ".txt", ".feather", ".arrow"})
_OURS = frozenset({".parquet", ".parq", ".pq"})
_MAGIC = b"PAR1"


def place_of(path: Path) -> Path:
    """Return the file that is written when a person names a path.

    A link is followed, as one to a larger disk, to a Parquet file or to where one is to be; through a link to anything
    else, which may have come with a cloned folder, nothing is written.

    Raises:
        ConfigError: it is a directory, no plain file, of another format, or another user's.
    """
    if path.is_dir() or not path.name:
        raise ConfigError(f"to: expected a file such as data.parquet, found the directory {str(path)!r}.")
    if path.suffix.lower() in _OTHERS:
        raise ConfigError(f"to: Parquet is written, and {path.name!r} says otherwise.", next_step="Name it .parquet.")
    place = path
    try:
        place, reason = follow_links(path)
        reason = reason or _why_not(place, is_linked=place != path)
    except OSError as error:
        reason = error.strerror or str(error)
    if reason is not None:
        where = str(path) if place == path else f"{path}, a link to {place}"
        raise ConfigError(f"to: {where} cannot be written: {reason}.", next_step="Name another file.")
    return place


def _why_not(place: Path, *, is_linked: bool) -> str | None:
    if not place.parent.is_dir():
        return f"there is no directory {str(place.parent)!r}"
    try:
        status = place.lstat()
    except FileNotFoundError:
        return None if not is_linked or place.suffix.lower() in _OURS else "it is not named .parquet"
    if not stat.S_ISREG(status.st_mode):
        return "it is no plain file"
    if why_status_not_own(status) is not None and not _may_replace(place):
        return "it belongs to another user"
    if is_linked and status.st_size:
        with place.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                return "it is no Parquet file"
    return None


def _may_replace(place: Path) -> bool:
    """Tell whether another user's file may be replaced: this user may write to it, and not in a folder as ``/tmp``."""
    if sys.platform == "win32":  # where an access list decides
        return os.access(place, os.W_OK)
    above = place.parent.stat()
    is_sticky = above.st_mode & stat.S_ISVTX and os.getuid() not in {0, above.st_uid}
    return not is_sticky and os.access(place, os.W_OK)
