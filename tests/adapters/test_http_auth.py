"""`nbauth.auth` in requests, httpx and aiohttp: what each sends, what it sends again, and where no token goes."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import hashlib
import io
import logging
import pickle
import ssl
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import pytest
import requests
from fake_marimo import FakeMarimo
from http_clients import CLIENTS
from IPython.lib.pretty import pretty
from loopback_api import Reply, as_json, redirect, serving
from requests.adapters import HTTPAdapter

import nbauth
from nbauth import kernel
from nbauth.demo.certificates import make_server_tls
from nbauth.errors import ConfigError, DataError, OriginNotAllowed, SignInRequired
from nbauth.process.visitors import visiting
from nbauth.signin.loans import Loan

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from loopback_api import Seen, Server

    from nbauth.demo.certificates import ServerTls
    from nbauth.demo.server import DemoServer


EVERY = pytest.mark.parametrize("send", list(CLIENTS.values()), ids=list(CLIENTS))
ASKED = {"access_token": {"acrs": {"essential": True, "value": "c1"}}}
ROWS = as_json([{"id": 1}])
NO = Reply(b"", 401)


@pytest.fixture
def alice(demo: DemoServer, person: Callable[..., Any]) -> Iterator[DemoServer]:
    """The demo's API, with Alice signed in."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    demo.provider.requests.clear()
    yield demo
    demo.api.bearer.demanded = None


@pytest.fixture
def other(demo: DemoServer) -> Iterator[Server]:
    """Another API, which the same profile names."""
    with serving() as server:
        yield server


