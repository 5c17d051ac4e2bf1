"""What may reach the loopback listener besides the redirect, and what may happen while a device is waited for."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import http.client
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

import nbauth
from nbauth import kernel
from nbauth.demo.check import PersonPrompt
from nbauth.demo.person import Person
from nbauth.environment import detect
from nbauth.errors import ConfigError, ProviderUnavailable, SignInCancelled, SignInFailed, SignInTimeout
from nbauth.signin import flows
from nbauth.signin.flows import redirect_listener as listener_module
from nbauth.signin.flows.device_code import _interval_s
from nbauth.signin.flows.redirect_listener import Listener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nbauth.demo.server import DemoServer

_RIGHT = "/?state=s&code=c"


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A listener that waits for state `s`."""
    with Listener(lambda answer: answer.get("state") == "s") as listening:
        yield listening


def _send(port: int, raw: str) -> int:
    """Send a request as it is written; return the status of the answer, or 0 where there is none."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(raw.replace("\n", "\r\n").encode("latin-1"))
        answer = http.client.HTTPResponse(connection)
        try:
            answer.begin()
        except http.client.BadStatusLine:
            return 0
        return answer.status


def _get(listener: Listener, target: str = _RIGHT, host: str | None = None) -> int:
    host = f"localhost:{listener.port}" if host is None else host
    return _send(listener.port, f"GET {target} HTTP/1.1\nHost: {host}\n\n")


def _post(listener: Listener, headers: str, body: str = "state=s&code=c") -> int:
    return _send(listener.port, f"POST / HTTP/1.1\nHost: localhost:{listener.port}\n{headers}\n{body}")


def test_silent_connections(listener: Listener) -> None:
    """Beside 50 connections that say nothing, or half a line, the answer is taken within 2 s."""
    started = time.perf_counter()
    with contextlib.ExitStack() as silent:
        for number in range(50):
            connection = silent.enter_context(socket.create_connection(("127.0.0.1", listener.port), timeout=10))
            if number % 2:
                connection.sendall(b"GET /?state=s")
        assert _get(listener) == 200
        took_s = time.perf_counter() - started
        print(f"answered after {took_s * 1000:.0f} ms")
        assert took_s < 2
        assert listener.answer == {"state": "s", "code": "c"}


_HOSTS = (
    *("", "evil.example", "evil.example:{port}", "localhost", "localhost:1", "localhost:{port}.evil.example"),
    *(
        "[::1]",
        "[::2]:{port}",
        "::1:{port}",
        "0.0.0.0:{port}",
        "127.0.0.2:{port}",
        "localhost:{port}@evil.example",
        "localhost.:{port}",
    ),
)


@pytest.mark.parametrize("host", _HOSTS)
def test_wrong_host(host: str, listener: Listener) -> None:
    """A request for another name, as after DNS rebinding, is turned away, and the answer still comes."""
    assert _get(listener, host=host.format(port=listener.port)) == 400
    assert listener.answer is None
    assert _get(listener) == 200


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "[::1]"])
def test_right_hosts(host: str, listener: Listener) -> None:
    """Whatever a browser takes localhost for, the answer is taken."""
    assert _get(listener, host=f"{host}:{listener.port}") == 200


@pytest.mark.parametrize("uri", ["http://[::1]", "http://[::1]:{port}/back", "http://[::1]:{port}", "http://127.0.0.1"])
def test_a_registered_address(uri: str, demo: DemoServer, person: Callable[..., Any]) -> None:
    """A loopback address in the redirect URI is used as it is written, and listened on alone."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = uri.format(port=free.getsockname()[1])
    client = demo.provider.registry.client(demo.client_id)
    client.redirect_uris.append(uri)
    kernel.add_profile(dataclasses.replace(kernel.config().profiles["demo"], redirect_uri=uri))
    shown: list[str] = []
    prompt = person()
    show = prompt.show_address
    prompt.show_address = lambda url, *, opened: (shown.append(url), show(url, opened=opened))
    try:
        assert nbauth.login("demo", flow="loopback", prompt=prompt, timeout_s=20).username == "alice@contoso.example"
    finally:
        client.redirect_uris.remove(uri)
    sent = parse_qs(urlsplit(shown[0]).query)["redirect_uri"][0]
    assert sent == uri or sent.startswith(f"{uri}:")


