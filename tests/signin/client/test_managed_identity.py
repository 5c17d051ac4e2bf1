"""The machine's own identity in Azure, with stand-ins for the endpoints that answer there."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import msal
import pytest

import nbauth
from nbauth import kernel
from nbauth.errors import ConfigError, ProviderUnavailable, SignInFailed
from nbauth.signin.profile import config
from nbauth.signin.profile.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STORAGE = "https://contoso.blob.core.windows.net"
SCOPE = "https://storage.azure.com/.default"


class Machine:
    """What answers on the machine itself."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.answer: dict[str, Any] | bytes | None = None
        self.status = 200
        self.life_s = 3600
        self.drips = False
        self.leads_to = ""
        self.ended = threading.Event()
        machine = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query, headers = dict(parse_qsl(parts.query)), {k.lower(): v for k, v in self.headers.items()}
                machine.asked.append((parts.path, query, headers))
                token = f"token {len(machine.asked)} for {query.get('resource')}"
                usual = {"access_token": token, "expires_in": str(machine.life_s)}
                usual["expires_on"] = str(int(time.time()) + machine.life_s)
                answer = usual if machine.answer is None else machine.answer
                self.send_response(machine.status)
                if machine.leads_to:
                    self.send_header("Location", machine.leads_to)
                self.end_headers()
                with contextlib.suppress(OSError):
                    while machine.drips and not machine.ended.wait(0.02):
                        self.wfile.write(b" ")
                self.wfile.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

            def log_message(self, *_: Any) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A virtual machine whose metadata service answers."""
    made = Machine()
    resolve = socket.getaddrinfo

    def pinned(host: Any, *rest: Any, **options: Any) -> Any:
        if host == "169.254.169.254":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", made.port))]
        return resolve(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", pinned)
    for name in (
        "IDENTITY_ENDPOINT",
        "IDENTITY_HEADER",
        "IDENTITY_SERVER_THUMBPRINT",
        "MSI_ENDPOINT",
        "MSI_SECRET",
        "IMDS_ENDPOINT",
    ):
        monkeypatch.delenv(name, raising=False)
    yield made
    made.close()


@pytest.fixture(params=["file", "code"])
def add(request: pytest.FixtureRequest, apart: Path) -> Callable[..., Profile]:
    """Return what adds a profile, written in a file or in code."""

    def make(identity: Any = None, scopes: tuple[str, ...] = (SCOPE,)) -> Profile:
        identity = identity or True
        if request.param == "code":
            profile = Profile("vm", managed_identity=identity, apis={STORAGE: scopes})
        else:
            text = "true" if identity is True else "{ " + ", ".join(f'{k} = "{v}"' for k, v in identity.items()) + " }"
            apis = f'[profiles.vm.apis]\n"{STORAGE}" = {json.dumps(list(scopes))}\n'
            (apart / "nbauth.toml").write_text(f"[profiles.vm]\nmanaged_identity = {text}\n{apis}")
            profile = config.load(apart / "nbauth.toml").profiles["vm"]
        kernel.add_profile(profile)
        return profile

    return make


def _token(profile: Profile, **options: Any) -> str:
    scopes = profile.login_scopes
    return kernel.credential_of(profile, scopes).token(scopes, **options)


@pytest.mark.parametrize(
    ("identity", "expected", "username"),
    [
        (True, {}, "managed identity"),
        ({"client_id": "c-1"}, {"client_id": "c-1"}, "c-1"),
        ({"object_id": "o-1"}, {"object_id": "o-1"}, "o-1"),
        ({"resource_id": "/subscriptions/s"}, {"msi_res_id": "/subscriptions/s"}, "/subscriptions/s"),
    ],
    ids=["system", "client id", "object id", "resource id"],
)
def test_virtual_machine(identity: Any, expected: Any, username: str, add: Any, machine: Machine) -> None:
    """The metadata service gives a token for the resource and the identity that are asked for, and only once."""
    profile = add(identity)
    account = nbauth.login("vm")
    assert (account.username, account.kind, account.tenant_id) == (username, "application", "")
    assert _token(profile) == "token 1 for https://storage.azure.com"
    assert _token(profile) == "token 1 for https://storage.azure.com"
    (path, query, headers) = machine.asked[0]
    assert path == "/metadata/identity/oauth2/token"
    assert query == {"api-version": query["api-version"], "resource": "https://storage.azure.com", **expected}
    assert headers["metadata"] == "true"
    assert len(machine.asked) == 1


def test_renewed(add: Any, machine: Machine) -> None:
    """A token that an API refused is replaced, though MSAL's cache holds it."""
    profile = add()
    old = _token(profile)
    assert _token(profile, rejected=old) == "token 2 for https://storage.azure.com"
    assert len(machine.asked) == 2


def test_signed_out(add: Any, machine: Machine) -> None:
    """Signing out drops the tokens."""
    profile = add()
    nbauth.login("vm")
    kernel.logout("vm")
    assert _token(profile) == "token 2 for https://storage.azure.com"


