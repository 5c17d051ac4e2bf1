"""The body of a response as a binary file: decompressed while it streams; one that ends too early is an error."""

from __future__ import annotations

import io
import tempfile
import zlib
from typing import IO, TYPE_CHECKING, BinaryIO, cast

import urllib3

from nbauth.data.fetch.decompress import Decompressor
from nbauth.data.fetch.http_errors import network_error
from nbauth.errors import DataError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import Response

__all__ = ["Body", "ByteLimit", "FileBody", "ShortBody", "as_file", "spooled"]

_BUFFER = 256 * 1024
_PIECE = 1024 * 1024
_PEEK = 64 * 1024
_OURS = frozenset({"gzip", "x-gzip", "deflate"})
_IN_MEMORY = 16_000_000


class ByteLimit:
    """How many bytes one load may still take in, decompressed.

    Args:
        limit: bytes in all; None for any number.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self._left = limit

    def take(self, size: int, url: str) -> None:
        """Take some of it.

        Raises:
            DataError: there is not so much left.
        """
        if self._left is None or self.limit is None:
            return
        self._left -= size
        if self._left < 0:
            shown_url = redact_url(url)
            raise DataError(
                f"{shown_url}: more than max_bytes={self.limit:,} came.",
                url=shown_url,
                next_step="Ask for less, or raise the limit.",
            )

    def give_back(self, size: int) -> None:
        """Count some bytes no longer: what they become is counted instead."""
        if self._left is not None:
            self._left += size


class ShortBody(urllib3.exceptions.IncompleteRead):
    """A body ended before all had come: a server may send fewer bytes of a range than it was asked for."""


class Body(io.RawIOBase):
    """Reads a response's body; closing it closes the connection unless it is read to its end.

    Args:
        response: a response that was asked for with ``stream=True``.
        on_bytes: told how many bytes have come, as they were on the wire.
        reopen: given the error and the number of bytes that came, as they were on the wire: returns a response with
            those that follow, or None.
        is_end: tells whether it may end after so many bytes, as they were on the wire.
        byte_limit: how many bytes may still come.

    Attributes:
        error: what broke, if anything did. A parser may hide what its file raises.
        checksum: of what has come, where `watch` was called; equal bodies have equal ones.
    """

    def __init__(
        self,
        response: Response,
        on_bytes: Callable[[int], None] | None = None,
        *,
        reopen: Callable[[BaseException, int], Response | None] | None = None,
        is_end: Callable[[int], bool] = lambda _: True,
        byte_limit: ByteLimit | None = None,
    ) -> None:
        super().__init__()
        self._response = response
        self._on_bytes = on_bytes
        self._byte_limit = byte_limit or ByteLimit()
        coding = response.headers.get("Content-Encoding", "").strip().lower()
        self._inflaters = [Decompressor(coding)] if coding in _OURS else []
        # The other codings are urllib3's: what it decodes cannot be counted in bytes of the wire.
        self._is_foreign = not self._inflaters and coding not in ("", "identity")
        self._reopen = None if self._is_foreign else reopen
        self._is_end = is_end
        self._position = 0
        self._ahead = b""  # what was looked at, and is still to be read
        self._broke: BaseException | None = None  # what happened then, and is still to be raised
        self.name = response.url.partition("?")[0]
        self.error: BaseException | None = None
        self.checksum: int | None = None

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer, or as much of it as there are bytes left; 0 only at the end that the server announced.

        Raises:
            DataError: the connection broke, timed out, or ended early, or too much came.
        """
        data = self._read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int = -1) -> bytes:
        """Return at most so many bytes; nothing only at the end. In one copy less than by way of a buffer."""
        if size < 0:
            return self.readall()
        return self._read(size) if size else b""

    def read1(self, size: int) -> bytes:
        """Return the bytes that have arrived, at most so many. It waits for the first; none is the end."""
        return self._read(size, waits=False)

    def peek(self, least: int) -> bytes:
        """Return the next bytes, which are read again.

        At least so many, fewer only before the end, or where it breaks off or the person stops it: the one who reads
        on gets that raised, after what had come.
        """
        reopen, self._reopen = self._reopen, None
        pieces = [self._ahead]
        try:
            while sum(map(len, pieces)) < least:
                self._ahead = b""
                piece = self._decoded(_PEEK, waits=False)
                if not piece:
                    break
                pieces.append(piece)
        except (urllib3.exceptions.HTTPError, OSError, zlib.error, KeyboardInterrupt) as error:
            self._broke = error
        finally:
            self._reopen = reopen
            self._ahead = b"".join(pieces)
        return self._ahead

    def watch(self) -> None:
        """Have a checksum from now on, also of what was looked at."""
        self.checksum = zlib.crc32(self._ahead)

    def check(self) -> None:
        """Raise what broke while it was looked at, if anything did.

        Raises:
            DataError: it broke off, or is damaged.
            KeyboardInterrupt: the person stopped it.
        """
        if self._broke is not None:
            self._ahead, self._reopen = b"", None
            self._read(1)

    def unpack(self) -> None:
        """Decompress what comes: the file itself is gzip, beside what its transfer may be."""
        self._inflaters.append(Decompressor("gzip"))
        self._inflaters[-1].feed(self._ahead)
        self._ahead = b""

    def read_at_once(self) -> None:
        """Let no byte range mend it if it breaks off: who reads it asks for all of it again."""
        self._reopen = None

    def readall(self) -> bytes:
        """Read all further bytes at once."""
        if not self._inflaters and self._byte_limit.limit is None and self._reopen is None:
            return self._read(None)
        return b"".join(iter(lambda: self._read(_PIECE), b""))

    def close(self) -> None:
        """Close the response."""
        if not self.closed:
            self._response.close()
        super().close()

    def _read(self, size: int | None, *, waits: bool = True) -> bytes:
        try:
            data = self._decoded(size, waits=waits)
            if self._on_bytes is not None:
                self._on_bytes(self._response.raw.tell() if self._is_foreign else self._position)
            self._byte_limit.take(len(data), self._response.url)
        except (urllib3.exceptions.HTTPError, OSError, zlib.error) as error:
            self.error = network_error(error, self._response.url)
            self._response.close()
            raise self.error from error
        except BaseException as error:
            self.error = error
            raise
        return data

    def _decoded(self, size: int | None, *, waits: bool, layers: int | None = None) -> bytes:
        """Return the next bytes below so many layers of compression; all layers, if none is named."""
        if layers is None:
            layers = len(self._inflaters)
            if self._ahead:
                return self._looked_at(size, waits=waits)
        if not layers:
            data = self._wire(size, waits=waits)
            if self.checksum is not None:
                self.checksum = zlib.crc32(data, self.checksum)
            return data
        inflater = self._inflaters[layers - 1]
        while not (data := inflater.take(size or 0)):
            piece = self._decoded(_BUFFER, waits=waits, layers=layers - 1)
            if not piece:
                if not inflater.is_whole:
                    raise urllib3.exceptions.IncompleteRead(self._position, 0)
                return b""
            inflater.feed(piece)
        return data

    def _looked_at(self, size: int | None, *, waits: bool) -> bytes:
        data, self._ahead = (self._ahead, b"") if size is None else (self._ahead[:size], self._ahead[size:])
        return data + self._decoded(None, waits=waits) if size is None else data

    def _raise_broken(self) -> None:
        if self._broke is not None:
            broke, self._broke = self._broke, None
            raise broke

    def _wire(self, size: int | None, *, waits: bool) -> bytes:
        while True:
            raw = self._response.raw
            try:
                self._raise_broken()
                data = bytes((raw.read if waits else raw.read1)(size, decode_content=self._is_foreign))
                if not (data or self._is_foreign or self._is_end(self._position)):
                    raise ShortBody(self._position, 0)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                further = self._reopen(error, self._position) if self._reopen is not None else None
                if further is None:
                    raise
                self._response.close()
                self._response = further
                continue
            self._position += len(data)
            return data


class FileBody(Body):
    """Reads a file that came in a response as if it were the response's body.

    Args:
        file: the file; closed with the body.
        response: the response.
        byte_limit: how many bytes may still come.
    """

    def __init__(self, file: IO[bytes], response: Response, byte_limit: ByteLimit) -> None:
        super().__init__(response, byte_limit=byte_limit)
        self._inflaters = []
        self._is_foreign = False
        self._file = file

    def close(self) -> None:
        """Close the file, too."""
        self._file.close()
        super().close()

    def _wire(self, size: int | None, *, waits: bool) -> bytes:
        del waits
        self._raise_broken()
        return self._file.read(-1 if size is None else size)


def as_file(body: io.RawIOBase, buffer_bytes: int = _BUFFER) -> BinaryIO:
    """Return the body with a buffer, for tools that take a file."""
    return cast("BinaryIO", io.BufferedReader(body, buffer_bytes))


def spooled(body: Body) -> IO[bytes]:
    """Return the whole body as a file that can seek; on disk where it is large."""
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - the caller closes it
    try:
        with body:
            while piece := body.read(_PIECE):
                file.write(piece)
    except BaseException:
        file.close()
        raise
    return file
