from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import fsspec
import pandas as pd
import pytest
from fake_marimo import MARIMO, FakeMarimo, in_a_thread

import nbauth
from nbauth import kernel
from nbauth.authorizer import KernelAuthorizer
from nbauth.errors import ConfigError, SignInRequired
from nbauth.frontend import front_end
from nbauth.frontend.panel.panel import SignInPanel
from nbauth.signin import visits
from nbauth.signin.remembered import location

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer
    from nbauth.signin.tokens.credential import Credential

ALICE, BOB = "alice@contoso.example", "bob@contoso.example"
NOT_NAMED = "serves several visitors in this process and does not tell here which of them this is"
ANOTHER = "was made in another visit"


@pytest.fixture
def server(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> FakeMarimo:
    """A server with several visitors, in this process."""
    return FakeMarimo(monkeypatch)


@pytest.fixture
def sign_in(server: FakeMarimo, person: Callable[..., Any]) -> Callable[[str], nbauth.Account]:
    """Return what signs somebody in, in a visit of their own."""

    def make(who: str) -> nbauth.Account:
        with server.visit(who):
            return nbauth.login("demo", flow="paste", prompt=person(who), timeout_s=20)

    return make


def _users() -> list[str]:
    return [account.username for account in nbauth.accounts()]


def _me(demo: DemoServer) -> str:
    return _mail(demo.api_url)


def test_each_is_who_they_are(server: FakeMarimo, demo: DemoServer, sign_in: Any) -> None:
    """A second visitor is nobody until they sign in; then each reads their own rows and stays who they are."""
    sign_in("alice")
    with server.visit("bob"):
        assert _users() == []
        demo.api.requests.clear()
        demo.provider.requests.clear()
        for use in (lambda: _me(demo), lambda: nbauth.session("demo"), lambda: nbauth.open(f"{demo.api_url}/me")):
            with pytest.raises(SignInRequired, match="Nobody is signed in to profile 'demo'"):
                use()
        assert (len(demo.api.requests), len(demo.provider.requests)) == (0, 0)
        assert nbauth.client("demo").get_accounts() == []
    sign_in("bob")
    for who, username in (("alice", ALICE), ("bob", BOB), ("alice", ALICE)):
        with server.visit(who):
            assert (_users(), _me(demo)) == ([username], username)
            assert [account["username"] for account in nbauth.client("demo").get_accounts()] == [username]


def test_sign_out_of_one(server: FakeMarimo, demo: DemoServer, sign_in: Any, person: Callable[..., Any]) -> None:
    """A visitor's sign-out ends their own sign-in and no other one, also where both are the same person."""
    sign_in("alice")
    with server.visit("alice at home"):
        nbauth.login("demo", flow="paste", prompt=person("alice"), timeout_s=20)
        assert nbauth.logout() == (ALICE,)
        assert _users() == []
    with server.visit("alice"):
        _credential()._memo.clear()  # it has to be renewed
        assert _me(demo) == ALICE


def _credential() -> Credential:
    profile = kernel.config().profiles["demo"]
    return kernel.credential_of(profile, profile.login_scopes)


def test_nobody_is_named(server: FakeMarimo, demo: DemoServer, sign_in: Any, person: Callable[..., Any]) -> None:
    """Where nothing tells whose visit it is, nobody signs in, nobody is shown, and no sign-in is used."""
    sign_in("alice")
    demo.provider.requests.clear()
    assert _users() == []
    assert nbauth.logout() == ()
    uses: tuple[Callable[[], Any], ...] = (
        lambda: nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20),
        lambda: asyncio.run(nbauth.login_async("demo", flow="paste", timeout_s=20)),
        lambda: _me(demo),
        lambda: nbauth.session("demo"),
        lambda: nbauth.client("demo"),
        lambda: next(nbauth.pages(f"{demo.api_url}/cities")),
    )
    for use in uses:
        with pytest.raises(SignInRequired, match=NOT_NAMED):
            use()
        with pytest.raises(SignInRequired, match=NOT_NAMED):
            in_a_thread(use)
    assert len(demo.provider.requests) == 0
    with server.visit("alice"):
        assert _users() == [ALICE]


def test_applications_serve_everybody(server: FakeMarimo, demo: DemoServer) -> None:
    """An application's profile goes on for every visitor and where none is named; no visitor's sign-out ends it."""
    nbauth.login("nightly")
    session = nbauth.session("nightly")
    url = f"{demo.api_url}/cities"
    for who in ("alice", "bob"):
        with server.visit(who):
            assert [account.kind for account in nbauth.accounts()] == ["application"]
            assert session.get(url).ok
            assert len(nbauth.read(url, profile="nightly")) > 0
            assert nbauth.logout() == ()
    assert in_a_thread(lambda: session.get(url).ok)
    assert [account.kind for account in nbauth.accounts()] == ["application"]


