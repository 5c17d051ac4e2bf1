"""Protected URLs as an fsspec filesystem: each is one file, for reading."""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from weakref import WeakValueDictionary

from fsspec import AbstractFileSystem
from fsspec.spec import AbstractBufferedFile
from fsspec.utils import stringify_path

from nbauth.data.fetch.byte_ranges import Ranges, file_info, open_at_any_place, requester_of, size_of
from nbauth.data.fetch.parquet_ahead import ParquetAhead
from nbauth.data.fetch.parquet_file import looks_like_parquet, open_by_its_end, open_parquet
from nbauth.data.fetch.read_ahead import ReadAhead
from nbauth.errors import ApiError, ConfigError
from nbauth.net.origins import plain_url, redact_url
from nbauth.process.visitors import carried

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nbauth.data.fetch.byte_ranges import FileInfo, TempCopy
    from nbauth.data.fetch.session import Session

__all__ = ["PROTOCOLS", "ReadOnlyFileSystem"]

# The last is the first without a "+", which some tools, xarray for one, do not look for in front of "://".
PROTOCOLS = ("nbauth+https", "nbauth+http", "nbauth")
_AT_ONCE = 8  # of the ten connections that a session keeps
_AHEAD = "ahead"
_JUST_NOW_S = 5.0
_ASKED_S = 1.0  # pyarrow asks about a file, asks again, and opens it
_GONE = frozenset({404, 410})
_ONE_BY_ONE = "An API's files cannot be listed: name each URL, as in [url_2023, url_2024]."


class ReadOnlyFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """Reads protected URLs; each file that is opened is read in one version.

    What is asked about a file that has just been opened, and still is open, is answered by what came with its first
    bytes: DuckDB asks twice each time.

    Paths are ``nbauth+https://host/path?query``; ``nbauth://…`` and ``https://…`` are taken, too. It has no folders.
    """

    protocol = PROTOCOLS

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # By the session, too: another person, or nobody, is told nothing of a file that is still open.
        self._opened: WeakValueDictionary[tuple[Session, str], _File] = WeakValueDictionary()
        self._asked: _Asked | None = None

    def connect(self, url: str) -> Session:
        """Return the session that asks for a URL; it raises before anything is sent where nobody is signed in."""
        raise NotImplementedError

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        # Whole URLs are the paths: a query is part of what names the file, and so is a slash at its end.
        if isinstance(path, (list, tuple)):
            return [cls._strip_protocol(each) for each in path]
        url = url_of(path)
        return f"nbauth+{url}" if url.partition("://")[0] in ("https", "http") else url

    def unstrip_protocol(self, name: str) -> str:
        """Return a path with its protocol."""
        return str(self._strip_protocol(name))

    @classmethod
    def _parent(cls, path: str) -> str:
        return str(cls._strip_protocol(path)).partition("?")[0].rpartition("/")[0]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Ask about a file.

        Args:
            path: its URL.

        Returns:
            ``name``, ``type`` (always ``"file"``), ``size``, ``ETag``, ``LastModified`` and ``mimetype`` where it tells
            them. Where the API does not tell the size before it sends a file, the file is asked for to count its bytes,
            since tools need it.

        Raises:
            FileNotFoundError: the API answered 404.
            SignInRequired: a person has to sign in first; nothing was sent.
            OriginNotAllowed: no profile names the URL's origin.
            ApiError: the API answered with another error.
            DataError: the API could not be reached.
        """
        url = url_of(path)
        facts = self._facts(url)
        with _missing_files():
            size = facts.size if facts.size is not None else size_of(self.connect(url), url)
        told = {"ETag": facts.etag, "LastModified": facts.modified, "mimetype": facts.content_type}
        said = {name: value for name, value in told.items() if value}
        return {"name": self._strip_protocol(path), "size": size, "type": "file", **said}

    def modified(self, path: str) -> datetime:
        """Return when the file was changed last; now, if the API does not tell: so nothing is kept of it."""
        try:
            return parsedate_to_datetime(self._facts(url_of(path)).modified)
        except ValueError:
            return datetime.now(UTC)

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:  # noqa: FBT001, FBT002 - fsspec's
        """Return a file itself; there are no folders.

        Raises:
            ConfigError: there is no such file. What may be a folder is no missing file: zarr would take it for an empty
                one, and xarray for a store without variables.
        """
        try:
            info = self.info(path)
        except FileNotFoundError as error:
            raise ConfigError(str(error), next_step=_ONE_BY_ONE) from error
        return [info] if detail else [info["name"]]

    def glob(self, path: str, maxdepth: int | None = None, **options: Any) -> Any:
        """Return a file itself, whether or not it is there; a query may hold any sign.

        Raises:
            ConfigError: there is a ``*`` or ``[`` in front of the query.
        """
        del maxdepth
        name = self._strip_protocol(path)
        before_query = name.partition("?")[0]
        if "*" in before_query or "[" in before_query.partition("://")[2].partition("/")[2]:
            raise ConfigError(f"{redact_url(url_of(name))}: no pattern can be looked up.", next_step=_ONE_BY_ONE)
        return {name: self.info(name)} if options.get("detail") else [name]

    def find(self, path: str, maxdepth: int | None = None, **options: Any) -> Any:
        """Return a file itself; as `glob`, but the file must be there."""
        del maxdepth
        info = self.info(path)
        return {info["name"]: info} if options.get("detail") else [info["name"]]

    def exists(self, path: str, **_: Any) -> bool:
        """Tell whether a file is there; a sign-in that is missing is an error, not an answer."""
        url = url_of(path)
        try:
            if self._just_asked(url) is None:
                self._facts(url)
        except FileNotFoundError:
            return False
        return True

    def isfile(self, path: str) -> bool:
        """Tell whether a file is there, as `exists` does."""
        return self.exists(path)

    def isdir(self, path: str) -> bool:
        """There are no folders."""
        del path
        return False

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        """Return a file's bytes, or those from `start` until `end`; negative ones count from the end."""
        url = url_of(path)
        with _missing_files():
            if start is None and end is None:
                requester = requester_of(self.connect(url), url)
                return requester.content(requester.first)[1]
            source = open_at_any_place(self.connect(url), url)
        try:
            return _cut(source, start, end)
        finally:
            source.close()

    def cat_ranges(
        self,
        paths: list[str],
        starts: int | Sequence[int | None] | None,
        ends: int | Sequence[int | None] | None,
        max_gap: int | None = None,
        on_error: str = "return",
        **_: Any,
    ) -> list[Any]:
        """Return parts of files, several at once; all parts of a file are of one version.

        Args:
            paths: a URL for each part.
            starts: where each begins.
            ends: where each ends.
            max_gap: not used.
            on_error: ``"return"`` puts an error in place of the bytes, ``"raise"`` raises the first.
        """
        del max_gap
        firsts = [starts] * len(paths) if isinstance(starts, int) or starts is None else list(starts)
        lasts = [ends] * len(paths) if isinstance(ends, int) or ends is None else list(ends)
        if not len(paths) == len(firsts) == len(lasts):
            raise ConfigError(f"cat_ranges: {len(paths)} paths, {len(firsts)} starts and {len(lasts)} ends.")
        sources: dict[str, Ranges | TempCopy | Exception] = {}
        for path in dict.fromkeys(paths):
            url = url_of(path)
            try:
                sources[path] = open_at_any_place(self.connect(url), url)
            except Exception as error:  # noqa: BLE001 - it stands in the place of the bytes
                sources[path] = _as_found(error)

        @carried
        def fetch(path: str, start: int | None, end: int | None) -> bytes | Exception:
            source = sources[path]
            try:
                return source if isinstance(source, Exception) else _cut(source, start, end)
            except Exception as error:  # noqa: BLE001 - as above
                return error

        opened = [source for source in sources.values() if not isinstance(source, Exception)]
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="nbauth-ranges") as pool:
            try:
                results = list(pool.map(fetch, paths, firsts, lasts))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for source in opened:
                    source.stop()
                raise
        for source in opened:
            source.close()
        failed = next((each for each in results if isinstance(each, Exception)), None)
        if failed is not None and on_error == "raise":
            raise failed
        return results

    def _facts(self, url: str) -> FileInfo:
        session = self.connect(url)
        opened = self._opened.get((session, url))
        if opened is not None and opened.is_fresh:
            return opened.facts
        with _missing_files():
            if not looks_like_parquet(url):
                return file_info(session, url)
            source = open_by_its_end(requester_of(session, url))
            if not isinstance(source, Ranges):
                if source is not None:
                    source.close()
                return file_info(session, url)
        self._asked = _Asked(session, url, source, time.monotonic())
        return source.info

    def _just_asked(self, url: str) -> Ranges | None:
        asked = self._asked
        is_fresh = asked is not None and time.monotonic() < asked.at + _ASKED_S
        return asked.source if asked is not None and is_fresh and asked[:2] == (self.connect(url), url) else None

    def _open(
        self,
        path: str,
        mode: str = "rb",
        *,
        block_size: int | None = None,
        autocommit: bool = True,
        cache_options: dict[str, Any] | None = None,
        cache_type: str = _AHEAD,
        **_: Any,
    ) -> _File:
        del autocommit
        if mode != "rb":
            self._refuse(path)
        url = url_of(path)
        session = self.connect(url)
        with _missing_files():
            opened = self._open_parquet(session, url) if looks_like_parquet(url) else None
            opened = opened or _Opened(open_at_any_place(session, url), None, time.monotonic())
        file = _File(self, path, opened, block_size=block_size, cache_type=cache_type, cache_options=cache_options)
        self._opened[session, url] = file
        return file

    def _open_parquet(self, session: Session, url: str) -> _Opened:
        before = self._opened.get((session, url))
        if before is not None and before.is_fresh and before.opened.ahead is not None and before.opened.ahead.join():
            return before.opened
        source, self._asked = self._just_asked(url), None
        found = source or open_parquet(session, url)
        ahead = ParquetAhead.of(found) if isinstance(found, Ranges) else None
        return _Opened(found, ahead, time.monotonic())

    def _refuse(self, path: str, *_: Any, **__: Any) -> NoReturn:
        raise io.UnsupportedOperation(
            f"{redact_url(url_of(path))}: nbauth+https:// is for reading only. Send with nbauth.session()."
        )

    mkdir = makedirs = rmdir = rm = rm_file = _rm = cp_file = touch = _refuse

    def put_file(self, lpath: str, rpath: str, *_: Any, **__: Any) -> NoReturn:
        """Refuse to write."""
        del lpath
        self._refuse(rpath)

    def pipe_file(self, path: str, value: bytes, *_: Any, **__: Any) -> NoReturn:
        """Refuse to write."""
        del value
        self._refuse(path)


