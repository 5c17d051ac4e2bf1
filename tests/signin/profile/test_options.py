"""The keys that tune MSAL's client applications, from the file and from code, as they reach the wire."""

from __future__ import annotations

import dataclasses
import json
import select
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from pinned_hosts import HOSTS

import nbauth
from nbauth import kernel
from nbauth.demo.check import PersonPrompt
from nbauth.demo.person import Person
from nbauth.errors import ConfigError, ProviderUnavailable, SignInRequired
from nbauth.signin.client.token_cache import cache_key
from nbauth.signin.profile import config
from nbauth.signin.profile.profile import Profile
from nbauth.signin.remembered.document import application_name, fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from nbauth.demo.server import DemoServer

CLAIMS = {"access_token": {"xms_cc": {"values": ["CP1"]}}}


def _both(demo: DemoServer, tmp_path: Path, name: str, **options: Any) -> list[Profile]:
    """Return the profile of the demo's file with further keys, once from a file and once from code."""
    text = demo.config_path.read_text()
    lines = "".join(f"{key} = {_toml(value)}\n" for key, value in options.items())
    head = f"[profiles.{name}]"
    place = demo.config_path.with_name(f"{tmp_path.name}.toml")  # beside the files that it names
    start = text.index(head)
    start = text.index("\n", start) + 1
    place.write_text(text[:start] + lines + text[start:])
    read = config.load(place).profiles[name]
    return [read, dataclasses.replace(config.load(demo.config_path).profiles[name], **options)]


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {json.dumps(item)}" for key, item in value.items()) + " }"
    return json.dumps(list(value) if isinstance(value, tuple) else value)


@pytest.fixture(params=["file", "code"])
def profile(request: pytest.FixtureRequest, demo: DemoServer, tmp_path: Path) -> Callable[..., Profile]:
    """Return what adds a profile of the demo with further keys, written in a file or in code."""

    def add(name: str, **options: Any) -> Profile:
        made = _both(demo, tmp_path, name, **options)[request.param == "code"]
        kernel.add_profile(made)
        return made

    return add


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str]]]:
    """Every request to the provider from here on: the end of its path, and its parameters."""
    seen: list[tuple[str, dict[str, str]]] = []
    send = requests.Session.send

    def watched(session: Any, request: Any, **options: Any) -> Any:
        parameters = parse_qsl(request.body or urlsplit(request.url).query)
        seen.append((urlsplit(request.url).path.rpartition("/")[2], dict(parameters)))
        return send(session, request, **options)

    monkeypatch.setattr(requests.Session, "send", watched)
    return seen


def _parameters(sent: list[tuple[str, dict[str, str]]], name: str) -> list[dict[str, str]]:
    return [parameters for end, parameters in sent if end == name]


class Watched(PersonPrompt):
    """A person's prompt that keeps the address."""

    def __init__(self, demo: DemoServer, choose: str = "alice") -> None:
        super().__init__(Person(choose, ca_file=demo.ca_file), choose)
        self.pairs: list[tuple[str, str]] = []
        self.query: dict[str, str] = {}

    def show_address(self, url: str, *, opened: bool) -> None:
        self.pairs = parse_qsl(urlsplit(url).query)
        self.query = dict(self.pairs)
        super().show_address(url, opened=opened)


def test_capabilities_of_a_person(profile: Any, sent: Any, demo: DemoServer) -> None:
    """Capabilities reach the authorization and the token request, as claims."""
    profile("demo", client_capabilities=("CP1",))
    prompt = Watched(demo)
    nbauth.login("demo", flow="loopback", prompt=prompt)
    assert json.loads(prompt.query["claims"]) == CLAIMS
    assert [json.loads(form["claims"]) for form in _parameters(sent, "token")] == [CLAIMS]


def test_capabilities_with_a_challenge(profile: Any, sent: Any, demo: DemoServer) -> None:
    """Capabilities are asked for beside the claims of a challenge."""
    made = profile("demo", client_capabilities=("CP1",))
    nbauth.login("demo", flow="loopback", prompt=Watched(demo))
    credential = kernel.credential_of(made, made.login_scopes)
    credential.step_up(made.login_scopes, '{"access_token": {"acrs": {"essential": true, "value": "c1"}}}')
    prompt = Watched(demo)
    nbauth.login(made.name, flow="loopback", prompt=prompt)
    expected = {"acrs": {"essential": True, "value": "c1"}, "xms_cc": {"values": ["CP1"]}}
    assert {"access_token": expected} == json.loads(prompt.query["claims"])


