"""A load on its way to one Parquet file: parts on disk, and a note from where it goes on after a break.

They lie in a folder beside the file, for its owner only. The note holds the next request, as an API's next links are
all that tells where a load was; a next link may hold a token of the API's own, such as `$skiptoken`, and never one of
ours. The folder is removed when the file is whole. It is good for a day, since later rows would be of another time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from nbauth.data.paging import Cursor, NextUrl, Offset, PageNumber
from nbauth.data.paging.answers import Ask
from nbauth.data.parquet_types import cast, time_type, unified
from nbauth.errors import ConfigError

if TYPE_CHECKING:
    from nbauth.data.paging.styles import Style

__all__ = ["Note", "Parts", "fingerprint"]

_VERSION = 2
_GOOD_FOR_S = 24 * 3600
_FUNCTION = "function"
_LARGEST_NOTE = 4_000_000
_STYLES = {style.__name__: style for style in (NextUrl, Cursor, Offset, PageNumber)}


@dataclass(frozen=True)
class Note:
    """From where a load goes on.

    Attributes:
        rows: how many rows the parts hold.
        parts: for each part, which of its columns are times, and of what type.
        following: the next request; None if there is none, or the load cannot go on.
        style: how the API is paged.
        records: the path of the rows.
        is_complete: whether the parts are all that there is.
    """

    rows: int = 0
    parts: tuple[dict[str, str], ...] = ()
    following: Ask | None = None
    style: Style = "auto"
    records: str | None = None
    is_complete: bool = False


@dataclass
class Parts:
    """The parts of one file; no other call, of any process, has them at the same time.

    Args:
        target: the file.
        request: the fingerprint of what is asked for; parts of another request are thrown away.
    """

    target: Path
    request: str
    note: Note = field(default_factory=Note)

    def __post_init__(self) -> None:
        self.folder = self.target.with_name(f".{self.target.name}.nbauth-parts")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = FileLock(self.folder / "lock", timeout=0, mode=0o600)
        try:
            self._lock.acquire()
        except Timeout:
            raise ConfigError(
                f"to: {str(self.target)!r} is being written by another call.", next_step="Wait for it, or name another."
            ) from None
        self.note = self._found() or Note()
        if not self.note.parts:
            self.start_over()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let others have them; if nothing can be gone on with, they are removed."""
        is_empty = self.note.following is None and not self.note.is_complete
        if is_empty:
            self._clear()
        self._lock.release()
        if is_empty:
            with suppress(OSError):
                (self.folder / "lock").unlink(missing_ok=True)
                self.folder.rmdir()

    def start_over(self) -> None:
        """Throw away what there is."""
        self._clear()
        self.folder.chmod(0o700)
        self.note = Note()

    def add(
        self, table: Any, *, following: Ask | None, style: Style, records: str | None, may_be_times: bool = True
    ) -> None:
        """Keep some rows, and from where the load goes on after them.

        Args:
            table: the rows.
            following: the next request; None if the load cannot go on.
            style: how the API is paged.
            records: the path of the rows.
            may_be_times: whether columns of text that is times are to be times.
        """
        kinds = {name: time_type(table[name]) for name in table.column_names} if may_be_times else {}
        times = {name: kind for name, kind in kinds.items() if kind is not None}
        with self._new_file(self._part(len(self.note.parts))) as file:
            pq.write_table(table, file, compression="snappy")
        self._write(Note(self.note.rows + table.num_rows, (*self.note.parts, times), following, style, records))
        pa.default_memory_pool().release_unused()

    def complete(self) -> None:
        """Note that all rows are here, so that the file can be made also if that fails now."""
        self._write(replace(self.note, following=None, is_complete=True))

    def _write(self, note: Note) -> None:
        style = note.style
        content = {
            "version": _VERSION,
            "request": self.request,
            "rows": note.rows,
            "parts": note.parts,
            "following": None if note.following is None else asdict(note.following),
            "style": style if isinstance(style, str) else [_name_of(style), _fields(style)],
            "records": note.records,
            "is_complete": note.is_complete,
        }
        with self._new_file(self.folder / "note.json") as file:
            file.write(json.dumps(content).encode())
        self.note = note

    def finish(self) -> None:
        """Make one file of the parts, in place of what was there, and remove them."""
        schemas = [pq.read_schema(self._part(number)) for number in range(len(self.note.parts))]
        schema = unified(schemas, self.note.parts, [self._part(number) for number in range(len(schemas))])
        handle, name = tempfile.mkstemp(prefix=f".{self.target.name}.", dir=self.target.parent)
        try:
            with os.fdopen(handle, "wb") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
                for number in range(len(schemas)):
                    writer.write_table(cast(pq.read_table(self._part(number), use_threads=False), schema))
                    pa.default_memory_pool().release_unused()
            umask = os.umask(0)
            os.umask(umask)
            Path(name).chmod(0o666 & ~umask)  # as a file that is opened for writing
            Path(name).replace(self.target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        self.note = Note()

    def _clear(self) -> None:
        for path in self.folder.iterdir():
            if path.name != "lock":
                with suppress(OSError):
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def _part(self, number: int) -> Path:
        return self.folder / f"{number:05d}.parquet"

    def _new_file(self, path: Path) -> _Atomic:
        return _Atomic(path)

    def _found(self) -> Note | None:
        """Read the note of an earlier load; whatever is odd about it means that there is none."""
        path = self.folder / "note.json"
        try:
            state = path.lstat()
            if os.name == "posix" and (state.st_uid != os.getuid() or state.st_mode & 0o077):
                return None
            if state.st_size > _LARGEST_NOTE or not 0 <= time.time() - state.st_mtime < _GOOD_FOR_S:
                return None
            content = json.loads(path.read_bytes())
            is_complete = content["is_complete"] is True
            if content["version"] != _VERSION or content["request"] != self.request:
                return None
            if content["following"] is None and not is_complete:
                return None
            found = Note(
                int(content["rows"]),
                tuple(content["parts"]),
                None if is_complete else Ask(**content["following"]),
                _style(content["style"]),
                content["records"],
                is_complete,
            )
            rows = sum(pq.read_metadata(self._part(number)).num_rows for number in range(len(found.parts)))
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
            return None
        return found if rows == found.rows else None


class _Atomic:
    """A file that is there whole or not at all; for its owner only."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Any:
        handle, self._name = tempfile.mkstemp(prefix="new.", dir=self._path.parent)
        self._file = os.fdopen(handle, "wb")
        return self._file

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._file.flush()
            os.fsync(self._file.fileno())
        self._file.close()
        if kind is None:
            Path(self._name).replace(self._path)
        else:
            Path(self._name).unlink(missing_ok=True)


def fingerprint(*parts: Any) -> str:
    """Return what stands for a request; nothing of it can be read back."""
    return hashlib.sha256(json.dumps(parts, default=_known_by).encode()).hexdigest()


def _known_by(value: Any) -> str:
    """Return what a value that JSON does not know is told from others by: a function by its code, not its address."""
    code = getattr(value, "__code__", None)
    if code is None:
        return repr(value)
    constants = [one for one in code.co_consts if isinstance(one, (str, int, float, bytes, tuple))]
    return repr((value.__qualname__, code.co_code, code.co_names, constants))


def _name_of(style: Any) -> str:
    name = type(style).__name__
    return name if name in _STYLES else _FUNCTION


def _fields(style: Any) -> dict[str, Any]:
    return asdict(style) if type(style).__name__ in _STYLES else {}


def _style(written: Any) -> Any:
    """Return the style of a note; a function is the caller's, who gives it again."""
    if isinstance(written, str):
        return written
    return "auto" if written[0] == _FUNCTION else _STYLES[written[0]](**written[1])
