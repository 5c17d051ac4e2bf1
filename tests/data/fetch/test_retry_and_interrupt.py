"""What breaks on the way: tried again where that is safe, an error elsewhere, and never a row lost or doubled."""

from __future__ import annotations

import _thread
import gzip
import json
import signal
import threading
import time
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from loads import pages, read
from loopback_api import Reply, as_json

from nbauth.data.build.column import Column
from nbauth.data.fetch.http_file import open_url
from nbauth.data.fetch.progress import LoadProgress
from nbauth.data.fetch.request import RequestSpec
from nbauth.data.fetch.requester import Requester
from nbauth.data.fetch.retry import Retries
from nbauth.data.fetch.session import Session
from nbauth.data.paging import Cursor
from nbauth.errors import ApiError, ConfigError, DataError, FormatError, ReadInterrupted, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback_api import FakeAuthorizer, Seen, Server

pytestmark = pytest.mark.usefixtures("engine")

BUSY = Reply(b"busy", 429, headers={"Retry-After": "0"})
DOWN = Reply(b"down", 503, headers={"Retry-After": "0"})
CSV = "id,name\n" + "".join(f"{number},n{number}\n" for number in range(200_000))


class Watch:
    """A progress that remembers waits."""

    def __init__(self) -> None:
        self.waits: list[str] = []
        self.rows = 0

    def update(self, *, rows: int, **_: Any) -> None:
        """Remember the rows."""
        self.rows = rows

    def wait(self, seconds: float, why: str) -> None:
        """Remember a wait."""
        self.waits.append(why)

    def finish(self, outcome: str) -> None:
        """Forget it."""


def _once(*before: Reply | Callable[[Seen], Reply], then: Reply | Callable[[Seen], Reply]) -> Callable[[Seen], Reply]:
    """Answer the first requests so, and all others as `then` says."""
    waiting = list(before)

    def answer(seen: Seen) -> Reply:
        reply = waiting.pop(0) if waiting else then
        return reply(seen) if callable(reply) else reply

    return answer


