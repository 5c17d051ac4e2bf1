"""A lock file that excludes other threads and processes, opened by its directory's handle where there is one."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from typing import TYPE_CHECKING

from nbauth.files.private_files import NotPrivate, why_status_not_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    _HAS_FLOCK = False
else:
    _HAS_FLOCK = True

__all__ = ["hold"]

_POLL_S = 0.02


@contextlib.contextmanager
def hold(path: Path, name: str, directory: int | None, timeout_s: float) -> Iterator[None]:
    """Hold a lock file.

    filelock opens a path, which may lead elsewhere by then; so it serves only where there is no handle, and where the
    file system has no flock(2), as Lustre where that is not set up.

    Args:
        path: where it is.
        name: its name in the directory.
        directory: the directory's handle; None where there are none.
        timeout_s: how long to wait for another one.

    Raises:
        TimeoutError: another one holds it for longer.
        NotPrivate: it is no plain file of this user's.
        OSError: it is a link, or cannot be made.
    """
    deadline = time.monotonic() + timeout_s
    with contextlib.ExitStack() as stack:
        if directory is None or not _HAS_FLOCK:
            _hold_by_path(stack, path, timeout_s)
        else:
            try:
                _hold_by_handle(stack, path, name, directory, deadline)
            except OSError as error:
                if error.errno not in {errno.ENOSYS, errno.EOPNOTSUPP}:
                    raise
                left_s = max(deadline - time.monotonic(), 0.0)
                _hold_by_path(stack, path.with_name(f"{path.name}.soft"), left_s, soft=True)
        yield


def _hold_by_handle(stack: contextlib.ExitStack, path: Path, name: str, directory: int, deadline: float) -> None:
    if sys.platform == "win32":
        raise NotImplementedError
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    while True:
        with contextlib.ExitStack() as attempt:
            handle = os.open(name, flags, 0o600, dir_fd=directory)
            attempt.callback(os.close, handle)  # releases the lock
            reason = why_status_not_private(os.fstat(handle), readable=True)
            if reason is not None:
                raise NotPrivate(reason)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise TimeoutError(f"{path} is held by another") from None
                time.sleep(_POLL_S)
                continue
            if _is_still(name, directory, handle):
                stack.enter_context(attempt.pop_all())
                return


def _is_still(name: str, directory: int, handle: int) -> bool:
    """Tell whether an open file still has its name: the lock's last holder may have deleted it."""
    try:
        return os.path.samestat(os.stat(name, dir_fd=directory, follow_symlinks=False), os.fstat(handle))
    except FileNotFoundError:
        return False


def _hold_by_path(stack: contextlib.ExitStack, path: Path, timeout_s: float, *, soft: bool = False) -> None:
    import filelock

    kind = filelock.SoftFileLock if soft else filelock.FileLock
    # One object each time: those that threads share would let the second thread in.
    lock = kind(path, timeout=timeout_s, mode=0o600, poll_interval=_POLL_S, thread_local=False)
    try:
        stack.enter_context(lock)
    except filelock.Timeout as error:
        raise TimeoutError(str(error)) from None
