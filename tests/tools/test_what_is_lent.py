"""Whatever a sign-in is lent to: what holds for each such object, however its library calls it."""

from __future__ import annotations

import copy
import gc
import io
import multiprocessing
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import cloudpickle
import joblib
import pytest
import requests
from fake_marimo import FakeMarimo
from rich.pretty import pretty_repr

import nbauth
from nbauth import kernel
from nbauth.adapters.azure import credential
from nbauth.adapters.databricks import credentials_strategy
from nbauth.adapters.http import auth
from nbauth.adapters.row import Row
from nbauth.adapters.tokens import token_provider
from nbauth.errors import ConfigError, OriginNotAllowed, SignInRequired
from nbauth.signin.loans import Loan

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer

SCOPE = "api://nbauth-demo/.default"

# The object, and what asks it for a token as its tool does.
Lent = tuple[Any, "Callable[[], str]"]


def _row(url: str) -> Lent:
    row = Row(url, tool="test", life_s=1.5)
    return row, lambda: row.access_token().secret


def _token_provider(url: str) -> Lent:
    provider = token_provider(url)
    return provider, provider


def _credential(url: str) -> Lent:
    made = credential(url)
    return made, lambda: made.get_token_info(SCOPE).token


def _databricks(url: str) -> Lent:
    config: Any = SimpleNamespace(host=url)  # the SDK's own asks the host who it is
    headers = credentials_strategy()(config)
    return headers, lambda: headers()["Authorization"]


def _auth(url: str) -> Lent:
    signs = auth()
    return signs, lambda: signs(requests.Request("GET", url).prepare()).headers["Authorization"]


LENT: dict[str, Callable[[str], Lent]] = {
    "row": _row,
    "token_provider": _token_provider,
    "credential": _credential,
    "databricks": _databricks,
    "auth": _auth,
}


@pytest.fixture(params=LENT)
def make(request: pytest.FixtureRequest) -> Callable[[str], Lent]:
    """Return what makes one of them."""
    return LENT[request.param]


def test_a_sign_out_during_a_call(
    make: Callable[[str], Lent], demo: DemoServer, sign_in: Callable[..., nbauth.Account]
) -> None:
    """A token that was on its way when the person signed out is given to nobody."""
    demo.provider.settings.access_token_s = 1  # so that the next call has to get another one
    sign_in("demo")
    _, ask = make(demo.api_url)
    time.sleep(1.1)
    answer = threading.Event()
    fault = demo.provider.faults.add("*/token", until=answer)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask)
        while not fault.hits:
            assert not asked.done(), asked.result()
        nbauth.logout()
        answer.set()
        with pytest.raises(SignInRequired):
            asked.result(60)
    with pytest.raises(SignInRequired):
        ask()


def test_another_visitor(make: Callable[[str], Lent], demo: DemoServer, monkeypatch: Any, person: Any) -> None:
    """In a server with several visitors it is its visitor's: nobody else gets a token of it, or is shown it."""
    server = FakeMarimo(monkeypatch)
    for who in ("alice", "bob"):
        with server.visit(who):
            nbauth.login("demo", flow="paste", prompt=person(who), timeout_s=20)
    with server.visit("alice"):
        lent, ask = make(demo.api_url)
        assert ask()
        assert kernel.loans() != []
    for visit in ("bob", "somebody else"):
        with server.visit(visit), pytest.raises(SignInRequired):
            ask()
    with pytest.raises(SignInRequired):  # and where nothing tells whose visit it is
        ask()
    with server.visit("bob"):
        assert kernel.loans() == []
        nbauth.logout()
    with server.visit("alice"):
        assert ask()
    del lent


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # that this process has threads, from 3.12 on
def test_a_forked_process(demo: DemoServer, sign_in: Callable[..., nbauth.Account]) -> None:
    """A forked child gets its tokens as its parent does; after the parent's sign-out, none but what it had already."""
    demo.provider.settings.access_token_s = 3
    sign_in("demo")
    _, ask = _token_provider(demo.api_url)
    here, there = multiprocessing.Pipe()

    def child() -> None:
        for _ in range(2):
            there.recv()
            try:
                there.send(len(ask()) > 40)
            except SignInRequired:
                there.send("SignInRequired")

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    here.send("ask")
    assert here.recv() is True
    nbauth.logout()
    time.sleep(3)
    here.send("ask again")
    assert here.recv() == "SignInRequired"
    process.join()
    here.close()
    there.close()