@pytest.fixture
def files(demo: DemoServer, api: Server, other: Server, person: Callable[..., Any]) -> str:
    """Two APIs of one profile, each with scopes of its own, for Alice, who is signed in; the first one's origin."""
    profile = kernel.config().profiles["demo"]
    both = profile.apis[demo.api_origin]
    apis = {api.origin: both[:1], other.origin: both[1:]}
    kernel.add_profile(dataclasses.replace(profile, name="files", apis=apis))
    nbauth.login("files", flow="paste", prompt=person(), timeout_s=20)
    demo.provider.requests.clear()
    return api.origin


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ServerTls:
    """A certificate of this machine."""
    return make_server_tls(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(tls: ServerTls, files: str) -> Iterator[Server]:
    """An API by https, which the profile names beside the others."""
    with serving(tls.context) as server:
        profile = kernel.config().profiles["files"]
        kernel.add_profile(dataclasses.replace(profile, apis={**profile.apis, server.origin: profile.apis[files]}))
        server.routes["/rows"] = ROWS
        yield server


def _token(row: int = 0) -> str:
    """Return the token of the first or the second row."""
    profile = kernel.config().profiles["files"]
    scopes = list(profile.apis.values())[row]
    return kernel.credential_of(profile, scopes).token(scopes)


@EVERY
def test_a_request_is_signed(send: Any, alice: DemoServer) -> None:
    """The API answers, one request is all, and no later one asks the provider."""
    assert "Quito" in send(f"{alice.api_url}/cities").text
    assert send(f"{alice.api_url}/cities").status == 200
    assert [record.status for record in alice.api.requests] == [200, 200]
    assert len(alice.provider.requests) == 0


@EVERY
def test_a_token_that_is_no_longer_good(send: Any, alice: DemoServer) -> None:
    """A token that the API answers with 401 is replaced, and the request sent again, once."""
    alice.provider.clock.advance(7200)
    try:
        assert send(f"{alice.api_url}/cities").status == 200
    finally:
        alice.provider.clock.reset()
    assert [record.status for record in alice.api.requests] == [401, 200]
    assert [record.grant_type for record in alice.provider.requests] == ["refresh_token"]


@EVERY
def test_an_api_that_takes_no_token(send: Any, files: str, api: Server, demo: DemoServer) -> None:
    """An API that answers every token with 401 is asked twice, and its answer is the caller's."""
    api.routes["/rows"] = Reply(b"no", 401)
    answer = send(f"{files}/rows")
    assert (answer.status, answer.text) == (401, "no")
    assert len(api.seen) == 2
    assert len({seen.token for seen in api.seen} - {None}) == 2
    assert demo.provider.requests.count("*/token") == 1


@EVERY
def test_claims_that_the_provider_gives(send: Any, alice: DemoServer) -> None:
    """Claims that the API asks for come with one refresh and one retry."""
    alice.api.bearer.demanded = ASKED
    assert send(f"{alice.api_url}/cities").status == 200
    assert [record.status for record in alice.api.requests] == [401, 200]
    assert [record.grant_type for record in alice.provider.requests] == ["refresh_token"]


@EVERY
def test_claims_that_a_person_has_to_meet(send: Any, alice: DemoServer) -> None:
    """Claims that only a person can meet are an error that carries them, and says what to type."""
    alice.api.bearer.demanded = ASKED
    alice.provider.settings.claims_need_person = True
    with pytest.raises(SignInRequired, match=r"""Profile 'demo'.*nbauth\.login\("demo"\)""") as caught:
        send(f"{alice.api_url}/cities")
    assert "acrs" in (caught.value.claims or "")


@EVERY
def test_an_api_that_is_never_content(send: Any, alice: DemoServer) -> None:
    """An API that asks again after the claims were given leads to one retry, then to the person."""
    alice.api.bearer.demanded = {"access_token": {"nobody_has_this": {"essential": True}}}
    with pytest.raises(SignInRequired):
        send(f"{alice.api_url}/cities")
    assert alice.provider.requests.count("*/token") == 1
    assert len(alice.api.requests) == 2


@EVERY
def test_a_token_that_has_expired(send: Any, demo: DemoServer, person: Callable[..., Any]) -> None:
    """A token that has expired since the last request is renewed before the next one, which the API never refuses."""
    demo.provider.settings.access_token_s = 1
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    time.sleep(1.1)
    demo.provider.settings.access_token_s = 3600
    assert send(f"{demo.api_url}/cities").status == 200
    assert [record.status for record in demo.api.requests] == [200]


# Bodies


def _refuse_first(api: Server) -> list[bytes]:
    """Answer the first request for `/rows` with 401; return the bodies that come."""
    bodies: list[bytes] = []

    def answer(seen: Seen) -> Reply:
        bodies.append(seen.body)
        return Reply(b"", 401) if len(bodies) == 1 else ROWS

    api.routes["/rows"] = answer
    return bodies


@EVERY
def test_a_body_in_memory_is_sent_again(send: Any, files: str, api: Server) -> None:
    """A body that is in memory comes twice, whole."""
    bodies = _refuse_first(api)
    assert send(f"{files}/rows", method="POST", body=b"x" * 100_000).status == 200
    assert bodies == [b"x" * 100_000] * 2


async def _parts() -> Any:
    yield b"one,"
    yield b"two"


ONCE: dict[str, Callable[[], Any]] = {
    "requests": lambda: iter([b"one,", b"two"]),
    "httpx": lambda: iter([b"one,", b"two"]),
    "httpx-async": _parts,
    "aiohttp": _parts,
}


@pytest.mark.parametrize("client", list(CLIENTS))
def test_a_body_that_can_be_sent_once_only(client: str, files: str, api: Server, demo: DemoServer) -> None:
    """The 401 is the caller's, who has the body; the request that they send next has another token."""
    bodies = _refuse_first(api)
    send, body = CLIENTS[client], ONCE[client]
    assert send(f"{files}/rows", method="POST", body=body()).status == 401
    assert send(f"{files}/rows", method="POST", body=body()).status == 200
    assert bodies == [b"one,two"] * 2
    assert api.seen[0].token != api.seen[1].token
    assert demo.provider.requests.count("*/token") == 1


@pytest.mark.parametrize("client", ["requests", "httpx", "aiohttp"])
def test_a_file_is_sent_once_only(client: str, files: str, api: Server) -> None:
    """A file that was read up to its end is not sent again as an empty one."""
    bodies = _refuse_first(api)
    assert CLIENTS[client](f"{files}/rows", method="POST", body=io.BytesIO(b"rows")).status == 401
    assert bodies == [b"rows"]


# Where no token goes


@EVERY
def test_a_stranger_sees_no_request(send: Any, files: str, stranger: Server) -> None:
    """An origin that no profile names gets no request, and the error says what to add."""
    with pytest.raises(OriginNotAllowed, match=r"No profile of .* names http"):
        send(f"{stranger.origin}/rows")
    assert stranger.seen == []


@EVERY
@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://api.example.com/rows", OriginNotAllowed),
        ("http://alice:secret@localhost:1/rows", (ConfigError, OriginNotAllowed)),
    ],
)
def test_urls_that_are_refused(send: Any, files: str, url: str, error: Any) -> None:
    """A token is not sent by http to another machine, and a URL has no user of its own."""
    with pytest.raises(error) as caught:
        send(url)
    assert "secret" not in str(caught.value)