@pytest.mark.parametrize("uri", ["https://localhost:8471/", "https://nb.example.org/back"])
def test_an_address_that_nothing_here_listens_on(uri: str, demo: DemoServer, person: Callable[..., Any]) -> None:
    """A redirect URI is never replaced by another one: the flow refuses it before any traffic, and `auto` passes by."""
    profile = dataclasses.replace(kernel.config().profiles["demo"], redirect_uri=uri)
    kernel.add_profile(profile)
    with pytest.raises(ConfigError, match=rf'listen on its redirect_uri {uri.rstrip("/")}.*flow="paste"'):
        nbauth.login("demo", flow="loopback", prompt=person(), timeout_s=5)
    assert len(demo.provider.requests) == 0
    here = dataclasses.replace(detect(), remote=None, has_browser=True)
    assert flows.choose("auto", profile, here, device_code_offered=False) == "paste"


def test_no_host(listener: Listener) -> None:
    """A request that names no host is turned away."""
    assert _send(listener.port, f"GET {_RIGHT} HTTP/1.0\n\n") == 400
    assert listener.answer is None


@pytest.mark.parametrize(
    "target", ["/favicon.ico", "/x?state=s&code=c", "//[?state=s&code=c", "*", "/%3fstate=s&code=c"]
)
def test_wrong_path(target: str, listener: Listener) -> None:
    """A request for another path is answered with 404 and is no answer to the sign-in."""
    assert _get(listener, target) == 404
    assert listener.answer is None


_QUERIES = (
    *("", "?", "?code=c", "?state=x&code=c", "?state=&code=c", "?state=s&state=s&code=c", "?state=s&code=c&code=d"),
    *(
        "?error=access_denied",
        "?error=access_denied&state=x",
        "?state=s&state=x",
        "?state=s%00",
        "?" + "&".join(f"a{number}=1" for number in range(60)) + "&state=s",
    ),
)


@pytest.mark.parametrize("query", _QUERIES, ids=lambda query: query[:30])
def test_wrong_answers(query: str, listener: Listener) -> None:
    """An answer to another sign-in, or one in which a parameter stands twice, is turned away."""
    assert _get(listener, f"/{query}") == 400
    assert listener.answer is None
    assert _get(listener) == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("", 411),
        ("Transfer-Encoding: chunked\n", 411),
        ("Content-Length:\n", 411),
        ("Content-Length: -1\n", 411),
        ("Content-Length: +14\n", 411),
        ("Content-Length: 1_4\n", 411),
        ("Content-Length: 14.0\n", 411),
        ("Content-Length: \xb2\n", 411),
        (f"Content-Length: {'9' * 5000}\n", 411),
        ("Content-Length: 65537\n", 413),
        ("Content-Length: 999999999\n", 413),
        ("Content-Length: 14\n", 200),
    ],
    ids=lambda value: str(value)[:32].strip(),
)
def test_form_posts(headers: str, status: int, listener: Listener) -> None:
    """A form post needs a length, of up to 64 KiB; nothing is read of one without."""
    assert _post(listener, headers) == status
    assert (listener.answer is not None) is (status == 200)


def test_the_largest(listener: Listener) -> None:
    """A form of 64 KiB is read, and a request line of more is turned away."""
    assert _get(listener, f"{_RIGHT}&x={'y' * 70_000}") == 414
    body = "state=s&code=".ljust(65536, "c")
    assert _post(listener, "Content-Length: 65536\n", body) == 200
    assert listener.answer == {"state": "s", "code": body[13:]}


@pytest.mark.parametrize(
    ("query", "turned_away"),
    [
        ("error=unauthorized_client&error_description=no", {"error": "unauthorized_client", "error_description": "no"}),
        ("error=access_denied&state=", {"error": "access_denied"}),
        ("error=access_denied&state=other", {"error": "access_denied", "state": "other"}),
        ("code=c", {"code": "c"}),
        ("x=1", None),
        ("", None),
    ],
)
def test_what_is_turned_away(query: str, turned_away: dict[str, str] | None, listener: Listener) -> None:
    """An error or a code that nothing proves to be this sign-in's answer is not taken, and can be told of."""
    assert _get(listener, f"/?{query}") == 400
    assert listener.answer is None
    assert listener.stray() == turned_away
    assert listener.stray() is None
    for _ in range(20):
        _get(listener, "/?error=again")
    assert len(list(iter(listener.stray, None))) == 10


