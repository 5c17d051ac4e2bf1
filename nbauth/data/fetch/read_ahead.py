"""Read-ahead: larger parts of a file while it is read straight on, small ones where the reader jumps."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbauth.data.fetch.byte_ranges import Ranges, TempCopy

__all__ = ["ReadAhead"]

_LEAST = 64 * 1024
_MOST = 8 * 1024 * 1024
_SLACK = 4 * 1024  # between two reads that are straight on


class ReadAhead:
    """Reads from a source and keeps one window of it; for one reader.

    Args:
        source: where the bytes come from.
    """

    def __init__(self, source: Ranges | TempCopy) -> None:
        self._source = source
        self._size = source.size
        self._begin = source.first_at
        self._window = source.first
        self._ahead = _LEAST
        self._last = 0  # where the last read ended

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes from `start` until `stop`, or until the end of the file."""
        stop = min(stop, self._size)
        if start >= stop:
            return b""
        end = self._begin + len(self._window)
        is_straight = abs(start - self._last) <= _SLACK
        self._last = stop
        if not self._begin <= start < stop <= end:
            if stop - start >= _MOST:
                return self._pass_on(start, stop, end)
            self._move(start, stop, end, is_straight=is_straight)
        return self._window[start - self._begin : stop - self._begin]

    def _pass_on(self, start: int, stop: int, end: int) -> bytes:
        # Kept, it would be held twice.
        kept = self._window[start - self._begin :] if self._begin <= start <= end else b""
        data = kept + self._source.fetch(start + len(kept), stop)
        self._window, self._begin, self._ahead = b"", stop, _MOST
        return data

    def _move(self, start: int, stop: int, end: int, *, is_straight: bool) -> None:
        # Who jumps to what is here by chance has not read straight on, and wants no more for it.
        self._ahead = min(2 * self._ahead, _MOST) if is_straight else _LEAST
        if self._begin <= start <= end:
            kept, begin = self._window[start - self._begin :], start
        else:
            # Parquet and zip files end with their index, whose length stands in its last bytes.
            is_index = stop > self._size - _LEAST
            kept, begin = b"", min(start, max(0, self._size - _LEAST)) if is_index else start
        further = self._source.fetch(begin + len(kept), min(self._size, max(stop, begin + len(kept) + self._ahead)))
        self._window, self._begin = kept + further, begin