def test_capabilities_of_an_application(profile: Any, sent: Any) -> None:
    """Capabilities of an application reach the token request."""
    profile("nightly", client_capabilities=("CP1",))
    nbauth.login("nightly")
    assert [json.loads(form["claims"]) for form in _parameters(sent, "token")] == [CLAIMS]


@pytest.mark.parametrize(
    ("options", "parameter", "expected"),
    [
        ({"prompt": "consent"}, "prompt", "consent"),
        ({"login_hint": "bob@contoso.example"}, "login_hint", "bob@contoso.example"),
        ({"domain_hint": "contoso.example"}, "domain_hint", "contoso.example"),
        ({"exclude_scopes": ("offline_access",)}, "scope", None),
    ],
    ids=["prompt", "login_hint", "domain_hint", "exclude_scopes"],
)
def test_parameters_of_the_authorization_request(
    options: Any, parameter: str, expected: Any, profile: Any, demo: DemoServer
) -> None:
    """Each parameter of the authorization request is the profile's."""
    profile("demo", **options)
    prompt = Watched(demo, "bob")
    nbauth.login("demo", flow="loopback", prompt=prompt)
    got = prompt.query[parameter]
    if expected is None:
        assert "offline_access" not in got.split()
    else:
        assert expected == got


# Further parameters

AUDIENCE, RESOURCE = {"audience": "https://api.example.com/&prompt=none"}, {"resource": "urn:example:data"}
PARAMETERS = {**AUDIENCE, **RESOURCE, "kc_idp_hint": "github"}


def _of(asked: dict[str, str]) -> dict[str, str]:
    return {name: asked[name] for name in PARAMETERS if name in asked}


def test_further_parameters_of_a_person(profile: Any, sent: Any, demo: DemoServer) -> None:
    """They are in the authorization request, each once; the token requests after it say again what a token is for."""
    made = profile("demo", authorization_parameters=PARAMETERS)
    prompt = Watched(demo)
    nbauth.login("demo", flow="loopback", prompt=prompt)
    assert _of(prompt.query) == PARAMETERS
    assert len(dict(prompt.pairs)) == len(prompt.pairs)
    credential = kernel.credential_of(made, made.login_scopes)
    credential.token(made.login_scopes, rejected=credential.token(made.login_scopes))
    forms = _parameters(sent, "token")
    assert [(form["grant_type"], _of(form)) for form in forms] == [
        ("authorization_code", RESOURCE),
        ("refresh_token", RESOURCE),
    ]


def test_further_parameters_with_a_device_code(profile: Any, sent: Any, demo: DemoServer) -> None:
    """The request for a device code is the authorization request there (RFC 8628 §3.1)."""
    profile("demo", authorization_parameters=PARAMETERS)
    nbauth.login("demo", flow="device_code", prompt=Watched(demo))
    assert [_of(form) for form in _parameters(sent, "devicecode")] == [PARAMETERS]
    assert [_of(form) for form in _parameters(sent, "token")][-1] == RESOURCE


def test_further_parameters_of_an_application(profile: Any, sent: Any) -> None:
    """An application has no other request than that for its token (RFC 6749 §4.4)."""
    profile("nightly", authorization_parameters=PARAMETERS)
    nbauth.login("nightly")
    assert [_of(form) for form in _parameters(sent, "token")] == [PARAMETERS]


def test_what_an_api_asks_comes_first(profile: Any, demo: DemoServer) -> None:
    """What an API asks of the authentication takes the place of what the profile says of it (RFC 9470 §4)."""
    profile("demo", authorization_parameters={"acr_values": "silver", "ui_locales": "de"})
    prompt = Watched(demo)
    nbauth.login("demo", flow="loopback", prompt=prompt)
    assert prompt.query["acr_values"] == "silver"
    challenge = 'Bearer error="insufficient_user_authentication", acr_values="gold"'
    demo.api.faults.add("*/cities", status=401, headers={"WWW-Authenticate": challenge}, times=2)
    with pytest.raises(SignInRequired):
        nbauth.read(f"{demo.api_url}/cities", profile="demo")
    prompt = Watched(demo)
    nbauth.login("demo", flow="loopback", prompt=prompt)
    assert (prompt.query["acr_values"], prompt.query["ui_locales"]) == ("gold", "de")
    assert len(dict(prompt.pairs)) == len(prompt.pairs)


