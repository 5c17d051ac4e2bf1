"""A table's bytes in whole lines, so that a parser has a table also where the bytes end too early."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from nbauth.data.parse.json_text import quotes

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LineBuffer"]

_LONGEST = 4 * 1024 * 1024  # of a line that is waited for: one quotation mark too many would keep everything back


class LineBuffer(io.BufferedIOBase):
    """Hands on bytes that come in pieces. An error or an interrupt ends it after the last whole line.

    A line ends where no quotation mark is open (RFC 4180 §2).

    Args:
        pieces: the pieces; none is empty.
        has_lines: whether its character set has the bytes of ASCII, so that lines can be told.

    Attributes:
        error: what broke it.
        is_whole: whether what was handed on ends with a line.
    """

    def __init__(self, pieces: Iterator[bytes], *, has_lines: bool = True) -> None:
        super().__init__()
        self._pieces = pieces
        self._has_lines = has_lines
        self._ready = b""
        self._rest = b""  # of a line that has begun
        self._is_quoted = False  # at the end of the bytes so far
        self.is_whole = has_lines
        self.error: BaseException | None = None

    def first(self) -> bytes:
        """Return the first bytes, which are read again: the line with the columns' names, as a rule."""
        if not self._ready:
            self._ready = self._next()
        return self._ready

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def read(self, size: int | None = -1) -> bytes:
        """Return so many bytes; fewer only at the end."""
        wanted = -1 if size is None else size
        parts: list[bytes] = []
        try:
            while wanted and (part := self.read1(wanted)):
                parts.append(part)
                wanted = wanted - len(part) if wanted > 0 else wanted
        except BaseException as error:  # noqa: BLE001 - as in `_next`: pandas would hide it
            self.error = self.error or error
        return b"".join(parts)

    def read1(self, size: int = -1) -> bytes:
        """Return the bytes that have arrived, at most so many; none only at the end."""
        ready = self._ready or self._next()
        if 0 <= size < len(ready):
            self._ready = ready[size:]
            return ready[:size]
        self._ready = b""
        return ready

    def _next(self) -> bytes:
        try:
            while self.error is None:
                piece = next(self._pieces, b"")
                if not piece or not self._has_lines:
                    piece, self._rest = self._rest + piece, b""
                    return piece
                cut = self._cut(piece)
                if not cut and len(self._rest) < _LONGEST:
                    self._rest += piece
                    continue
                self.is_whole = bool(cut)
                cut = cut or len(piece)
                ready = b"".join((self._rest, memoryview(piece)[:cut]))
                self._rest = piece[cut:]
                return ready
        except BaseException as error:  # noqa: BLE001 - the reader raises it, after the lines before
            self.error = error
        return b""

    def _cut(self, piece: bytes) -> int:
        """Return where the last whole line ends; 0 if none does."""
        if b'"' in piece:
            self._is_quoted ^= bool(quotes(piece) % 2)
        cut = piece.rfind(b"\n") + 1
        is_quoted = self._is_quoted ^ bool(piece.count(b'"', cut) % 2)
        return _last_outside(piece, is_quoted=self._is_quoted) if is_quoted and cut else cut


def _last_outside(piece: bytes, *, is_quoted: bool) -> int:
    """Return where the last line ends that does so outside of quotation marks, of a cell with very many lines, too."""
    signs = np.frombuffer(piece, np.uint8)
    marks, ends = np.flatnonzero(signs == ord('"')), np.flatnonzero(signs == ord("\n"))
    behind = len(marks) - np.searchsorted(marks, ends)
    outside = ends[behind % 2 == is_quoted]
    return int(outside[-1]) + 1 if len(outside) else 0
