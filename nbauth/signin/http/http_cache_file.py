"""The file under the persisted http cache: authenticated, bounded, written atomically, never trusted."""

from __future__ import annotations

import json
import logging
import os
import time
from typing import TYPE_CHECKING

from nbauth.files.directories import Directory
from nbauth.files.state_key import StateKey
from nbauth.signin.http.stored_answer import StoredAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

__all__ = ["HttpCacheFile"]

logger = logging.getLogger(__name__)

_MAGIC, _VERSION = b"nbauth-http-cache", b"1"
_LARGEST, _MOST_ENTRIES = 128 * 1024, 64
_NAME = "http_cache"
_LOCK_S = 0.25


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
        self._path = self._folder / _NAME
        self._off = any(name.startswith("BINDER_") for name in environ)
        self._key = StateKey(_NAME, state_directory, environ)
        self._said = False

    @property
    def path(self) -> Path | None:
        """Where it is; None where nothing is kept."""
        return None if self._off or not self._path.is_file() else self._path

    def load(self) -> dict[str, StoredAnswer]:
        """Return what this user's kernels stored here, fresh or not; empty on any problem."""
        if self._off:
            return {}
        try:
            with Directory(self._folder, readable=True) as folder:
                return self._parse(folder.read(_NAME, _LARGEST, readable=True, links=1))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            self._say("ignored", error)
            return {}

    def store(self, key: str, answer: StoredAnswer) -> None:
        """Add one answer, merging with what other kernels wrote meanwhile; does nothing on any problem."""
        self._change(lambda entries: {**entries, key: answer})

    def drop(self, keys: Iterable[str]) -> None:
        """Take answers out, so that no later kernel finds them; does nothing on any problem."""
        unwanted = set(keys)
        self._change(lambda entries: {key: entry for key, entry in entries.items() if key not in unwanted})

    def _change(self, change: Callable[[dict[str, StoredAnswer]], dict[str, StoredAnswer]]) -> None:
        if self._off or not self._folder.parent.is_dir():  # one that was deleted is not made anew
            return
        try:
            self._make_folder()
            with Directory(self._folder, readable=True) as folder, folder.locked(f"{_NAME}.lock", _LOCK_S):
                self._replace(change(self.load()))
        except TimeoutError:
            pass  # another kernel is writing the same public answers
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
        if not self._key.is_right(mac, *self._covered(body)):
            raise ValueError(
                f"the key in {self._key.directory} does not fit it, as after a kernel with another home directory, or "
                "where this folder was moved or copied; it is written anew"
            )
        document = json.loads(body)
        if not isinstance(document, dict):
            raise ValueError("it is damaged")  # noqa: TRY004
        return {str(key): StoredAnswer.parse(value) for key, value in document.items()}

    def _mac(self, body: bytes) -> bytes:
        return self._key.mac(*self._covered(body)).encode()

    def _covered(self, body: bytes) -> tuple[bytes, ...]:
        # The directory is part of it: a file copied from another folder is not this folder's.
        return _MAGIC, _VERSION, os.fsencode(self._path), body

    def _replace(self, entries: dict[str, StoredAnswer]) -> None:
        now = time.time()
        newest = sorted(entries.items(), key=lambda item: item[1].created_at, reverse=True)
        kept = {key: vars(answer) for key, answer in newest[:_MOST_ENTRIES] if answer.is_fresh(now)}
        body = json.dumps(kept, sort_keys=True).encode()
        while len(body) > _LARGEST - 200 and kept:
            kept.popitem()  # the oldest
            body = json.dumps(kept, sort_keys=True).encode()
        data = b"\n".join((_MAGIC, _VERSION, self._mac(body), body))
        with Directory(self._folder, readable=True) as folder:
            with folder.new_file(_NAME, durable=False) as file:
                file.write(data)
            folder.sweep(f"{_NAME}.")

    def _make_folder(self) -> None:
        with Directory(self._folder, readable=True, make=True) as folder:
            folder.create(".gitignore", b"*\n")
