from __future__ import annotations

import io
import logging
import pickle
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from fsspec.registry import filesystem
from loopback_api import Reply
from ranged_files import MODIFIED, RangedFile, noise

from nbauth.adapters.read_only_filesystem import ReadOnlyFileSystem, url_of
from nbauth.errors import ApiError, ConfigError, DataError, OriginNotAllowed, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback_api import FakeAuthorizer, Seen, Server

    from nbauth.data.fetch.session import Session

CONTENT = noise(3_000_000)


class _Files(ReadOnlyFileSystem):
    """The filesystem on one session."""

    cachable = False

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session

    def connect(self, url: str) -> Session:
        return self._session


@pytest.fixture
def files(session: Session) -> ReadOnlyFileSystem:
    """The filesystem on the session of the API."""
    return _Files(session)


@pytest.fixture
def file(api: Server) -> RangedFile:
    """A file that the API serves well."""
    made = api.routes["/x"] = RangedFile(CONTENT)
    return made


@pytest.fixture
def url(api: Server, file: RangedFile) -> str:
    """Its URL, with a query that holds signs which mean something elsewhere."""
    return f"nbauth+{api.origin}/x?$select=*&sig=a%2Bb[1]"


def test_size_version_and_type_by_one_head(files: ReadOnlyFileSystem, url: str, file: RangedFile) -> None:
    """A file's size, version and type are known by one HEAD."""
    told = {"ETag": file.headers["ETag"], "LastModified": MODIFIED, "mimetype": file.content_type}
    assert {"name": url, "size": len(CONTENT), "type": "file", **told} == files.info(url)
    assert len(CONTENT) == files.size(url)
    assert datetime(2025, 1, 1, tzinfo=UTC) == files.modified(url)
    assert file.sent == 0


