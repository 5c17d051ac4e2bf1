"""The folder in which the parts of a Parquet file lie until it is whole.

It lies beside the file, for its owner only, and is held open: see `nbauth.files.directories`. Only files of this
user's with names of ours are deleted in it, and it is removed when the file is whole. A folder of that name that is
not ours, such as a link that came with a clone, is an error.
"""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path

from nbauth.errors import ConfigError
from nbauth.files.directories import Directory
from nbauth.files.private_files import NotPrivate, why_status_not_own

__all__ = ["CHECKPOINT", "WHOLE", "PartsFolder", "part_name"]

CHECKPOINT, WHOLE = "note.json", "whole.parquet"
_LOCK, _LOCKS = "lock", ("lock", "lock.soft")  # the second one where there is no flock(2)
_PART = r"\d{5,}\.(arrow|parquet)"  # Parquet, and `new` below, are what earlier versions left
_UNFINISHED = re.compile(rf"({_PART}|{re.escape(CHECKPOINT)}|{re.escape(WHOLE)})\.[0-9a-f]{{16}}\.tmp")
_OURS = re.compile(rf"{_PART}|{re.escape(CHECKPOINT)}|lock(\.soft)?|{_UNFINISHED.pattern}|new\.[0-9a-z_]{{8}}")
_TRIES = 20


class PartsFolder:
    """The folder of one file's parts; no other call, of any process, has it at the same time.

    Args:
        target: the file; no link.

    Attributes:
        path: the folder beside the file.
        directory: the open folder.
        why_not_beside: why that is another one, which is gone afterwards; "" where it is the one beside the file.

    Raises:
        ConfigError: another call has it, or it is not ours; nothing was changed.
        OSError: there can be none.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self.path = Path(os.path.realpath(target.parent)) / f".{target.name}.nbauth-parts"
        self.why_not_beside = ""
        with ExitStack() as stack:
            self.directory = self._begin(stack)
            self._open = stack.pop_all()

    def _begin(self, stack: ExitStack) -> Directory:
        """Return the folder, locked."""
        for _ in range(_TRIES):
            was_there = os.path.lexists(self.path)
            with ExitStack() as attempt:
                try:
                    directory = attempt.enter_context(Directory(self.path, make=True))
                    self._refuse_what_is_foreign(directory)
                    attempt.enter_context(directory.locked(_LOCK))
                except FileNotFoundError:
                    continue  # a call that ends just now has removed it
                except TimeoutError:
                    raise ConfigError(
                        f"to: {str(self._target)!r} is being written by another call.",
                        next_step="Wait for it, or name another.",
                    ) from None
                except NotPrivate as error:
                    if was_there:
                        raise self._foreign(self.path, str(error)) from None
                    return self._elsewhere(stack)
                stack.enter_context(attempt.pop_all())
                return directory
        raise FileNotFoundError(f"{self.path} is removed again and again")

    def _elsewhere(self, stack: ExitStack) -> Directory:
        """Return a folder of the system's for temporary files, where the file's own file system has no private ones."""
        with suppress(OSError):
            self.path.rmdir()
        self.why_not_beside = f"no directory in {self._target.parent} is closed to others"
        temporary = stack.enter_context(tempfile.TemporaryDirectory(prefix="nbauth-"))
        return stack.enter_context(Directory(Path(temporary)))

    def close(self) -> None:
        """Let others have it."""
        self._open.close()

    def remove(self) -> None:
        """Remove our files, and the folder if nothing else is in it."""
        with self._open:
            self.clear()
            with suppress(OSError):  # on Windows, a lock file that is held
                self.directory.remove(_LOCK)
        with suppress(OSError):  # what is not ours stays
            if os.name == "nt":
                (self.path / _LOCK).unlink(missing_ok=True)
            self.path.rmdir()

    def clear(self, *, unfinished: bool = False) -> None:
        """Remove this user's files with names of ours.

        Args:
            unfinished: only what a call that was killed had not written to its end.
        """
        wanted = _UNFINISHED if unfinished else _OURS
        for name in self.directory.names():
            if name not in _LOCKS and wanted.fullmatch(name):
                with suppress(OSError):
                    if why_status_not_own(self.directory.status(name)) is None:
                        self.directory.remove(name)

    def _refuse_what_is_foreign(self, directory: Directory) -> None:
        """Make sure that each file with a name of ours is this user's, since it would be replaced or deleted."""
        for name in directory.names():
            if _OURS.fullmatch(name):
                try:
                    reason = why_status_not_own(directory.status(name))
                except FileNotFoundError:
                    continue  # another call is at it
                if reason is not None:
                    raise self._foreign(self.path / name, reason)

    def _foreign(self, path: Path, reason: str) -> ConfigError:
        return ConfigError(
            f"to: {self._target.name} is not written, since {str(path)!r} is not nbauth's: {reason}.",
            next_step="Look at it and delete it, or name another file.",
        )


def part_name(number: int) -> str:
    """Return the name of a part's file."""
    return f"{number:05d}.arrow"
