"""A load on its way to one Parquet file: parts on disk, and a note from where it goes on after a break.

They lie in a folder beside the file, for its owner only, which is held open: see `nbauth.files.directories`. Only
files of this user's with names of ours are deleted in it, and it is removed when the file is whole. A folder of that
name that is not ours, such as a link that came with a clone, is an error.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import re
import stat
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from nbauth.data.sinks.checkpoint import LARGEST_NOTE, Checkpoint, Part, dump_checkpoint, is_fresh, load_checkpoint
from nbauth.data.sinks.parquet_schema import cast, time_type, unified
from nbauth.errors import ConfigError
from nbauth.files.directories import Directory
from nbauth.files.private_files import NotPrivate, why_status_not_own
from nbauth.files.state_key import StateKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.styles import Style

__all__ = ["Parts"]

logger = logging.getLogger(__name__)

_NOTE, _WHOLE = "note.json", "whole.parquet"
_LOCK, _LOCKS = "lock", ("lock", "lock.soft")  # the second one where there is no flock(2)
_TEMPORARY = rf"(\d{{5,}}\.parquet|{re.escape(_NOTE)}|{re.escape(_WHOLE)})\.[0-9a-f]{{16}}\.tmp"
# The last one is what earlier versions left.
_OURS = re.compile(rf"\d{{5,}}\.parquet|{re.escape(_NOTE)}|lock(\.soft)?|{_TEMPORARY}|new\.[0-9a-z_]{{8}}")
_TRIES = 20


@dataclass
class Parts:
    """The parts of one file; no other call, of any process, has them at the same time.

    Args:
        target: the file; no link.
        request: the fingerprint of what is asked for, and for whom; parts of another request are thrown away.

    Raises:
        ConfigError: another call has them, or the folder is not ours; nothing was changed.
        OSError: there can be no folder.
    """

    target: Path
    request: str
    checkpoint: Checkpoint = field(default_factory=Checkpoint)

    def __post_init__(self) -> None:
        self.folder = Path(os.path.realpath(self.target.parent)) / f".{self.target.name}.nbauth-parts"
        self._key = StateKey("checkpoint")
        self._why_not_kept = ""
        try:
            self._key.mac(b"")
        except (OSError, ValueError) as error:
            self._why_not_kept = str(getattr(error, "strerror", None) or error)
        with ExitStack() as stack:
            self._directory = self._begin(stack)
            if self._why_not_kept:
                text = "%s: a load that breaks off starts over, since what came cannot be kept safely: %s."
                logger.warning(text, self.target.name, self._why_not_kept)
            self.checkpoint = self._read_checkpoint() or Checkpoint()
            if not self.checkpoint.parts:
                self.start_over()
            self._open = stack.pop_all()

    def _begin(self, stack: ExitStack) -> Directory:
        """Return the folder, locked."""
        for _ in range(_TRIES):
            was_there = os.path.lexists(self.folder)
            with ExitStack() as attempt:
                try:
                    directory = attempt.enter_context(Directory(self.folder, make=True))
                    self._refuse_what_is_foreign(directory)
                    attempt.enter_context(directory.locked(_LOCK))
                except FileNotFoundError:
                    continue  # a call that ends just now has removed it
                except TimeoutError:
                    raise ConfigError(
                        f"to: {str(self.target)!r} is being written by another call.",
                        next_step="Wait for it, or name another.",
                    ) from None
                except NotPrivate as error:
                    if was_there:
                        raise self._foreign(self.folder, str(error)) from None
                    return self._elsewhere(stack)
                stack.enter_context(attempt.pop_all())
                return directory
        raise FileNotFoundError(f"{self.folder} is removed again and again")

    def _elsewhere(self, stack: ExitStack) -> Directory:
        """Return a folder of the system's for temporary files, where the file's own file system has no private ones."""
        with suppress(OSError):
            self.folder.rmdir()
        self._why_not_kept = self._why_not_kept or f"no directory in {self.target.parent} is closed to others"
        temporary = stack.enter_context(tempfile.TemporaryDirectory(prefix="nbauth-"))
        return stack.enter_context(Directory(Path(temporary)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let others have them; if nothing can be gone on with, they are removed."""
        with self._open:
            if self.can_resume:
                return
            self._clear()
            with suppress(OSError):  # on Windows, a lock file that is held
                self._directory.remove(_LOCK)
        with suppress(OSError):  # what is not ours stays
            if os.name == "nt":
                (self.folder / _LOCK).unlink(missing_ok=True)
            self.folder.rmdir()

    @property
    def is_kept(self) -> bool:
        """Whether what comes is there for a later call."""
        return not self._why_not_kept

    @property
    def can_resume(self) -> bool:
        """Whether the same call would go on after what is here now."""
        return self.is_kept and (self.checkpoint.following is not None or self.checkpoint.is_complete)

    def start_over(self) -> None:
        """Throw away what there is."""
        self._clear()
        self.checkpoint = Checkpoint()

    def add(
        self,
        table: Any,
        *,
        next_request: PageRequest | None,
        style: Style,
        records: str | None,
        may_be_times: bool = True,
    ) -> None:
        """Keep some rows, and from where the load goes on after them.

        Args:
            table: the rows.
            next_request: the next request; None if the load cannot go on.
            style: how the API is paged.
            records: the path of the rows.
            may_be_times: whether columns of text that is times are to be times.
        """
        kinds = {name: time_type(table[name]) for name in table.column_names} if may_be_times else {}
        times = {name: kind for name, kind in kinds.items() if kind is not None}
        with self._directory.new_file(_part(len(self.checkpoint.parts))) as file:
            digested = _Digested(file)
            pq.write_table(table, digested, compression="snappy")
        part = Part(digested.digest.hexdigest(), times)
        self._write(
            Checkpoint(
                self.checkpoint.rows + table.num_rows, (*self.checkpoint.parts, part), next_request, style, records
            )
        )
        pa.default_memory_pool().release_unused()

    def complete(self) -> None:
        """Note that all rows are here, so that the file can be made also if that fails now."""
        self._write(replace(self.checkpoint, following=None, is_complete=True))

    def _write(self, checkpoint: Checkpoint) -> None:
        if self.is_kept:
            with self._directory.new_file(_NOTE) as file:
                file.write(dump_checkpoint(checkpoint, self._key, self.folder, self.request))
        self.checkpoint = checkpoint

    def finish(self) -> None:
        """Make one file of the parts, in place of what was there, and remove them."""
        numbers = range(len(self.checkpoint.parts))
        schema = unified(
            [self._schema(number) for number in numbers], [p.times for p in self.checkpoint.parts], self._table
        )
        with self._new_target() as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for number in numbers:
                writer.write_table(cast(self._table(number), schema))
                pa.default_memory_pool().release_unused()
        self.checkpoint = Checkpoint()

    @contextmanager
    def _new_target(self) -> Iterator[IO[bytes]]:
        """Write the file; its mode is that of the file before it, or that of any new file."""
        mode = _mode_of(self.target)
        if self._directory.path == self.folder:
            with self._directory.new_file(_WHOLE, to=self.target, mode=0o666, allowed=mode) as file:
                yield file
        else:
            with (
                Directory(self.target.parent, private=False) as parent,
                parent.new_file(self.target.name, mode=0o666, allowed=mode) as file,
            ):
                yield file

    def _schema(self, number: int) -> Any:
        with self._directory.open(_part(number)) as file:
            return pq.read_schema(file)

    def _table(self, number: int, columns: list[str] | None = None) -> Any:
        with self._directory.open(_part(number)) as file:
            return pq.read_table(file, columns=columns, use_threads=False)

    def _read_checkpoint(self) -> Checkpoint | None:
        """Read the note of an earlier load; whatever is odd about it means that there is none."""
        if not self.is_kept:
            return None
        try:
            if not is_fresh(self._directory.status(_NOTE).st_mtime):
                return None
            checkpoint = load_checkpoint(
                self._directory.read(_NOTE, LARGEST_NOTE, links=1), self._key, self.folder, self.request
            )
            for number, part in enumerate(checkpoint.parts):
                with self._directory.open(_part(number), links=1) as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() != part.digest:
                        return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        return checkpoint

    def _clear(self) -> None:
        for name in self._directory.names():
            if name not in _LOCKS and _OURS.fullmatch(name):
                with suppress(OSError):
                    if why_status_not_own(self._directory.status(name)) is None:
                        self._directory.remove(name)

    def _refuse_what_is_foreign(self, directory: Directory) -> None:
        """Make sure that what has a name of ours is a file of this user's, since it would be replaced or deleted."""
        for name in directory.names():
            if _OURS.fullmatch(name):
                try:
                    reason = why_status_not_own(directory.status(name))
                except FileNotFoundError:
                    continue  # another call is at it
                if reason is not None:
                    raise self._foreign(self.folder / name, reason)

    def _foreign(self, path: Path, reason: str) -> ConfigError:
        return ConfigError(
            f"to: {self.target.name} is not written, since {str(path)!r} is not nbauth's: {reason}.",
            next_step="Look at it and delete it, or name another file.",
        )


class _Digested(io.RawIOBase):
    """A file whose content is digested while it is written."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self.digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def write(self, data: Any, /) -> int:
        self.digest.update(data)
        return self._file.write(data)


def _part(number: int) -> str:
    return f"{number:05d}.parquet"


def _mode_of(path: Path) -> int | None:
    """Return the mode of a file of this user's; None where there is none."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return stat.S_IMODE(status.st_mode) if why_status_not_own(status) is None else None
