"""The user's own keys: a file whose MAC they verify was written by one of this user's kernels."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from typing import TYPE_CHECKING

from nbauth.files.directories import Directory
from nbauth.files.private_files import why_status_not_trusted
from nbauth.files.tree import WHERE, is_in_tree
from nbauth.files.user_directories import state_directory

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["StateKey"]

_SIZE = hashlib.sha256().digest_size
_VERSION_CONTROL = (".git", ".hg", ".svn")


class StateKey:
    """``{purpose}.key`` in the user's state directory: 32 random bytes, made when they are first needed.

    There is no key on Binder, and none whose file would lie in a version-controlled tree: where the home directory is
    a cloned repository, a hostile tree could ship it.

    Args:
        purpose: what it authenticates; each purpose has a key of its own.
        directory: the user's state directory; None for the platform's.
        environ: the environment variables.

    Attributes:
        directory: where it lies.
    """

    def __init__(self, purpose: str, directory: Path | None = None, environ: Mapping[str, str] = os.environ) -> None:
        self.directory = directory or state_directory()
        self._name = f"{purpose}.key"
        self._environ = environ
        self._key: bytes | None = None

    def mac(self, *parts: bytes) -> str:
        """Return the MAC of texts of which none but the last holds a NUL byte.

        Raises:
            OSError, ValueError: there is no key that is this user's alone.
        """
        if self._key is None:
            self._key = self._read()
        return hmac.new(self._key, b"\0".join(parts), hashlib.sha256).hexdigest()

    def is_right(self, mac: bytes, *parts: bytes) -> bool:
        """Tell whether `mac` returns this; takes the same time wherever they differ.

        Raises:
            OSError, ValueError: as `mac`.
        """
        return hmac.compare_digest(mac, self.mac(*parts).encode())

    def _read(self) -> bytes:
        if any(name.startswith("BINDER_") for name in self._environ):
            raise ValueError("on Binder no server belongs to one person, so there is no key of the user's")
        path, folder = self.directory / self._name, self.directory.resolve()
        above = (*path.parents, *(folder / self._name).parents)
        if any((parent / mark).exists() for parent in above for mark in _VERSION_CONTROL):
            raise ValueError(f"its key would lie in a version-controlled tree, {self.directory}")
        if is_in_tree(self.directory, self._environ):  # of an archive, whose .env says where state lies
            raise ValueError(f"its key would lie in {WHERE}")
        with Directory(folder, private=False, make=True) as directory:
            # Made by others with the usual umask, it may well be open to the user's own group.
            reason = why_status_not_trusted(folder.stat(), directory=True)
            if reason is not None:
                raise ValueError(f"its key would lie in {folder}, and {reason}")
            if not os.path.lexists(path):
                with directory.new_file(self._name, keeps=True) as file:
                    file.write(secrets.token_bytes(_SIZE))
            try:
                key = directory.read(self._name, _SIZE)
            except ValueError as error:
                raise ValueError(f"its key {path} cannot be used: {error}; delete it") from None
        if len(key) != _SIZE:
            raise ValueError(f"its key {path} is damaged; delete it")
        return key
