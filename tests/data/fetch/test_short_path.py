"""A plain GET without requests around it: what it gives is what requests gives, whatever the server sends."""

from __future__ import annotations

import gzip
import re
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback_api import FakeAuthorizer
from raw_answers import RawAnswer, raw_server

from nbauth.data.fetch.progress import LoadProgress
from nbauth.data.fetch.request import PageRequest, RequestSpec
from nbauth.data.fetch.requester import Requester
from nbauth.data.fetch.retry import Retries
from nbauth.data.fetch.session import KernelSession, Session
from nbauth.errors import DataError, NbauthError
from nbauth.net.kept_connections import KeptConnections
from nbauth.net.plain_get import PlainGets
from nbauth.net.tls import Trust

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raw_answers import RawServer

BODY = b'{"value": [1, 2, 3]}'


class _Long(Session):
    """A session that leaves everything to requests."""

    def plain_gets(self, *_: Any) -> PlainGets | None:
        return None


class _Counting(Session):
    """A session that counts what took the short path to its end."""

    short = 0

    def get_within(self, *args: Any, **options: Any) -> Any:
        self.sent = False
        response = super().get_within(*args, **options)
        self.short += response is not None and not self.sent
        return response

    def send_within(self, *args: Any, **options: Any) -> Any:
        self.sent = True
        return super().send_within(*args, **options)


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    """A server that sends what a test says."""
    with raw_server() as running:
        yield running


@dataclass(frozen=True)
class _Outcome:
    """All that a load can see of some requests, and the server of the load."""

    answers: tuple[Any, ...]
    cookies: list[str]
    seen: list[bytes]
    connections: int
    rejected: list[str]


def _outcome(session: Session, server: RawServer, answers: list[RawAnswer], paths: list[str]) -> _Outcome:
    server.play(answers)
    authorizer: Any = session._authorizer
    authorizer.rejected.clear()
    authorizer.current = "token-1"
    with session:
        spec = RequestSpec(url=server.origin + "/start?x=1", headers={"X-Mine": "ü"})
        requester = Requester(session, spec, LoadProgress(), retries=Retries(most=0), accept="application/json")
        got = tuple(_got(requester, server, path) for path in paths)
        cookies = sorted(f"{cookie.name}={cookie.value}" for cookie in session.cookies)
    # Whether bytes behind an answer are seen before the next request is a race where they come in pieces.
    connections = 0 if any(answer.cuts for answer in answers) else server.connections
    return _Outcome(got, cookies, list(server.seen), connections, list(authorizer.rejected))


def _got(requester: Requester, server: RawServer, path: str) -> Any:
    server.settle()  # else it is a race whether a connection is closed already
    request = PageRequest(requester.first.url.partition("/start")[0] + path) if path else requester.first
    try:
        response, data = requester.content(request)
    except Exception as error:
        return type(error), re.sub(r"0x[0-9a-f]+", "", str(error)), _causes(error)
    sent = response.request
    return (
        response.status_code,
        response.reason,
        list(response.headers.items()),
        response.url,
        response.encoding,
        [(each.status_code, each.url) for each in response.history],
        response.cookies.get_dict(),
        response.next,
        response.raw.version,
        (sent.method, sent.url, list(sent.headers.items()), sent.body),
        data,
    )


def _causes(error: BaseException | None) -> list[type]:
    causes: list[type] = []
    while error is not None:
        causes.append(type(error))
        error = error.__cause__
    return causes


def _is_same(server: RawServer, answers: list[RawAnswer], paths: list[str]) -> int:
    """Compare the two paths; return how many requests took the short one to its end."""
    counting = _Counting(FakeAuthorizer(server.origin), timeout_s=(5.0, 5.0))
    long = _Long(FakeAuthorizer(server.origin), timeout_s=(5.0, 5.0))
    assert _outcome(counting, server, answers, paths) == _outcome(long, server, answers, paths)
    return counting.short


def _answer(head: str, body: bytes = BODY) -> RawAnswer:
    return RawAnswer(head.format(length=len(body)).replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)


OK = "HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: {length}"
MOVED = _answer("HTTP/1.1 302 Found\nLocation: /elsewhere\nContent-Length: {length}")
REFUSED = _answer("HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Bearer\nContent-Length: {length}")


