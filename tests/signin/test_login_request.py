"""What a caller may say of a sign-in: the same for every caller, checked before anything is done."""

from __future__ import annotations

import dataclasses
import inspect
from typing import TYPE_CHECKING, Any

import pytest

import nbauth
from nbauth.errors import ConfigError
from nbauth.signin.login_request import LoginRequest
from nbauth.signin.profile.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer

FIELDS = {field.name: field.default for field in dataclasses.fields(LoginRequest)}


@pytest.mark.parametrize(
    ("caller", "leaves_out", "adds"),
    [
        (nbauth.login, set(), {"prompt"}),
        (nbauth.login_async, {"select_account"}, set()),
        (nbauth.SignInPanel, {"select_account"}, set()),
    ],
    ids=["login", "login_async", "panel"],
)
def test_every_caller_takes_it(caller: Callable[..., Any], leaves_out: set[str], adds: set[str]) -> None:
    """`login`, `login_async` and the panel take what a request takes, in its order and with its defaults."""
    taken = {name: p.default for name, p in inspect.signature(caller).parameters.items() if name not in adds}
    expected = {name: default for name, default in FIELDS.items() if name not in leaves_out}
    assert list(taken.items()) == list(expected.items())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"timeout_s": 0}, r"timeout_s: expected more than 0 seconds, found 0\."),
        ({"flow": "popup"}, r"There is no flow 'popup'\. Use one of auto, loopback, "),
    ],
    ids=["timeout", "flow"],
)
def test_what_cannot_be_meant(demo: DemoServer, wrong: dict[str, Any], message: str) -> None:
    """An argument that cannot be meant is an error at once, whoever takes it, and nothing is sent."""
    for caller in (LoginRequest, nbauth.login, nbauth.SignInPanel):
        with pytest.raises(ConfigError, match=message):
            caller(**wrong)
    assert len(demo.provider.requests) == 0


@pytest.mark.parametrize(
    ("said", "asked_for"),
    [(None, ("first",)), ((), ("first",)), ("a.b", ("a.b",)), (["a", "b"], ("a", "b")), (iter("ab"), ("a", "b"))],
    ids=["nothing", "none", "one", "several", "iterator"],
)
def test_scopes(said: Any, asked_for: tuple[str, ...]) -> None:
    """Scopes are one or several; where none are named they are those of the profile's first API."""
    apis = {"https://a.example": ("first",), "https://b.example": ("second",)}
    profile = Profile("work", client_id="x", tenant="contoso.example", apis=apis)
    request = LoginRequest(scopes=said)
    assert request.scopes_for(profile) == asked_for
    assert dataclasses.replace(request, account="ada").scopes_for(profile) == asked_for