def test_two_answers(listener: Listener) -> None:
    """Of twenty answers at the same time one is taken; a later one changes nothing."""
    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(lambda number: _get(listener, f"/?state=s&code={number}"), range(20)))
    assert [200, *[410] * 19] == sorted(statuses)
    taken = listener.answer
    assert taken == {"state": "s", "code": str(statuses.index(200))}
    assert _get(listener) == 410
    assert listener.answer == taken


# Other users of the machine: `localhost` is two addresses


def test_both_loopback_addresses(listener: Listener) -> None:
    """The answer is taken by way of ::1, too, where a browser may go: nobody else can listen there at that port."""
    with pytest.raises(OSError, match="in use"), socket.socket(socket.AF_INET6) as other:
        other.bind(("::1", listener.port))
    with socket.create_connection(("::1", listener.port), timeout=10) as connection:
        connection.sendall(f"GET {_RIGHT} HTTP/1.1\r\nHost: localhost:{listener.port}\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.0 200")
    assert listener.answer == {"state": "s", "code": "c"}


def _held_on_6(port: int = 0) -> socket.socket:
    other = socket.socket(socket.AF_INET6)
    other.bind(("::1", port))
    other.listen()
    return other


def test_a_port_that_somebody_holds_on_the_other_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a port that somebody listens on at ::1 nothing is used; another one is chosen."""
    bind, held = listener_module._bound, []

    def bound(kind: Any, address: str, port: int, handler: Any) -> Any:
        made = bind(kind, address, port, handler)
        if not held:  # somebody is quicker, at the first port
            held.append(_held_on_6(made.server_address[1]))
        return made

    monkeypatch.setattr(listener_module, "_bound", bound)
    with held_closed(held), Listener(lambda _: True) as listening:
        assert listening.port != held[0].getsockname()[1]
        assert {server.server_address[1] for server in listening._servers} == {listening.port}
        assert len(listening._servers) == 2


@contextlib.contextmanager
def held_closed(held: list[socket.socket]) -> Iterator[None]:
    """Close what was held."""
    yield
    for one in held:
        one.close()


def test_a_registered_port_that_somebody_holds_on_the_other_address(
    demo: DemoServer, person: Callable[..., Any]
) -> None:
    """A port that is registered cannot be another one: the error says who is in the way, and nothing was sent."""
    with _held_on_6() as other:
        port = other.getsockname()[1]
        uri = f"http://localhost:{port}"
        kernel.add_profile(dataclasses.replace(kernel.config().profiles["demo"], redirect_uri=uri))
        with pytest.raises(SignInFailed, match=rf'port {port} of \[::1\].*in use.*flow="device_code"'):
            nbauth.login("demo", flow="loopback", prompt=person(), timeout_s=5)
        with Listener(lambda _: True, host="127.0.0.1", port=port) as listening:  # a literal address is not two
            assert len(listening._servers) == 1


def test_a_machine_without_the_other_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no ::1, 127.0.0.1 is enough."""
    bind = listener_module._bound

    def bound(kind: Any, address: str, port: int, handler: Any) -> Any:
        if address == "::1":
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        return bind(kind, address, port, handler)

    monkeypatch.setattr(listener_module, "_bound", bound)
    with Listener(lambda answer: answer.get("state") == "s") as listening:
        assert _get(listening) == 200


class _Waiting(PersonPrompt):
    """A prompt that notes the listener's port, leaves a connection open there, and lets somebody cancel, or not."""

    def __init__(self, demo: DemoServer, *, cancels: bool) -> None:
        super().__init__(Person("alice", ca_file=demo.ca_file), "alice")
        self._cancels = cancels
        self.port = 0
        self.connection: socket.socket | None = None

    def show_address(self, url: str, *, opened: bool) -> None:
        """Connect to where the address leads back to, and say nothing."""
        redirect = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        self.port = urlsplit(redirect).port or 0
        self.connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def wait(self, timeout_s: float) -> str | None:
        """Cancel, or let time pass."""
        if self._cancels:
            raise SignInCancelled("cancelled", profile="demo")
        threading.Event().wait(timeout_s)
        return None


@pytest.mark.parametrize("cancels", [True, False], ids=["cancel", "timeout"])
def test_the_port_is_released(demo: DemoServer, *, cancels: bool) -> None:
    """After a sign-in that ended without an answer nothing listens, and the port can be had again at once."""
    prompt = _Waiting(demo, cancels=cancels)
    started = time.monotonic()
    with pytest.raises(SignInCancelled if cancels else SignInTimeout):
        nbauth.login("demo", flow="loopback", prompt=prompt, timeout_s=0.5)
    assert time.monotonic() - started < 5  # the silent connection is not waited for
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", prompt.port), timeout=10)
    with Listener(lambda _: True, port=prompt.port) as again:
        assert _get(again) == 200
    assert prompt.connection is not None
    prompt.connection.close()
    assert "nbauth-listener" not in {thread.name for thread in threading.enumerate()}