def test_handed_to_another(server: FakeMarimo, demo: DemoServer, sign_in: Any) -> None:
    """A session and pages that one visitor made are nobody else's, in whatever thread or pool they are used."""
    url = f"{demo.api_url}/sunlight"
    sign_in("alice")
    with server.visit("alice"):
        session, pages = nbauth.session(), [nbauth.pages(url) for _ in range(3)]
        assert session.get(url).ok
        assert len(next(pages[0]))
    sign_in("bob")
    demo.api.requests.clear()
    for use in (lambda: session.get(url), lambda: next(pages[1])):
        with server.visit("bob"), pytest.raises(SignInRequired, match=ANOTHER):
            use()
    with server.visit("alice"), ThreadPoolExecutor(1) as pool:
        for use in (lambda: session.get(url), lambda: next(pages[2])):
            with pytest.raises(SignInRequired, match=NOT_NAMED):
                pool.submit(use).result()
    assert len(demo.api.requests) == 0
    with server.visit("alice"):
        assert session.get(url).ok


def test_files_of_each(server: FakeMarimo, demo: DemoServer, sign_in: Any) -> None:
    """The one filesystem of a process reads with the eyes of whose visit it is."""
    url = f"nbauth+{demo.api_url}/me"
    sign_in("alice")
    files = fsspec.filesystem("nbauth+https")
    with server.visit("alice"):
        assert ALICE.encode() in files.cat_file(url)
    with server.visit("bob"):
        assert fsspec.filesystem("nbauth+https") is files
        with pytest.raises(SignInRequired, match="Nobody is signed in"):
            files.cat_file(url)
    sign_in("bob")
    for who, username in (("bob", BOB), ("alice", ALICE)):
        with server.visit(who):
            assert username.encode() in files.cat_file(url)
    with pytest.raises(SignInRequired, match=NOT_NAMED):
        in_a_thread(lambda: files.cat_file(url))


def test_threads_of_other_tools(server: FakeMarimo, demo: DemoServer, sign_in: Any) -> None:
    """Pyarrow's threads, which no server knows, read a visitor's file on; several parts at once are read as well."""
    url = f"nbauth+{demo.api_url}/sunlight.parquet"
    sign_in("alice")
    with server.visit("alice"):
        assert len(pd.read_parquet(url)) == demo.rows
        parts = fsspec.filesystem("nbauth+https").cat_ranges([url] * 3, [0, 100, -8], [100, 300, None])
    assert [len(part) for part in parts] == [100, 200, 8]


def test_threads_of_a_load(server: FakeMarimo, demo: DemoServer, sign_in: Any) -> None:
    """The threads that a visitor's load starts are in that visit, those of a function that pages it included."""
    sign_in("alice")
    seen: list[list[str]] = []

    def more(_answer: object) -> None:
        seen.append(_users())

    with server.visit("alice"):
        assert len(nbauth.read(f"{demo.api_url}/sunlight", concurrency=4)) == demo.rows
        assert len(nbauth.read(f"{demo.api_url}/cities", paging=more)) > 0
    assert seen
    assert all(users == [ALICE] for users in seen)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this platform")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # that this process has threads, from 3.12 on
def test_a_forked_process(server: FakeMarimo, demo: DemoServer, sign_in: Any) -> None:
    """A process that is forked in a visit is in that visit, and has its tokens from the one that forked it."""
    sign_in("alice")
    sign_in("bob")
    for who, username in (("alice", ALICE), ("bob", BOB)):
        with server.visit(who), multiprocessing.get_context("fork").Pool(1) as pool:
            _credential()._memo.clear()
            assert pool.apply(_mail, (demo.api_url,)) == username


def _mail(api_url: str) -> str:
    return str(nbauth.read(f"{api_url}/me")["mail"][0])


def test_a_coroutine(server: FakeMarimo, demo: DemoServer, monkeypatch: pytest.MonkeyPatch, person: Any) -> None:
    """A sign-in that a visitor's coroutine awaits is that visitor's."""
    monkeypatch.setattr(front_end, "prompt", lambda: person("bob"))
    with server.visit("bob"):
        asyncio.run(nbauth.login_async("demo", flow="paste", timeout_s=20))
        assert _users() == [BOB]
    assert _users() == []