@pytest.mark.parametrize(
    "answer",
    [
        _answer(OK),
        _answer(OK, b""),
        _answer(OK + "\nContent-Encoding: gzip", gzip.compress(BODY)),
        _answer(OK + "\nLocation: /elsewhere\nWWW-Authenticate: Bearer\nLink: </next>; rel=next"),
        _answer("HTTP/1.1 100 Continue\n\n" + OK),
        _answer("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"4\r\n[123\r\n1\r\n]\r\n0\r\nX-Trailer: 1\r\n\r\n"),
        RawAnswer(b"HTTP/1.0 200 OK\r\n\r\n" + BODY, closes=True),
    ],
)
def test_a_plain_answer(answer: RawAnswer, server: RawServer) -> None:
    """A 200 takes the short path, however its body comes."""
    assert _is_same(server, [answer] * 3, ["", "/next?a=b", ""]) == 3


@pytest.mark.parametrize(
    ("answers", "short"),
    [
        ([MOVED], 2),
        ([MOVED, _answer(OK)], 2),
        ([REFUSED], 2),
        ([REFUSED, REFUSED], 2),
        ([_answer("HTTP/1.1 429 Slow\nRetry-After: 500\nContent-Length: {length}")], 2),
        ([_answer("HTTP/1.1 206 Part\nContent-Length: {length}")], 2),
        ([_answer(OK + "\nSet-Cookie: a=b")], 0),
        ([_answer(OK + "\nSet-Cookie2: a=b")], 2),
        ([RawAnswer(b"", closes=True)], 2),
        ([RawAnswer(b"nonsense\r\n\r\n", closes=True)], 2),
        ([_answer(OK + "".join(f"\nX-{number}: 1" for number in range(120)))], 2),
        ([_answer(OK + "\nX-Long: " + "y" * 70_000)], 2),
    ],
)
def test_another_answer(answers: list[RawAnswer], short: int, server: RawServer) -> None:
    """A redirect, a 401, an error, a cookie go the way of requests, and so does what follows as long as a cookie is."""
    assert _is_same(server, answers, ["", "", "/next?a=b"]) == short


@given(rest=st.text(max_size=12) | st.text('/?#%[]\\ @:;&=a.\t"', max_size=12))
def test_what_is_asked_for(rest: str) -> None:
    """The first line of a request names what requests names there, or requests is asked."""
    prefix = "http://localhost:1/"
    prepared = requests.Request("GET", prefix).prepare()
    target = PlainGets(prepared, prefix).target(prefix + rest)
    prepared.url = prefix + rest
    assert target in (None, prepared.path_url)
    assert target is not None or not re.fullmatch(r"[a-z/&=$]*", rest)


@pytest.mark.parametrize("what", ["proxy", "hook", "adapter", "cookie", "post"])
def test_an_unusual_question(what: str, server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a proxy, a hook, another's adapter, a cookie or a body, requests does all of it."""
    origin = "https://api.example.com" if what == "proxy" else server.origin
    server.play([_answer(OK)])
    with _Counting(FakeAuthorizer(origin)) as session:
        if what == "proxy":
            monkeypatch.setenv("HTTPS_PROXY", "http://localhost:1")
        elif what == "hook":
            session.hooks["response"].append(lambda response, **_: response)
        elif what == "adapter":
            session.mount("http://", requests.adapters.HTTPAdapter())
        elif what == "cookie":
            session.cookies.set("a", "b")
        spec = RequestSpec(url=origin + "/x", json={} if what == "post" else None)
        requester = Requester(session, spec, LoadProgress(), retries=Retries(most=0), accept="application/json")
        with pytest.raises(DataError) if what == "proxy" else nullcontext():
            requester.content(requester.first)
        assert session.short == 0


@pytest.mark.parametrize("way", ["closed", "let go", "stopped"])
def test_given_up_in_the_middle(way: str, server: RawServer) -> None:
    """What a load leaves unread of an answer is no part of another load's, which goes over another connection."""
    server.play([RawAnswer(_answer(OK, BODY * 20_000).data[:-1000])])
    kept = KeptConnections()

    def requester() -> Requester:
        session = KernelSession(FakeAuthorizer(server.origin), Trust(), kept)
        spec = RequestSpec(url=server.origin + "/x")
        return Requester(session, spec, LoadProgress(), retries=Retries(most=0), accept="application/json")

    first = requester()
    response = first.send(first.first)
    if way == "closed":
        response.raw.read(10)
        response.close()
    elif way == "stopped":
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(first.content, first.first, response)
            first.stop()
            with pytest.raises(NbauthError):
                reading.result()
    del response, first
    second = requester()
    assert second.content(second.first)[1] == b'"end"'
    assert server.connections == 2
    kept.end()


def _chunked(body: bytes, size: int, *, extension: bytes = b"", trailer: bytes = b"", ends: bool = True) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    wire = b"".join(b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts)
    return wire + (b"0\r\n" + trailer + b"\r\n" if ends else b"")


_statuses = st.sampled_from(
    [b"200 OK"] * 8
    + [b"200", b"200 ", "200 Schön".encode(), b"201 Created", b"204 No Content", b"206 Partial", b"299 x", b"301 Moved",
       b"302 Found", b"304 Same", b"307 There", b"401 No", b"403 No", b"404 No", b"429 Much", b"500 Oh", b"503 Oh",
       b"999 x", b"20 x", b"abc"]
)  # fmt: skip
_versions = st.sampled_from([b"HTTP/1.1"] * 8 + [b"HTTP/1.0", b"HTTP/1.9", b"HTTP/2", b"HTTP/0.9", b"ICY", b""])
_headers = st.sampled_from(
    [
        b"Set-Cookie: a=b", b"set-cookie: c=d; Path=/; Max-Age=9", b"Set-Cookie2: e=f", b"Set-Cookie: ", b"Link: <x>",
        b"Link: </next>; rel=next", b"Location: /elsewhere", b"Location: http://[", b"Connection: close",
        b"Connection: keep-alive", b"Keep-Alive: timeout=1", b"WWW-Authenticate: Bearer", b"Retry-After: 1",
        b'ETag: "1"', b"X-Long: " + b"y" * 3000, b"X-Folded: a\r\n b\r\n\tc", b" X-Blank-First: 1", b"X-Same: 1",
        b"x-same: 2", b"X-Empty:", b"X-No-Colon", b"X Blank: 1", "X-Letters: ü€".encode(), b"X-Byte: \xff",
        b"X-Nul: \0",
        b"Content-Type: application/json; charset=punycode", b"Content-Type: text/plain", b"Content-Type: ",
        b"Content-Type: text/csv; charset=utf-16", b"Content-Encoding: identity", b"Content-Encoding: gzip",
        b"Content-Encoding: deflate, gzip", b"Content-Encoding: rot13", b"Date: now", b"Upgrade: h2c",
    ]
)  # fmt: skip
_informing = st.sampled_from(
    [b"", b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 x\r\nA: b\r\n\r\n",
     b"HTTP/1.1 103 Early\r\nLink: <y>\r\n\r\n",
     b"HTTP/1.1 101 Switching\r\n\r\n", b"HTTP/1.1 100 C\r\n\r\n" * 3]
)  # fmt: skip


@st.composite
def _answers(draw: st.DrawFn) -> RawAnswer:
    head = draw(_informing) + draw(_versions) + b" " + draw(_statuses) + b"\r\n"
    lines = draw(st.lists(_headers, max_size=4))
    if draw(st.integers(0, 20)) == 0:
        lines += [b"X-%d: y" % number for number in range(draw(st.sampled_from([90, 101, 130])))]
    body = draw(st.sampled_from([BODY, b"", BODY * 400, gzip.compress(BODY), zlib.compress(BODY), b"\xff\0\r\n"]))
    # Only a server that has said all of it keeps the connection open: another one would be waited for.
    framing = draw(st.sampled_from(["length", "length", "length", "chunked", "chunked", "none", "odd"]))
    wire, closes = body, draw(st.booleans())
    if framing == "length":
        announced = len(body) + draw(st.sampled_from([0, 0, 0, 0, 7, -3]))
        lines.append(b"Content-Length: %d" % announced)
        closes = closes or announced != len(body)
    elif framing == "chunked":
        lines.append(b"Transfer-Encoding: chunked")
        ends = draw(st.integers(0, 4)) > 0
        wire = _chunked(
            body,
            draw(st.integers(1, 9)) if len(body) < 100 else 1000,
            extension=draw(st.sampled_from([b"", b";a=b", b" "])),
            trailer=draw(st.sampled_from([b"", b"X-Trailer: 1\r\n", b"Set-Cookie: t=1\r\n"])),
            ends=ends,
        )
        closes = closes or not ends
    else:
        closes = True
        if framing == "odd":
            lines.append(draw(st.sampled_from([b"Content-Length: x", b"Content-Length: -1", b"Content-Length: 5, 5",
                b"Content-Length: 5\r\nContent-Length: 6", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: x",
                b"Content-Length: 5\r\nTransfer-Encoding: chunked"])))  # fmt: skip
    # A line that is none ends the head, and with it what says how long the body is.
    closes = closes or any(line.startswith((b" ", b"X ", b"X-No-Colon")) for line in lines)
    lines = draw(st.permutations(lines))
    data = head + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + wire
    if draw(st.integers(0, 9)) == 0:
        data, closes = data[: draw(st.integers(0, len(data)))], True
    return RawAnswer(data, tuple(draw(st.lists(st.integers(0, len(data)), max_size=3))), closes)


@given(
    answers=st.lists(_answers(), min_size=1, max_size=3),
    paths=st.lists(st.sampled_from(["", "/next?a=b"]), min_size=3, max_size=4),
)
@settings(max_examples=150)
def test_whatever_is_answered(server: RawServer, answers: list[RawAnswer], paths: list[str]) -> None:
    """Answers, errors, cookies, tokens, connections and what is sent are those of requests."""
    _is_same(server, answers, paths)
