"""A file's bytes at any place: by byte ranges of one version, or from a copy on disk where there are no ranges."""

from __future__ import annotations

import tempfile
import threading
import weakref
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING

from nbauth.data.fetch.http_errors import check_there
from nbauth.data.fetch.progress import LoadProgress
from nbauth.data.fetch.request import RequestSpec
from nbauth.data.fetch.requester import Requester
from nbauth.data.fetch.validators import content_range_of, version_of
from nbauth.errors import ApiError, DataError, OriginNotAllowed
from nbauth.net.origins import redact_url
from nbauth.net.requests_internals import drop_body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from requests import Response

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.fetch.response_body import Body
    from nbauth.data.fetch.session import Session
    from nbauth.data.fetch.validators import Version

__all__ = [
    "FileInfo",
    "Ranges",
    "TempCopy",
    "copied",
    "facts_of",
    "file_info",
    "is_coded",
    "open_at_any_place",
    "requester_of",
    "size_of",
    "start_of",
]

_PARTIAL = 206
_PIECE = 1024 * 1024
_FIRST = 64 * 1024  # of the first request: small files come whole
# What servers answer to a HEAD that they would answer a GET.
_NO_HEAD = frozenset({403, 404, 405, 501})
_NOT_SATISFIABLE = 416
_NO_LONGER = frozenset({412, _NOT_SATISFIABLE})


@dataclass(frozen=True)
class FileInfo:
    """What an API says of a file.

    Attributes:
        size: its bytes; None where the API does not tell before it sends them.
        etag: its ETag, or "".
        modified: its ``Last-Modified``, or "".
        content_type: its content type, or "".
    """

    size: int | None
    etag: str
    modified: str
    content_type: str


class Ranges:
    """Reads parts of one version of a file. `fetch` may be called from several threads.

    Args:
        requester: sends the requests.
        version: the version that is read.
        info: what the API said of it; its size is known.
        first: what came of it first.
        first_at: where that begins.

    Attributes:
        info: what the API said of that version.
        size: its bytes.
        first: what came of it first.
        first_at: where that begins.
    """

    def __init__(
        self, requester: Requester, version: Version, info: FileInfo, *, first: bytes = b"", first_at: int = 0
    ) -> None:
        assert info.size is not None
        self._requester = requester
        self._version = version
        self.info = info
        self.size = info.size
        self.first = first
        self.first_at = first_at

    def fetch(self, start: int, stop: int) -> bytes:
        """Return the bytes from `start` until `stop`, in one request unless the server sends fewer than asked for.

        Raises:
            DataError: the file is another version now, or the connection broke.
            ApiError: the API answered with an error.
            SignInRequired: a person has to sign in first; nothing was sent.
        """
        request, begin, stop = self._requester.first, start, min(stop, self.size)
        pieces: list[bytes] = []
        while begin < stop:
            response, before = self._part(begin, stop), begin
            with self._requester.body(request, response, start=begin, stop=stop, may_be_short=True) as body:
                while begin < stop and (piece := body.read(min(_PIECE, stop - begin))):
                    pieces.append(piece)
                    begin += len(piece)
            if begin == before:
                raise self._changed()
        return b"".join(pieces)

    def stream(self) -> Body:
        """Return the file from its first byte on, in one request; errors are those of `fetch`."""
        response = self._part(0, self.size)
        return self._requester.body(self._requester.first, response, stop=self.size)

    def check_sign_in(self) -> None:
        """Make sure that whoever opened the file is still signed in.

        Raises:
            SignInRequired: nobody is.
            DataError: somebody else is.
        """
        self._requester.chain.token(self._requester.first.url)

    def on_throttle(self, call: Callable[[], None]) -> None:
        """Have a function called each time that the API asks for fewer requests."""
        self._requester.on_throttle = call

    def stop(self) -> None:
        """End what other threads fetch."""
        self._requester.stop()

    def close(self) -> None:
        """Let go of the first bytes."""
        self.first = b""

    def _part(self, start: int, stop: int) -> Response:
        try:
            response = self._requester.send(self._requester.first, headers=self._version.headers(start, stop))
        except ApiError as error:
            if error.status in _NO_LONGER:
                raise self._changed() from None
            raise
        if not self._version.begins(response, start) or is_coded(response):
            response.close()
            raise self._changed()
        return response

    def _changed(self) -> DataError:
        shown_url = redact_url(self._requester.first.url)
        return DataError(f"{shown_url} changed while it was being read.", url=shown_url, next_step="Open it again.")


class TempCopy:
    """A file of a server without byte ranges, on disk: a temporary file that only its owner can open, and is unnamed.

    Args:
        pieces: the file's bytes.
        info: what the API said of it.

    Attributes:
        info: what the API said of it, with the size that came.
        size: its bytes.
    """

    first, first_at = b"", 0

    def __init__(self, pieces: Iterable[bytes], info: FileInfo) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="nbauth-")  # noqa: SIM115 - 0600; closed by _close
        # Tools forget to close what they read; it goes with its last reader then.
        self._close = weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self.size = 0
        for piece in pieces:
            self.size += self._file.write(piece)
        self.info = replace(info, size=self.size)

    def fetch(self, start: int, stop: int) -> bytes:
        """Return the bytes from `start` until `stop`."""
        with self._lock:
            self._file.seek(start)
            return self._file.read(stop - start)

    def stop(self) -> None:
        """Nothing is fetched."""

    def close(self) -> None:
        """Remove it."""
        self._close()


