"""Ahead of who reads a Parquet file: the columns that were read of two row groups are fetched of the next ones, too."""

from __future__ import annotations

import sys
from collections import deque
from typing import TYPE_CHECKING

from nbauth.data.fetch.file_parts import FileParts
from nbauth.data.fetch.parquet_map import ParquetMap, footer_start, has_pyarrow

if TYPE_CHECKING:
    from nbauth.data.fetch.byte_ranges import Ranges
    from nbauth.data.fetch.parquet_map import PlaceInFile

__all__ = ["ParquetAhead"]

_LEAST = 64 * 1024
_FIRST_OF_COLUMN = 1024 * 1024
_MOST = 8 * 1024 * 1024
_GAP = 16 * 1024  # between two columns, that is sooner read than asked around
_FEWEST_GROUPS = 2  # who reads one row group may want no other
_SMALL_FILE = 32 * 1024 * 1024  # of which hardly anybody reads the row groups one by one
_MOST_GUESSED = 1024 * 1024
_MOST_GUESSED_GROUPS = 16
_MOST_NOTED = 200_000


class ParquetAhead:
    """Reads a Parquet file for any number of readers in any number of threads, and nothing twice.

    A read of a column that is not here brings the column, or a part of it where it is large. Nobody tells which
    columns and row groups a reader wants: they show as it reads. Once it has read in two row groups, what it has
    read of these is fetched of as many further ones as it has read in, several at once. Of a small file, a small
    column that is read by itself is fetched of the further row groups at once.

    Args:
        source: where the bytes come from, with the last ones here already.
        start: where the footer begins.
    """

    def __init__(self, source: Ranges, start: int) -> None:
        self._source = source
        self._footer_start = start
        self._parts = FileParts(source, keep_from=min(start, source.first_at))
        self._lock = self._parts.lock
        self._map: ParquetMap | None = None
        self._columns: dict[int, None] = {}
        self._groups: set[int] = set()
        self._first_group, self._last_group = sys.maxsize, -1
        self._read: set[tuple[int, int]] = set()
        self._reach = range(0)  # the row groups that are fetched ahead
        self._may_guess = _MOST_GUESSED if source.size <= _SMALL_FILE else 0  # so many bytes
        self._wanted: deque[tuple[int, int]] = deque()
        if start >= source.first_at:
            self._learn(source.first[start - source.first_at :])

    @classmethod
    def of(cls, source: Ranges) -> ParquetAhead | None:
        """Return one for a file by its last bytes; None if they are not here, or of no Parquet, or without pyarrow."""
        is_tail = source.first_at + len(source.first) == source.size
        start = footer_start(source.first, source.size) if is_tail else None
        return None if start is None or not has_pyarrow() else cls(source, start)

    def join(self) -> bool:
        """Count one more reader; tell whether it may read: not after the last one has left."""
        return self._parts.join()

    def leave(self) -> None:
        """Count one reader less; with the last one, what is still fetched ends. A finalizer may call it."""
        self._parts.leave()

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes from `start` until `stop`, or until the end of the file; errors are those of `Ranges`."""
        stop = min(stop, self._source.size)
        if start >= stop:
            return b""
        self._source.check_sign_in()  # nobody reads on after a sign-out, whatever is here already
        with self._lock:
            place = self._note(start, stop)
        self._parts.start_threads()
        data = self._parts.read(start, stop, until=self._until(place, start, stop))
        if self._map is None and start <= self._footer_start and stop == self._source.size:
            with self._lock:
                self._learn(data[self._footer_start - start :])
        return data

    def end_of_column(self, start: int, stop: int) -> int:
        """Return `stop`, or the end of the column at `start` if that comes before it."""
        with self._lock:
            place = None if self._map is None else self._map.at(start)
        return stop if place is None else min(stop, place.stop)

    def _learn(self, footer: bytes) -> None:
        # What reads the file says what is wrong with its footer.
        try:
            self._map = ParquetMap(footer, self._source.size)
        except (ValueError, OSError):
            self._map = None

    def _until(self, place: PlaceInFile | None, start: int, stop: int) -> int:
        """Return up to where bytes may come along with a read that brings some."""
        if place is None:
            return max(stop, min(start + _LEAST, self._footer_start))
        begin = max(start, place.start)
        if begin == place.start:
            ahead = _FIRST_OF_COLUMN
        elif self._parts.ends_at(begin):
            ahead = min(max(begin - place.start, _FIRST_OF_COLUMN), _MOST)
        else:  # a jump into a column, over what its index tells to leave out
            ahead = _LEAST
        return max(stop, min(place.stop, begin + ahead))

    def _note(self, start: int, stop: int) -> PlaceInFile | None:
        """Note what is read, and have what may be read next fetched; return the last column that is read of."""
        last = None
        # What came when the file was opened is looked at for the footer, and tells of no column.
        if self._map is None or start >= self._source.first_at:
            return None
        for last in self._map.between(start, stop):
            self._guess(last, self._map, is_alone=last.start == start and stop <= last.stop)
            self._read.add((last.group, last.column))
            if last.column not in self._columns:
                self._columns[last.column] = None
                self._wanted += [(group, last.column) for group in self._reach]
            if last.group not in self._groups:
                self._reach_further(last.group)
        if len(self._read) > _MOST_NOTED:
            self._wanted.clear()
        self._fetch_ahead(self._map)
        return last

    def _guess(self, place: PlaceInFile, known: ParquetMap, *, is_alone: bool) -> None:
        """Have a column of the first row group that is read fetched of the further ones, if few columns seem wanted."""
        column, further = place.column, range(place.group + 1, known.groups)
        is_known = not self._groups <= {place.group} or not self._columns.keys().isdisjoint({column - 1, column})
        if is_known or not is_alone or not self._may_guess or len(further) > _MOST_GUESSED_GROUPS:
            return
        places = [known.place(group, column) for group in further]
        size = sum(one.stop - one.start for one in places if one is not None)
        if size <= self._may_guess:
            self._may_guess -= size
            self._wanted += [(group, column) for group in further]

    def _reach_further(self, group: int) -> None:
        self._groups.add(group)
        self._last_group = max(self._last_group, group)
        self._first_group = min(self._first_group, group)
        if self._map is None or len(self._groups) < _FEWEST_GROUPS:
            return
        before = self._reach or range(self._first_group, self._first_group)
        further = min(self._map.groups, self._last_group + 1 + len(self._groups))
        self._reach = range(self._first_group, further)
        added = (*range(self._first_group, before.start), *range(before.stop, further))
        self._wanted += [(number, column) for number in added for column in sorted(self._columns)]

    def _fetch_ahead(self, known: ParquetMap) -> None:
        start = stop = 0
        while self._wanted and self._parts.has_room():
            group, column = self._wanted.popleft()
            place = None if (group, column) in self._read else known.place(group, column)
            if place is None:
                continue
            if not (stop <= place.start <= stop + _GAP and place.stop - start <= _MOST):
                self._parts.want(start, stop)
                start = place.start
            stop = place.stop
        self._parts.want(start, stop)
