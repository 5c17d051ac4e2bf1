"""Processes that a signed-in kernel starts: forked ones have its sign-in, and it alone renews."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
from typing import TYPE_CHECKING, Any

import pytest
import requests
from forked_children import in_child

import nbauth
from nbauth import kernel
from nbauth.errors import ConfigError, ProviderAnswer, ProviderUnavailable, SignInFailed, SignInRequired
from nbauth.next_step import Login, to_run
from nbauth.signin.tokens.fork_channel import TokenClient, TokenServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this platform"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),  # that this process has threads, from 3.12 on
]

ALICE = [200, "Alice Adams"]


def _check(outcomes: list[Any], demo: DemoServer) -> set[str]:
    *children, parent = outcomes
    assert [[answer[:2] for answer in child] for child in children] == [[ALICE, ALICE]] * 4
    assert parent[0][:2] == [200, "parent"]
    assert {record.status for record in demo.provider.requests.matching("*/token")} <= {200}
    return {answer[2] for child in outcomes for answer in child}


def test_with_a_good_token(kernel_process: Any, demo: DemoServer) -> None:
    """4 children at once use the token that is good, on connections of their own, and no request is made for it."""
    kernel_process.do("get", url=f"{demo.api_url}/me")  # a connection to the API is open in the parent
    tokens = _check(kernel_process.do("fork", url=f"{demo.api_url}/me", ended=False), demo)
    assert len(tokens) == 1
    assert len(demo.provider.requests) == 0


def test_with_an_ended_token(kernel_process: Any, demo: DemoServer) -> None:
    """4 children and the parent at once, the token at its end: one refresh for all, and the family is not revoked."""
    for _ in range(5):
        demo.provider.requests.clear()
        tokens = _check(kernel_process.do("fork", url=f"{demo.api_url}/me", ended=True), demo)
        assert len(tokens) == 1
        assert [record.grant_type for record in demo.provider.requests] == ["refresh_token"]


def test_while_the_parent_renews(kernel_process: Any, demo: DemoServer) -> None:
    """4 children forked while a refresh is on its way, with its locks held, get what the parent then gets."""
    for _ in range(5):
        demo.provider.requests.clear()
        demo.provider.faults.add("*/token", delay_s=0.2)
        outcomes = kernel_process.do("fork", url=f"{demo.api_url}/me", ended=True, while_renewing=True)
        assert len(_check(outcomes, demo)) == 1
        assert [record.grant_type for record in demo.provider.requests] == ["refresh_token"]
    state = kernel_process.do("state")
    assert state == {"locked": [False] * 3, "refresh_tokens": 1, "accounts": ["alice@contoso.example"]}


def test_multiprocessing_fork(kernel_process: Any, demo: DemoServer) -> None:
    """The workers of a pool that forks have the sign-in, and a session that was made before the fork."""
    kernel_process.do("get", url=f"{demo.api_url}/me")
    answers = kernel_process.do("pool", method="fork", url=f"{demo.api_url}/me")
    assert answers == ["200"] * 4


def test_multiprocessing_spawn(kernel_process: Any, demo: DemoServer) -> None:
    """What `spawn` starts is not signed in and says so, in the worker and through the pickle that comes back."""
    answers = kernel_process.do("pool", method="spawn", url=f"{demo.api_url}/me")
    message = (
        "SignInRequired: Nobody is signed in to profile 'demo' in this worker process; sign-ins stay in the kernel. "
        "In the kernel: nbauth.share(); or use threads."
    )
    assert answers == [message] * 3


def test_a_child_that_outlives_its_kernel(kernel_process: Any, demo: DemoServer) -> None:
    """A forked child goes on with a good token when its kernel is gone; after that it says that the sign-in ended."""
    status, error = kernel_process.do("fork_and_end", url=f"{demo.api_url}/me")
    assert status == 200
    assert error == (
        "SignInRequired: Profile 'demo': the kernel that this process was forked from is no longer signed in. "
        'Run: nbauth.login("demo")'
    )


def test_an_application_in_a_child(demo: DemoServer) -> None:
    """An application's credential gets its own tokens in a child, on connections of its own."""
    nbauth.login("nightly")
    with nbauth.session("nightly") as session:
        assert session.get(f"{demo.api_url}/cities").status_code == 200
        demo.provider.requests.clear()

        def work() -> list[Any]:
            profile = kernel.config().profiles["nightly"]
            credential = kernel.credential_of(profile, profile.login_scopes)
            old = credential.token(profile.login_scopes)
            return [session.get(f"{demo.api_url}/cities").status_code, credential.token(profile.login_scopes) == old]

        assert in_child(work) == [200, True]


