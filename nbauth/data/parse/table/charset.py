"""The character set of a table's text: by its bytes where they tell it, else by what the caller or the server says.

A table goes on as UTF-8. ISO 8859-1 means Windows-1252, as in browsers (https://encoding.spec.whatwg.org/#names-and-labels),
and many servers put one of them on what is UTF-8, or say nothing of what is Windows-1252.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from nbauth.data.fetch.charsets import codec_named

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Charset", "WrongCharset"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LATIN = frozenset({"iso8859-1", "cp1252"})
_UTF8 = frozenset({"utf-8", "utf-8-sig", "ascii"})
# As in browsers, bytes that Windows-1252 leaves out are controls.
_WINDOWS_1252 = "".join(bytes([n]).decode("cp1252", "ignore") or chr(n) for n in range(256))


class WrongCharset(ValueError):
    """A table's bytes are not in its character set."""


class Charset:
    """Makes UTF-8 of a table's bytes.

    Args:
        named: the character set that the caller names, which counts whatever the bytes are.
        told: the one that the server says; UTF-8 where it says none.

    Attributes:
        is_assumed: whether Windows-1252 was taken for granted, which nobody had said.
    """

    def __init__(self, named: str | None, told: str) -> None:
        self._named = None if named is None else codec_named(named)
        self._told = told
        self._is_windows = False
        self._was_utf8 = False
        self._is_open = False  # whether each block is to tell whether it is UTF-8 or Windows-1252
        self.is_assumed = False

    def pieces(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the bytes in UTF-8, but for Windows-1252, which `block` tells.

        Raises:
            WrongCharset: they are not in their character set.
        """
        start = b""
        for piece in pieces:
            start += piece
            if len(start) >= len(codecs.BOM_UTF32_LE):
                break
        codec = self._codec(start)
        self._is_open = codec in _UTF8 or (codec in _LATIN and self._named is None)
        if self._is_open:
            start = start.removeprefix(codecs.BOM_UTF8)
            if start:
                yield start
            yield from pieces
            return
        decoder = codecs.getincrementaldecoder(codec)()
        text = ""
        try:
            text = decoder.decode(start).removeprefix("\ufeff")
            if text:
                yield text.encode("utf-8", "surrogatepass")
            for piece in pieces:
                if text := decoder.decode(piece):
                    yield text.encode("utf-8", "surrogatepass")
            decoder.decode(b"", final=True)
        except UnicodeError:
            raise WrongCharset(f"it is not in {codec}") from None

    def block(self, block: bytes) -> bytes:
        """Return a block of whole lines in UTF-8.

        Raises:
            WrongCharset: it is neither in UTF-8 nor, where that may be, in Windows-1252.
        """
        if not self._is_open or block.isascii():
            return block
        is_latin = self._told in _LATIN
        if not self._is_windows:
            try:
                block.decode()
            except UnicodeDecodeError:
                is_partly = not block.decode("utf-8", "ignore").isascii()
                if self._named is not None or self._was_utf8 or (is_partly and not is_latin):
                    raise WrongCharset("it is not in utf-8") from None
                self._is_windows = True
                self.is_assumed = not is_latin
            else:
                self._was_utf8 = True
                return block
        return codecs.charmap_decode(block, "strict", _WINDOWS_1252)[0].encode()

    def _codec(self, start: bytes) -> str:
        mark = next((codec for mark, codec in _MARKS if start.startswith(mark)), None)
        if self._named is not None:
            is_wider = mark is not None and mark[:6] == self._named[:6]  # utf-16 for utf-16-le, whose mark would stay
            return mark if is_wider and mark is not None else self._named
        if mark is not None:
            return mark
        if self._told in _UTF8 | _LATIN and len(start) >= 4:  # noqa: PLR2004 - two signs
            if not any(start[1:4:2]) and all(start[0:4:2]):
                return "utf-16-le"
            if not any(start[0:4:2]) and all(start[1:4:2]):
                return "utf-16-be"
        return self._told
