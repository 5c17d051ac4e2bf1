"""Claims challenges: what an API asks of a token besides its scopes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import nbauth
from nbauth import kernel
from nbauth.errors import SignInRequired

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.demo.server import DemoServer

ASKED = {"access_token": {"acrs": {"essential": True, "value": "c1"}}}


@pytest.fixture
def alice(demo: DemoServer, person: Any) -> Iterator[DemoServer]:
    """Alice signed in, and an API that then asks for more."""
    kernel.login("demo", flow="paste", prompt=person(), timeout_s=20)
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
    with pytest.raises(SignInRequired, match=r"Profile 'demo'.*%login demo") as caught:
        nbauth.read(f"{alice.api_url}/cities", profile="demo")
    assert json.loads(caught.value.claims or "null") == ASKED
    assert caught.value.profile == "demo"
    prompt = person()
    account = kernel.login("demo", flow="paste", prompt=prompt, timeout_s=20)
    assert account.username == "alice@contoso.example"
    assert len(nbauth.read(f"{alice.api_url}/cities", profile="demo")) == 10
    alice.provider.requests.clear()
    kernel.login("demo")  # the challenge is met: nobody is asked again
    assert len(alice.provider.requests) == 0


def test_an_api_that_is_never_content(alice: DemoServer) -> None:
    """An API that asks again after the claims were given leads to one retry, then to the person."""
    alice.api.bearer.demanded = {"access_token": {"nobody_has_this": {"essential": True}}}
    with pytest.raises(SignInRequired) as caught:
        nbauth.read(f"{alice.api_url}/cities", profile="demo")
    assert "nobody_has_this" in (caught.value.claims or "")
    assert alice.provider.requests.count("*/token") == 1
    assert len(alice.api.requests) == 2
