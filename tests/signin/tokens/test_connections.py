"""Connections to a provider, and when they are closed."""

from __future__ import annotations

import gc
import json
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from fake_marimo import FakeMarimo

import nbauth
from nbauth import kernel
from nbauth.errors import ProviderUnavailable
from nbauth.net.bundles import bundle_of
from nbauth.signin.tokens.connection import Connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nbauth.demo.server import DemoServer


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _open() -> int:
    sockets = [each for each in gc.get_objects() if type(each) is ssl.SSLSocket]
    return sum(each.fileno() != -1 and not each.server_side for each in sockets)


def _sign_in(person: Callable[..., Any]) -> None:
    nbauth.login("demo", flow="paste", prompt=person("alice"), timeout_s=20)


def test_a_kernel_that_ends(demo: DemoServer, person: Callable[..., Any]) -> None:
    """None is left to the garbage collector, in which an interrupt or deep recursion would leave it open for ever."""
    before = _open()
    _sign_in(person)
    assert _open() > before
    kernel.reset()
    assert _open() == before


def test_a_visit_that_ends(demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """What was open for a visitor is closed when the next one comes."""
    server, before = FakeMarimo(monkeypatch), _open()
    with server.visit("alice"):
        _sign_in(person)
        assert _open() > before
    server.end("alice")
    with server.visit("bob"):
        nbauth.accounts()
        kernel.is_signed_in(kernel.config().profiles["demo"])
    assert _open() == before


def test_a_connection_that_is_made_anew(demo: DemoServer) -> None:
    """The one before it is closed; whoever still asks over it is answered."""
    profile, connections, before = kernel.config().profiles["nightly"], Connections(), _open()
    first = connections.of(profile, bundle_of(profile.ca_bundle))
    assert _open() == before + 1
    connections.drop(profile)
    assert _open() == before
    assert first.transport.get(f"{demo.provider.origin}/keys").status_code == 200
    first.transport.close()


def test_a_connection_that_cannot_be_made(demo: DemoServer) -> None:
    """Where the provider answers, and not as one, nothing stays open to it."""
    profile, before = kernel.config().profiles["nightly"], _open()
    demo.provider.faults.add("*/.well-known/openid-configuration", body=json.dumps({"issuer": "https://evil.example"}))
    with pytest.raises(ProviderUnavailable):
        Connections().of(profile, bundle_of(profile.ca_bundle))
    assert _open() == before
