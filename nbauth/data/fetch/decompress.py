"""Bodies compressed with gzip or deflate, and whether they came whole.

urllib3 decompresses too, but takes a stream that ends early for a shorter one. isal, where it is installed, does so in
less than half of zlib's time. Its streams have the methods of zlib's here.
"""

from __future__ import annotations

import zlib
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from nbauth.process.shielded import load

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Decompressor"]

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_MEMBER = b"\x1f\x8b"
# What servers and gzip itself begin with. isal stumbles over an extra field that comes in pieces, and looks at no
# checksum of a header.
_USUAL = (b"\x1f\x8b\x08\x00", b"\x1f\x8b\x08\x08")


class _Stream(Protocol):
    """What zlib's decompression objects have."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    @property
    def unconsumed_tail(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Igzip:
    """One member of gzip, by isal, which keeps what it has not decompressed yet."""

    unconsumed_tail = b""

    def __init__(self, stream: Any, error: Any) -> None:
        self._stream = stream
        self._error = error

    @property
    def eof(self) -> bool:
        return bool(self._stream.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._stream.unused_data)

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        try:
            return bytes(self._stream.decompress(data, max_length or -1))
        except self._error as error:
            raise zlib.error(str(error)) from None


class Decompressor:
    """Decompresses a stream piece by piece.

    Args:
        coding: the ``Content-Encoding``: ``gzip`` or ``deflate`` (RFC 9110 §8.4.1). Some servers send deflate without
            the header that the RFC asks for; that is read, too.
    """

    def __init__(self, coding: str) -> None:
        self._stream: _Stream = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._is_gzip = coding != "deflate"
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
                self._stream = _stream(self._input)
            elif self._is_gzip and not self._has_begun:
                self._stream = _stream(self._input)
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


def _stream(start: bytes) -> _Stream:
    """Return what decompresses a stream with such a start."""
    igzip = _igzip() if start.startswith(_USUAL) else None
    return zlib.decompressobj(_GZIP_OR_ZLIB) if igzip is None else igzip()


@cache
def _igzip() -> Callable[[], _Igzip] | None:
    """Return what makes isal's streams; None where isal is not installed."""
    try:
        load("isal.igzip_lib")
    except ImportError:
        return None
    from isal.igzip_lib import DECOMP_GZIP, IgzipDecompressor, IsalError

    return lambda: _Igzip(IgzipDecompressor(flag=DECOMP_GZIP), IsalError)