def test_app_service(add: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """App Service names its endpoint and a header in the environment."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{machine.port}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "let me in")
    assert _token(add()) == "token 1 for https://storage.azure.com"
    (path, _, headers) = machine.asked[0]
    assert (path, headers["x-identity-header"]) == ("/msi/token", "let me in")


def test_machine_learning(add: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Azure Machine Learning names its endpoint and a secret."""
    monkeypatch.setenv("MSI_ENDPOINT", f"http://localhost:{machine.port}/MSI/auth")
    monkeypatch.setenv("MSI_SECRET", "s")
    assert _token(add()) == "token 1 for https://storage.azure.com"
    assert machine.asked[0][2]["secret"] == "s"


@pytest.mark.parametrize(
    "endpoint",
    ["http://evil.example/token", "https://evil.example/token", "http://10.0.0.1/token", "http://a@localhost/"],
)
def test_an_endpoint_elsewhere(endpoint: str, add: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that is not on this machine is never asked: a cloned folder may set the variable."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", endpoint)
    monkeypatch.setenv("IDENTITY_HEADER", "let me in")
    with pytest.raises(ConfigError, match="is not on this machine") as caught:
        _token(add())
    assert "IDENTITY_ENDPOINT" in str(caught.value)
    assert machine.asked == []


def test_no_managed_identity_here(add: Any, machine: Machine) -> None:
    """Where nothing answers, it is said within seconds."""
    machine.close()
    started = time.monotonic()
    with pytest.raises(ProviderUnavailable, match="this machine has no managed identity"):
        _token(add())
    assert time.monotonic() - started < 20


def test_refused(add: Any, machine: Machine) -> None:
    """What the endpoint says in place of a token is told."""
    machine.answer, machine.status = {"error": "invalid_request", "error_description": "Identity not found"}, 400
    with pytest.raises(SignInFailed, match="Identity not found"):
        _token(add())


@pytest.mark.parametrize("status", [404, 410, 429, 500, 503])
def test_not_now(status: int, add: Any, machine: Machine) -> None:
    """What may pass is told apart from a refusal, with what the endpoint says; a token that is valid serves on."""
    profile = add()
    machine.life_s = 100
    token = _token(profile)
    credential = kernel.credential_of(profile, profile.login_scopes)
    object.__setattr__(credential._memo[profile.login_scopes], "margin_s", 200.0)  # as if its margin had begun
    machine.answer, machine.status = {"error": "busy", "error_description": "one moment"}, status
    assert token == _token(profile)
    with pytest.raises(ProviderUnavailable, match=f"answered HTTP {status}: .*one moment") as caught:
        _token(profile, rejected=token)
    assert "\n" not in str(caught.value)


def test_an_endpoint_that_drips(add: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that never ends its answer is left."""
    monkeypatch.setattr("nbauth.signin.client.managed_identity._TOTAL_S", 0.3)
    machine.drips = True
    with pytest.raises(ProviderUnavailable, match="no managed identity"):
        _token(add())


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect(status: int, add: Any, machine: Machine) -> None:
    """A redirect is not followed, though it stays on the machine."""
    machine.status, machine.answer, machine.leads_to = status, b"", f"http://127.0.0.1:{machine.port}/elsewhere"
    with pytest.raises(ProviderUnavailable, match="something else than a token"):
        _token(add())
    assert [path for path, _, _ in machine.asked] == ["/metadata/identity/oauth2/token"]


def test_service_fabric(add: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Service Fabric, whose endpoint is on another machine, is refused by name, and nothing is asked."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{machine.port}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "let me in")
    monkeypatch.setenv("IDENTITY_SERVER_THUMBPRINT", "ab" * 20)
    with pytest.raises(ConfigError, match="Service Fabric are not supported"):
        _token(add())
    assert machine.asked == []


@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>", b"[]", b"{}", b'{"access_token": 1', b"x" * 300_000, b'"text"', b"[" * 90_000],
    ids=["empty", "HTML", "list", "object", "cut off", "large", "text", "deep"],
)
def test_something_else_than_a_token(answer: bytes, add: Any, machine: Machine) -> None:
    """Anything else than a token is one clear error."""
    machine.answer = answer
    with pytest.raises((ProviderUnavailable, SignInFailed)) as caught:
        _token(add())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changed",
    [
        {"access_token": "a\r\nX-Other: b"},
        {"access_token": 5},
        {"expires_in": "9" * 400},
        {"expires_in": "-1"},
        {"expires_in": "soon"},
    ],
    ids=["line break", "number", "for ever", "ended", "soon"],
)
def test_a_token_that_is_none(changed: Any, add: Any, machine: Machine) -> None:
    """A token that no header can hold, or whose life is none, is refused and not kept."""
    machine.answer = {"access_token": "token", "expires_in": "3600", **changed}
    profile = add()
    with pytest.raises(ProviderUnavailable, match="something else than a token"):
        _token(profile)
    machine.answer = None
    assert _token(profile).startswith("token 2 ")


@pytest.mark.parametrize("scopes", [(), ("https://a/.default", "https://b/.default"), ("User.Read",)])
def test_scopes(scopes: tuple[str, ...], add: Any, machine: Machine) -> None:
    """These endpoints know one resource at a time; other scopes are refused before anything is asked."""
    with pytest.raises(ConfigError, match=r"a managed identity asks for one scope|nothing says what to ask for"):
        _token(add(scopes=scopes))
    assert machine.asked == []


def test_the_way_out(add: Any, machine: Machine) -> None:
    """`nbauth.client` gives MSAL's own client."""
    add()
    assert isinstance(nbauth.client("vm"), msal.ManagedIdentityClient)


def test_proxies_are_not_asked(add: Any, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's endpoint is never asked through a proxy."""
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")
    assert _token(add()).startswith("token 1")