# Device code

_HICCUPS = ({"status": 503, "retry_after": 1}, {"reset": True}, {"delay_s": 60.0, "status": 200, "body": ""})


def _quick_profile() -> None:
    kernel.add_profile(dataclasses.replace(kernel.config().profiles["demo"], timeout_s=0.5))


def test_a_device_code_survives_all_three(demo: DemoServer, person: Callable[..., Any]) -> None:
    """A 503, a reset and a silence while the person types do not end the sign-in."""
    _quick_profile()
    faults = [demo.provider.faults.add("*/token", method="POST", **fault) for fault in _HICCUPS]
    account = nbauth.login("demo", flow="device_code", prompt=person(), timeout_s=30)
    assert account.username == "alice@contoso.example"
    assert [fault.hits for fault in faults] == [1, 1, 1]


@pytest.mark.parametrize(
    "fault",
    [{"html": True}, {"status": 200, "body": '{"access_token": 5}'}, {"status": 307, "body": "{}"}],
    ids=["HTML", "no token", "redirect"],
)
def test_a_device_code_ends_with_nonsense(fault: dict[str, Any], demo: DemoServer, person: Callable[..., Any]) -> None:
    """What is no answer of a provider ends the sign-in with an error of ours, of one line."""
    _quick_profile()
    demo.provider.faults.add("*/token", method="POST", **fault)
    with pytest.raises(ProviderUnavailable, match="answered") as caught:
        nbauth.login("demo", flow="device_code", prompt=person(), timeout_s=30)
    assert "\n" not in str(caught.value)


_TOLD = (
    *((None, 5), (0, 5), (-1, 5), (0.001, 5), (5, 5), (7, 7), ("7", 7), (60, 60), (10**9, 60), (10**400, 5)),
    *(("soon", 5), ([], 5), (float("nan"), 5), (float("inf"), 60), (float("-inf"), 5)),
)


@pytest.mark.parametrize(("told", "seconds"), _TOLD, ids=lambda value: str(value)[:10])
def test_seconds_between_two_polls(told: Any, seconds: float) -> None:
    """Between two polls are 5 to 60 seconds, whatever the provider tells."""
    assert _interval_s(told, 5.0) == seconds


def _code(demo: DemoServer, times: str) -> str:
    return f'{{"device_code": "d", "user_code": "u", "verification_uri": "{demo.provider.origin}/", {times}}}'


_NO_TIMES = [f'"expires_in": {life}' for life in ('"soon"', "[]", "1e999", "NaN")]


@pytest.mark.parametrize("times", [*_NO_TIMES, '"interval": "soon"'])
def test_a_device_code_without_times(times: str, demo: DemoServer, person: Callable[..., Any]) -> None:
    """A lifetime or interval that is no number is an error of ours."""
    demo.provider.faults.add("*/devicecode", status=200, body=_code(demo, times))
    with pytest.raises(ProviderUnavailable, match="times are no numbers"):
        nbauth.login("demo", flow="device_code", prompt=person(), timeout_s=10)


@pytest.mark.parametrize(
    ("times", "least_s", "most_s"),
    [('"expires_in": 1e15', 86_300, 86_400), ('"expires_in": null, "interval": null', 100, 86_400)],
    ids=["for ever", "null"],
)
def test_how_long_a_device_code_lives(times: str, least_s: float, most_s: float, demo: DemoServer) -> None:
    """A lifetime beyond every calendar is shown as a day; one that is null counts as one that is not told."""
    shown: list[Any] = []

    class Leaving(PersonPrompt):
        def show_code(self, user_code: str, verification_uri: str, *, expires_at: Any) -> None:
            shown.append(expires_at.timestamp() - time.time())

        def wait(self, timeout_s: float) -> str | None:
            raise SignInCancelled("cancelled", profile="demo")

    demo.provider.faults.add("*/devicecode", status=200, body=_code(demo, times))
    with pytest.raises(SignInCancelled):
        nbauth.login("demo", flow="device_code", prompt=Leaving(Person("alice", ca_file=demo.ca_file), "alice"))
    assert [least_s < seconds <= most_s for seconds in shown] == [True]