def requester_of(session: Session, url: str) -> Requester:
    """Return a requester of uncompressed bodies: a range of a compressed body is no range of the file."""
    return Requester(
        session, RequestSpec(url=url, headers={"Accept-Encoding": "identity"}), LoadProgress(), accept="*/*"
    )


def file_info(session: Session, url: str) -> FileInfo:
    """Ask about a file: by HEAD, or where that is refused or does not tell the size, by a GET of its first byte.

    Raises:
        SignInRequired: a person has to sign in first; nothing was sent.
        OriginNotAllowed: no profile names the URL's origin.
        ApiError: the API answered with an error.
        DataError: the API could not be reached.
    """
    requester = requester_of(session, url)
    with suppress(OriginNotAllowed):  # a HEAD is not followed to where a GET is
        try:
            response = requester.send(requester.first, method="HEAD")
            drop_body(response)
            length = response.headers.get("Content-Length", "")
            if length.isdecimal() and not is_coded(response):
                return facts_of(response, int(length))
        except ApiError as error:
            if error.status not in _NO_HEAD:
                raise
    try:
        response = requester.send(requester.first, headers={"Range": "bytes=0-0"})
        with requester.body(requester.first, response, stop=1, may_be_short=True) as body:
            part = content_range_of(response)
            if part is not None and part.stop == 1 and not is_coded(response):
                body.read(1)  # then the connection is kept: it has nothing more to bring
            version = version_of(response)
            size = part.size if part is not None else version.size if version is not None else None
            return facts_of(response, None if is_coded(response) else size)
    except ApiError as error:
        if error.status == _NOT_SATISFIABLE:  # of nothing, there is no first byte
            return FileInfo(0, "", "", "")
        raise


def size_of(session: Session, url: str) -> int:
    """Count a file's bytes by reading it; nothing of it is kept. Errors are those of `file_info`."""
    requester = requester_of(session, url)
    with requester.body(requester.first, requester.send(requester.first)) as body:
        return sum(map(len, iter(lambda: body.read(_PIECE), b"")))


def open_at_any_place(session: Session, url: str) -> Ranges | TempCopy:
    """Open a file for reading at any place.

    Where the server offers byte ranges and tells versions apart (a strong ETag, or ``Last-Modified``), only what is
    read comes. Otherwise the whole comes at once, into a temporary file: parts could be of two versions.

    Raises:
        SignInRequired: a person has to sign in first; nothing was sent.
        OriginNotAllowed: no profile names the URL's origin.
        ApiError: the API answered with an error.
        DataError: the API could not be reached, or broke off.
    """
    requester = requester_of(session, url)
    request = requester.first
    try:
        response = requester.send(request, headers={"Range": f"bytes=0-{_FIRST - 1}"})
    except ApiError as error:
        if error.status != _NOT_SATISFIABLE:
            raise
        response = requester.send(request)
    version = version_of(response) if response.status_code == _PARTIAL and not is_coded(response) else None
    if version is not None and version.size is not None and version.begins(response, 0):
        with requester.body(request, response, stop=_FIRST, may_be_short=True) as body:
            return Ranges(requester, version, facts_of(response, version.size), first=start_of(body, _FIRST))
    if response.status_code == _PARTIAL:
        response.close()
        response = requester.send(request)
    check_there(response)
    return copied(requester, request, response)


def start_of(body: Body, size: int) -> bytes:
    """Return the first bytes of a body, as many as there are up to a number."""
    pieces: list[bytes] = []
    remaining = size  # no more, whatever the server sends for it
    while remaining and (piece := body.read(remaining)):
        pieces.append(piece)
        remaining -= len(piece)
    return b"".join(pieces)


def copied(requester: Requester, request: PageRequest, response: Response) -> TempCopy:
    """Return a response's file on disk; asked for again if it breaks off."""
    attempt = 0
    while True:
        try:
            with requester.body(request, response) as body:
                return TempCopy(iter(lambda: body.read(_PIECE), b""), facts_of(response, None))
        except DataError as error:
            if not requester.try_again(error.__cause__ or error, attempt):
                raise
            attempt += 1
            response = requester.send(request)


def is_coded(response: Response) -> bool:
    """Tell whether a response is compressed."""
    return response.headers.get("Content-Encoding", "").strip().lower() not in ("", "identity")


def facts_of(response: Response, size: int | None) -> FileInfo:
    """Return what a response says of a file, whose size is known or not."""
    names = ("ETag", "Last-Modified", "Content-Type")
    return FileInfo(size, *(response.headers.get(name, "").strip() for name in names))