@pytest.fixture
def alice(demo: DemoServer, person: Callable[..., Any]) -> Callable[[], str]:
    """Alice, signed in here; returns what tells who a request is made for."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    demo.provider.requests.clear()
    session = nbauth.session("demo")

    def who() -> str:
        return str(session.get(f"{demo.api_url}/me").json()["displayName"])

    return who


def _refused() -> str:
    profile = kernel.config().profiles["demo"]
    credential = kernel.credential_of(profile, ())
    try:
        return credential.token(profile.login_scopes, rejected=credential.token(profile.login_scopes))[-8:]
    except SignInRequired as error:
        return str(error)


def test_a_child_that_signs_in(alice: Callable[[], str], person: Callable[..., Any]) -> None:
    """A child that signs somebody in has a sign-in of its own, which it renews itself; the kernel's is untouched."""

    def work() -> list[str]:
        before = alice()
        nbauth.login("demo", flow="paste", prompt=person("bob"), account="bob@contoso.example", timeout_s=20)
        mine = kernel.credential_of(kernel.config().profiles["demo"], ())
        assert not mine.is_forked
        renewed = _refused()
        after = alice()
        kernel.logout("demo")
        return [before, after, "SignInRequired" if "Nobody" in renewed else "renewed"]

    assert in_child(work) == ["Alice Adams", "Bob Büchner", "renewed"]
    assert alice() == "Alice Adams"
    assert "nbauth.login" not in _refused()
    assert [account.username for account in nbauth.accounts()] == ["alice@contoso.example"]


def test_a_child_of_a_child(alice: Callable[[], str], demo: DemoServer) -> None:
    """A child's child has the sign-in, too, and asks the kernel for a fresh token."""

    def work() -> Any:
        return [alice(), in_child(lambda: [alice(), _refused()])]

    mine, (theirs, fresh) = in_child(work)
    assert mine == theirs == "Alice Adams"
    profile = kernel.config().profiles["demo"]
    assert kernel.credential_of(profile, ()).token(profile.login_scopes).endswith(fresh)
    assert demo.provider.requests.count("*/token") == 1