def _cut(body: bytes, **options: Any) -> Reply:
    return Reply(body[: len(body) // 2], announce=len(body), **options)


ONE = as_json([{"a": 1}])


@pytest.mark.parametrize(
    "fault",
    [
        BUSY,
        DOWN,
        Reply(b"", 502),
        Reply(b"", 504),
        Reply(b"", 408),
        Reply(b"", 500, headers={"Retry-After": "0"}),
        Reply(reset=True),
        _cut(ONE.body),
        Reply(ONE.body, chunks=[b"[{"], whole=False),
    ],
    ids=["429", "503", "502", "504", "408", "500", "reset", "cut", "chunks"],
)
def test_tried_again(session: Session, api: Server, fault: Reply) -> None:
    """What may pass is tried again, the first request as well as later ones."""
    api.routes["/x"] = _once(fault, fault, then=as_json({"value": [{"a": 1}], "nextLink": "/y"}))
    api.routes["/y"] = _once(fault, fault, then=as_json({"value": [{"a": 2}]}))
    assert read(session, f"{api.origin}/x")["a"].tolist() == [1, 2]
    assert len(api.seen) == 6


@pytest.mark.parametrize("json", [None, {"q": 1}], ids=["GET", "POST"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "0.001", "X-RateLimit-Remaining": "0"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "0"},
        {"Retry-After": "0"},
    ],
)
def test_limit_told_by_403(session: Session, api: Server, headers: dict[str, str], json: Any) -> None:
    """A 403 that tells of a limit, as GitHub's does, is waited for; a POST was not done, either."""
    api.routes["/x"] = _once(Reply(b"slow", 403, headers=headers), then=ONE)
    assert len(read(session, f"{api.origin}/x", json=json)) == 1


def test_limit_that_is_long(session: Session, api: Server) -> None:
    """A limit that ends too late is an error that says when, and no word of missing rights."""
    limit = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2400"}
    for status, headers in ((403, limit), (429, limit), (403, {"Retry-After": "2400"}), (500, {"Retry-After": "2400"})):
        api.routes["/x"] = Reply(b"slow", status, headers=headers)
        with pytest.raises(ApiError, match=r"slow[^$]*Try again in 2,400 s") as caught:
            read(session, f"{api.origin}/x")
        assert "not allowed" not in str(caught.value)
    api.routes["/x"] = Reply(b"slow", 403, headers={"X-RateLimit-Remaining": "0"})
    with pytest.raises(ApiError, match="try again later"):
        read(session, f"{api.origin}/x")


@pytest.mark.parametrize("fault", [BUSY, DOWN, Reply(reset=True), _cut(ONE.body)], ids=["429", "503", "reset", "cut"])
def test_given_up(session: Session, api: Server, fault: Reply) -> None:
    """After five requests it is an error."""
    api.routes["/x"] = fault
    with pytest.raises(DataError):
        read(session, f"{api.origin}/x")
    assert len(api.seen) == 5


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_not_tried_again(session: Session, api: Server, status: int) -> None:
    """An answer that will be the same the next time is an error at once."""
    api.routes["/x"] = Reply(b"no", status)
    with pytest.raises(ApiError):
        read(session, f"{api.origin}/x")
    assert len(api.seen) == 1


def test_posted_once(session: Session, api: Server) -> None:
    """A POST that may have been done is not sent again, unless the caller says so; one that was refused is."""
    for fault in (DOWN, Reply(reset=True), _cut(ONE.body)):
        api.seen.clear()
        api.routes["/x"] = _once(fault, then=ONE)
        with pytest.raises(DataError):
            read(session, f"{api.origin}/x", json={"q": 1})
        assert len(api.seen) == 1
        api.routes["/x"] = _once(fault, then=ONE)
        assert len(read(session, f"{api.origin}/x", json={"q": 1}, retry_post=True)) == 1
    api.routes["/x"] = _once(BUSY, then=ONE)
    assert len(read(session, f"{api.origin}/x", json={"q": 1})) == 1


def test_waits_as_told(session: Session, api: Server) -> None:
    """A `Retry-After` is waited for, and the wait is shown."""
    watch = Watch()
    api.routes["/x"] = _once(Reply(b"", 429, headers={"Retry-After": "1"}), then=ONE)
    began = time.monotonic()
    read(session, f"{api.origin}/x", progress=watch)
    assert time.monotonic() - began >= 1
    assert watch.waits == ["the API answered 429: trying again in 1 s"]


def test_waits_no_longer(session: Session, api: Server) -> None:
    """A `Retry-After` beyond what is bearable is an error at once; so are waits that add up to too much."""
    api.routes["/x"] = Reply(b"", 429, headers={"Retry-After": "3600"})
    with pytest.raises(ApiError, match="in 3,600 s"):
        read(session, f"{api.origin}/x")
    assert len(api.seen) == 1
    api.routes["/x"] = Reply(b"", 429, headers={"Retry-After": "1"})
    with pytest.raises(ApiError):
        read(session, f"{api.origin}/x", retries=Retries(longest_s=0.5))
    assert len(api.seen) == 2


def test_pauses_double(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no time is named, the pauses double."""
    monkeypatch.undo()
    pauses = [Retries(pause_s=1).pause(attempt) for attempt in range(3)]
    assert all(0.8 <= pause / 2**attempt <= 1.2 for attempt, pause in enumerate(pauses))


PAGES = 200
_RESETS = (
    BUSY,
    DOWN,
    Reply(reset=True),
    Reply(b"", 401),
    _cut(ONE.body),
    Reply(b'{"value": [', chunks=[b"{"], whole=False),
)


def _faulty(api: Server, *, by: str) -> list[str]:
    """Serve 200 pages; each is refused in another way when it is asked for first."""
    asked: list[str] = []

    def answer(seen: Seen) -> Reply:
        number = int(dict(parse_qsl(urlsplit(seen.path).query)).get(by, 0))
        is_first = str(number) not in asked
        asked.append(str(number))
        if is_first:
            return _RESETS[number % len(_RESETS)]
        rows = [{"id": number}, {"id": number + 1}]
        if by == "offset":
            return as_json({"items": rows, "offset": number, "limit": 2, "total": 2 * PAGES})
        more = {"nextLink": f"/x?{by}={number + 2}"} if number + 2 < 2 * PAGES else {}
        return as_json({"value": rows, **more})

    api.routes["/x"] = answer
    return asked


@pytest.mark.parametrize(("by", "concurrency"), [("skip", 1), ("offset", 1), ("offset", 4)])
def test_fault_at_every_step(session: Session, api: Server, by: str, concurrency: int) -> None:
    """Each of 200 pages fails once, in six ways: no row is lost, none is doubled, and the order holds."""
    asked = _faulty(api, by=by)
    frame = read(session, f"{api.origin}/x", concurrency=concurrency)
    assert frame["id"].tolist() == list(range(2 * PAGES))
    assert len(asked) == 2 * PAGES
    _faulty(api, by=by)
    assert [row for part in pages(session, f"{api.origin}/x") for row in part["id"]] == list(range(2 * PAGES))


@pytest.mark.parametrize("kind", ["text/csv", "application/x-ndjson", "application/json"])
@pytest.mark.parametrize("chunked", [False, True])
def test_gzip_cut_at_its_origin(session: Session, api: Server, kind: str, *, chunked: bool) -> None:
    """A compressed stream that ends early is found out even where the server says that it is whole."""
    text = {
        "text/csv": CSV,
        "application/x-ndjson": '{"a": 1}\n' * 50_000,
        "application/json": json.dumps([1] * 50_000),
    }
    whole = gzip.compress(text[kind].encode())
    for end in (len(whole) // 2, -8, -1):
        body = whole[:end]
        chunks = [body[:100], body[100:]] if chunked else None
        api.routes["/x"] = Reply(body, headers={"Content-Encoding": "gzip"}, content_type=kind, chunks=chunks)
        with pytest.raises(DataError, match="broke off"):
            read(session, f"{api.origin}/x")
        with pytest.raises(DataError, match="broke off"):
            list(pages(session, f"{api.origin}/x"))


_DEFLATE = zlib.compressobj(wbits=-15)
RAW_DEFLATE = _DEFLATE.compress(CSV.encode()) + _DEFLATE.flush()


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(CSV.encode())),
        ("x-gzip", gzip.compress(CSV.encode())),
        ("GZIP", gzip.compress(CSV[:1000].encode()) + gzip.compress(CSV[1000:].encode())),
        ("gzip", gzip.compress(CSV.encode()) + b"\0" * 8),
        ("deflate", zlib.compress(CSV.encode())),
        ("deflate", RAW_DEFLATE),
        ("identity", CSV.encode()),
        ("gzip, identity", None),
    ],
    ids=["gzip", "x-gzip", "members", "padded", "zlib", "raw", "identity", "several"],
)
def test_each_coding_is_decompressed(session: Session, api: Server, coding: str, body: bytes | None) -> None:
    """Each coding is decompressed while it streams; what comes is the same."""
    if body is None:
        body, coding = gzip.compress(CSV.encode()), "gzip"
    api.routes["/x"] = Reply(body, headers={"Content-Encoding": coding}, content_type="text/csv")
    assert read(session, f"{api.origin}/x")["id"].tolist() == list(range(200_000))
    with open_url(session, f"{api.origin}/x") as file:
        assert file.read() == CSV.encode()


def _ranged(body: bytes, *, tag: str = '"v1"', ignore: bool = False, **headers: str) -> Callable[[Seen], Reply]:
    """Serve a file with byte ranges; the first two answers break off."""
    count = 0

    def answer(seen: Seen) -> Reply:
        nonlocal count
        count += 1
        start = int(seen.headers.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        named = {"Accept-Ranges": "bytes", "ETag": tag, **headers}
        if start and (ignore or seen.headers.get("if-range") != tag):
            start = 0
        rest = body[start:]
        status = 206 if start else 200
        if start:
            named["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        kept = rest[: len(rest) // 2] if count <= 2 else rest
        return Reply(kept, status, headers=named, content_type="text/csv", announce=len(rest))

    return answer


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_goes_on_by_ranges(session: Session, api: Server, coding: str) -> None:
    """Where the server offers ranges, a file that breaks off goes on where it broke; `open` and `pages` too."""
    body = CSV.encode() if coding == "identity" else gzip.compress(CSV.encode(), 1)
    for act in (read, lambda *a: next(iter(pages(*a)))):
        api.seen.clear()
        api.routes["/x"] = _ranged(body, **{"Content-Encoding": coding})
        assert act(session, f"{api.origin}/x")["id"].tolist()[:50_000] == list(range(200_000))[:50_000]
        assert [seen.headers.get("if-range") for seen in api.seen] == [None, '"v1"', '"v1"'][: len(api.seen)]
    api.routes["/x"] = _ranged(body, **{"Content-Encoding": coding})
    with open_url(session, f"{api.origin}/x") as file:
        assert file.read() == CSV.encode()
    assert {seen.token for seen in api.seen} == {"token-1"}


@pytest.mark.parametrize("tag", ['"v1"', 'W/"weak"'])
def test_starts_over(session: Session, api: Server, tag: str) -> None:
    """Where it cannot go on, a file is read again from its start, by `read` alone; no row comes twice."""
    watch = Watch()
    api.routes["/x"] = _ranged(CSV.encode(), tag=tag, ignore=True)
    assert read(session, f"{api.origin}/x", progress=watch)["id"].tolist() == list(range(200_000))
    assert watch.rows == 200_000
    api.routes["/x"] = _ranged(CSV.encode(), tag=tag, ignore=True)
    with pytest.raises(DataError, match="broke off"):
        list(pages(session, f"{api.origin}/x"))


def test_lines_start_over(session: Session, api: Server) -> None:
    """NDJSON that breaks off is read again from its start."""
    body = b"".join(b'{"a": %d}\n' % number for number in range(20_000))
    api.routes["/x"] = _once(
        _cut(body, content_type="application/x-ndjson"), then=Reply(body, content_type="application/x-ndjson")
    )
    assert read(session, f"{api.origin}/x")["a"].tolist() == list(range(20_000))


def test_max_bytes(session: Session, api: Server) -> None:
    """A limit holds for a load in all, and for what a small body becomes when it is decompressed."""
    api.routes["/x"] = lambda seen: as_json(
        {"value": [{"a": len(api.seen)}] * 100, "nextLink": f"/x?n={len(api.seen)}"}
    )
    with pytest.raises(DataError, match="more than max_bytes=5,000 came") as caught:
        read(session, f"{api.origin}/x", max_bytes=5_000)
    assert 0 < len(caught.value.partial) < 1_000
    bomb = gzip.compress(b"[" + b" " * 50_000_000 + b"]")
    for kind in ("application/json", "application/x-ndjson", "text/csv"):
        api.routes["/bomb"] = Reply(bomb, headers={"Content-Encoding": "gzip"}, content_type=kind)
        with pytest.raises(DataError, match="max_bytes"):
            read(session, f"{api.origin}/bomb", max_bytes=1_000_000)
    for wrong in (0, -1, "1 MB", True):
        with pytest.raises(ConfigError, match="max_bytes"):
            read(session, f"{api.origin}/x", max_bytes=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("where", ["before the answer", "in its body", "in a pause"])
def test_interrupt_in_a_stalled_read(authorizer: FakeAuthorizer, api: Server, where: str) -> None:
    """An interrupt ends a load within a second, whatever its thread waits for; what came is in the error."""
    gate = threading.Event()

    def stall(seen: Seen) -> Reply:
        threading.Timer(0.2, _thread.interrupt_main).start()
        if where == "in a pause":
            return Reply(b"", 429, headers={"Retry-After": "60"})
        if where == "before the answer":
            gate.wait(10)
        return Reply(b'{"value": [', announce=10_000, hold=gate)

    api.routes["/x"] = as_json({"value": [{"a": 1}], "nextLink": "/y"})
    api.routes["/y"] = stall
    began = time.monotonic()
    with Session(authorizer, timeout_s=(5, 30)) as session, pytest.raises(ReadInterrupted) as caught:
        read(session, f"{api.origin}/x")
    assert time.monotonic() - began < 5
    assert caught.value.partial["a"].tolist() == [1]
    if where != "before the answer":  # there is nothing yet that could be closed
        for thread in threading.enumerate():
            if thread.name == "nbauth-fetch":
                thread.join(5)
                assert not thread.is_alive()
    gate.set()


def test_stopped_before_the_head(session: Session, api: Server) -> None:
    """A response whose head arrives after the stop is closed at once: nobody waits for its body."""
    requester = Requester(session, RequestSpec(url=f"{api.origin}/x"), LoadProgress(), accept="*/*")
    let_go = threading.Event()

    def answer(seen: Seen) -> Reply:
        requester.stop()
        return Reply(b"[", announce=10_000, hold=let_go)

    api.routes["/x"] = answer
    with pytest.raises(ReadInterrupted, match="Stopped"):
        requester.send(requester.first)
    let_go.set()
    assert [response.raw.closed for response in requester._open] == [True]


def test_cursor_state_is_not_shared(session: Session, api: Server) -> None:
    """A style given twice begins anew each time."""
    api.routes["/x"] = as_json({"items": [{"a": 1}]})
    style = Cursor()
    assert len(read(session, f"{api.origin}/x", paging=style)) == len(read(session, f"{api.origin}/x", paging=style))


def test_undecodable_page_in_the_middle(session: Session, api: Server) -> None:
    """A page that is no JSON is an error that carries the rows before it."""
    api.routes["/x"] = as_json({"value": [{"a": 1}], "nextLink": "/y"})
    api.routes["/y"] = Reply(b'{"value": [{"a": tru}]}')
    with pytest.raises(FormatError, match="no valid JSON") as caught:
        read(session, f"{api.origin}/x")
    assert caught.value.partial["a"].tolist() == [1]


def test_waits_at_once_count_once(session: Session, api: Server) -> None:
    """Requests that wait at the same time make the load no longer than one of them."""
    refused: set[str] = set()

    def answer(seen: Seen) -> Reply:
        start = int(seen.path.partition("offset=")[2] or 0)
        if start and seen.path not in refused:
            refused.add(seen.path)
            return Reply(b"", 429, headers={"Retry-After": "1"})
        return as_json({"items": [{"id": start}], "offset": start, "limit": 1, "total": 9})

    api.routes["/x"] = answer
    frame = read(session, f"{api.origin}/x", concurrency=8, retries=Retries(longest_s=5))
    assert frame["id"].tolist() == list(range(9))
    assert len(refused) == 8


def test_lines_before_a_break(session: Session, api: Server) -> None:
    """Whole lines that came before a break, or before one that is no JSON, are in the error."""
    body = b"".join(b'{"a": %d}\n' % number for number in range(6_000))
    kind = "application/x-ndjson"
    for reply, rows in (
        (Reply(body + b'{"a": 1', content_type=kind, announce=len(body) + 1_000), 6_000),
        (Reply(body + b'{"a": tru}\n{"a": 1}\n', content_type=kind), 6_000),
    ):
        api.routes["/x"] = reply
        with pytest.raises(DataError) as caught:
            read(session, f"{api.origin}/x", retries=Retries(most=0))
        assert caught.value.partial["a"].tolist() == list(range(rows))


def test_signed_out_on_the_way(session: Session, authorizer: FakeAuthorizer, api: Server) -> None:
    """When a sign-in ends in the middle of a load, what came is in the error."""

    def second(seen: Seen) -> Reply:
        authorizer.signed_in = False
        return as_json({"value": [{"a": 2}], "nextLink": "/z"})

    api.routes["/x"] = as_json({"value": [{"a": 1}], "nextLink": "/y"})
    api.routes["/y"] = second
    with pytest.raises(SignInRequired) as caught:
        read(session, f"{api.origin}/x")
    assert caught.value.partial["a"].tolist() == [1, 2]


def test_interrupted_at_the_end(session: Session, api: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt while the frame is made waits for it: all rows are in the error."""
    before = Column.take

    def take(self: Column, backend: Any = None) -> Any:
        _thread.interrupt_main()
        return before(self, backend)

    api.routes["/x"] = as_json([{"a": 1, "b": "x"}])
    monkeypatch.setattr(Column, "take", take)
    with pytest.raises(ReadInterrupted, match=r"^Stopped. 1 rows") as caught:
        read(session, f"{api.origin}/x")
    assert caught.value.partial.to_dict("records") == [{"a": 1, "b": "x"}]


def test_no_thread_stays(session: Session, api: Server) -> None:
    """An error that is kept keeps no thread that goes on asking."""

    def answer(seen: Seen) -> Reply:
        time.sleep(0.02)
        number = int(seen.path.partition("n=")[2] or 0)
        if number == 2:
            return Reply(b'{"value": [{"a": "\xff"}], "nextLink": "/x?n=3"}')
        return as_json({"value": [{"a": "b"}], "nextLink": f"/x?n={number + 1}"})

    api.routes["/x"] = answer
    with pytest.raises(FormatError):
        read(session, f"{api.origin}/x")
    for thread in threading.enumerate():
        if thread.name == "nbauth-fetch":
            thread.join(5)
            assert not thread.is_alive()


def test_what_was_not_done_for_sure(session: Session, api: Server) -> None:
    """Where a POST may have been done, the error says what allows it to be sent again."""
    api.routes["/x"] = DOWN
    with pytest.raises(ApiError, match="retry_post=True"):
        read(session, f"{api.origin}/x", json={})
    with pytest.raises(ApiError) as caught:
        read(session, f"{api.origin}/x")
    assert "retry_post" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"params": "top=80&sig=hush"}, {"headers": ["x: hush"]}])
