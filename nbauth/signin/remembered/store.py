"""Store: one small private file, written whole or not at all, with locks that several processes share."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

import filelock

from nbauth.files.directories import Directory
from nbauth.signin.remembered.encryption import CorruptedData

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nbauth.signin.remembered.encryption import Codec

__all__ = ["Store", "make_private_directory"]

logger = logging.getLogger(__name__)

_MAGIC = b"nbauth-remembered 1"
_LARGEST = 1024 * 1024
_SHORT_S = 5.0


class Store:
    """``{name}.bin`` in a directory of the user's own.

    Two lock files lie beside it and are never deleted, or two kernels would hold two of them: one for the moment of
    a write, and one for as long as a kernel renews a token.

    Args:
        directory: where it lies; made when something is written.
        name: its name, which also ties the content to this place.
        codec: what encrypts it.
    """

    def __init__(self, directory: Path, name: str, codec: Codec) -> None:
        self.path = directory / f"{name}.bin"
        self._directory = directory
        self._name = name
        self._codec = codec

    def read(self) -> bytes | None:
        """Return what was written last; None where nothing is, or nothing that can be trusted."""
        try:
            sealed = self._sealed()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            logger.warning("%s is ignored: %s.", self.path, getattr(error, "strerror", None) or error)
            return None
        if not sealed:  # as `delete` leaves it at worst
            return None
        try:
            return self._opened(sealed)
        except CorruptedData as error:
            logger.warning("%s is set aside: %s.", self.path, error)
            self._set_aside(sealed)
        except (OSError, ValueError) as error:
            logger.warning("%s is ignored: %s.", self.path, error)
        return None

    def write(self, data: bytes) -> None:
        """Replace the content; to be called under `lock`.

        Raises:
            OSError: it cannot be written here.
            ValueError: it would be too large, or the directory is not private.
        """
        sealed = b"\n".join((_MAGIC, self._codec.name.encode(), self._codec.seal(data, self._name)))
        if len(sealed) > _LARGEST:
            raise ValueError("it is too large")
        with Directory(self._directory) as directory:
            directory.sweep()
            with directory.new_file(self.path.name) as file:
                file.write(sealed)

    def delete(self) -> None:
        """Forget the content; to be called under `lock`. Does nothing where there is none.

        Raises:
            OSError: it can be neither deleted nor emptied.
        """
        with Directory(self._directory) as directory:
            for path in (self.path, self._damaged):
                try:
                    directory.remove(path.name)
                except OSError:
                    # In a directory that is read-only now the file may still be written to: empty, it is nothing.
                    directory.empty(path.name)
            directory.sync()

    @contextlib.contextmanager
    def lock(self, timeout_s: float = _SHORT_S) -> Iterator[None]:
        """Hold the file for a read followed by a write.

        Raises:
            TimeoutError: another process holds it for longer.
            OSError, ValueError: there is no private directory to lock it in.
        """
        with self._locked("lock", timeout_s):
            yield

    @contextlib.contextmanager
    def renewal(self, timeout_s: float) -> Iterator[None]:
        """Hold the right to renew, over a request to the provider; reads and writes go on meanwhile.

        Raises:
            TimeoutError: another process holds it for longer.
            OSError, ValueError: there is no private directory to lock it in.
        """
        with self._locked("renewal", timeout_s):
            yield

    @contextlib.contextmanager
    def _locked(self, what: str, timeout_s: float) -> Iterator[None]:
        make_private_directory(self._directory)
        path = self._directory / f"{self._name}.{what}"
        try:
            # One object each time: those that threads share would let the second thread in.
            held = filelock.FileLock(path, timeout=timeout_s, mode=0o600, poll_interval=0.02, thread_local=False)
            held.acquire()
        except NotImplementedError as error:
            raise OSError(f"the file system of {self._directory} has no locks") from error
        try:
            yield
        finally:
            held.release()

    @property
    def _damaged(self) -> Path:
        return self.path.with_suffix(".damaged")

    def _opened(self, sealed: bytes) -> bytes:
        try:
            magic, codec, content = sealed.split(b"\n", 2)
        except ValueError:
            raise CorruptedData("it is no remembered sign-in") from None
        if magic != _MAGIC:
            raise CorruptedData("it is no remembered sign-in, or of another version")
        if codec != self._codec.name.encode():
            # Never a weaker way in silence: a plain file is not read where the platform encrypts.
            raise ValueError(f"it is protected by other means than {self._codec.name}")
        return self._codec.open(content, self._name)

    def _set_aside(self, sealed: bytes) -> None:
        with contextlib.suppress(OSError, ValueError), self.lock(), Directory(self._directory) as directory:
            if self._sealed() == sealed:  # nobody wrote a good one meanwhile
                directory.rename(self.path.name, self._damaged.name)

    def _sealed(self) -> bytes:
        with Directory(self._directory) as directory:
            return directory.read(self.path.name, _LARGEST)


def make_private_directory(directory: Path) -> None:
    """Make a directory that only its owner can look into, unless it is there.

    Raises:
        OSError: it cannot be made.
        ValueError: what is there is a link, somebody else's, or open to others.
    """
    Directory(directory, make=True).close()