@EVERY
def test_nobody_is_signed_in(send: Any, demo: DemoServer) -> None:
    """The error names the profile and what to type, and nothing is sent."""
    with pytest.raises(SignInRequired, match=r"""'demo'.*nbauth\.login\("demo"\)"""):
        send(f"{demo.api_url}/cities")
    assert len(demo.api.requests) + len(demo.provider.requests) == 0


@EVERY
def test_another_profile_names_it(send: Any, files: str, demo: DemoServer) -> None:
    """One that is for a profile serves no other profile's origin."""
    with pytest.raises(OriginNotAllowed, match="'files'"):
        send(f"{demo.api_url}/cities", profile="files")
    assert len(demo.api.requests) == 0


def test_a_profile_that_is_not_there(demo: DemoServer) -> None:
    """A profile's name is checked at once."""
    with pytest.raises(ConfigError, match="nobody"):
        nbauth.auth("nobody")


# Redirects


@EVERY
def test_a_redirect_within_the_origin(send: Any, files: str, api: Server) -> None:
    """The token goes along, and neither answer shows it."""
    api.routes.update({"/old": redirect("/rows"), "/rows": ROWS})
    answer = send(f"{files}/old")
    assert answer.status == 200
    assert [seen.token for seen in api.seen] == [_token()] * 2
    assert _token() not in _shown(answer.response)


@EVERY
def test_a_redirect_to_a_stranger(send: Any, files: str, api: Server, stranger: Server) -> None:
    """A stranger gets no token, not even one that asks for it, nor does the API that the stranger leads back to."""
    api.routes["/old"] = redirect(f"{stranger.origin}/rows")
    stranger.routes["/rows"] = Reply(b"", 401, {"WWW-Authenticate": "Bearer"})
    assert send(f"{files}/old").status == 401
    assert [seen.token for seen in stranger.seen] == [None]
    stranger.routes["/rows"] = redirect(f"{files}/rows")
    api.routes["/rows"] = Reply(b"", 401)
    assert send(f"{files}/old").status == 401
    assert [seen.token for seen in api.seen if seen.path == "/rows"] == [None]


@EVERY
def test_a_redirect_to_another_origin_of_the_profile(send: Any, files: str, api: Server, other: Server) -> None:
    """Another origin of the same profile gets the token of its own row, and never the first one's."""
    api.routes["/old"] = redirect(f"{other.origin}/rows")
    other.routes["/rows"] = lambda seen: ROWS if seen.token else Reply(b"", 401)
    assert send(f"{files}/old").status == 200
    assert {seen.token for seen in other.seen} - {None} == {_token(1)}
    assert _token(0) != _token(1)


@EVERY
def test_redirects_there_and_back(send: Any, files: str, api: Server, other: Server, demo: DemoServer) -> None:
    """Origins of the profile that send a request to and fro get their own tokens, and no refresh is asked for."""
    api.routes.update({"/old": redirect(f"{other.origin}/old"), "/rows": lambda seen: ROWS if seen.token else NO})
    other.routes["/old"] = lambda seen: redirect(f"{files}/rows") if seen.token else NO
    assert send(f"{files}/old").status == 200
    assert {seen.token for seen in api.seen} - {None} == {_token(0)}
    assert {seen.token for seen in other.seen} - {None} == {_token(1)}
    assert demo.provider.requests.count("*/token") <= 1  # for the second row, where nobody has asked yet


