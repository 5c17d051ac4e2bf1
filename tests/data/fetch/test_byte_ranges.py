from __future__ import annotations

import gzip
import os
import tempfile
import threading
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest
from loopback_api import Reply, redirect
from ranged_files import MODIFIED, RangedFile, noise

from nbauth.data.fetch.byte_ranges import FileInfo, Ranges, TempCopy, file_info, open_at_any_place
from nbauth.errors import ApiError, DataError, OriginNotAllowed, ReadInterrupted, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from loopback_api import FakeAuthorizer, Seen, Server

    from nbauth.data.fetch.session import Session

    Opener = Callable[[str], Ranges | TempCopy]

CONTENT = noise(400_000)
OTHER = noise(400_000, seed=2)


@pytest.fixture
def opened(session: Session) -> Iterator[Callable[[str], Ranges | TempCopy]]:
    """Return what opens a URL until the end of the test."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(closing(open_at_any_place(session, url)))


@pytest.fixture
def file(api: Server) -> RangedFile:
    """A file that the API serves well."""
    made = RangedFile(CONTENT)
    api.routes["/x"] = made
    return made


def test_a_part_and_no_more(opened: Opener, api: Server, file: RangedFile) -> None:
    """What is fetched is what was asked for, and no more comes; each request has the token and names the version."""
    source = opened(f"{api.origin}/x?sig=a%2Bb")
    assert isinstance(source, Ranges)
    assert (len(CONTENT), CONTENT[: 64 * 1024]) == (source.size, source.first)
    assert CONTENT[300_000:300_100] == source.fetch(300_000, 300_100)
    assert CONTENT[-5:] == source.fetch(len(CONTENT) - 5, len(CONTENT) + 10)
    assert file.ranges == [(0, 64 * 1024), (300_000, 300_100), (399_995, 400_000)]
    assert {"token-1"} == {seen.token for seen in api.seen}
    assert {"identity"} == {seen.headers["accept-encoding"] for seen in api.seen}
    assert [None, *[file.headers["ETag"]] * 2] == [seen.headers.get("if-range") for seen in api.seen]
    assert {"/x?sig=a%2Bb"} == {seen.path for seen in api.seen}


def test_fewer_than_asked_for(opened: Opener, api: Server, file: RangedFile) -> None:
    """A server that sends fewer bytes than it was asked for is asked for the others."""
    file.most = 70_000
    source = opened(f"{api.origin}/x")
    assert CONTENT[1_000:200_000] == source.fetch(1_000, 200_000)
    assert file.ranges == [(0, 65_536), (1_000, 71_000), (71_000, 141_000), (141_000, 200_000)]


@pytest.mark.parametrize(
    "serve",
    [
        {},
        {"etag": ""},
        {"heeds_if_range": False},
        {"etag": "", "heeds_if_range": False},
    ],
    ids=["etag", "modified", "etag-ignored", "modified-ignored"],
)
def test_a_file_that_changes(opened: Opener, api: Server, file: RangedFile, serve: dict[str, Any]) -> None:
    """A file that changes is an error, whether the server heeds the condition or not; the two are never mixed."""
    for name, value in serve.items():
        setattr(file, name, value)
    source = opened(f"{api.origin}/x?key=secret")
    file.content, file.modified = OTHER, "Thu, 02 Jan 2025 00:00:00 GMT"
    with pytest.raises(DataError, match=r"/x\?key=… changed while it was being read\. Open it again\."):
        source.fetch(100_000, 100_010)


@pytest.mark.parametrize("heeds", [True, False])
def test_a_file_that_is_shorter_now(opened: Opener, api: Server, file: RangedFile, heeds: bool) -> None:  # noqa: FBT001
    """A file that is shorter now is another one, even where nothing else tells."""
    file.etag, file.heeds_if_range = '"same"', heeds
    source = opened(f"{api.origin}/x")
    file.content = CONTENT[:200_000]
    for start in (100_000, 300_000):
        with pytest.raises(DataError, match="changed while it was being read"):
            source.fetch(start, start + 10)


@pytest.mark.parametrize("status", [412, 404])
def test_a_version_that_is_gone(opened: Opener, api: Server, file: RangedFile, status: int) -> None:
    """A server may also say that the version is no longer there; another error stays what it is."""
    source = opened(f"{api.origin}/x")
    api.routes["/x"] = Reply(status=status)
    with pytest.raises(DataError, match="changed" if status == 412 else "answered 404"):
        source.fetch(100_000, 100_010)


@pytest.mark.parametrize("broken", ["reset", "cut", "503"])
def test_breaks_in_a_block(opened: Opener, api: Server, file: RangedFile, broken: str) -> None:
    """A part that breaks off goes on where it broke, and a server that is busy is asked again."""
    source = opened(f"{api.origin}/x")

    def once(seen: Seen) -> Reply:
        api.routes["/x"] = file
        if broken == "cut":
            whole = file(seen)
            return Reply(whole.body[:10_000], 206, whole.headers, announce=len(whole.body))
        return Reply(reset=True) if broken == "reset" else Reply(status=503)

    api.routes["/x"] = once
    assert CONTENT[100_000:200_000] == source.fetch(100_000, 200_000)
    expected = {"cut": "bytes=110000-199999"}.get(broken, "bytes=100000-199999")
    assert expected == api.seen[-1].headers["range"]
    assert file.headers["ETag"] == api.seen[-1].headers["if-range"]


def test_breaks_and_changes(opened: Opener, api: Server, file: RangedFile) -> None:
    """What breaks off and is another version by then is an error."""
    source = opened(f"{api.origin}/x")

    def once(seen: Seen) -> Reply:
        whole = file(seen)
        file.content = OTHER
        api.routes["/x"] = file
        return Reply(whole.body[:10_000], 206, whole.headers, announce=len(whole.body))

    api.routes["/x"] = once
    with pytest.raises(DataError, match="broke off"):
        source.fetch(100_000, 200_000)


def test_rejected_in_mid_file(opened: Opener, authorizer: FakeAuthorizer, api: Server, file: RangedFile) -> None:
    """A 401 in mid-file leads to one refresh; the part and its version survive it."""
    source = opened(f"{api.origin}/x")
    api.routes["/x"] = lambda seen: file(seen) if seen.token == "token-2" else Reply(status=401)
    assert CONTENT[100_000:100_010] == source.fetch(100_000, 100_010)
    assert authorizer.rejected == ["token-1"]
    assert CONTENT[200_000:200_010] == source.fetch(200_000, 200_010)
    assert authorizer.rejected == ["token-1"]


def test_signed_out_in_mid_file(opened: Opener, authorizer: FakeAuthorizer, api: Server, file: RangedFile) -> None:
    """Once nobody is signed in, nothing more is asked for."""
    source = opened(f"{api.origin}/x")
    authorizer.signed_in = False
    before = len(api.seen)
    with pytest.raises(SignInRequired):
        source.fetch(100_000, 100_010)
    assert before == len(api.seen)


def test_another_origin(session: Session, api: Server, stranger: Server) -> None:
    """What no profile names is not asked."""
    for act in (open_at_any_place, file_info):
        with pytest.raises(OriginNotAllowed):
            act(session, f"{stranger.origin}/x")  # type: ignore[operator]
    assert stranger.seen == []


def test_a_redirect_to_a_presigned_address(
    session: Session, opened: Opener, api: Server, secure_stranger: Server, file: RangedFile
) -> None:
    """A redirect to a pre-signed address keeps the range and its condition, and takes no token along."""
    secure_stranger.routes["/blob"] = file
    api.routes["/x"] = redirect(f"{secure_stranger.origin}/blob?sig=1")
    assert FileInfo(len(CONTENT), file.headers["ETag"], MODIFIED, "application/octet-stream") == file_info(
        session, f"{api.origin}/x"
    )
    source = opened(f"{api.origin}/x")
    assert CONTENT[100_000:100_010] == source.fetch(100_000, 100_010)
    there = secure_stranger.seen[-1]
    assert ("bytes=100000-100009", file.headers["ETag"]) == (there.headers["range"], there.headers["if-range"])
    assert {None} == {seen.token for seen in secure_stranger.seen}
    assert {"token-1"} == {seen.token for seen in api.seen}
    assert {"GET"} == {seen.method for seen in secure_stranger.seen}


@pytest.mark.parametrize(
    "serve",
    [
        {"has_ranges": False},
        {"etag": 'W/"weak"'},
        {"etag": "", "modified": ""},
    ],
    ids=["no-ranges", "weak", "no-version"],
)
def test_a_server_without_ranges(opened: Opener, api: Server, file: RangedFile, serve: dict[str, Any]) -> None:
    """Without ranges, or without what tells versions apart, the whole comes once and is read from a file of ours."""
    for name, value in serve.items():
        setattr(file, name, value)
    source = opened(f"{api.origin}/x")
    assert isinstance(source, TempCopy)
    file.content = OTHER
    assert len(CONTENT) == source.size
    assert CONTENT[300_000:300_100] == source.fetch(300_000, 300_100)
    assert CONTENT[:10] == source.fetch(0, 10)
    source.close()
    with pytest.raises(ValueError, match="closed"):
        source.fetch(0, 1)


def test_copy_is_ours(
    opened: Opener, api: Server, file: RangedFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy can be opened by its owner alone, and has no name that stays."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    file.has_ranges = False
    source = opened(f"{api.origin}/x")
    assert isinstance(source, TempCopy)
    source._file.flush()
    status = os.fstat(source._file.fileno())
    assert (0o600, len(CONTENT)) == (status.st_mode & 0o777, status.st_size)
    assert status.st_dev == tmp_path.stat().st_dev
    assert list(tmp_path.iterdir()) == []


def test_copy_starts_over(opened: Opener, api: Server, file: RangedFile) -> None:
    """A copy that breaks off is made again from the start, and nothing of the first is in it."""
    file.has_ranges = False

    def once(seen: Seen) -> Reply:
        api.routes["/x"] = file
        return Reply(OTHER[:100_000], announce=len(OTHER), content_type=None)

    api.routes["/x"] = once
    source = opened(f"{api.origin}/x")
    assert source.fetch(0, source.size) == CONTENT
    api.routes["/x"] = Reply(OTHER[:100_000], announce=len(OTHER))
    with pytest.raises(DataError, match="broke off"):
        opened(f"{api.origin}/x")


def test_compressed_anyway(session: Session, opened: Opener, api: Server) -> None:
    """A server that compresses unasked is copied, decompressed: its parts are none of the file."""
    small = gzip.compress(CONTENT)
    served = RangedFile(small)

    def answer(seen: Seen) -> Reply:
        reply = served(seen)
        reply.headers["Content-Encoding"] = "gzip"
        return reply

    api.routes["/x"] = answer
    source = opened(f"{api.origin}/x")
    assert isinstance(source, TempCopy)
    assert source.fetch(0, source.size) == CONTENT
    assert source.info.size == len(CONTENT)
    assert file_info(session, f"{api.origin}/x").size is None


def test_an_empty_file(session: Session, opened: Opener, api: Server, file: RangedFile) -> None:
    """An empty file, of which no byte can be asked for, is empty."""
    file.content, file.head = b"", 405
    assert file_info(session, f"{api.origin}/x").size == 0
    assert opened(f"{api.origin}/x").size == 0


@pytest.mark.parametrize("status", [403, 404, 405, 501])
def test_a_server_that_refuses_head(session: Session, api: Server, file: RangedFile, status: int) -> None:
    """Where HEAD is refused, a GET of one byte tells the size."""
    file.head = status
    facts = file_info(session, f"{api.origin}/x")
    assert (len(CONTENT), file.headers["ETag"]) == (facts.size, facts.etag)
    assert ([s.method for s in api.seen], api.seen[-1].headers["range"]) == (["HEAD", "GET"], "bytes=0-0")
    assert file.sent == 1


@pytest.mark.parametrize("head", [200, 405])
def test_one_connection(session: Session, opened: Opener, api: Server, file: RangedFile, head: int) -> None:
    """What is asked about a file, and parts of it, come by one connection."""
    file.head = head
    connections: list[Any] = []
    api.verify_request = lambda request, client_address: not connections.append(client_address)  # type: ignore[method-assign,func-returns-value]
    for _ in range(2):
        file_info(session, f"{api.origin}/x")
        source = opened(f"{api.origin}/x")
        assert CONTENT[100_000:100_010] == source.fetch(100_000, 100_010)
    assert len(connections) == 1
    assert file_info(session, f"{api.origin}/x") == source.info


@pytest.mark.parametrize("status", [400, 410, 500])
def test_head_that_fails(session: Session, api: Server, file: RangedFile, status: int) -> None:
    """Another status is the answer, and is not asked for twice."""
    file.head = status
    with pytest.raises(ApiError, match=f"answered {status}"):
        file_info(session, f"{api.origin}/x")
    assert [seen.method for seen in api.seen] == ["HEAD"]


def test_head_tells_nothing(session: Session, api: Server, file: RangedFile) -> None:
    """A HEAD without a size leads to a GET; where that has none either, there is none."""
    api.routes["/x"] = lambda seen: Reply(chunks=[], content_type=None) if seen.method == "HEAD" else file(seen)
    assert len(CONTENT) == file_info(session, f"{api.origin}/x").size
    api.routes["/y"] = lambda seen: Reply(chunks=[] if seen.method == "HEAD" else [b"abc"])
    assert file_info(session, f"{api.origin}/y").size is None


def test_stop_ends_a_stalled_fetch(opened: Opener, api: Server, file: RangedFile) -> None:
    """A fetch that stalls in another thread ends when it is stopped."""
    source = opened(f"{api.origin}/x")
    stalled, let_go = threading.Event(), threading.Event()

    def stall(seen: Seen) -> Reply:
        whole = file(seen)
        stalled.set()
        return Reply(whole.body[:10], 206, whole.headers, announce=len(whole.body), hold=let_go)

    api.routes["/x"] = stall
    errors: list[BaseException] = []

    def fetch() -> None:
        try:
            source.fetch(100_000, 200_000)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=fetch)
    thread.start()
    assert stalled.wait(10)
    while all(response.raw.closed for response in source._requester._open):  # the answer's head is on its way
        threading.Event().wait(0.01)
    source.stop()
    thread.join(20)
    let_go.set()
    assert [isinstance(error, DataError | ReadInterrupted) for error in errors] == [True]


def test_a_file_that_is_not_there_yet(session: Session, api: Server) -> None:
    """A 202 is no file."""
    api.routes["/soon"] = Reply(b"id,name\n", 202, content_type="text/csv")
    with pytest.raises(DataError, match="answered 202"):
        open_at_any_place(session, f"{api.origin}/soon")
