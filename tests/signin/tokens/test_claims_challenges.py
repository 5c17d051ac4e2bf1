"""Claims challenges: what an API asks of a token besides its scopes."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

import nbauth
from nbauth import kernel
from nbauth.errors import SignInRequired
from nbauth.signin.flows.redirect import _authentication

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nbauth.demo.server import DemoServer

ASKED = {"access_token": {"acrs": {"essential": True, "value": "c1"}}}


@pytest.fixture
def alice(demo: DemoServer, person: Any) -> Iterator[DemoServer]:
    """Alice signed in, and an API that then asks for more."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    demo.provider.requests.clear()
    demo.api.bearer.demanded = ASKED
    yield demo
    demo.api.bearer.demanded = {}


def test_silently(alice: DemoServer) -> None:
    """Where the provider gives the claims silently, one refresh and one retry are all, and later requests have them."""
    assert len(nbauth.read(f"{alice.api_url}/cities", profile="demo")) == 10
    assert [record.grant_type for record in alice.provider.requests] == ["refresh_token"]
    assert [record.status for record in alice.api.requests] == [401, 200, 200, 200]


def test_by_the_person(alice: DemoServer, person: Any) -> None:
    """Where a person has to meet them, the error carries the claims, and the next login asks for them."""
    alice.provider.settings.claims_need_person = True
    with pytest.raises(SignInRequired, match=r"""Profile 'demo'.*nbauth\.login\("demo"\)""") as caught:
        nbauth.read(f"{alice.api_url}/cities", profile="demo")
    assert json.loads(caught.value.claims or "null") == ASKED
    assert caught.value.profile == "demo"
    prompt = person()
    account = nbauth.login("demo", flow="paste", prompt=prompt, timeout_s=20)
    assert account.username == "alice@contoso.example"
    assert len(nbauth.read(f"{alice.api_url}/cities", profile="demo")) == 10
    alice.provider.requests.clear()
    nbauth.login("demo")  # the challenge is met: nobody is asked again
    assert len(alice.provider.requests) == 0


def test_an_api_that_is_never_content(alice: DemoServer) -> None:
    """An API that asks again after the claims were given leads to one retry, then to the person."""
    alice.api.bearer.demanded = {"access_token": {"nobody_has_this": {"essential": True}}}
    with pytest.raises(SignInRequired) as caught:
        nbauth.read(f"{alice.api_url}/cities", profile="demo")
    assert "nobody_has_this" in (caught.value.claims or "")
    assert alice.provider.requests.count("*/token") == 1
    assert len(alice.api.requests) == 2
    # Whoever asks again at once gets the same answer, and the provider is left alone.
    with pytest.raises(SignInRequired):
        nbauth.read(f"{alice.api_url}/cities", profile="demo")
    assert alice.provider.requests.count("*/token") == 1
    assert len(alice.api.requests) == 3


def test_many_threads(alice: DemoServer) -> None:
    """However many threads are challenged at once, one refresh gets the claims for all, and no later one lacks them."""
    with nbauth.session("demo") as session, ThreadPoolExecutor(16) as pool:
        for _ in range(3):
            futures = [pool.submit(session.get, f"{alice.api_url}/cities") for _ in range(48)]
            assert {future.result().status_code for future in futures} == {200}
    assert alice.provider.requests.count("*/token") == 1
    assert alice.api.requests.count(status=401) <= 16


def test_a_renewal_without_the_claims_is_not_enough(alice: DemoServer) -> None:
    """A token that was renewed meanwhile for another reason does not count as the one with the claims."""
    profile = kernel.config().profiles["demo"]
    credential, scopes = kernel.credential_of(profile, profile.login_scopes), profile.login_scopes
    first = credential.token(scopes)
    second = credential.token(scopes, rejected=first)
    third = credential.token(scopes, rejected=first, claims=json.dumps(ASKED))
    assert third not in (first, second)
    assert credential.token(scopes, rejected=first, claims=json.dumps(ASKED)) == third
    assert credential.token(scopes) == third


def test_a_body_that_cannot_be_sent_again(alice: DemoServer) -> None:
    """A request whose body was read away is not repeated, but the token has the claims at the next one."""
    with nbauth.session("demo") as session:
        assert session.get(f"{alice.api_url}/cities", data=io.BytesIO(b"x")).status_code == 401
        assert session.get(f"{alice.api_url}/cities").status_code == 200
    assert alice.provider.requests.count("*/token") == 1
    assert [record.status for record in alice.api.requests] == [401, 200]


