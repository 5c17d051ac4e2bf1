"""Where each column of a Parquet file lies, by the file's own footer; pyarrow reads that."""

from __future__ import annotations

import io
import sys
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbauth.process.shielded import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["FOOTER_END", "ParquetMap", "PlaceInFile", "footer_start", "has_pyarrow"]

_MAGIC = b"PAR1"
FOOTER_END = 8  # bytes: the footer's length and the magic


@dataclass(frozen=True)
class PlaceInFile:
    """Where one column of one row group lies.

    Attributes:
        group: number of the row group.
        column: number of the column.
        start: its first byte.
        stop: the one after its last.
    """

    group: int
    column: int
    start: int
    stop: int


def has_pyarrow() -> bool:
    """Tell whether pyarrow can read footers."""
    try:
        load("pyarrow.parquet")
    except ImportError:
        return False
    return True


def footer_start(tail: bytes, size: int) -> int | None:
    """Return where the footer of a file of `size` bytes begins, by its last bytes; None if it is no Parquet."""
    if len(tail) < FOOTER_END or not tail.endswith(_MAGIC):
        return None
    start = size - FOOTER_END - int.from_bytes(tail[-8:-4], "little")
    return start if start >= len(_MAGIC) else None


class ParquetMap:
    """Finds the column at a byte, and the bytes of a column.

    Row groups and columns are looked up as they are wanted: a file may have many more than are read.

    Args:
        footer: the file's bytes from the start of its footer to its end.
        size: the file's bytes; what a damaged footer names beyond them is not there.

    Attributes:
        groups: how many row groups there are.
        columns: how many columns each has.

    Raises:
        ValueError: pyarrow cannot read it.
        OSError: the same.
    """

    def __init__(self, footer: bytes, size: int) -> None:
        import pyarrow.parquet as pq

        self._metadata: Any = pq.read_metadata(io.BytesIO(_MAGIC + footer))
        self._size = size
        self.groups: int = self._metadata.num_row_groups
        self.columns: int = self._metadata.num_columns
        self._group: tuple[int, Any] = (-1, None)

    def place(self, group: int, column: int) -> PlaceInFile | None:
        """Return where a column of a row group lies; None where the footer names no bytes of the file."""
        if group != self._group[0]:
            self._group = (group, self._metadata.row_group(group))
        chunk = self._group[1].column(column)
        pages, dictionary = chunk.data_page_offset, chunk.dictionary_page_offset
        start = min(pages, dictionary) if dictionary else pages
        stop = start + chunk.total_compressed_size
        return PlaceInFile(group, column, start, stop) if 0 < start < stop <= self._size else None

    def at(self, byte: int) -> PlaceInFile | None:
        """Return the column that a byte belongs to; None if it belongs to none, or the file is in no usual order."""
        group = _last_at_or_before(byte, self.groups, lambda number: self.place(number, 0))
        if group is None:
            return None
        column = _last_at_or_before(byte, self.columns, lambda number: self.place(group, number))
        found = None if column is None else self.place(group, column)
        return found if found is not None and found.start <= byte < found.stop else None

    def between(self, start: int, stop: int) -> Iterator[PlaceInFile]:
        """Yield the column at `start`, and those after it that begin before `stop`."""
        place = self.at(start)
        while place is not None and place.start < stop:
            yield place
            place = self._after(place)

    def _after(self, place: PlaceInFile) -> PlaceInFile | None:
        group, column = place.group, place.column + 1
        if column == self.columns:
            group, column = group + 1, 0
        after = self.place(group, column) if group < self.groups else None
        return after if after is not None and after.start >= place.stop else None


def _last_at_or_before(byte: int, count: int, place: Callable[[int], PlaceInFile | None]) -> int | None:
    def begin(number: int) -> int:
        found = place(number)
        return sys.maxsize if found is None else found.start

    number = bisect_right(range(count), byte, key=begin) - 1 if count else -1
    return number if number >= 0 else None