def test_tokens_for_another_audience(demo: DemoServer) -> None:
    """A profile that asks with other parameters gets tokens of its own: scopes alone do not tell an audience."""
    before = kernel.config().profiles["demo"]
    first = dataclasses.replace(before, name="first", authorization_parameters={"audience": "one"})
    second = dataclasses.replace(first, name="second", authorization_parameters={"audience": "two"})
    kernel.add_profile(first)
    kernel.add_profile(second)
    nbauth.login("first", flow="loopback", prompt=Watched(demo))
    with pytest.raises(SignInRequired):
        kernel.credential_of(second, second.login_scopes).token(second.login_scopes)
    kernel.add_profile(dataclasses.replace(second, name="first"))  # edited while the kernel runs
    prompt = Watched(demo)
    nbauth.login("first", flow="loopback", prompt=prompt)
    assert prompt.query["audience"] == "two"


def test_parameters_are_part_of_what_is_remembered(demo: DemoServer) -> None:
    """What was remembered for one audience is not another one's; without parameters nothing changes."""
    without = kernel.config().profiles["demo"]
    empty, *others = (
        dataclasses.replace(without, authorization_parameters=given) for given in ({}, AUDIENCE, RESOURCE, PARAMETERS)
    )
    for name in (fingerprint, application_name, cache_key):
        assert name(empty) == name(without)
        assert len({name(each) for each in (without, *others)}) == 4


# Proxies


class ConnectProxy:
    """A proxy that only tunnels (RFC 9110 §9.3.6), and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._tunnel, args=(client,), daemon=True).start()

    def _tunnel(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        self.asked.append(target)
        assert method == "CONNECT"
        host, _, port = target.rpartition(":")
        with client, socket.create_connection((host, int(port))) as server:
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    (server if ready is client else client).sendall(data)

    def close(self) -> None:
        self._listening.close()


@pytest.fixture
def proxy() -> Iterator[ConnectProxy]:
    """A proxy."""
    made = ConnectProxy()
    yield made
    made.close()


def test_proxy_of_the_profile(profile: Any, proxy: ConnectProxy, demo: DemoServer) -> None:
    """Requests to the provider go through the profile's proxy."""
    profile("nightly", proxies={"https": proxy.url})
    nbauth.login("nightly")
    assert {urlsplit(demo.authority).netloc} == set(proxy.asked)