class _Asked(NamedTuple):
    """A Parquet file that somebody asked about: who opens it next has its last bytes."""

    session: Session
    url: str
    source: Ranges
    at: float


class _Opened(NamedTuple):
    """What reads a file, for one or several who opened it.

    Attributes:
        source: where the bytes come from.
        ahead: what reads it for several, where it is Parquet.
        at: when it was opened, by the monotonic clock.
    """

    source: Ranges | TempCopy
    ahead: ParquetAhead | None
    at: float


class _File(AbstractBufferedFile):  # type: ignore[misc]
    """One version of a file, read in pieces; with fsspec's caches where one is named."""

    def __init__(
        self,
        fs: ReadOnlyFileSystem,
        path: str,
        opened: _Opened,
        *,
        block_size: int | None,
        cache_type: str,
        cache_options: dict[str, Any] | None,
    ) -> None:
        self.opened = opened
        self._source = source = opened.source
        self.facts = source.info
        self._read = source.fetch
        if cache_type == _AHEAD:
            self._read = ReadAhead(source).read if opened.ahead is None else opened.ahead.read
        kind = "none" if cache_type == _AHEAD else cache_type
        super().__init__(
            fs, path, block_size=block_size or "default", cache_type=kind, cache_options=cache_options, size=source.size
        )
        self.details = {"name": path, "size": source.size, "type": "file"}

    def __repr__(self) -> str:
        return f"<nbauth file {redact_url(self.path)}>"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("an open nbauth file reads one version and cannot be pickled; pickle the filesystem")

    @property
    def is_fresh(self) -> bool:
        """Tell whether it is open, and was opened just now."""
        return not self.closed and time.monotonic() < self.opened.at + _JUST_NOW_S

    def _fetch_range(self, start: int, end: int) -> bytes:
        return self._read(start, end)

    def close(self) -> None:
        """Close the source of its bytes, unless others read it."""
        if not self.closed:
            if self.opened.ahead is None:
                self._source.close()
            else:
                self.opened.ahead.leave()
        super().close()


def url_of(path: str) -> str:
    """Return the URL that a path stands for."""
    return plain_url(str(stringify_path(path)))


def _cut(source: Ranges | TempCopy, start: int | None, end: int | None) -> bytes:
    begin, stop, _ = slice(start, end).indices(source.size)
    if begin < stop <= len(source.first):
        return source.first[begin:stop]
    return source.fetch(begin, stop) if begin < stop else b""


@contextmanager
def _missing_files() -> Iterator[None]:
    """Raise what tools for files expect where there is no file."""
    try:
        yield
    except ApiError as error:
        raise _as_found(error) from error


def _as_found(error: Exception) -> Exception:
    """Return what tools for files expect where there is no file."""
    is_gone = isinstance(error, ApiError) and error.status in _GONE
    return FileNotFoundError(str(error)) if is_gone else error
