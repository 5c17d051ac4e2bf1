"""A file that streams while it is read straight on, and reads by byte ranges after the first jump."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

from nbauth.data.fetch.byte_ranges import Ranges, facts_of, is_coded
from nbauth.data.fetch.http_errors import check_there, read_interrupted
from nbauth.data.fetch.parquet_ahead import ParquetAhead
from nbauth.data.fetch.parquet_file import looks_like_parquet, open_by_its_end
from nbauth.data.fetch.progress import LoadProgress
from nbauth.data.fetch.read_ahead import ReadAhead
from nbauth.data.fetch.request import RequestSpec
from nbauth.data.fetch.requester import Requester
from nbauth.data.fetch.response_body import as_file
from nbauth.data.fetch.validators import version_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from requests import Response

    from nbauth.data.fetch.response_body import Body
    from nbauth.data.fetch.session import Session

__all__ = ["HttpFile", "open_url"]

_SKIPPED = 256 * 1024  # what is sooner read than asked for
_WHOLE = 200
_OURS = frozenset({"accept-encoding", "range", "if-range", "if-match", "if-none-match"})
_COLUMN_BUFFER = 16 * 1024


class HttpFile(io.RawIOBase):
    """Reads a response's body; it can seek where the server offers byte ranges and the body is not compressed.

    Args:
        requester: what asked, and asks for parts.
        opened: the response to its first request; or what reads parts of it, where nothing streams yet.
        on_close: called when it is closed.
    """

    def __init__(
        self, requester: Requester, opened: Response | Ranges, on_close: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__()
        self._on_close = on_close
        self.name = requester.first.url.partition("?")[0]
        self._body: Body | None = None
        self._ranges: Ranges | None = None
        self._parts: ReadAhead | ParquetAhead | None = None  # in place of the body, once it was left
        self._streamed = self._position = 0
        if isinstance(opened, Ranges):
            self._ranges = opened
            return
        self._body = requester.body(requester.first, opened)
        self.name = self._body.name
        version = version_of(opened) if opened.status_code == _WHOLE else None
        if version is not None and version.size is not None and not is_coded(opened):
            self._ranges = Ranges(requester, version, facts_of(opened, version.size))

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell whether the server offers byte ranges of this version."""
        return self._ranges is not None

    def tell(self) -> int:
        """Return where the next byte is read."""
        self._check_open()
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a byte; nothing is asked for before it is read."""
        self._check_open()
        if self._ranges is None:
            raise io.UnsupportedOperation(
                f"{self.name}: cannot seek, since the server offers no byte ranges. Use io.BytesIO(file.read())."
            )
        bases = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._ranges.size}
        if whence not in bases:
            raise ValueError(f"whence: expected 0, 1 or 2, found {whence!r}")
        if bases[whence] + offset < 0:
            raise ValueError(f"cannot seek to {bases[whence] + offset}, before the start of the file")
        self._position = bases[whence] + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer, or as much of it as there are bytes left.

        Raises:
            DataError: the connection broke, or the file is another version now.
        """
        self._check_open()
        body = self._stream()
        if body is None:
            data = self._part(len(buffer))
            size = len(data)
            buffer[:size] = data
        else:
            size = body.readinto(buffer)
            self._streamed += size
        self._position += size
        return size

    def readall(self) -> bytes:
        """Read all further bytes at once."""
        self._check_open()
        body = self._stream()
        if body is None:
            assert self._parts is not None
            assert self._ranges is not None
            data = self._parts.read(self._position, self._ranges.size)
        else:
            data = body.readall()
            self._streamed += len(data)
        self._position += len(data)
        return data

    def close(self) -> None:
        """Close the connection."""
        try:
            if self._body is not None:
                self._body.close()
        finally:  # an interrupt comes once
            parts, self._parts = self._parts, None
            if isinstance(parts, ParquetAhead):
                parts.leave()
            if not self.closed:
                self._on_close()
            super().close()

    def _part(self, size: int) -> bytes:
        assert self._parts is not None
        stop = self._position + size
        if isinstance(self._parts, ParquetAhead):
            # The buffer around this file asks for more than its reader does, who wants no other column for it.
            stop = self._parts.end_of_column(self._position, stop)
        return self._parts.read(self._position, stop)

    def _stream(self) -> Body | None:
        """Return what streams the next byte, or None if it is read by a range; skip a little in the stream."""
        if self._body is None and self._parts is None:
            assert self._ranges is not None
            if self._position or len(self._ranges.first) == self._ranges.size:
                self._parts = ParquetAhead.of(self._ranges) or ReadAhead(self._ranges)
            else:
                self._body = self._ranges.stream()
        if self._body is not None and self._parts is None and self._position != self._streamed:
            assert self._ranges is not None
            if 0 < self._position - self._streamed <= _SKIPPED:
                while self._streamed < self._position and (piece := self._body.read(self._position - self._streamed)):
                    self._streamed += len(piece)
            if self._position != self._streamed:
                self._body.close()
                self._parts = ParquetAhead.of(self._ranges) or ReadAhead(self._ranges)
        return None if self._parts is not None else self._body

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")


def open_url(
    session: Session,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    on_close: Callable[[], None] = lambda: None,
) -> BinaryIO:
    """Open a URL as a binary file, streamed and decompressed; for `pd.read_csv` and other tools that take a file.

    Args:
        session: whose tokens the request carries.
        url: where the data is.
        headers: request headers to add.
        on_close: called when the file is closed, or cannot be opened.

    Returns:
        A file, in one request as long as it is read from its start to its end; in two if its name is that of a Parquet
        file, of which the last bytes come first. Where the server offers byte ranges, it
        can seek, and only what is read comes; a file that has changed by then is a `DataError`. Closing it closes the
        connection. A body that breaks off goes on by a byte range, or else raises `DataError` from the read that
        meets it.

    Raises:
        SignInRequired: a person has to sign in first; nothing was sent.
        OriginNotAllowed: no profile names the URL's origin.
        ApiError: the API answered with an error.
        DataError: the API could not be reached, or answered that the file is not there yet.
    """
    try:
        if looks_like_parquet(url) and not _OURS & {name.lower() for name in headers or ()}:
            requester = _requester(session, url, {**(headers or {}), "Accept-Encoding": "identity"})
            opened = open_by_its_end(requester)
            if isinstance(opened, Ranges):
                return as_file(HttpFile(requester, opened, on_close), _COLUMN_BUFFER)
            if opened is not None:
                return _as_it_comes(requester, opened, on_close)
        requester = _requester(session, url, headers)
        return _as_it_comes(requester, requester.send(requester.first), on_close)
    except KeyboardInterrupt:
        on_close()
        raise read_interrupted(url, None) from None
    except BaseException:
        on_close()
        raise


def _requester(session: Session, url: str, headers: Mapping[str, str] | None) -> Requester:
    return Requester(session, RequestSpec(url=url, headers=headers), LoadProgress(), accept="*/*")


def _as_it_comes(requester: Requester, response: Response, on_close: Callable[[], None]) -> BinaryIO:
    check_there(response)
    return as_file(HttpFile(requester, response, on_close))
