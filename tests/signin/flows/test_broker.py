"""Signing in through the system's broker: MSAL's own broker module, with a stand-in for the system's part of it."""

from __future__ import annotations

import dataclasses
import importlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msal
import pytest

import nbauth
from nbauth import kernel
from nbauth.demo.check import PersonPrompt
from nbauth.demo.person import Person
from nbauth.errors import ConfigError, SignInCancelled, SignInFailed
from nbauth.signin.flows.prompt import NullPrompt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.demo.server import DemoServer

FAKE = Path(__file__).parents[2] / "fake_broker"


@pytest.fixture
def profile(demo: DemoServer) -> Any:
    """The demo's profile, with a broker."""
    made = dataclasses.replace(kernel.config().profiles["demo"], broker=True)
    kernel.add_profile(made)
    return made


@pytest.fixture
def runtime(profile: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The stand-in, where MSAL looks for the system's."""
    monkeypatch.syspath_prepend(str(FAKE))
    monkeypatch.delitem(sys.modules, "msal.broker", raising=False)
    made = importlib.import_module("pymsalruntime")
    made.hints.clear()
    yield made
    made.person = None
    sys.modules.pop("pymsalruntime", None)
    sys.modules.pop("msal.broker", None)
    if hasattr(msal, "broker"):
        del msal.broker


def _alice(demo: DemoServer, scopes: list[str]) -> dict[str, Any]:
    """What a broker would bring back: tokens that the provider issued to this application."""
    application = msal.PublicClientApplication(
        demo.client_id, authority=demo.authority, instance_discovery=False, http_client=_session(demo)
    )
    with pytest.warns(UserWarning, match="response_mode"):
        flow = application.initiate_auth_code_flow(scopes or ["api://nbauth-demo/Data.Read"], "http://localhost")
    address = Person("alice", ca_file=demo.ca_file).address_after(flow["auth_uri"])
    query = dict(pair.split("=", 1) for pair in address.partition("?")[2].split("&"))
    from urllib.parse import unquote

    return dict(
        application.client.obtain_token_by_auth_code_flow(flow, {key: unquote(value) for key, value in query.items()})
    )


def _session(demo: DemoServer) -> Any:
    import requests

    session = requests.Session()
    session.trust_env = False
    session.verify = str(demo.ca_file)
    return session


def test_signs_in(runtime: Any, profile: Any, demo: DemoServer) -> None:
    """With a broker on this machine `auto` takes it; its ID token is validated like any other, and no page opens."""
    answer = _alice(demo, list(profile.login_scopes))
    runtime.person = lambda scopes: answer
    account = nbauth.login("demo", account="alice@contoso.example", prompt=_Waiting())
    assert account.username == "alice@contoso.example"
    assert runtime.hints == ["alice@contoso.example"]
    assert kernel.credential_of(profile, profile.login_scopes).token(profile.login_scopes) == answer["access_token"]


def test_the_broker_refuses(runtime: Any, profile: Any) -> None:
    """What the broker answers in place of tokens is told."""
    runtime.person = lambda scopes: "The device is not compliant"
    with pytest.raises(SignInFailed, match="The device is not compliant"):
        nbauth.login("demo", prompt=_Waiting())


def test_redirect_uri_is_missing(runtime: Any, profile: Any) -> None:
    """An application without the broker's redirect URIs gets them listed, in one line."""
    runtime.person = lambda scopes: "AADSTS50011: no such redirect"
    with pytest.raises(ConfigError, match=r"ms-appx-web://Microsoft\.AAD\.BrokerPlugin") as caught:
        nbauth.login("demo", prompt=_Waiting())
    assert "\n" not in str(caught.value)


def test_cancel_while_the_broker_asks(runtime: Any, profile: Any) -> None:
    """Cancel works though MSAL waits for the broker without end."""
    prompt = _Waiting(cancel_after=3)
    started = time.monotonic()
    with pytest.raises(SignInCancelled):
        nbauth.login("demo", prompt=prompt)
    assert time.monotonic() - started < 10


def test_a_flow_that_is_named_runs_without_the_broker(runtime: Any, profile: Any, demo: DemoServer) -> None:
    """A flow that is named runs without the broker."""
    prompt = PersonPrompt(Person("alice", ca_file=demo.ca_file), "alice")
    assert nbauth.login("demo", flow="loopback", prompt=prompt).username == "alice@contoso.example"
    assert runtime.hints == []


def test_not_installed(profile: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the message says how to get it, before any traffic."""
    with pytest.raises(ConfigError, match=r'pip install "nbauth\[broker\]"'):
        nbauth.login("demo", prompt=_Waiting())


def test_library_cannot_be_loaded(profile: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A system library that is missing is named."""
    (tmp_path / "pymsalruntime.py").write_text(
        "raise OSError('libwebkit2gtk-4.1.so.0: cannot open shared object file')"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "msal.broker", raising=False)
    with pytest.raises(ConfigError, match=r"cannot be loaded: libwebkit2gtk-4\.1\.so\.0"):
        nbauth.login("demo", prompt=_Waiting())


def test_no_broker_here(profile: Any, demo: DemoServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On a machine without a broker the sign-in goes on without, as MSAL does."""
    (tmp_path / "pymsalruntime.py").write_text("raise RuntimeError('Broker cannot be initialized')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "msal.broker", raising=False)
    prompt = PersonPrompt(Person("alice", ca_file=demo.ca_file), "alice")
    assert nbauth.login("demo", flow="loopback", prompt=prompt).username == "alice@contoso.example"


class _Waiting(NullPrompt):
    """Somebody who waits, and may press Cancel."""

    def __init__(self, cancel_after: int | None = None) -> None:
        self._left = cancel_after

    def wait(self, timeout_s: float) -> str | None:
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                raise SignInCancelled("The sign-in was cancelled.")
        return super().wait(timeout_s)