@EVERY
def test_a_redirect_to_another_profile(send: Any, files: str, api: Server, alice: DemoServer) -> None:
    """An API does not say where another profile's token goes."""
    api.routes["/old"] = redirect(f"{alice.api_url}/cities")
    assert send(f"{files}/old").status == 401
    assert [record.status for record in alice.api.requests] == [401]
    assert send(f"{alice.api_url}/cities").status == 200  # which the caller names


@EVERY
def test_a_redirect_to_http(send: Any, secure: Server, tls: ServerTls, stranger: Server) -> None:
    """The token of an API by https does not follow a redirect to http."""
    secure.routes["/old"] = redirect(f"{stranger.origin}/rows")
    stranger.routes["/rows"] = ROWS
    assert send(f"{secure.origin}/old", ca=tls.ca_file).status == 200
    assert [seen.token for seen in stranger.seen] == [None]


@EVERY
def test_a_redirect_that_is_not_followed(send: Any, files: str, api: Server) -> None:
    """What a caller gets of a redirect that they follow themselves has no token in it."""
    api.routes["/old"] = redirect("/rows")
    option = "follow_redirects" if "httpx" in send.__name__ else "allow_redirects"
    answer = send(f"{files}/old", **{option: False})
    assert answer.status == 302
    assert _token() not in _shown(answer.response)


# Servers that nobody verifies, and proxies that read


@EVERY
def test_https(send: Any, secure: Server, tls: ServerTls) -> None:
    """With the server's authority named to the client, the token goes there."""
    assert send(f"{secure.origin}/rows", ca=tls.ca_file).status == 200
    assert secure.seen[0].token == _token()


