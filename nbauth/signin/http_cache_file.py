"""The file under the persisted http cache: authenticated, bounded, written atomically, never trusted."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import logging
import os
import secrets
import stat
import tempfile
import time
from typing import TYPE_CHECKING, Any

from nbauth.signin.http_cache import StoredAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: os.replace alone keeps the file whole; a lost merge costs one request
    _HAS_FLOCK = False
else:
    _HAS_FLOCK = True

__all__ = ["HttpCacheFile"]

logger = logging.getLogger(__name__)

_MAGIC, _VERSION = b"nbauth-http-cache", b"1"
_LARGEST, _MOST_ENTRIES = 128 * 1024, 64
_LOCK_S, _STALE_TEMPORARY_S = 0.25, 600
_HAS_OWNERS = hasattr(os, "getuid")  # not on Windows, where the folder's access list decides
_VERSION_CONTROL = (".git", ".hg", ".svn")


class HttpCacheFile:
    """``.nbauth/http_cache`` of one notebook directory.

    Any problem means an empty cache and memory from then on, said once in the log; never an exception.

    Args:
        directory: the notebook's directory.
        state_directory: the user's state directory, where the key of the MAC lies.
        environ: the environment variables.
    """

    def __init__(self, directory: Path, state_directory: Path, environ: Mapping[str, str] = os.environ) -> None:
        self._folder = directory.absolute() / ".nbauth"
        self._path = self._folder / "http_cache"
        self._key_path = state_directory / "http_cache.key"
        self._off = any(name.startswith("BINDER_") for name in environ)
        self._key: bytes | None = None
        self._said = False

    def load(self) -> dict[str, StoredAnswer]:
        """Return what this user's kernels stored here, fresh or not; empty on any problem."""
        if self._off:
            return {}
        try:
            _check_private(self._folder.lstat(), directory=True)
            return self._parse(_read_regular_file(self._path, links=1))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            self._say("ignored", error)
            return {}

    def store(self, key: str, answer: StoredAnswer) -> None:
        """Add one answer, merging with what other kernels wrote meanwhile; does nothing on any problem."""
        if self._off:
            return
        try:
            self._make_folder()
            with self._locked() as locked:
                if locked:
                    self._replace({**self.load(), key: answer})
        except (OSError, ValueError) as error:
            self._say("not written", error)
            self._off = True

    def _say(self, what: str, error: Exception) -> None:
        if self._said:
            return
        self._said = True
        reason = getattr(error, "strerror", None) or error
        logger.warning("%s is %s: %s. Sign-in goes on without it.", self._path, what, reason)

    # The file

    def _parse(self, data: bytes) -> dict[str, StoredAnswer]:
        magic, version, mac, body = data.split(b"\n", 3)
        if (magic, version) != (_MAGIC, _VERSION):
            raise ValueError("it is of another version")
        if not hmac.compare_digest(mac, self._mac(body)):
            raise ValueError("somebody else wrote it, or it is damaged")
        document = json.loads(body)
        if not isinstance(document, dict):
            raise ValueError("it is damaged")  # noqa: TRY004
        return {str(key): _answer(value) for key, value in document.items()}

    def _mac(self, body: bytes) -> bytes:
        # The directory is part of it: a file copied from another folder is not this folder's.
        text = b"\0".join((_MAGIC, _VERSION, os.fsencode(self._path), body))
        return hmac.new(self._secret_key(), text, hashlib.sha256).hexdigest().encode()

    def _replace(self, entries: dict[str, StoredAnswer]) -> None:
        now = time.time()
        newest = sorted(entries.items(), key=lambda item: item[1].created_at, reverse=True)
        kept = {key: vars(answer) for key, answer in newest[:_MOST_ENTRIES] if answer.is_fresh(now)}
        body = json.dumps(kept, sort_keys=True).encode()
        while len(body) > _LARGEST - 200 and kept:
            kept.popitem()  # the oldest
            body = json.dumps(kept, sort_keys=True).encode()
        data = b"\n".join((_MAGIC, _VERSION, self._mac(body), body))
        handle, name = tempfile.mkstemp(prefix="http_cache.", suffix=".tmp", dir=self._folder)  # 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(name, self._path)  # noqa: PTH105 - both are plain names in one folder
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)  # noqa: PTH108
            raise
        self._sweep(now)

    def _sweep(self, now: float) -> None:
        for path in self._folder.glob("http_cache.*.tmp"):
            with contextlib.suppress(OSError):
                if now - path.lstat().st_mtime > _STALE_TEMPORARY_S:
                    path.unlink()

    # Its folder and lock

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        _check_private(self._folder.lstat(), directory=True)
        # Exclusive, so that a link that came with a cloned folder is not followed to where it leads.
        with contextlib.suppress(FileExistsError), (self._folder / ".gitignore").open("x") as file:
            file.write("*\n")

    @contextlib.contextmanager
    def _locked(self) -> Iterator[bool]:
        """Hold the lock file; it is never deleted, or two kernels would hold two of them."""
        if not _HAS_FLOCK:
            yield True
            return
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(self._folder / "http_cache.lock", flags, 0o600)
        try:
            deadline = time.monotonic() + _LOCK_S
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        yield False  # busy: another kernel is writing the same public answers
                        return
                    time.sleep(0.01)
                else:
                    break
            yield True
        finally:
            os.close(handle)  # releases the lock

    # Its key

    def _secret_key(self) -> bytes:
        if self._key is None:
            folder = self._key_path.parent
            if any((parent / mark).exists() for parent in (folder, *folder.parents) for mark in _VERSION_CONTROL):
                # Where the home directory is a cloned repository, a hostile tree could ship the key.
                raise ValueError(f"its key would lie in a version-controlled tree, {folder}")
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._key_path.exists():
                self._make_key()
            key = _read_regular_file(self._key_path, secret=True)
            if len(key) != hashlib.sha256().digest_size:
                raise ValueError(f"its key {self._key_path} is damaged; delete it")
            self._key = key
        return self._key

    def _make_key(self) -> None:
        handle, name = tempfile.mkstemp(prefix="key.", dir=self._key_path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(hashlib.sha256().digest_size))
            # A link, not a rename: of kernels that race, the first one's key stays and all agree on it.
            with contextlib.suppress(FileExistsError):
                os.link(name, self._key_path)
        finally:
            os.unlink(name)  # noqa: PTH108


