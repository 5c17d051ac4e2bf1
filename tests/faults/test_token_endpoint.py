"""What the token endpoint may do wrong, for a person's refresh and for an application's request."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

import nbauth
from nbauth import kernel
from nbauth.errors import NbauthError, ProviderUnavailable
from nbauth.net.tls import trust_context
from nbauth.signin.http.transport import GuardedTransport
from nbauth.signin.tokens import access_token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nbauth.demo.server import DemoServer
    from nbauth.signin.tokens.credential import Credential

_READ_S, _TOTAL_S = 0.3, 1.0
_SLACK_S = 5.0  # of a busy machine
_SLOW = {"delay_s", "drip_headers_s", "drip_body_s"}
_TOKEN = {"access_token": "at-in-answer", "token_type": "Bearer", "expires_in": 3600}
_JSON = {"Content-Type": "application/json"}


def _json(document: Any, status: int = 200) -> dict[str, Any]:
    return {"status": status, "headers": _JSON, "body": json.dumps(document)}


def _with(**changes: Any) -> dict[str, Any]:
    return _json({key: value for key, value in (_TOKEN | changes).items() if value is not ...})


_LARGE = json.dumps(_TOKEN | {"padding": "x" * 1_100_000})
# What the endpoint does, and what the error says where there is no token to go on with.
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "reset": ({"reset": True}, "cannot be reached"),
    "silence": ({"delay_s": 60.0, **_with()}, "did not answer in time"),
    "headers drip": ({"drip_headers_s": 0.1, **_with()}, "did not answer in time"),
    "body drips": ({"drip_body_s": 0.1, **_with()}, "did not answer in time"),
    "body cut off": ({"truncate_at": 20, **_with()}, "cannot be reached"),
    "500": ({"status": 500, "body": "oops"}, "HTTP 500"),
    "502 HTML": ({"status": 502, "html": True}, "HTTP 502"),
    "503": ({"status": 503, "body": ""}, "HTTP 503"),
    "503 Retry-After": ({"status": 503, "retry_after": 20}, "HTTP 503"),
    "429": ({"status": 429, "body": ""}, r"HTTP 429.* Try again in [1-5] s\."),
    "429 number": ({"status": 429, "retry_after": 7}, r"Try again in [1-7] s\."),
    "429 date": ({"status": 429, "retry_after": "Fri, 31 Dec 2100 23:59:59 GMT"}, r"Try again in 3[56]\d\d s\."),
    "429 past date": ({"status": 429, "retry_after": "Sun, 06 Nov 1994 08:49:37 GMT"}, r"Try again in [01] s\."),
    "429 negative": ({"status": 429, "retry_after": -7}, r"Try again in [01] s\."),
    "429 999999": ({"status": 429, "retry_after": 999999}, r"Try again in 3[56]\d\d s\."),
    "429 garbage": ({"status": 429, "retry_after": "soon, I hope"}, r"Try again in [1-5] s\."),
    "429 many digits": ({"status": 429, "retry_after": "9" * 5000}, r"Try again in [1-5] s\."),
    "empty": ({"status": 200, "body": ""}, "no JSON object"),
    "HTML": ({"html": True}, "text/html.* no JSON object"),
    "JSON cut off": ({"status": 200, "body": json.dumps(_TOKEN)[:-9]}, "no JSON object"),
    "a list": (_json([_TOKEN]), "no JSON object"),
    "null": (_json(None), "no JSON object"),
    "NUL bytes": ({"status": 200, "body": b"\0" * 100}, "no JSON object"),
    "not UTF-8": ({"status": 200, "body": b'{"access_token": "\xff"}'}, "no JSON object"),
    "{}": (_json({}), "neither an access token nor an error"),
    "{} with 400": (_json({}, 400), "neither an access token nor an error"),
    "error is a list": (_json({"error": ["invalid_grant"]}, 400), "an error that is not text"),
    "error is empty": (_json({"error": ""}, 400), "neither an access token nor an error"),
    "expires_in text": (_with(expires_in="soon"), "expires_in that is no number"),
    "expires_in negative": (_with(expires_in=-1), "expires_in that is no number"),
    "expires_in huge": (_with(expires_in=10**12), "expires_in that is no number"),
    "expires_in 400 digits": (_with(expires_in=10**400), "expires_in that is no number"),
    "expires_in infinite": (_with(expires_in=float("inf")), "expires_in that is no number"),
    "expires_in NaN": (_with(expires_in=float("nan")), "expires_in that is no number"),
    "expires_in true": (_with(expires_in=True), "expires_in that is no number"),
    "expires_in list": (_with(expires_in=[3600]), "expires_in that is no number"),
    "expires_on text": (_with(expires_in=..., expires_on="tomorrow"), "expires_on that is no time"),
    "ext_expires_in text": (_with(ext_expires_in="soon"), "ext_expires_in that is no number"),
    "refresh_in text": (_with(refresh_in="1800"), "refresh_in that is no number"),
    "access_token number": (_with(access_token=17), "an access_token that cannot be one"),
    "access_token list": (_with(access_token=["a"]), "an access_token that cannot be one"),
    "access_token empty": (_with(access_token=""), "neither an access token nor an error"),
    "access_token line break": (_with(access_token="a\r\nX-Evil: 1"), "an access_token that cannot be one"),
    "access_token null": (_with(access_token=None), "neither an access token nor an error"),
    "token_type pop": (_with(token_type="pop"), "a token_type that is not Bearer"),
    "token_type number": (_with(token_type=5), "a token_type that is not Bearer"),
    "refresh_token number": (_with(refresh_token=5), "refresh_token that is not text"),
    "id_token list": (_with(id_token=["a"]), "id_token that cannot be read"),
    "id_token garbage": (_with(id_token="a.b.c"), "id_token that cannot be read"),
    "id_token one part": (_with(id_token="a"), "id_token that cannot be read"),
    "id_token of nobody": (_with(id_token="e30.e30."), "id_token that cannot be read"),
    "client_info number": (_with(client_info=5), "client_info that cannot be read"),
    "client_info garbage": (_with(client_info="_"), "client_info that cannot be read"),
    "scope number": (_with(scope=5), "scope that is not text"),
    "deep": (_with(deep=json.loads("[" * 40 + "]" * 40)), "no JSON object"),
    "very deep": ({"status": 200, "body": '{"a":' + "[" * 100_000 + "]" * 100_000 + "}"}, "no JSON object"),
    "over 1 MiB": ({"status": 200, "body": _LARGE}, "more than 1 MiB"),
    "gzip over 1 MiB": (
        {"status": 200, "body": gzip.compress(_LARGE.encode()), "headers": {"Content-Encoding": "gzip"}},
        "more than 1 MiB",
    ),
    "gzip garbage": (
        {"status": 200, "body": b"nonsense", "headers": {"Content-Encoding": "gzip"}},
        "cannot be reached",
    ),
    "307": ({"status": 307, "body": "{}", "headers": {"Location": "https://evil.example/"}}, "redirect"),
    "308": ({"status": 308, "body": "{}", "headers": {"Location": "https://evil.example/"}}, "redirect"),
    "302": ({"status": 302, "body": "{}", "headers": {"Location": "https://evil.example/"}}, "redirect"),
}
_TABLE = pytest.mark.parametrize(("fault", "message"), FAULTS.values(), ids=list(FAULTS))


class _Subject:
    """Somebody whose token is to be renewed."""

    def __init__(self, credential: Credential, transport: GuardedTransport, demo: DemoServer) -> None:
        self.credential = credential
        self.transport = transport
        self.demo = demo
        self.scopes = credential.profile.login_scopes
        self.first = credential._memo[self.scopes].secret

    def token(self) -> str:
        return self.credential.token(self.scopes)

    def break_endpoint(self, fault: dict[str, Any]) -> Any:
        if not fault.keys() & _SLOW:
            # What is answered at once is waited for, however late a busy machine lets the demo answer.
            self.transport._read_s, self.transport._total_s = 30.0, 60.0
        return self.demo.provider.faults.add("*/token", method="POST", times=None, **fault)

    def mend_endpoint(self) -> None:
        self.demo.provider.faults.clear()
        self.transport._throttled_until.clear()


@pytest.fixture(params=["person", "application"])
def subject(
    request: pytest.FixtureRequest,
    demo: DemoServer,
    person: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[_Subject]:
    """Alice or an application, signed in, with a token in whose last part each request waits for a renewal."""
    demo.provider.settings.access_token_s = 200  # less than MSAL's margin: it asks the endpoint each time
    name = "demo" if request.param == "person" else "nightly"
    profile = dataclasses.replace(kernel.config().profiles[name], timeout_s=_READ_S)
    kernel.add_profile(profile)
    nbauth.login(name, **({"flow": "paste", "prompt": person(), "timeout_s": 20} if name == "demo" else {}))
    credential = kernel.credential_of(profile, profile.login_scopes)
    monkeypatch.setattr(access_token, "_MOST_LAST_S", 1000.0)
    memo = credential._memo
    memo[profile.login_scopes] = dataclasses.replace(memo[profile.login_scopes], margin_s=4000.0)
    transport = kernel._state.visits.own.connection(profile).transport
    assert transport._total_s == _READ_S + 5
    transport._total_s = _TOTAL_S
    demo.provider.requests.clear()
    yield _Subject(credential, transport, demo)
    demo.provider.faults.clear()


@_TABLE
def test_with_a_valid_token(
    fault: dict[str, Any], message: str, subject: _Subject, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    """While the token is valid it is handed out, whatever the endpoint does, and no error is seen."""
    broken = subject.break_endpoint(fault)
    started = time.monotonic()
    assert [subject.first] * 3 == [subject.token() for _ in range(3)]
    took_s = time.monotonic() - started
    print(f"with a token: {took_s / 3 * 1000:.0f} ms each")
    assert took_s < 3 * _TOTAL_S + _SLACK_S
    # The demo may get to a request after it was given up here.
    eventually(lambda: broken.hits >= 1)


@_TABLE
def test_without_a_token(
    fault: dict[str, Any], message: str, subject: _Subject, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    """Without a token it is one error of one line within the total time, and the next good answer is taken."""
    broken = subject.break_endpoint(fault)
    subject.credential._memo.clear()
    started = time.monotonic()
    with pytest.raises(NbauthError, match=message) as caught:
        subject.token()
    took_s = time.monotonic() - started
    print(f"without: {took_s * 1000:.0f} ms")
    assert took_s < _TOTAL_S + _SLACK_S
    assert isinstance(caught.value, ProviderUnavailable)
    assert str(caught.value).startswith(f"Profile {subject.credential.profile.name!r}: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert "at-in-answer" not in str(caught.value)
    eventually(lambda: broken.hits >= 1)
    assert broken.hits == 1
    subject.mend_endpoint()
    fresh = subject.token()
    assert fresh not in (subject.first, "at-in-answer")


@pytest.mark.parametrize(
    ("changes", "life_s"),
    [({"expires_in": ...}, 600), ({"expires_in": "3600"}, 3600), ({"token_type": "bearer"}, 3600)],
    ids=["expires_in absent", "expires_in as text", "token_type in lower case"],
)
def test_what_is_odd_and_right(changes: dict[str, Any], life_s: int, subject: _Subject) -> None:
    """A lifetime that is left out counts as ten minutes, one in text as its number; a type has no case."""
    subject.break_endpoint(_with(**changes))
    assert subject.token() == "at-in-answer"
    left_s = subject.credential._memo[subject.scopes].expires_monotonic - time.monotonic()
    assert life_s - 60 < left_s <= life_s


@pytest.mark.parametrize(
    ("name", "nothing"),
    [
        ("refresh_token", ""),
        ("refresh_token", []),
        ("id_token", None),
        ("id_token", {}),
        ("client_info", None),
        ("expires_in", None),
        ("ext_expires_in", ""),
        ("refresh_in", " "),
        ("scope", None),
        ("token_type", ""),
        ("error", None),
        ("error", ""),
    ],
    ids=str,
)
def test_a_member_that_says_nothing(name: str, nothing: Any, subject: _Subject) -> None:
    """An optional member that is null or empty counts as one that is not there; a refresh token then stays good."""
    subject.break_endpoint(_with(**{name: nothing}))
    assert subject.token() == "at-in-answer"
    subject.mend_endpoint()
    subject.credential._memo.clear()
    assert subject.token() not in (subject.first, "")


@pytest.mark.parametrize("fault", ["headers drip", "body drips"])
def test_nothing_is_left_of_a_drip(
    fault: str, subject: _Subject, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    """A request that is given up ends its connection and its thread; the endpoint would drip for minutes."""
    subject.break_endpoint(FAULTS[fault][0])
    subject.credential._memo.clear()
    with pytest.raises(ProviderUnavailable, match="in time"):
        subject.token()
    eventually(lambda: "nbauth-request" not in {thread.name for thread in threading.enumerate()})


def _accept_and(answer: Callable[[socket.socket], None], stack: contextlib.ExitStack) -> int:
    """Listen where nobody speaks TLS; return the port."""
    server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

    def serve() -> None:
        with contextlib.suppress(OSError):
            connection, _ = server.accept()
            with connection:
                answer(connection)

    threading.Thread(target=serve, daemon=True).start()
    return int(server.getsockname()[1])


def _drip_a_record(connection: socket.socket) -> None:
    # A record of a TLS handshake, which takes 16,384 × 0.1 s.
    connection.sendall(b"\x16\x03\x03\x40\x00")
    while True:
        connection.sendall(b"\0")
        time.sleep(0.1)


def test_the_total_holds_for_a_handshake(demo: DemoServer) -> None:
    """A handshake that drips is given up after the total time."""
    with contextlib.ExitStack() as stack:
        port = _accept_and(_drip_a_record, stack)
        transport = GuardedTransport(frozenset({f"localhost:{port}"}), trust_context(str(demo.ca_file)), timeout_s=0.3)
        transport._total_s = _TOTAL_S
        stack.callback(transport.close)
        started = time.monotonic()
        with pytest.raises(requests.Timeout):
            transport.get(f"https://localhost:{port}/")
        assert time.monotonic() - started < _TOTAL_S + _SLACK_S


def test_the_total_holds_for_a_name(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is looked up for ever is given up after the total time, which no timeout of requests is for."""
    found = threading.Event()

    def look_up(*_: Any, **__: Any) -> Any:
        found.wait(60)
        raise socket.gaierror(socket.EAI_NONAME, "nobody")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    transport = GuardedTransport(frozenset({"login.example.com:443"}), trust_context(str(demo.ca_file)), timeout_s=0.3)
    transport._total_s = _TOTAL_S
    started = time.monotonic()
    with pytest.raises(requests.ReadTimeout, match=r"took more than 1 s to answer"):
        transport.get("https://login.example.com/")
    assert time.monotonic() - started < _TOTAL_S + _SLACK_S
    found.set()
    transport.close()


def test_the_real_total(subject: _Subject) -> None:
    """The total is the profile's timeout and 5 s, which a body that drips does not stretch."""
    subject.transport._total_s = _READ_S + 5
    subject.break_endpoint(FAULTS["body drips"][0])
    subject.credential._memo.clear()
    started = time.monotonic()
    with pytest.raises(ProviderUnavailable, match="in time"):
        subject.token()
    assert _READ_S + 5 <= time.monotonic() - started < _READ_S + 5 + _SLACK_S