ELSEWHERE = [
    "https://data.contoso.example.evil.example",
    "https://data.contoso.example@evil.example",
    "https://evil.example\\@data.contoso.example",
    "https://evil.example/\\data.contoso.example",
    "https://data.contoso.example\\.evil.example",
    "https://data.contoso.example\t.evil.example",
    "https://data.contoso.example%2eevil.example",
    "https://data.contoso.example:444",
    "https://d\u0430ta.contoso.example",
    "https://data\u3002contoso.example",
    "http://data.contoso.example",
    "postgresql://data.contoso.example:443",
    "//data.contoso.example",
    "data.contoso.example",
    "https:data.contoso.example",
    "file:///data.contoso.example",
    "",
]


@pytest.mark.parametrize("url", ELSEWHERE)
def test_addresses_that_look_like_a_row(url: str, demo: DemoServer, sign_in: Callable[..., nbauth.Account]) -> None:
    """An address that only looks like a row's is none of it, in whatever way a tool may read it."""
    sign_in("demo")
    demo_profile = kernel.config().profiles["demo"]
    apis = {"https://data.contoso.example": demo_profile.apis[demo.api_origin]}
    kernel.add_profile(nbauth.Profile("other", client_id="c", authority=demo.authority, apis=apis))
    for name, make in LENT.items():
        if name == "auth" and "\\" in url:
            continue  # requests reads it before, and goes by what it read
        with pytest.raises((OriginNotAllowed, ConfigError, ValueError)) as caught:
            make(url)[1]()
        assert isinstance(caught.value, (OriginNotAllowed, ConfigError)) or name in ("databricks", "auth")
    assert kernel.loans() == []


def test_pickles(make: Callable[[str], Lent], demo: DemoServer, sign_in: Callable[..., nbauth.Account]) -> None:
    """Neither it nor its token is pickled, in whatever it is put, nor shown by what prints variables."""
    sign_in("demo")
    lent, ask = make(demo.api_url)
    token = ask()
    things = [lent, token, {"a": [lent]}, [token], lambda: lent, ask, lambda: token]
    for thing in things:
        for dump in (pickle.dumps, cloudpickle.dumps, lambda each: joblib.dump(each, io.BytesIO())):
            with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
                dump(thing)
    copies = [copy.copy(token), copy.deepcopy([token])]
    shown = [
        repr([*things, *copies]),
        pretty_repr(things),
        f"{things!s}",
        repr(vars(lent) if hasattr(lent, "__dict__") else 0),
    ]
    secrets = [secret for secret in demo.provider.issued_secrets if len(secret) > 20]
    assert any(secret in token.removeprefix("Bearer ") for secret in secrets)
    assert [secret for secret in secrets if secret in "".join(shown)] == []


class _Holder:
    """An object that a collector may find at any moment, and that ends its loan then."""

    def __init__(self) -> None:
        self.myself = self
        kernel.lent(self, Loan("demo", "test", "here"))

    def __del__(self) -> None:
        kernel.loan_ended(self)


def test_objects_that_end_while_others_are_noted() -> None:
    """An object that is collected in the middle of a note ends its loan there and then: nobody waits for himself."""
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(200):
            _Holder()
            kernel.loans()
    finally:
        gc.set_threshold(*before)
    gc.collect()
    assert kernel.loans() == []
