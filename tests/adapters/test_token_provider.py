"""`nbauth.token_provider`: a row's token as text."""

from __future__ import annotations

import copy
import pickle
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import jwt
import pytest

import nbauth
from nbauth import kernel
from nbauth.errors import OriginNotAllowed, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer


@pytest.fixture
def alice(demo: DemoServer, person: Callable[..., Any]) -> str:
    """The demo's API, with Alice signed in."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    return demo.api_url


def _claims(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def test_the_token_of_the_row(alice: str, demo: DemoServer) -> None:
    """It returns the token of the URL's row, each time the one at hand, and asks the provider for none."""
    provide = nbauth.token_provider(alice, profile="demo")
    before = demo.provider.requests.count("*/token")
    first, second = provide(), provide()
    assert first.reveal() == second.reveal()
    claims = _claims(first)
    assert (claims["name"], claims["aud"]) == ("Alice Adams", "api://nbauth-demo")
    assert claims["scp"].split() == ["Data.Read", "Profile.Read"]
    assert demo.provider.requests.count("*/token") == before


def test_a_job(demo: DemoServer) -> None:
    """A job's profile gives the application's own token; nobody signs in."""
    assert _claims(nbauth.token_provider(demo.api_url, profile="nightly")())["idtyp"] == "app"


def test_no_sign_in(demo: DemoServer) -> None:
    """Where nobody is signed in it says which line to type, and the provider is asked for nothing."""
    provide = nbauth.token_provider(demo.api_url, profile="demo")
    with pytest.raises(SignInRequired) as caught:
        provide()
    assert "nbauth.login(" in str(caught.value)
    assert len(demo.provider.requests) == len(demo.api.requests) == 0


def test_a_url_that_no_profile_names(alice: str) -> None:
    """It is refused when the provider is made, before any tool has it."""
    with pytest.raises(OriginNotAllowed):
        nbauth.token_provider("https://stranger.example")


def test_a_sign_out(alice: str) -> None:
    """After a sign-out there is no token, not even the one that is still good."""
    provide = nbauth.token_provider(alice, profile="demo")
    provide()
    nbauth.logout("demo")
    with pytest.raises(SignInRequired):
        provide()


def test_another_account(alice: str, person: Callable[..., Any]) -> None:
    """Nobody who signs in later lends their token to what was made for somebody else; the same person does."""
    provide = nbauth.token_provider(alice, profile="demo")
    nbauth.login("demo", flow="paste", prompt=person("bob"), select_account=True, timeout_s=20)
    with pytest.raises(SignInRequired) as caught:
        provide()
    assert "another sign-in" in str(caught.value)
    nbauth.login("demo", flow="paste", prompt=person("alice"), select_account=True, timeout_s=20)
    assert _claims(provide())["name"] == "Alice Adams"


def test_nothing_shows_the_token(alice: str) -> None:
    """No repr and no traceback shows it, and nothing of it can be pickled; a copy of the function is the same one."""
    provide = nbauth.token_provider(alice, profile="demo")
    token = provide()
    assert repr([token, {"Authorization": token}]) == "['***', {'Authorization': '***'}]"
    assert repr(provide) == f"<token provider for {alice.removesuffix('/v1.0')}, profile 'demo'>"
    for secret in (token, provide):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(secret)
    assert copy.deepcopy(provide) is provide is copy.copy(provide)
    nbauth.logout("demo")
    try:
        provide()
    except SignInRequired as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert token.reveal() not in shown


def test_what_whoami_shows(alice: str, demo: DemoServer) -> None:
    """The kernel knows of a function while somebody holds it, and where its tokens are for."""
    provide = nbauth.token_provider(alice, profile="demo")
    assert [(loan.profile, loan.tool, loan.place) for loan in kernel.loans()] == [
        ("demo", "token provider", demo.api_origin)
    ]
    del provide
    assert kernel.loans() == []


def test_a_sign_out_while_a_token_is_renewed(demo: DemoServer, person: Callable[..., Any]) -> None:
    """A function that waits for the provider while somebody signs out gets no token."""
    demo.provider.settings.access_token_s = 1  # less than a tool needs, so that another one is asked for
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    provide = nbauth.token_provider(demo.api_url, profile="demo")
    released = threading.Event()
    fault = demo.provider.faults.add("*/token", until=released)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(provide)
        while not fault.hits:
            time.sleep(0.01)
        nbauth.logout("demo")
        released.set()
        with pytest.raises(SignInRequired):
            waiting.result(20)
    with pytest.raises(SignInRequired):
        provide()