def test_whose_claims(alice: DemoServer, person: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A challenge is the account's that met it: another one is switched to without being asked; a sign-out ends it."""
    nbauth.login("demo", flow="paste", prompt=person("bob"), account="bob@contoso.example", timeout_s=20)
    nbauth.login("demo", account="alice@contoso.example")
    alice.provider.settings.claims_need_person = True
    with pytest.raises(SignInRequired):
        nbauth.read(f"{alice.api_url}/cities", profile="demo")
    with monkeypatch.context() as here:
        here.setenv("NBAUTH_NONINTERACTIVE", "1")
        with pytest.raises(SignInRequired):  # hers is still to be met
            nbauth.login("demo")
        assert nbauth.login("demo", account="bob@contoso.example").username == "bob@contoso.example"
    kernel.logout("demo")
    assert "claims" not in _asked_of(person)


def _asked_of(person: Callable[..., Any]) -> dict[str, list[str]]:
    """Sign in and return the parameters of the address that the person opened."""
    prompt, opened = person(), []
    ask = prompt.ask_redirect
    prompt.ask_redirect = lambda url: (opened.append(url), ask(url))
    nbauth.login("demo", flow="paste", prompt=prompt, timeout_s=20)
    return parse_qs(urlsplit(opened[0]).query)


def test_stronger_authentication(alice: DemoServer, person: Any) -> None:
    """RFC 9470: what an API asks of the authentication is carried by the error, and asked for by the next login."""
    alice.api.bearer.demanded = {}
    challenge = (
        'Bearer error="insufficient_user_authentication", error_description="Stronger, please.", '
        'acr_values="urn:gold urn:silver", max_age="300"'
    )
    alice.api.faults.add("*/cities", status=401, headers={"WWW-Authenticate": challenge}, times=2)
    with pytest.raises(SignInRequired) as caught:
        nbauth.read(f"{alice.api_url}/cities", profile="demo")
    assert json.loads(caught.value.claims or "") == {
        "id_token": {"acr": {"essential": True, "values": ["urn:gold", "urn:silver"]}},
        "max_age": 300,
    }
    asked = _asked_of(person)
    assert asked["acr_values"] == ["urn:gold urn:silver"]
    assert asked["max_age"] == ["300"]
    assert json.loads(asked["claims"][0]) == json.loads(caught.value.claims or "")
    assert len(nbauth.read(f"{alice.api_url}/cities", profile="demo")) == 10


@pytest.mark.parametrize(
    ("claims", "parameters"),
    [
        ({"id_token": {"acr": {"values": ["a", "b"]}}}, {"acr_values": "a b"}),
        ({"max_age": 0}, {"max_age": "0"}),
        ({"id_token": {"acr": {"values": ["a&prompt=none"]}}}, {"acr_values": "a&prompt=none"}),
        ({"id_token": {"acr": {"values": "abc"}}}, {}),
        ({"id_token": {"acr": {"values": [1, None, {}]}}}, {}),
        ({"id_token": {"acr": ["values"]}}, {}),
        ({"id_token": ["acr"]}, {}),
        ({"id_token": None, "max_age": "1&x=y"}, {}),
        (ASKED, {}),
    ],
    ids=str,
)
def test_what_becomes_of_claims(claims: dict[str, Any], parameters: dict[str, str]) -> None:
    """Whatever an API writes as claims, nothing but acr_values and max_age comes of it, and never an error."""
    assert _authentication(json.dumps(claims)) == parameters


def test_no_challenge_from_elsewhere(alice: DemoServer) -> None:
    """An address that the profile does not name has no say in what is asked of a token."""
    with nbauth.session("demo") as session:
        session._outside.send = lambda request, **_: _challenged(request)  # type: ignore[method-assign]
        alice.api.bearer.demanded = {}
        alice.api.faults.add("*/cities", status=302, headers={"Location": "https://elsewhere.example/x"})
        assert session.get(f"{alice.api_url}/cities").status_code == 401
    assert len(alice.provider.requests) == 0


def _challenged(request: Any) -> requests.Response:
    response = requests.Response()
    response.status_code, response.request, response.url = 401, request, request.url
    response.headers["WWW-Authenticate"] = 'Bearer error="insufficient_claims", claims="eyJ4IjogMX0="'
    return response
