"""A table of text that comes in pages, as if it had come in one: each page's line with the names is dropped.

So a column gets the dtype that all of its cells need. Pages whose columns stand in another order begin a table of their
own.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from nbauth.data.fetch.http_errors import format_error
from nbauth.data.fetch.response_body import Body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from requests import Response

    Advance = Callable[[bool, int | None], tuple[Response, Body] | None]

__all__ = ["joined"]

_PIECE = 256 * 1024
_LONGEST = 1024 * 1024  # of the line with the names
_BOM = b"\xef\xbb\xbf"
_MOST_NAMES = 5


def joined(response: Response, first: Body, advance: Advance) -> Iterator[Body]:
    """Yield the table as a body; as several, where the order of its columns changes.

    Args:
        response: the response with the first page.
        first: the first page.
        advance: given whether a page has rows, and its checksum, returns the page after it; None after the last.

    Raises:
        FormatError: while it is read: a page has other columns than the first.
    """
    pages = _Pages(response, first, advance)
    while pages.has_more:
        yield _Joined(pages)


class _Pages:
    """The pages of one load, and where in them it is.

    Attributes:
        response: the response with the present page.
        head: the line with the names of the present page.
        has_more: whether a table begins with it.
    """

    def __init__(self, response: Response, first: Body, advance: Advance) -> None:
        self._advance = advance
        self.has_more = True
        self.head = self._rest = b""
        self._has_rows = False
        self._open(response, first)

    def close(self) -> None:
        """Read no more."""
        self.has_more = False
        self._body.close()

    def table(self) -> Iterator[bytes]:
        """Yield the pieces of a table: of the present page, and of those after it that have its columns."""
        yield self.head
        last = self.head[-1:]
        while True:
            while piece := self._rest or self._body.read1(_PIECE):
                self._rest, self._has_rows, last = b"", True, piece[-1:]
                yield piece
            if not self._go_on():
                return
            if last not in (b"", b"\n", b"\r"):
                yield b"\n"

    def _open(self, response: Response, body: Body) -> None:
        """Take off the line with the names."""
        self.response, self._body = response, body
        body.watch()
        start = b""
        while (end := _end_of_head(start)) is None and len(start) < _LONGEST:
            piece = body.read1(_PIECE)
            if not piece:
                break
            start += piece
        end = len(start) if end is None else end
        self.head, self._rest, self._has_rows = start[:end].removeprefix(_BOM), start[end:], False

    def _go_on(self) -> bool:
        """Take the next page; tell whether its lines are those of the same table.

        Raises:
            FormatError: it has other columns than the first one.
        """
        self.has_more = False
        before = self.head
        while (following := self._advance(self._has_rows, self._body.checksum)) is not None:
            self._body.close()
            self._open(*following)
            if self.head.strip() and before.strip():
                self.has_more = self.head.strip() != before.strip()
                if self.has_more:
                    self._check_names(before)
                return not self.has_more
            if self.head.strip():
                self.has_more = True  # all pages before were without anything, even names
                return False
            self.head = before
        self._body.close()
        return False

    def _check_names(self, before: bytes) -> None:
        first, here = (_names(head) for head in (before, self.head))
        if sorted(first) != sorted(here):
            only = [name for name in here if name not in first] or here
            shown = ", ".join(only[:_MOST_NAMES])
            why = f"whose columns are others than those of the pages before: {shown}"
            raise format_error(self.response, self.head, why)


class _Joined(Body):
    """One table, of as many pages as have its columns in the same order."""

    def __init__(self, pages: _Pages) -> None:
        super().__init__(pages.response)
        self._inflaters = []
        self._is_foreign = False
        self._pages = pages
        self._pieces = pages.table()
        self._piece = b""
        self._has_ended = False

    def close(self) -> None:
        """Close the pages, too, unless another table begins with the present one."""
        if not self._has_ended:
            self._pages.close()
        super().close()

    def _wire(self, size: int | None, *, waits: bool) -> bytes:
        del waits
        self._raise_broken()
        while not self._piece:
            piece = next(self._pieces, None)
            if piece is None:
                self._has_ended = True
                return b""
            self._piece = piece
        size = len(self._piece) if size is None else size
        data, self._piece = self._piece[:size], self._piece[size:]
        return data


def _names(head: bytes) -> list[str]:
    """Return the names of the columns, by whichever sign stands between them."""
    line = head.decode("latin-1").strip().splitlines()[-1:]
    separator = max(",;\t|", key=head.decode("latin-1").count)
    return [name.strip() for row in csv.reader(line, delimiter=separator) for name in row]


def _end_of_head(start: bytes) -> int | None:
    """Return where the line with the names ends, with what stands in front of it; None if it is not whole."""
    begin = len(start) - len(start.removeprefix(_BOM).lstrip(b"\r\n"))
    if start[begin : begin + 4].lower() == b"sep=":  # Excel's word about the sign between cells
        begin = start.find(b"\n", begin) + 1
        if not begin:
            return None
    end = start.find(b"\n", begin)
    while end >= 0 and start.count(b'"', begin, end) % 2:
        end = start.find(b"\n", end + 1)
    return None if end < 0 else end + 1