def test_what_is_asked_about_an_open_file(
    files: ReadOnlyFileSystem, url: str, api: Server, file: RangedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked about a file just opened came with its bytes; later, or once it is closed, the API tells."""
    said, modified = files.info(url), files.modified(url)
    with files.open(url) as opened:
        before = len(api.seen)
        assert (said, modified, True) == (files.info(url), files.modified(url), files.exists(url))
        assert len(api.seen) == before
        file.content = CONTENT[:-1]
        assert files.info(url) == said
        with monkeypatch.context() as patch:
            patch.setattr("nbauth.adapters.read_only_filesystem._JUST_NOW_S", 0.0)
            assert len(CONTENT) - 1 == files.size(url) == opened.size - 1
    assert len(CONTENT) - 1 == files.size(url)
    api.routes["/x"] = lambda seen: Reply(chunks=[CONTENT[:1000]])
    with files.open(url):
        before = len(api.seen)
        assert files.size(url) == 1000  # it came whole: nothing is read again to count it
        assert len(api.seen) == before


def test_version_of_a_file(files: ReadOnlyFileSystem, url: str, file: RangedFile) -> None:
    """What Dask names a file's version by changes with the file."""
    before = files.ukey(url)
    assert before == files.ukey(url)
    file.content = CONTENT[:-1]
    assert before != files.ukey(url)
    file.modified = ""
    assert (datetime.now(UTC) - files.modified(url)).total_seconds() < 60  # unknown: so nothing is kept of it


def test_size_that_is_not_told(files: ReadOnlyFileSystem, url: str, api: Server) -> None:
    """Where a server tells no length, the bytes are counted, since tools need their number."""
    api.routes["/x"] = lambda seen: Reply(chunks=[CONTENT[:1000], CONTENT[1000:]], content_type="text/csv")
    assert files.info(url)["size"] == len(CONTENT)
    api.seen.clear()
    assert files.exists(url)
    assert [(seen.method, seen.headers.get("range")) for seen in api.seen] == [("HEAD", None), ("GET", "bytes=0-0")]


def test_a_url_is_its_own_path(files: ReadOnlyFileSystem, url: str, api: Server, file: RangedFile) -> None:
    """A URL is its own path, query included, with or without the protocol's prefix."""
    plain = url.removeprefix("nbauth+")
    for path in (url, plain):
        assert url == files._strip_protocol(path) == files.unstrip_protocol(path)
        assert files.cat_file(path) == CONTENT
    assert [url] == files._strip_protocol([plain])
    assert f"nbauth+{api.origin}" == files._parent(url)
    assert {"/x?$select=*&sig=a%2Bb[1]"} <= {seen.path.replace("%5B", "[").replace("%5D", "]") for seen in api.seen}


def test_short_protocol(files: ReadOnlyFileSystem) -> None:
    """``nbauth://`` is ``nbauth+https://`` for tools that want no plus sign in front of ``://``, and the same path."""
    path = "nbauth+https://data.contoso.com/a/b?x=1"
    for short in ("nbauth://data.contoso.com/a/b?x=1", path.removeprefix("nbauth+"), path):
        assert path == files._strip_protocol(short) == files.unstrip_protocol(short)
        assert path.rpartition("/b")[0] == files._parent(short)
        assert path.removeprefix("nbauth+") == url_of(short)
    with pytest.raises(OriginNotAllowed, match=r"No profile names it"):
        files.open("nbauth://data.contoso.com/a/b")


def test_no_folders(files: ReadOnlyFileSystem, url: str, api: Server) -> None:
    """A file is all that there is in it; what is none is an error that says what to do."""
    assert [url] == files.ls(url, detail=False) == files.glob(url) == files.find(url)
    assert [files.info(url)] == files.ls(url)
    assert {url: files.info(url)} == files.glob(url, detail=True) == files.find(url, detail=True)
    assert [url] == files.expand_path(url)
    assert files.isfile(url)
    assert files.exists(url)
    assert not files.isdir(url)
    folder = f"nbauth+{api.origin}/folder/"
    assert not files.exists(folder)
    assert not files.isfile(folder)
    with pytest.raises(ConfigError, match=r"answered 404.* cannot be listed: name each URL"):
        files.ls(folder)
    for pattern in ("*.parquet", "[ab].csv", "**"):
        with pytest.raises(ConfigError, match=r"no pattern can be looked up\. An API's files cannot be listed"):
            files.glob(folder + pattern)


@pytest.mark.parametrize("status", [404, 410])
def test_not_there(files: ReadOnlyFileSystem, api: Server, status: int) -> None:
    """A file that is not there is what Python calls it, with the API's words."""
    api.routes["/none"] = Reply(b'{"error": "no such thing"}', status)
    path = f"nbauth+{api.origin}/none?key=secret"
    acts: tuple[Callable[[str], Any], ...] = (files.open, files.cat_file, lambda p: files.cat_file(p, 0, 5), files.info)
    for act in acts:
        with pytest.raises(FileNotFoundError, match=f"answered {status}") as caught:
            act(path)
        assert "secret" not in str(caught.value)


def test_another_error(files: ReadOnlyFileSystem, api: Server) -> None:
    """Another error is no answer to whether a file is there."""
    api.routes["/x"] = Reply(b'{"error": "not yours"}', 403)
    for act in (files.open, files.exists, files.isfile, files.cat_file):
        with pytest.raises(ApiError, match="answered 403"):
            act(f"nbauth+{api.origin}/x")


@pytest.mark.parametrize("act", ["open", "info", "exists", "isfile", "ls", "find", "cat_file"])
def test_before_any_traffic(
    files: ReadOnlyFileSystem, authorizer: FakeAuthorizer, api: Server, stranger: Server, act: str
) -> None:
    """Nobody signed in, and an origin that no profile names, are errors before anything is sent."""
    with pytest.raises(OriginNotAllowed):
        getattr(files, act)(f"nbauth+{stranger.origin}/x")
    with pytest.raises(OriginNotAllowed):
        getattr(files, act)("nbauth+http://example.org/x")
    authorizer.signed_in = False
    with pytest.raises(SignInRequired):
        getattr(files, act)(f"nbauth+{api.origin}/x")
    assert [] == api.seen == stranger.seen


def test_an_open_file_reads_and_seeks(files: ReadOnlyFileSystem, url: str, file: RangedFile) -> None:
    """An open file reads and seeks, and little more comes than is read."""
    with files.open(url) as opened:
        assert len(CONTENT) == opened.size == opened.seek(0, 2)
        opened.seek(2_000_000)
        assert CONTENT[2_000_000:2_000_100] == opened.read(100)
        opened.seek(-10, 2)
        assert CONTENT[-10:] == opened.read()
        assert opened.read(1) == b""
    assert file.sent < 200_000
    with pytest.raises(ValueError, match="closed"):
        opened.read(1)


def test_lines_and_compression(files: ReadOnlyFileSystem, api: Server) -> None:
    """Text and compressed files are read as fsspec reads them."""
    import gzip

    text = "".join(f"line {number}\n" for number in range(100_000))
    api.routes["/x.txt"] = RangedFile(text.encode())
    api.routes["/x.txt.gz"] = RangedFile(gzip.compress(text.encode()))
    with files.open(f"nbauth+{api.origin}/x.txt", "r") as plain:
        assert text == "".join(plain)
    with files.open(f"nbauth+{api.origin}/x.txt.gz", "rt", compression="infer") as packed:
        assert text == packed.read()
    assert text == files.read_text(f"nbauth+{api.origin}/x.txt")


@pytest.mark.parametrize("kind", ["none", "readahead", "bytes", "blockcache", "background", "first", "all"])
def test_caches_of_fsspec(files: ReadOnlyFileSystem, url: str, file: RangedFile, kind: str) -> None:
    """Each of fsspec's caches can be had, and reads what stands there."""
    with files.open(url, block_size=100_000, cache_type=kind) as opened:
        for start in (2_950_000, 1_000_000, 1_050_000, 0):
            opened.seek(start)
            assert CONTENT[start : start + 60_000] == opened.read(60_000)


def test_a_file_that_changes_while_it_is_open(files: ReadOnlyFileSystem, url: str, file: RangedFile) -> None:
    """A file that changes while it is open is an error; opened again, it is the new one."""
    other = noise(3_000_000, seed=2)
    with files.open(url) as opened:
        opened.read(10)
        file.content = other
        opened.seek(2_000_000)
        with pytest.raises(DataError, match="changed while it was being read"):
            opened.read(10)
    with files.open(url) as opened:
        assert other == opened.read()


def test_without_ranges(files: ReadOnlyFileSystem, url: str, file: RangedFile) -> None:
    """Without byte ranges a file comes once, and can be sought in all the same."""
    file.has_ranges = False
    with files.open(url) as opened:
        opened.seek(2_000_000)
        assert CONTENT[2_000_000:2_000_100] == opened.read(100)
        opened.seek(0)
        assert opened.read() == CONTENT
    assert len(CONTENT) == file.sent


def test_a_part_is_cut_as_python_cuts(files: ReadOnlyFileSystem, url: str, file: RangedFile) -> None:
    """A part is cut as Python cuts, whatever its ends."""
    cuts = [(None, None), (0, 10), (10, None), (-10, None), (None, -2_999_000), (-20, -10), (5, 5), (9, 3)]
    for start, stop in [*cuts, (3_000_000, 3_000_010), (100_000, 200_000), (-9_999_999, 3)]:
        assert CONTENT[start:stop] == files.cat_file(url, start, stop)
    assert CONTENT[:100] == files.head(url, 100)
    assert CONTENT[-100:] == files.tail(url, 100)
    assert files.cat(url) == CONTENT


def test_whole_goes_on(files: ReadOnlyFileSystem, url: str, api: Server, file: RangedFile) -> None:
    """A whole file that breaks off is asked for again."""

    def once(seen: Seen) -> Reply:
        api.routes["/x"] = file
        return Reply(CONTENT[:1_000], announce=len(CONTENT))

    api.routes["/x"] = once
    assert files.cat_file(url) == CONTENT


def test_many_parts(files: ReadOnlyFileSystem, url: str, api: Server, file: RangedFile) -> None:
    """Parts come several at once, in the order that they were asked for; a missing file fails alone."""
    second = RangedFile(noise(200_000, seed=2))
    together = threading.Barrier(4)

    def answer(seen: Seen) -> Reply:
        if not seen.headers["range"].startswith("bytes=0-"):
            together.wait(20)
        return file(seen)

    api.routes["/x"], api.routes["/y"] = answer, second
    other, none = f"nbauth+{api.origin}/y", f"nbauth+{api.origin}/none"
    starts = [number * 500_000 + 100_000 for number in range(4)]
    paths = [*[url] * 4, other, none]
    got = files.cat_ranges(paths, [*starts, 0, 0], [*[start + 1_000 for start in starts], None, 5])
    assert [CONTENT[start : start + 1_000] for start in starts] == got[:4]
    assert second.content == got[4]
    assert isinstance(got[5], FileNotFoundError)
    with pytest.raises(FileNotFoundError):
        files.cat_ranges([none], 0, 5, on_error="raise")
    assert [CONTENT[:5]] * 2 == files.cat_ranges([url, url], 0, 5)
    with pytest.raises(ConfigError, match="2 paths, 1 starts and 2 ends"):
        files.cat_ranges([url, url], [0], 5)


def test_writing_is_refused(files: ReadOnlyFileSystem, url: str, api: Server, tmp_path: Any) -> None:
    """Whatever writes is refused before anything is sent."""
    local = tmp_path / "x"
    local.write_bytes(b"x")
    acts: list[Callable[[], Any]] = [
        *(lambda mode=mode: files.open(url, mode) for mode in ("wb", "ab", "xb", "w", "r+b")),  # type: ignore[misc]
        lambda: files.pipe_file(url, b"x"),
        lambda: files.pipe(url, b"x"),
        lambda: files.write_text(url, "x"),
        lambda: files.put_file(str(local), url),
        lambda: files.touch(url),
        lambda: files.rm(url),
        lambda: files.rm_file(url),
        lambda: files.mkdir(url),
        lambda: files.makedirs(url, exist_ok=True),
        lambda: files.rmdir(url),
        lambda: files.cp_file(url, url),
    ]
    for act in acts:
        with pytest.raises(io.UnsupportedOperation, match=r"reading only\. Send with nbauth\.session\(\)") as caught:
            act()
        assert "a%2Bb" not in str(caught.value)
    assert api.seen == []


def test_a_file_can_be_saved(files: ReadOnlyFileSystem, url: str, file: RangedFile, tmp_path: Any) -> None:
    """A file can be saved."""
    files.get_file(url, str(tmp_path / "saved"))
    assert (tmp_path / "saved").read_bytes() == CONTENT


def test_nothing_secret(
    files: ReadOnlyFileSystem, url: str, file: RangedFile, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a token nor what a query holds stands in a file's repr or in a log; an open file is not pickled."""
    caplog.set_level(logging.DEBUG)
    with files.open(url) as opened:
        opened.read(1_000)
        shown = f"{opened!r} {opened} {vars(opened)!r}"
        assert "/x?$select=…&sig=…>" in repr(opened)
        with pytest.raises(TypeError, match="one version and cannot be pickled"):
            pickle.dumps(opened)
    assert "token-1" not in shown
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith(("nbauth", "fsspec")))
    assert "token-1" not in logged
    assert "a%2Bb" not in logged


def test_fsspec_finds_it() -> None:
    """Fsspec finds it by its entry points."""
    made = [filesystem(name) for name in ("nbauth+https", "nbauth+http", "nbauth")]
    assert [type(one).__module__ for one in made] == ["nbauth.adapters.fsspec"] * 3