@EVERY
@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")  # which urllib3 says of the connection
def test_a_server_that_is_not_verified(send: Any, secure: Server) -> None:
    """With `verify=False` the server sees no request, and the error says what to write."""
    with pytest.raises(ConfigError, match=r"does not verify the server.*verify='ca\.pem'"):
        send(f"{secure.origin}/rows", verify=False)
    assert secure.seen == []


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")  # which urllib3 says of the connection
def test_a_prepared_request_that_is_not_verified(
    secure: Server, tls: ServerTls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With requests it does not matter where, when and how `verify=False` was said."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # which come before a session's own setting
        monkeypatch.delenv(name, raising=False)
    with requests.Session() as session:
        prepared = session.prepare_request(requests.Request("GET", f"{secure.origin}/rows", auth=nbauth.auth()))
        assert session.send(prepared.copy(), verify=str(tls.ca_file)).status_code == 200
        with pytest.raises(ConfigError, match="does not verify"):
            session.send(prepared, verify=False)
        session.verify = False
        with pytest.raises(ConfigError, match="does not verify"):
            session.get(f"{secure.origin}/rows", auth=nbauth.auth())
    assert len(secure.seen) == 1


def test_connectors_and_contexts_that_do_not_verify(secure: Server, tls: ServerTls) -> None:
    """With aiohttp and httpx a connector's and a context's own settings count, too."""
    unnamed = ssl.create_default_context(cafile=str(tls.ca_file))
    unnamed.check_hostname = False

    async def send(connector: aiohttp.TCPConnector) -> None:
        async with aiohttp.ClientSession(connector=connector, middlewares=(nbauth.auth(),)) as session:
            await session.get(f"{secure.origin}/rows")

    for setting in (False, unnamed):

        async def connected(setting: Any = setting) -> None:
            await send(aiohttp.TCPConnector(ssl=setting))

        with pytest.raises(ConfigError, match="does not verify"):
            asyncio.run(connected())
    with (
        httpx.Client(auth=nbauth.auth(), verify=unnamed) as client,
        pytest.raises(ConfigError, match="does not verify"),
    ):
        client.get(f"{secure.origin}/rows")
    assert secure.seen == []


@EVERY
def test_a_proxy_that_would_read_the_token(
    send: Any, files: str, stranger: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By http, which is for this machine alone, no token goes by a proxy."""
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, stranger.origin)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    options = {"proxy": stranger.origin} if send.__name__ == "by_aiohttp" else {}
    with pytest.raises(ConfigError, match="NO_PROXY"):
        send(f"{files}/rows", **options)
    assert stranger.seen == []


class _KeepsHeaders(requests.Session):
    """A session as some APIs' documentation has it: the header stays on a redirect, wherever that leads."""

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        pass


def test_a_session_that_keeps_the_header_on_a_redirect(files: str, api: Server, stranger: Server) -> None:
    """No token goes to a stranger by a session whose own way with redirects keeps the header."""
    api.routes["/moved"] = redirect(f"{stranger.origin}/rows")
    with _KeepsHeaders() as session, pytest.raises(OriginNotAllowed, match="signed for another server"):
        session.get(f"{files}/moved", auth=nbauth.auth())
    assert stranger.seen == []


def test_a_prepared_request_whose_url_is_changed(files: str, stranger: Server) -> None:
    """A request that was signed for one server carries no token to another one."""
    with requests.Session() as session:
        prepared = session.prepare_request(requests.Request("GET", f"{files}/rows", auth=nbauth.auth()))
        prepared.url = f"{stranger.origin}/rows"
        with pytest.raises(OriginNotAllowed, match="signed for another server"):
            session.send(prepared)
    assert stranger.seen == []


class _AnyName(HTTPAdapter):
    """An adapter for which any name in a certificate will do."""

    def init_poolmanager(self, *args: Any, **options: Any) -> Any:
        return super().init_poolmanager(*args, **options, assert_hostname=False)


def test_an_adapter_that_looks_at_no_name(secure: Server, tls: ServerTls, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a certificate that may be in anybody's name the server sees no request."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    with requests.Session() as session:
        session.mount("https://", _AnyName())
        with pytest.raises(ConfigError, match="does not verify"):
            session.get(f"{secure.origin}/rows", auth=nbauth.auth(), verify=str(tls.ca_file))
    assert secure.seen == []


class _Wrapping(httpx.BaseTransport):
    """A transport around another one, as those are that cache or try again."""

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self._transport = transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._transport.handle_request(request)

    def close(self) -> None:
        self._transport.close()


class _WithKey(httpx.Auth):
    """Another way to authenticate, with ours in it."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["x-key"] = "1"
        yield from nbauth.auth().sync_auth_flow(request)


@pytest.mark.parametrize("is_wrapped", [True, False])
def test_what_stands_between_httpx_and_its_connections(secure: Server, tls: ServerTls, *, is_wrapped: bool) -> None:
    """Whether the server is verified is seen through a transport around another one, and from within another flow."""

    def send(trust: Any) -> int:
        transport = _Wrapping(_Wrapping(httpx.HTTPTransport(verify=trust))) if is_wrapped else None
        signer = nbauth.auth() if is_wrapped else _WithKey()
        with httpx.Client(auth=signer, verify=trust, transport=transport) as client:
            return client.get(f"{secure.origin}/rows").status_code

    with pytest.raises(ConfigError, match="does not verify"):
        send(False)
    assert secure.seen == []
    assert send(ssl.create_default_context(cafile=str(tls.ca_file))) == 200


# What shows


def _shown(response: Any) -> str:
    """Return what a response, its history and its requests hold of texts, as far as anybody may print or pickle it."""
    texts = []
    for each in (*response.history, response, getattr(response, "next_request", None)):
        if each is None:
            continue
        request = getattr(each, "request", None) or getattr(each, "request_info", None) or each
        texts += [
            repr(each),
            repr(vars(each)),
            repr(request),
            str(dict(request.headers)),
            "".join(request.headers.values()),
        ]
        if not isinstance(each, aiohttp.ClientResponse):
            texts.append(pickle.dumps(each).decode("latin-1"))
    return "\n".join(texts)


@EVERY
def test_an_answer_shows_no_token(
    send: Any, files: str, api: Server, demo: DemoServer, caplog: pytest.LogCaptureFixture
) -> None:
    """No response, request, pickle or log at DEBUG holds a token; nor do those of a retry."""
    caplog.set_level(logging.DEBUG)
    bodies = _refuse_first(api)
    answer = send(f"{files}/rows")
    assert len(bodies) == 2
    shown = _shown(answer.response) + caplog.text
    tokens = [seen.token for seen in api.seen]
    assert all(tokens)
    assert not [token for token in tokens if token and (token in shown or token[-40:-8] in shown)]


def test_what_raise_for_status_shows(files: str, api: Server) -> None:
    """The error of aiohttp's own, which holds the request's headers, shows no token."""
    api.routes["/rows"] = Reply(b"", 500)

    async def send() -> None:
        async with aiohttp.ClientSession(middlewares=(nbauth.auth(),), raise_for_status=True) as session:
            await session.get(f"{files}/rows")

    with pytest.raises(aiohttp.ClientResponseError) as caught:
        asyncio.run(send())
    assert api.seen[0].token == _token()
    assert _token() not in repr(caught.value) + str(caught.value.request_info)


def test_itself(files: str) -> None:
    """It cannot be pickled, and its repr names origins alone."""
    signer = nbauth.auth()
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(signer)
    assert repr(signer).startswith("<nbauth.auth for http://localhost:")
    assert pretty(signer) == repr(signer)  # what a notebook shows


def test_what_a_person_is_shown(files: str, api: Server, other: Server) -> None:
    """The kernel tells what the sign-in is lent to, from the first request on, as long as it is held."""
    api.routes["/rows"] = ROWS
    signer = nbauth.auth()
    assert kernel.loans() == []
    for _ in range(2):
        requests.get(f"{files}/rows", auth=signer, timeout=20)
    assert kernel.loans() == [Loan("files", "nbauth.auth", f"{files}, {other.origin}")]
    del signer
    assert kernel.loans() == []


# Sign-ins that change


def test_a_prepared_request_is_sent_again(files: str, api: Server, demo: DemoServer) -> None:
    """One that is sent again and again has a good token each time, and none after a sign-out."""
    api.routes["/rows"] = ROWS
    with requests.Session() as session:
        prepared = session.prepare_request(requests.Request("GET", f"{files}/rows", auth=nbauth.auth()))
        assert [session.send(prepared).status_code for _ in range(3)] == [200] * 3
        assert {seen.token for seen in api.seen} == {_token()}
        assert "Authorization" not in prepared.headers
        revoked = {seen.token for seen in api.seen}
        api.routes["/rows"] = lambda seen: Reply(b"", 401) if seen.token in revoked else ROWS
        assert session.send(prepared).status_code == 200
        sent = len(api.seen)
        nbauth.logout("files")
        with pytest.raises(SignInRequired):
            session.send(prepared)
    assert len(api.seen) == sent


@EVERY
def test_a_sign_out_in_mid_call(send: Any, files: str, api: Server) -> None:
    """A sign-out while the API takes its time holds at once: nothing is sent again."""

    def answer(seen: Seen) -> Reply:
        with visiting(None):  # a server's thread is nobody's in particular once a web framework is loaded
            nbauth.logout("files")
        return Reply(b"", 401)

    api.routes["/rows"] = answer
    with pytest.raises(SignInRequired):
        send(f"{files}/rows")
    with pytest.raises(SignInRequired):
        send(f"{files}/rows")
    assert len(api.seen) == 1


@EVERY
def test_another_person_in_mid_call(
    send: Any, files: str, api: Server, demo: DemoServer, person: Callable[..., Any]
) -> None:
    """A call that one person began is not ended with another one's token."""

    def answer(seen: Seen) -> Reply:
        with visiting(None):
            nbauth.login("files", flow="paste", prompt=person("bob"), timeout_s=20, select_account=True)
        return Reply(b"", 401)

    api.routes["/rows"] = answer
    with pytest.raises(DataError, match="another sign-in"):
        send(f"{files}/rows")
    assert len(api.seen) == 1


@pytest.mark.parametrize("client", list(CLIENTS))
def test_another_visitor(
    client: str, demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a server with several visitors it signs nothing in another visit than the one it was made in."""
    server = FakeMarimo(monkeypatch)
    for who in ("alice", "bob"):
        with server.visit(who):
            nbauth.login("demo", flow="paste", prompt=person(who), timeout_s=20)
    with server.visit("alice"):
        alices = nbauth.auth()
        monkeypatch.setattr(nbauth, "auth", lambda _profile: alices)
        assert CLIENTS[client](f"{demo.api_url}/me").text.count("alice@contoso.example") == 2
    demo.api.requests.clear()
    with server.visit("bob"), pytest.raises(SignInRequired, match="was made in another visit"):
        CLIENTS[client](f"{demo.api_url}/me")
    assert len(demo.api.requests) == 0


# Clients as people have them


def test_a_client_serves_many(files: str, api: Server, other: Server) -> None:
    """One httpx client, one requests session and one aiohttp session serve several origins, several times."""
    api.routes["/rows"] = other.routes["/rows"] = ROWS
    urls = [f"{files}/rows", f"{other.origin}/rows"] * 2
    with httpx.Client(auth=nbauth.auth()) as client:
        assert [client.get(url).status_code for url in urls] == [200] * 4
    with requests.Session() as session:
        session.auth = nbauth.auth()
        assert [session.get(url).status_code for url in urls] == [200] * 4

    async def several() -> list[int]:
        async with aiohttp.ClientSession(middlewares=(nbauth.auth(),)) as session:
            answers = await asyncio.gather(*(session.get(url) for url in urls))
            return [answer.status for answer in answers]

    assert asyncio.run(several()) == [200] * 4
    assert {seen.token for seen in api.seen} == {_token(0)}
    assert {seen.token for seen in other.seen} == {_token(1)}


def test_a_call_after_a_redirect(files: str, api: Server, alice: DemoServer) -> None:
    """With aiohttp the caller may go on themselves, in the same task, to another profile's origin."""
    api.routes["/old"] = redirect(f"{alice.api_url}/cities")

    async def go_on() -> int:
        async with aiohttp.ClientSession(middlewares=(nbauth.auth(),)) as session:
            first = await session.get(f"{files}/old", allow_redirects=False)
            return (await session.get(first.headers["Location"])).status

    assert asyncio.run(go_on()) == 200


def test_a_web_socket(files: str, api: Server) -> None:
    """A WebSocket of aiohttp's begins with a request that has the token of its origin (RFC 6455 §1.3)."""

    def answer(seen: Seen) -> Reply:
        key = seen.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode(), usedforsecurity=False).digest()).decode()
        headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}
        return Reply(b"\x81\x05hello\x88\x00", 101, headers, content_type=None)

    api.routes["/live"] = answer

    async def talk() -> str:
        url = f"{files}/live".replace("http:", "ws:")
        async with aiohttp.ClientSession(middlewares=(nbauth.auth(),)) as session, session.ws_connect(url) as socket:
            return await socket.receive_str()

    assert asyncio.run(talk()) == "hello"
    assert api.seen[0].token == _token()


def test_streams_of_requests(files: str, api: Server) -> None:
    """A body that a caller streams comes whole, after a retry, too."""
    _refuse_first(api)
    with requests.get(f"{files}/rows", auth=nbauth.auth(), stream=True, timeout=20) as answer:
        assert b"".join(answer.iter_content(3)) == ROWS.body


def test_streams_of_httpx(files: str, api: Server) -> None:
    """So it does with httpx."""
    _refuse_first(api)
    with httpx.stream("GET", f"{files}/rows", auth=nbauth.auth()) as answer:
        assert b"".join(answer.iter_bytes(3)) == ROWS.body


def test_httpx_is_imported_later() -> None:
    """It needs none of the libraries, and one that was made before httpx was imported serves it all the same."""
    script = """
import sys
from nbauth.adapters.http import HttpAuth
auth = HttpAuth(None)
assert not {"httpx", "aiohttp", "anyio"} & set(sys.modules), sorted(sys.modules)
import httpx
assert isinstance(auth, httpx.Auth) and isinstance(auth, HttpAuth)
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