def test_own_process(demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Who signs in to their own notebook is no visitor's sign-in when a server starts there, nor is their session."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    nbauth.login("nightly")
    session = nbauth.session()
    server = FakeMarimo(monkeypatch)
    with server.visit("bob"):
        assert _users() == [demo.confidential_client_id]
        with pytest.raises(SignInRequired, match="Nobody is signed in"):
            _me(demo)
        with pytest.raises(SignInRequired, match=ANOTHER):
            session.get(f"{demo.api_url}/me")
        assert nbauth.logout() == ()
    monkeypatch.undo()
    monkeypatch.setenv("NBAUTH_CONFIG", str(demo.config_path))
    assert _users() == [ALICE, demo.confidential_client_id]
    assert session.get(f"{demo.api_url}/me").json()["mail"] == ALICE


def test_nothing_remembered(
    server: FakeMarimo, demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the server's own user has remembered serves no visitor, and no visitor adds to it or ends it."""
    monkeypatch.setenv("NBAUTH_ALLOW_PLAINTEXT_CACHE", "1")
    with monkeypatch.context() as alone:
        for name in (MARIMO, "uwsgi"):
            alone.delitem(sys.modules, name)
        nbauth.login("demo", flow="paste", prompt=person(), remember=True, timeout_s=20)
        kernel.reset()
    (file,) = location.directory().glob("*.bin")
    before = file.read_bytes()
    with server.visit("bob"):
        with pytest.raises(ConfigError, match="a visitor of marimo is not remembered"):
            nbauth.login("demo", flow="paste", prompt=person("bob"), remember=True, timeout_s=20)
        account = nbauth.login("demo", flow="paste", prompt=person("bob"), timeout_s=20)
        assert account.username == BOB
        nbauth.logout()
        nbauth.logout("demo")
    assert file.read_bytes() == before


def test_the_server_asks_nobody(server: FakeMarimo) -> None:
    """A visitor is not asked at the server's terminal or in its browser unless a flow is named."""
    for login in (lambda: nbauth.login("demo"), lambda: asyncio.run(nbauth.login_async("demo"))):
        with server.visit("bob"), pytest.raises(SignInRequired, match=r'anywidget\(nbauth\.SignInPanel\("demo"\)\)\.$'):
            login()


def test_a_visit_ends(server: FakeMarimo, demo: DemoServer, sign_in: Any) -> None:
    """With a visit its sign-in ends, also for a load that goes on, and what was held of it is let go."""
    sign_in("alice")
    with server.visit("alice"):
        credential = _credential()
    server.end("alice")
    sign_in("bob")
    assert len([visit for visit in kernel._state.visits if visit.signed_in()]) == 1
    with pytest.raises(SignInRequired):
        credential.token(credential.profile.login_scopes)
    with server.visit("alice"):
        assert _users() == []


def test_many_visits(server: FakeMarimo, sign_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a server never tells the end of a visit, those that nobody was in for longest end."""
    monkeypatch.setattr(visits, "_MOST", 3)
    sign_in("alice")
    for number in range(3):
        with server.visit(f"visitor {number}"):
            nbauth.client("demo")
    assert len(list(kernel._state.visits)) == 1 + 3
    with server.visit("alice"):
        assert _users() == []


def test_who_watches(server: FakeMarimo, demo: DemoServer, sign_in: Any) -> None:
    """Who watches is told of the own visit's changes, in whatever thread, and sees the own visit's sign-ins."""

    class Watcher:
        def __init__(self) -> None:
            self.seen: list[list[str]] = []

        def look(self) -> None:
            self.seen.append(_users())

    alices, bobs = Watcher(), Watcher()
    with server.visit("alice"):
        kernel.watch(alices.look)
    with server.visit("bob"):
        kernel.watch(bobs.look)
    sign_in("alice")
    assert (alices.seen, bobs.seen) == ([[ALICE]], [])
    with server.visit("bob"):
        kernel.add_profile(kernel.config().profiles["demo"])
    assert (alices.seen, bobs.seen) == ([[ALICE], [ALICE]], [[]])


def test_a_panel_is_one_visitors(server: FakeMarimo, demo: DemoServer, sign_in: Any) -> None:
    """A panel tells and does nothing in another visit than the one it was made in."""
    with server.visit("alice"):
        panel = SignInPanel("demo")
    sign_in("alice")
    with server.visit("bob"):
        assert (panel.signed_in, panel.account) == (False, None)
        panel._received(panel, {"kind": "sign_out"}, [])
        with pytest.raises(SignInRequired, match=ANOTHER):
            panel.start()
        assert SignInPanel("demo").account is None
    with server.visit("alice"):
        assert (panel.signed_in, panel.account.username) == (True, ALICE)
        panel._received(panel, {"kind": "sign_out"}, [])
        assert (panel.signed_in, panel.account, _users()) == (False, None, [])


def test_acting_for_one_user(
    server: FakeMarimo, demo: DemoServer, sign_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An application that acts for one user, whom a variable names, serves no visitor; a function may tell whom."""
    monkeypatch.setenv("SECRET", demo.middle_tier_secret)
    keys: Any = {
        "client_id": demo.middle_tier_client_id,
        "authority": demo.authority,
        "ca_bundle": str(demo.ca_file),
        "client_secret": {"env": "SECRET"},
        "apis": {demo.api_origin: ["api://nbauth-demo-archive/Archive.Read"]},
    }
    url = f"{demo.api_url}/archive"
    with server.visit("alice"):
        token = sign_in("alice") and _credential().token(_credential().profile.login_scopes)
    monkeypatch.setenv("USER_ASSERTION", token)
    kernel.add_profile(nbauth.Profile("one", **keys, user_assertion={"env": "USER_ASSERTION"}))
    kernel.add_profile(nbauth.Profile("each", **keys, user_assertion=lambda: token))
    with server.visit("bob"):
        with pytest.raises(SignInRequired, match="'one' acts for one user, and marimo serves"):
            nbauth.session("one").get(url)
        assert KernelAuthorizer("each").chain(url).token(url)
