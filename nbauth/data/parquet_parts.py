"""A load on its way to one Parquet file: parts on disk, and a note from where it goes on after a break.

They lie in a folder beside the file, for its owner only. The note holds the next request, as an API's next links are
all that tells where a load was; a next link may hold a token of the API's own, such as `$skiptoken`, and never one of
ours. The folder is removed when the file is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from nbauth.data.paging import Cursor, NextUrl, Offset, PageNumber
from nbauth.data.paging.answers import Ask
from nbauth.data.parquet_types import cast, time_type, unified

if TYPE_CHECKING:
    from nbauth.data.paging.styles import Style

__all__ = ["Note", "Parts", "fingerprint"]

_VERSION = 1
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
    """

    rows: int = 0
    parts: tuple[dict[str, str], ...] = ()
    following: Ask | None = None
    style: Style = "auto"
    records: str | None = None


@dataclass
class Parts:
    """The parts of one file.

    Args:
        target: the file.
        request: the fingerprint of what is asked for; parts of another request are thrown away.
    """

    target: Path
    request: str
    note: Note = field(default_factory=Note)

    def __post_init__(self) -> None:
        self.folder = self.target.with_name(f".{self.target.name}.nbauth-parts")
        self.note = self._found() or Note()
        if not self.note.parts:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(mode=0o700, parents=True)

    def add(self, table: Any, *, following: Ask | None, style: Style, records: str | None) -> None:
        """Keep some rows, and from where the load goes on after them."""
        times = {name: kind for name in table.column_names if (kind := time_type(table[name])) is not None}
        number = len(self.note.parts)
        with self._new_file(self._part(number)) as file:
            pq.write_table(table, file, compression="snappy")
        self.note = Note(self.note.rows + table.num_rows, (*self.note.parts, times), following, style, records)
        content = {
            "version": _VERSION,
            "request": self.request,
            "rows": self.note.rows,
            "parts": self.note.parts,
            "following": None if following is None else asdict(following),
            "style": style if isinstance(style, str) else [type(style).__name__, _fields(style)],
            "records": records,
        }
        with self._new_file(self.folder / "note.json") as file:
            file.write(json.dumps(content).encode())
        pa.default_memory_pool().release_unused()

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
        shutil.rmtree(self.folder, ignore_errors=True)

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
            if state.st_size > _LARGEST_NOTE:
                return None
            content = json.loads(path.read_bytes())
            if content["version"] != _VERSION or content["request"] != self.request or content["following"] is None:
                return None
            found = Note(
                int(content["rows"]),
                tuple(content["parts"]),
                Ask(**content["following"]),
                _style(content["style"]),
                content["records"],
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
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=repr).encode()).hexdigest()


def _fields(style: Any) -> dict[str, Any]:
    return asdict(style) if type(style).__name__ in _STYLES else {}


def _style(written: Any) -> Any:
    return written if isinstance(written, str) else _STYLES[written[0]](**written[1])
