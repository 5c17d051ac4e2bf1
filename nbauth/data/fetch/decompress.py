"""Bodies compressed with gzip or deflate, and whether they came whole.

urllib3 decompresses too, but takes a stream that ends early for a shorter one.
"""

from __future__ import annotations

import zlib

__all__ = ["Decompressor"]

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_MEMBER = b"\x1f\x8b"


class Decompressor:
    """Decompresses a stream piece by piece.

    Args:
        coding: the ``Content-Encoding``: ``gzip`` or ``deflate`` (RFC 9110 §8.4.1). Some servers send deflate without
            the header that the RFC asks for; that is read, too.
    """

    def __init__(self, coding: str) -> None:
        self._stream = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._may_lack_header = coding == "deflate"
        self._input = b""
        self._has_begun = False
        self._has_more = False

    @property
    def is_whole(self) -> bool:
        """Tell whether the stream came to its own end. Nothing at all is whole."""
        return self._stream.eof or not self._has_begun

    def feed(self, data: bytes) -> None:
        """Decompress the next bytes."""
        self._input += data

    def take(self, longest: int = 0) -> bytes:
        """Return what can be decompressed, at most `longest` bytes (0: all); empty when more must be fed.

        Raises:
            zlib.error: it is not compressed, or damaged.
        """
        taken: list[bytes] = []
        while self._input or self._has_more:
            if self._stream.eof:
                if self._input == _MEMBER[:1]:
                    break  # of what may be another member
                if not self._input.startswith(_MEMBER):
                    self._input = b""  # padding after the end
                    break
                self._stream = zlib.decompressobj(_GZIP_OR_ZLIB)
            try:
                part = self._stream.decompress(self._input, longest)
            except zlib.error:
                if not self._may_lack_header or self._has_begun:
                    raise
                self._may_lack_header = False
                self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
                continue
            self._has_begun = True
            self._input = self._stream.unconsumed_tail or self._stream.unused_data
            # All input may be consumed while there is more to hand out.
            self._has_more = bool(longest) and len(part) == longest and not self._stream.eof
            taken.append(part)
            if longest and part:
                break
        return b"".join(taken)
