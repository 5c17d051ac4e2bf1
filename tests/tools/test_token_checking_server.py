"""The server that the tools' client libraries are tried against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from loopback_api import as_json
from token_checking_server import serving_those_with_a_token

import nbauth
from nbauth import kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from token_checking_server import TokenCheckingServer

    from nbauth.demo.server import DemoServer


@pytest.fixture
def server(demo: DemoServer) -> Iterator[TokenCheckingServer]:
    """A service that a profile names."""
    with serving_those_with_a_token(demo, resource="https://service.example") as server:
        server.routes["/rows"] = as_json([{"id": 1}])
        server.add_profile()
        yield server


def test_the_token_of_its_row(server: TokenCheckingServer, person: Callable[..., Any]) -> None:
    """A person's token and an application's are taken, and what they say is noted."""
    nbauth.login("stub", flow="paste", prompt=person(), timeout_s=20)
    assert nbauth.session("stub").get(f"{server.origin}/rows").json() == [{"id": 1}]
    server.add_profile("job", like="nightly")
    assert nbauth.session("job").get(f"{server.origin}/rows").json() == [{"id": 1}]
    alice, job = server.accepted
    assert (alice["name"], alice["aud"]) == ("Alice Adams", "https://service.example")
    assert (job["idtyp"], job["aud"]) == ("app", "https://service.example")
    assert server.refused == []


def test_no_other_token(server: TokenCheckingServer, demo: DemoServer, person: Callable[..., Any]) -> None:
    """A token for another audience, a changed one and none at all get 401, and the route is not asked."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    profile = kernel.config().profiles["demo"]
    other = kernel.credential_of(profile, profile.apis[demo.api_origin]).token(profile.apis[demo.api_origin])
    for token in (str(other), f"{other}x", ""):
        answer = requests.get(
            f"{server.origin}/rows", headers={"Authorization": f"Bearer {token}"}, verify=demo.ca_file, timeout=20
        )
        assert (answer.status_code, answer.headers["WWW-Authenticate"].partition(" ")[0]) == (401, "Bearer")
    assert "another audience" in server.refused[0]
    assert 3 == len(server.refused) == len(server.seen)
    assert server.accepted == []
