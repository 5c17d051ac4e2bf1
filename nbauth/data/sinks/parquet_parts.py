"""A load on its way to one Parquet file: parts on disk, and a checkpoint that is written after each of them.

Where they lie: see `nbauth.data.sinks.parts_folder`.
"""

from __future__ import annotations

import hashlib
import logging
import stat
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING, Any, Self

from nbauth.data.build.free_memory import give_back
from nbauth.data.build.memory_pool import POOL
from nbauth.data.sinks.checkpoint import (
    LARGEST_CHECKPOINT,
    Checkpoint,
    Part,
    dump_checkpoint,
    is_fresh,
    load_checkpoint,
)
from nbauth.data.sinks.journal import as_parquet_has_it, read_part, read_schema, write_part
from nbauth.data.sinks.parquet_schema import cast, times_in, unified
from nbauth.data.sinks.parts_folder import CHECKPOINT, WHOLE, PartsFolder, part_name
from nbauth.data.sinks.whole_file import WholeFile, parquet_writer
from nbauth.files.directories import Directory
from nbauth.files.private_files import why_status_not_own
from nbauth.files.state_key import StateKey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.styles import Style

__all__ = ["Parts"]

logger = logging.getLogger(__name__)


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
        self._key = StateKey("checkpoint")
        self._why_not_kept = ""
        try:
            self._key.mac(b"")
        except (OSError, ValueError) as error:
            self._why_not_kept = str(getattr(error, "strerror", None) or error)
        with ExitStack() as stack:
            self._folder = stack.enter_context(closing(PartsFolder(self.target)))
            self._directory = self._folder.directory
            self._why_not_kept = self._why_not_kept or self._folder.why_not_beside
            if self._why_not_kept:
                text = "%s: a load that breaks off starts over, since its rows cannot be kept safely: %s."
                logger.warning(text, self.target.name, self._why_not_kept)
            self.checkpoint = self._read_checkpoint() or Checkpoint()
            self._whole = self._new_whole()
            if self.checkpoint.parts:
                self._folder.clear(unfinished=True)
                self._whole.give_up()  # what is here goes into it at the end
            else:
                self.start_over()
            stack.pop_all()  # it stays open until `__exit__`

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let others have them; if nothing can be gone on with, they are removed."""
        try:
            self._whole.give_up()
        finally:
            if self.can_resume:
                self._folder.close()
            else:
                self._folder.remove()

    @property
    def is_kept(self) -> bool:
        """Whether the parts are kept for a later call."""
        return not self._why_not_kept

    @property
    def can_resume(self) -> bool:
        """Whether the same call would go on after the parts that are here."""
        return self.is_kept and (self.checkpoint.next_request is not None or self.checkpoint.is_complete)

    def start_over(self) -> None:
        """Delete the parts and the checkpoint."""
        self._whole.give_up()
        self._folder.clear()
        self.checkpoint = Checkpoint()
        self._whole = self._new_whole()

    def add(
        self,
        table: Any,
        *,
        next_request: PageRequest | None,
        style: Style,
        records: str | None,
        may_be_times: bool = True,
        texts: AbstractSet[str] = frozenset(),
    ) -> None:
        """Keep some rows, and from where the load goes on after them.

        Args:
            table: the rows.
            next_request: the next request; None if the load cannot go on.
            style: how the API is paged.
            records: the path of the rows.
            may_be_times: whether columns of text that is times are to be times.
            texts: those that are not.
        """
        table = as_parquet_has_it(table).combine_chunks(POOL)
        names = [name for name in table.column_names if name not in texts] if may_be_times else []
        times = {name: found for name in names if (found := times_in(table[name])) is not None}
        with self._directory.new_file(part_name(len(self.checkpoint.parts))) as file:
            digest = write_part(table, file)
        part = Part(digest, {name: found.kind for name, found in times.items()})
        self._write(
            Checkpoint(
                self.checkpoint.rows + table.num_rows, (*self.checkpoint.parts, part), next_request, style, records
            )
        )
        self._whole.add(table, times)

    def schemas(self) -> list[Any]:
        """Return the schemas of the parts."""
        return [self._schema(number) for number in range(len(self.checkpoint.parts))]

    def complete(self) -> None:
        """Note that all rows are here, so that the file can be made also if that fails now."""
        self._write(replace(self.checkpoint, next_request=None, is_complete=True))

    def _write(self, checkpoint: Checkpoint) -> None:
        if self.is_kept:
            with self._directory.new_file(CHECKPOINT) as file:
                file.write(dump_checkpoint(checkpoint, self._key, self._folder.path, self.request))
        self.checkpoint = checkpoint

    def finish(self) -> None:
        """Put one file of the parts in place of an older one, and remove them."""
        if self._mode != _mode_of(self.target):
            self._whole.give_up()
        if not self._whole.finish():
            self._make_whole()
        self.checkpoint = Checkpoint()

    def _make_whole(self) -> None:
        """Make the file of the parts on disk."""
        numbers = range(len(self.checkpoint.parts))
        schema = unified(self.schemas(), [p.times for p in self.checkpoint.parts], self._table)
        first = cast(self._table(0), schema)
        with self._new_target() as file, parquet_writer(file, schema, first) as writer:
            writer.write_table(first)
            del first
            for number in numbers[1:]:
                writer.write_table(cast(self._table(number), schema))
                give_back()

    def _new_whole(self) -> WholeFile:
        """Return the file, which is written as the parts come, where nobody sees it before it is whole."""
        self._mode = _mode_of(self.target)
        whole = WholeFile(self._new_target)
        if self._folder.why_not_beside:
            whole.give_up()
        return whole

    @contextmanager
    def _new_target(self) -> Iterator[IO[bytes]]:
        """Write the file; its mode is that of the file before it, or that of any new file."""
        mode = _mode_of(self.target)
        if not self._folder.why_not_beside:
            with self._directory.new_file(WHOLE, to=self.target, mode=0o666, allowed=mode) as file:
                yield file
        else:
            with (
                Directory(self.target.parent, private=False) as parent,
                parent.new_file(self.target.name, mode=0o666, allowed=mode) as file,
            ):
                yield file

    def _schema(self, number: int) -> Any:
        with self._directory.open(part_name(number)) as file:
            return read_schema(file)

    def _table(self, number: int, columns: list[str] | None = None) -> Any:
        with self._directory.open(part_name(number)) as file:
            return read_part(file, columns)

    def _read_checkpoint(self) -> Checkpoint | None:
        """Read the checkpoint of an earlier load; None if anything is wrong with it."""
        if not self.is_kept:
            return None
        try:
            if not is_fresh(self._directory.status(CHECKPOINT).st_mtime):
                return None
            checkpoint = load_checkpoint(
                self._directory.read(CHECKPOINT, LARGEST_CHECKPOINT, links=1),
                self._key,
                self._folder.path,
                self.request,
            )
            for number, part in enumerate(checkpoint.parts):
                with self._directory.open(part_name(number), links=1) as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() != part.digest:
                        return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        return checkpoint


def _mode_of(path: Path) -> int | None:
    """Return the mode of a file of this user's; None where there is none."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return stat.S_IMODE(status.st_mode) if why_status_not_own(status) is None else None
