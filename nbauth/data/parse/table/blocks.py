"""A table's bytes in blocks of whole lines. An error or an interrupt ends them after the last whole line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["BLOCK", "Blocks"]

BLOCK = 1024 * 1024  # pandas is quickest with it
_HEAD = 64 * 1024
_TAIL = 16 * 1024  # that much of the table's end is always in its last block


class Blocks:
    """Cuts bytes that come in pieces.

    Args:
        pieces: the pieces.

    Attributes:
        error: what broke them.
        size: how large a block is to be; None takes all in one.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._came: list[bytes] = []
        self._length = 0
        self._has_ended = False
        self.size: int | None = BLOCK
        self.error: BaseException | None = None

    def start(self) -> tuple[bytes, bool]:
        """Return the first bytes, and whether they are all."""
        self._gather(_HEAD)
        return self._taken(), self._has_ended

    def end_lines_by_returns(self) -> None:
        """Take a carriage return for a line's end, as old Macintosh programs write it."""
        self._keep(self._taken().replace(b"\r", b"\n"))
        self._pieces = (piece.replace(b"\r", b"\n") for piece in self._pieces)

    def skip(self, size: int) -> None:
        """Drop the first bytes, which were looked at."""
        self._keep(self._taken()[size:])

    def __call__(self, cut: Callable[[bytes, int, bool], int]) -> Iterator[tuple[bytes, bool]]:
        """Yield blocks, and whether each is the last.

        Args:
            cut: returns where the last line ends before a place; told the bytes, the place, and whether they are all.
        """
        size = self.size
        while True:
            self._gather(None if size is None else size + _TAIL)
            data = self._taken()
            if self._has_ended:
                end = len(data) if self.error is None else cut(data, len(data), True)
                self._keep(b"")
                yield data[:end], True
                return
            end = cut(data, len(data) - _TAIL, False)
            self._keep(data[end:])
            if end:
                size, data = self.size, data[:end]  # what is left of it is kept: not both while it is parsed
                yield data, False
            else:
                size = 2 * len(data)  # a line longer than a block

    def _gather(self, size: int | None) -> None:
        try:
            while not self._has_ended and (size is None or self._length < size):
                piece = next(self._pieces, b"")
                self._has_ended = not piece
                self._came.append(piece)
                self._length += len(piece)
        except BaseException as error:  # noqa: BLE001 - the reader raises it, after the lines before
            self.error = error
            self._has_ended = True

    def _taken(self) -> bytes:
        data = b"".join(self._came)
        self._came = [data]
        return data

    def _keep(self, data: bytes) -> None:
        self._came, self._length = [data], len(data)