def _read_regular_file(path: Path, *, links: int | None = None, secret: bool = False) -> bytes:
    """Read a file that is the user's own: no link, no device, not large; never waits.

    Args:
        path: the file.
        links: how many names it has, None for any: somebody else may have written through another one.
        secret: nobody else may read it.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags)
    try:
        status = os.fstat(handle)
        _check_private(status, directory=False)
        if links is not None and status.st_nlink != links:
            raise ValueError("it has another name elsewhere")
        if secret and _HAS_OWNERS and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ValueError(f"others may read its key {path}; delete it")
        data = os.read(handle, _LARGEST + 1)
    finally:
        os.close(handle)
    if len(data) > _LARGEST:
        raise ValueError("it is too large")
    return data


def _check_private(status: os.stat_result, *, directory: bool) -> None:
    expected = stat.S_ISDIR if directory else stat.S_ISREG
    if not expected(status.st_mode):
        raise ValueError("it is not a plain " + ("directory" if directory else "file"))
    if not directory and status.st_size > _LARGEST:
        raise ValueError("it is too large")
    if not _HAS_OWNERS:
        return
    if status.st_uid != os.getuid():
        raise ValueError("it belongs to somebody else")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ValueError("others may write to it")


def _answer(value: Any) -> StoredAnswer:
    match value:
        case {"text": str(text), "created_at": int(created_at), "expires_at": int(expires_at)}:
            return StoredAnswer(text, created_at, expires_at)
    raise ValueError("it is damaged")
