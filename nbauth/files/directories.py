"""A directory that is held open: no swapped link leads elsewhere, and each file in it is whole or not there.

Whoever may write to the directory above can swap this one for a link between a check and a use. So the directory is
opened once, without following a link, what was opened is checked, and files are opened, replaced and deleted by its
handle (openat(2), renameat(2), unlinkat(2)). Windows has no such handles: there the path is used each time.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import sys
import time
from typing import IO, TYPE_CHECKING, Self

from nbauth.files.file_lock import hold
from nbauth.files.private_files import NotPrivate, why_not_private, why_status_not_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

__all__ = ["Directory"]

_BY_HANDLE = {os.open, os.stat, os.mkdir, os.unlink, os.rename, os.link} <= os.supports_dir_fd
_PLAIN = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _PLAIN  # a pipe is found out, and not waited for
_TEMPORARY = re.compile(r".+\.[0-9a-z_]{3,32}\.tmp", re.DOTALL)
_STALE_S = 600


class Directory:
    """A directory that is open until `close`, or the end of a ``with``.

    Args:
        path: where it is.
        private: it has to be no link, of this user's, and closed to others. Otherwise it may be anybody's.
        readable: it may be open to others for reading.
        make: it is made if it is not there, and so are those above it; for its owner only.

    Raises:
        NotPrivate: it is a link, somebody else's, or open to others.
        OSError: it is not there, or cannot be made or opened.
    """

    def __init__(self, path: Path, *, private: bool = True, readable: bool = False, make: bool = False) -> None:
        self.path = path
        self._handle: int | None = None
        self._is_closed = False
        if make and not os.path.lexists(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):  # another kernel was quicker
                path.mkdir(mode=0o700)
        try:
            self._open(private=private, readable=readable)
        except BaseException:
            self.close()
            raise

    def _open(self, *, private: bool, readable: bool) -> None:
        if sys.platform != "win32" and _BY_HANDLE:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (os.O_NOFOLLOW if private else 0)
            try:
                self._handle = os.open(self.path, flags)
            except OSError:
                reason = why_not_private(self.path, directory=True) if private else None
                if reason is not None:
                    raise NotPrivate(reason) from None
                raise
        if private:
            status = self.path.lstat() if self._handle is None else os.fstat(self._handle)
            _check(status, directory=True, readable=readable)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let it go; a second call does nothing."""
        handle, self._handle, self._is_closed = self._handle, None, True
        if handle is not None:
            os.close(handle)

    def names(self) -> list[str]:
        """Return the names in it."""
        return sorted(os.listdir(self.path if self._handle is None else self._handle))  # noqa: PTH208 - by its handle

    def status(self, name: str) -> os.stat_result:
        """Return what `os.lstat` does of a name in it."""
        return os.stat(self._at(name), dir_fd=self._handle, follow_symlinks=False)

    def open(self, name: str, *, readable: bool = False, links: int | None = None) -> BufferedReader:
        """Open a file of this user's own for reading: no link, no pipe, no device; it never waits.

        Args:
            name: its name.
            readable: others may read it, too.
            links: how many names it has, None for any: somebody may have written to it through another one.

        Raises:
            NotPrivate: it is none.
            OSError: it is not there, a link, or cannot be read.
        """
        handle = os.open(self._at(name), _READ, dir_fd=self._handle)
        try:  # `fdopen` refuses a directory, and leaves it open
            _check(os.fstat(handle), readable=readable, links=links)
            return os.fdopen(handle, "rb")
        except BaseException:
            os.close(handle)
            raise

    def read(self, name: str, largest: int, *, readable: bool = False, links: int | None = None) -> bytes:
        """Return the content of a file as `open` takes it.

        Raises:
            NotPrivate, OSError: as `open`.
            ValueError: it is larger than ``largest`` bytes.
        """
        with self.open(name, readable=readable, links=links) as file:
            data = file.read(largest + 1)
        if len(data) > largest:
            raise ValueError("it is too large")
        return data

    @contextlib.contextmanager
    def new_file(
        self,
        name: str,
        *,
        to: Path | None = None,
        mode: int = 0o600,
        allowed: int | None = None,
        keeps: bool = False,
        durable: bool = True,
    ) -> Iterator[IO[bytes]]:
        """Write a file that is there when the block ends without an error, whole, and not before.

        It takes the place of what had its name: a link there is replaced, never followed.

        Args:
            name: its name.
            to: where it goes in the end, in place of ``name``, on the same file system.
            mode: as for `os.open`, which heeds the umask: nobody else's mask has to be changed to read it.
            allowed: its mode in the end, whatever the umask; None leaves it.
            keeps: a file that is there stays, and this one is dropped.
            durable: it is on the disk before it takes its place, which takes some milliseconds.

        Raises:
            OSError: it cannot be written; what was there stays.
        """
        temporary = self._at(f"{name}.{secrets.token_hex(8)}.tmp")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN, mode, dir_fd=self._handle)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                if allowed is not None:
                    os.chmod(handle if os.chmod in os.supports_fd else temporary, allowed)  # noqa: PTH101
                if durable:
                    os.fsync(file.fileno())
            place, there = (self._at(name), self._handle) if to is None else (to, None)
            if keeps:
                # A link, not a rename: of kernels that race, the first one's file stays and all agree on it.
                with contextlib.suppress(FileExistsError):
                    os.link(temporary, place, src_dir_fd=self._handle, dst_dir_fd=there)
                os.unlink(temporary, dir_fd=self._handle)
            else:
                os.replace(temporary, place, src_dir_fd=self._handle, dst_dir_fd=there)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=self._handle)
            raise
        if durable:
            self.sync()

    def create(self, name: str, data: bytes) -> None:
        """Write a new file as any program does, unless something has its name, if only a link that leads nowhere."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN
        with contextlib.suppress(FileExistsError):
            handle = os.open(self._at(name), flags, 0o666, dir_fd=self._handle)
            with os.fdopen(handle, "wb") as file:
                file.write(data)

    def rename(self, name: str, new: str) -> None:
        """Give a file another name, in place of what had it."""
        os.replace(self._at(name), self._at(new), src_dir_fd=self._handle, dst_dir_fd=self._handle)

    def remove(self, name: str) -> None:
        """Delete a file, or a link itself; does nothing where there is none."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._at(name), dir_fd=self._handle)

    def empty(self, name: str) -> None:
        """Empty a file of this user's own, where the directory itself is read-only."""
        flags = os.O_WRONLY | getattr(os, "O_NONBLOCK", 0) | _PLAIN
        handle = os.open(self._at(name), flags, dir_fd=self._handle)
        try:
            _check(os.fstat(handle))
            os.truncate(handle, 0)
        finally:
            os.close(handle)

    def sweep(self, prefix: str = "") -> None:
        """Delete the unfinished files of killed writers whose names begin so, but none that may still be written to."""
        now = time.time()
        for name in self.names():
            if not name.startswith(prefix) or not _is_temporary(name):
                continue
            with contextlib.suppress(OSError):
                status = self.status(name)
                if now - status.st_mtime > _STALE_S and why_status_not_private(status, readable=True) is None:
                    self.remove(name)

    def sync(self) -> None:
        """Bring the names in it to the disk, where the file system can."""
        if self._handle is not None:
            with contextlib.suppress(OSError):  # some refuse; the content itself is on the disk
                os.fsync(self._handle)

    @contextlib.contextmanager
    def locked(self, name: str, timeout_s: float = 0.0) -> Iterator[None]:
        """Hold a lock file, which excludes other threads and processes; the content of the file is nothing.

        Raises:
            TimeoutError: another one holds it for longer.
            NotPrivate: it is no plain file of this user's.
            OSError: it is a link, or cannot be made; FileNotFoundError where the directory was removed meanwhile.
        """
        with hold(self.path / name, self._at(name), self._handle, timeout_s):
            yield

    def _at(self, name: str) -> str:
        if self._is_closed:  # its path may lead anywhere by now
            raise ValueError(f"{self.path} is closed")
        return name if self._handle is not None else os.path.join(self.path, name)  # noqa: PTH118 - like the name, text


def _is_temporary(name: str) -> bool:
    """Tell whether a file is one that is not finished."""
    return _TEMPORARY.fullmatch(name) is not None


def _check(
    status: os.stat_result, *, directory: bool = False, readable: bool = False, links: int | None = None
) -> None:
    reason = why_status_not_private(status, directory=directory, readable=readable)
    if reason is None and links is not None and status.st_nlink != links:
        reason = "the file has another name elsewhere"
    if reason is not None:
        raise NotPrivate(reason)