def test_proxy_of_the_environment(profile: Any, proxy: ConnectProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the key the environment's proxy is taken, and an empty table means none."""
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")
    profile("nightly", proxies={})
    nbauth.login("nightly")
    assert proxy.asked == []
    kernel.logout("nightly")
    profile("nightly", prompt="login")
    nbauth.login("nightly")
    assert proxy.asked != []
    monkeypatch.setenv("NO_PROXY", "localhost")
    monkeypatch.setenv("no_proxy", "localhost")
    before = len(proxy.asked)
    kernel.logout("nightly")
    profile("nightly", prompt="consent")
    nbauth.login("nightly")
    assert before == len(proxy.asked)


def test_proxy_that_is_down(profile: Any) -> None:
    """A proxy that does not answer is named as the trouble."""
    profile("nightly", proxies={"https": "http://127.0.0.1:9"})
    with pytest.raises(
        ProviderUnavailable, match=r"the proxy http://127.0.0.1:9 \(proxies in the profile\) cannot be reached"
    ):
        nbauth.login("nightly")


def test_a_silent_provider_is_given_up(profile: Any) -> None:
    """A provider that stays silent is given up after the profile's time."""
    profile("nightly", timeout_s=0.5)
    listening = socket.create_server(("127.0.0.1", 0))
    silent = dataclasses.replace(
        kernel.config().profiles["nightly"],
        authority=f"https://localhost:{listening.getsockname()[1]}/contoso.example",
    )
    kernel.add_profile(silent)
    started = time.monotonic()
    with pytest.raises(ProviderUnavailable, match=r"did not answer in time|cannot be reached"):
        nbauth.login("nightly")
    listening.close()
    assert time.monotonic() - started < 20


# Regions


def _regional(contoso: DemoServer, **options: Any) -> Profile:
    return Profile(
        "job",
        client_id=contoso.confidential_client_id,
        apis={contoso.api_origin: ["api://nbauth-demo/.default"]},
        client_secret={"file": str(contoso.directory / "nightly.secret")},  # type: ignore[arg-type]  # as in the file
        ca_bundle=str(contoso.ca_file),
        tenant="contoso.example",
        **options,
    )


@pytest.mark.parametrize(
    ("cloud", "host"),
    [("public", "westeurope.login.microsoft.com"), ("us_government", "westeurope.login.microsoftonline.us")],
)
def test_tokens_come_from_the_region(
    cloud: str, host: str, contoso: DemoServer, caplog: pytest.LogCaptureFixture
) -> None:
    """An application's tokens come from the region's own token service, and nothing is said about another region."""
    kernel.add_profile(_regional(contoso, azure_region="westeurope", cloud=cloud))
    nbauth.login("job")
    assert [host] == [r.host.partition(":")[0] for r in contoso.provider.requests if r.path.endswith("/token")]
    assert "region" not in caplog.text.lower()


def test_region_of_the_machine(contoso: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """With "auto" the machine's own metadata service says where it is."""
    asked: list[Any] = []

    class Metadata(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Metadata"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"location": "westeurope"}')

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    server = HTTPServer(("127.0.0.1", 0), Metadata)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    resolve = socket.getaddrinfo

    def pinned(host: Any, *rest: Any, **options: Any) -> Any:
        if host == "169.254.169.254":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", server.server_address)]
        return resolve(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", pinned)
    kernel.add_profile(_regional(contoso, azure_region="auto"))
    nbauth.login("job")
    server.shutdown()
    server.server_close()
    assert asked == [("/metadata/instance/compute?api-version=2021-02-01", "true")]
    hosts = [r.host.partition(":")[0] for r in contoso.provider.requests if r.path.endswith("/token")]
    assert hosts == ["westeurope.login.microsoft.com"]


def test_no_region(contoso: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is in no region, and an environment that would force one, lead to the service for all."""
    monkeypatch.setenv("MSAL_FORCE_REGION", "evil")
    monkeypatch.setenv("REGION_NAME", "not/a.region")
    for name, region in (("auto", "auto"), ("none", None)):
        kernel.add_profile(dataclasses.replace(_regional(contoso, azure_region=region), name=name))
        nbauth.login(name)
    hosts = {r.host.partition(":")[0] for r in contoso.provider.requests if r.path.endswith("/token")}
    assert {"login.microsoftonline.com"} == hosts
    assert "evil.login.microsoft.com" not in HOSTS


# Wrong values


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"proxies": "http://proxy:3128"}, r"proxies: expected a table such as"),
        ({"proxies": {"ftp": "http://proxy:3128"}}, r"proxies: expected https or http as the key, found 'ftp'"),
        ({"proxies": {"https": "proxy"}}, r"proxies: expected an address such as"),
        ({"proxies": {"https": "http://a..b:3128"}}, r"proxies: the URL's host name is not valid; expected an address"),
        ({"proxies": {"https": "http://proxy:0x"}}, r"proxies: expected an address such as"),
        ({"proxies": {"https": "http://me:hunter2@proxy:3128"}}, r"proxies: a proxy's password is refused here"),
        ({"proxies": {"https": 1}}, r"proxies: expected the proxy's address as a text, found int"),
        ({"timeout_s": 0}, r"timeout_s: expected seconds, more than 0 and up to 300; found 0"),
        ({"timeout_s": True}, r"timeout_s: expected seconds"),
        ({"timeout_s": float("nan")}, r"timeout_s: expected seconds"),
        ({"timeout_s": "30"}, r"timeout_s: expected seconds"),
        ({"azure_region": "West Europe"}, r'azure_region: expected a region such as "westeurope", or "auto"'),
        ({"azure_region": "westeurope"}, r"azure_region: only an application at Entra"),
        ({"client_capabilities": "CP1"}, r"client_capabilities: expected a list of texts"),
        ({"broker": "yes"}, r"broker: expected true or false, found 'yes'"),
    ],
)
def test_wrong_values(options: Any, message: str, demo: DemoServer) -> None:
    """A value that is not what it should be is named with its key and what is expected; no password is repeated."""
    profile = config.load(demo.config_path).profiles["demo"]
    with pytest.raises(ConfigError, match=message) as caught:
        dataclasses.replace(profile, **options)
    assert "hunter2" not in str(caught.value)


def test_broker_is_a_persons(demo: DemoServer) -> None:
    """An application has no broker."""
    profile = config.load(demo.config_path).profiles["nightly"]
    with pytest.raises(ConfigError, match="only a person at Entra signs in through a broker"):
        dataclasses.replace(profile, broker=True)