def test_no_names_and_values(session: Session, api: Server, wrong: dict[str, Any]) -> None:
    """Parameters and headers that are none are an error, which does not show them."""
    with pytest.raises(ConfigError, match="expected names and values") as caught:
        read(session, f"{api.origin}/x", **wrong)
    assert "hush" not in str(caught.value)


def test_nothing_is_told_after_the_end() -> None:
    """A request that was given up, and ends later, draws nothing over the next prompt."""
    watch = Watch()
    load_progress = LoadProgress(watch)
    receive = load_progress.byte_counter()
    receive(10)
    load_progress.add_rows(1)
    load_progress.finish("interrupted")
    receive(20)
    load_progress.add_rows(7)
    load_progress.waiting(9, "later")
    assert (watch.rows, watch.waits) == (1, [])


@pytest.mark.parametrize("kind", ["text/csv", "application/x-ndjson"])
@pytest.mark.parametrize("coding", ["", "gzip"])
def test_interrupted_where_little_came(session: Session, api: Server, kind: str, coding: str) -> None:
    """What came slowly is in the error, too, however little it is: nothing waits for more before it is taken in."""
    body = b"a\n1\n2\n3" if kind == "text/csv" else b'{"a": 1}\n{"a": 2}\n{"a": 3'
    if coding:
        packer = zlib.compressobj(wbits=31)
        body = packer.compress(body) + packer.flush(zlib.Z_SYNC_FLUSH)
    gate = threading.Event()

    def stall(seen: Seen) -> Reply:
        # A signal, as a kernel gets it: `interrupt_main` alone would not end the wait for the server.
        threading.Timer(0.5, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)).start()
        headers = {"Content-Encoding": coding} if coding else {}
        return Reply(body, headers=headers, content_type=kind, announce=10_000, hold=gate)

    api.routes["/x"] = stall
    with pytest.raises(ReadInterrupted) as caught:
        read(session, f"{api.origin}/x")
    gate.set()
    assert caught.value.partial["a"].tolist() == [1, 2]
