"""Files that are one user's own: who owns a file and may write to it, and why it may not be trusted."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

__all__ = [
    "NotPrivate",
    "follow_links",
    "why_not_private",
    "why_not_trusted_owner",
    "why_status_not_own",
    "why_status_not_private",
    "why_status_not_trusted",
]

_HAS_OWNERS = sys.platform != "win32"  # not on Windows, where an access list decides
_MOST_LINKS = 40  # as many as Linux follows
# Windows' symbolic link, and its junction, which `stat` shows as a directory.
_LINK_TAGS = (0xA000000C, 0xA0000003)


class NotPrivate(ValueError):
    """A file or directory is not this user's alone, or no plain one; the message says which, without its path."""


def why_not_private(path: str | os.PathLike[str], *, directory: bool = False) -> str | None:
    """Tell why a file of nbauth's own may not be used: it has to be this user's alone.

    A link is not followed. Between this answer and an open the path may change, so what is opened is checked once
    more, by `why_status_not_private` and `os.fstat`.

    Args:
        path: the file.
        directory: whether it has to be a directory.

    Returns:
        The reason, such as "the file is open to others"; None where it is private. On Windows, which has no
        `os.getuid`, only its kind is looked at.

    Raises:
        OSError: it is not there, or cannot be looked at.
    """
    return why_status_not_private(os.lstat(path), directory=directory)


def why_status_not_private(status: os.stat_result, *, directory: bool = False, readable: bool = False) -> str | None:
    """Tell the same of what `os.lstat` or `os.fstat` returned.

    Args:
        status: what was returned.
        directory: whether it has to be a directory.
        readable: whether others may read it, as they may what is public, and only not write to it.
    """
    what = "directory" if directory else "file"
    reason = why_status_not_own(status, directory=directory)
    if reason is not None or not _HAS_OWNERS:
        return reason
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"the {what} is open to others, who may write to it"
    if not readable and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return f"the {what} is open to others"
    return None


def why_status_not_own(status: os.stat_result, *, directory: bool = False) -> str | None:
    """Tell why a file, by its `os.lstat` or `os.fstat`, is not this user's; who may read or write it does not count."""
    what = "directory" if directory else "file"
    if not (stat.S_ISDIR if directory else stat.S_ISREG)(status.st_mode) or _is_junction(status):
        return f"it is not a plain {what}"
    if sys.platform != "win32" and status.st_uid != os.getuid():
        return f"the {what} belongs to somebody else"
    return None


def why_not_trusted_owner(path: str | os.PathLike[str]) -> str | None:
    """Tell why a file that a person wrote, such as a configuration, may not be trusted.

    This is git's rule for a repository's configuration (its owner, `safe.directory`) together with that of OpenSSH's
    StrictModes (who may write to it). The file has to belong to this user or to root, and nobody else may write to it.
    A group may where it is its owner's private group: it has the owner's name, is the owner's primary group and has
    no other member. Many systems make such groups and let them write to every new file; Debian's OpenSSH accepts this.

    Links are followed, since people keep such files elsewhere and link to them. Each link has to belong to this user
    or to root, and what it leads to is judged as a file. The directories on the way are not judged. Between this
    answer and an open the path may change, so what is opened is checked once more, by `why_status_not_trusted`.

    Returns:
        The reason; None where it may be trusted. On Windows, which has no `os.getuid`, owner and access list are NOT
        checked, only that it is a file. A file system without modes, such as a mount of FAT or CIFS, shows the mode
        of the mount for every file.

    Raises:
        OSError: it is not there, cannot be looked at, or is a link to itself.
    """
    place, reason = follow_links(Path(path))
    return reason or why_status_not_trusted(place.lstat())


def follow_links(path: Path) -> tuple[Path, str | None]:
    """Return where a path leads, and why it may not be followed: a link on the way is another user's.

    The last name need not be there; the directories on the way are not judged.

    Raises:
        OSError: it cannot be looked at, or is a link to itself.
    """
    for _ in range(_MOST_LINKS):
        if not path.is_symlink():
            return path, None
        status = path.lstat()
        if not _is_of_this_user_or_root(status):
            return path, f"the link {path} belongs to {_owner(status)}"
        path = path.parent / path.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), os.fspath(path))


def why_status_not_trusted(status: os.stat_result, *, directory: bool = False) -> str | None:
    """Tell the same of what `os.fstat` returned for an open file, or for a directory."""
    if not (stat.S_ISDIR if directory else stat.S_ISREG)(status.st_mode):
        return f"it is not a plain {'directory' if directory else 'file'}"
    if not _HAS_OWNERS:
        return None
    if not _is_of_this_user_or_root(status):
        return f"it belongs to {_owner(status)}"
    if status.st_mode & stat.S_IWOTH:
        return "everybody may write to it"
    if status.st_mode & stat.S_IWGRP and not _is_private_group(status):
        return "a group may write to it"
    return None


def _is_junction(status: os.stat_result) -> bool:
    return getattr(status, "st_reparse_tag", 0) in _LINK_TAGS


def _is_of_this_user_or_root(status: os.stat_result) -> bool:
    return sys.platform == "win32" or status.st_uid in (os.getuid(), 0)


def _is_private_group(status: os.stat_result) -> bool:
    if sys.platform == "win32":
        raise NotImplementedError
    import grp
    import pwd

    try:
        owner, group = pwd.getpwuid(status.st_uid), grp.getgrgid(status.st_gid)
    except KeyError:
        return False
    is_named_so = group.gr_gid == owner.pw_gid and group.gr_name == owner.pw_name
    return is_named_so and not set(group.gr_mem) - {owner.pw_name}


def _owner(status: os.stat_result) -> str:
    if sys.platform == "win32":
        raise NotImplementedError
    import pwd

    try:
        return f"another user, {pwd.getpwuid(status.st_uid).pw_name!r}"
    except KeyError:
        return f"another user, number {status.st_uid}"