def test_no_socket_is_left(alice: Callable[[], str], demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that cannot ask its kernel has the tokens that are good, and never uses the refresh token itself."""
    monkeypatch.setattr(kernel._state, "token_server", None)
    monkeypatch.setattr(TokenServer, "__init__", _no_socket)

    def work() -> list[str]:
        return [alice(), _refused()]

    name, refused = in_child(work)
    assert name == "Alice Adams"
    assert "forked from" in refused
    assert demo.provider.requests.count("*/token") == 0
    assert "%login" not in _refused()


def _no_socket(*_: Any) -> None:
    raise OSError("too many open files")


def test_a_sign_out_ends_it_for_children(alice: Callable[[], str], demo: DemoServer) -> None:
    """After a sign-out in the kernel, its children get no token any more; one in a child is the child's alone."""
    context = multiprocessing.get_context("fork")
    is_there, go_on = context.Event(), context.Event()

    def work() -> str:
        is_there.set()
        go_on.wait(30)
        return _refused()

    def sign_out() -> None:
        is_there.wait(30)
        kernel.logout("demo")
        go_on.set()

    thread = threading.Thread(target=sign_out)
    with nbauth.session("demo"):
        assert in_child(lambda: [list(kernel.logout("demo")), nbauth.accounts()]) == [["alice@contoso.example"], []]
        assert alice() == "Alice Adams"
        thread.start()
        assert "no longer signed in" in in_child(work)
    assert demo.provider.requests.count("*/token") == 0


@pytest.mark.parametrize(
    "error",
    [
        SignInRequired("A.", profile="demo", scopes=("s",), claims="{}", next_step="Sign in."),
        SignInRequired("A.", profile="demo", next_step=to_run(Login("demo", scopes=("s", "t")), " in a while")),
        SignInFailed("B.", profile="demo", error="invalid_client", code="AADSTS7000215", cause="C."),
        SignInFailed("B.", answer=ProviderAnswer(error="invalid_grant", code="AADSTS50173", trace_id="t")),
        ConfigError("C.", next_step="Mend it."),
        ProviderUnavailable("C.", next_step="Try again."),
        ProviderUnavailable("C.", has_answered=True),
    ],
    ids=["required", "to_run", "failed", "answered", "config", "unavailable", "busy"],
)
def test_errors_cross_processes(error: Exception) -> None:
    """An error that a worker raises arrives whole, through a pickle as through a lender."""

    class Failing:
        def access_token(self, *_: Any, **__: Any) -> Any:
            raise error

    token_server = TokenServer(lambda _key: Failing())  # type: ignore[arg-type,return-value]
    token_server.start()
    with pytest.raises(type(error)) as caught:
        TokenClient(token_server._sender).ask("k", ("s",), rejected=None, claims=None, life_s=0.0)
    for other in (caught.value, pickle.loads(pickle.dumps(error))):  # noqa: S301 - its own
        assert str(other) == str(error)
        assert {**vars(other)} == {**vars(error)}


def test_session_is_no_argument(demo: DemoServer) -> None:
    """A session that would be pickled for a worker is an error that says what to do."""
    nbauth.login("nightly")
    with nbauth.session("nightly") as session, pytest.raises(TypeError, match="make one where it is needed"):
        pickle.dumps(session)


def test_connections_between_loads(demo: DemoServer) -> None:
    """A child's loads go over connections of its own, whatever of its parent's was in use; the parent keeps its own."""
    nbauth.login("nightly")

    def read() -> int:
        return len(nbauth.read(f"{demo.api_url}/cities", profile="nightly"))

    def work() -> list[Any]:
        rows = read()
        return [rows, len(list(pages)), kernel._state.keeper is inherited]

    rows, inherited = read(), kernel._state.keeper
    pages = nbauth.pages(f"{demo.api_url}/cities", profile="nightly")
    count = len(list(nbauth.pages(f"{demo.api_url}/cities", profile="nightly")))
    next(pages)
    assert in_child(work) == [rows, count - 1, False]
    assert len(list(pages)) == count - 1
    with kernel._state.keeper._lock:  # as a thread of the parent's may at a fork
        assert in_child(read) == rows


def test_adapters_of_the_caller(demo: DemoServer) -> None:
    """An adapter that the caller mounted is still theirs in a child, with connections of its own."""
    nbauth.login("nightly")
    with nbauth.session("nightly") as session:
        session.mount("http://localhost", requests.adapters.HTTPAdapter(max_retries=7))
        session.cookies.set("a", "b")
        before = session.get_adapter(demo.api_url)

        def work() -> list[Any]:
            status = session.get(f"{demo.api_url}/cities").status_code
            after = session.get_adapter(demo.api_url)
            return [status, after.max_retries.total, after is before, session.cookies["a"]]

        assert in_child(work) == [200, 7, False, "b"]


def test_what_a_thread_held(demo: DemoServer) -> None:
    """A child does not wait for what a thread of its parent held at the fork."""
    nbauth.login("nightly")
    with nbauth.session("nightly") as session:
        pool = session.get_adapter(demo.api_url)
        assert session.get(f"{demo.api_url}/cities").status_code == 200
        inner = pool.poolmanager.connection_from_url(demo.api_url).pool  # type: ignore[attr-defined]
        held, let_go = threading.Event(), threading.Event()

        def hold() -> None:
            with inner.mutex, kernel._state.lock:
                held.set()
                let_go.wait(30)

        holder = threading.Thread(target=hold)
        holder.start()
        held.wait()

        def work() -> list[Any]:
            return [session.get(f"{demo.api_url}/cities").status_code, kernel.logout("nightly")]

        assert in_child(work) == [200, (demo.confidential_client_id,)]
        let_go.set()
        holder.join()
