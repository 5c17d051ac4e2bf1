"""Servers with several visitors in one process, each with two browsers that have no cookie in common."""

from __future__ import annotations

import os
import re
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import pytest
from jupyter_servers import free_port

import nbauth
from nbauth.demo.person import Person

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

    from nbauth.demo.server import DemoServer

ROOT = Path(__file__).parents[2]
OPENER = build_opener(ProxyHandler({}))
# What both applications tell a visitor. `shared` is one module for all of them.
SHARED = """
import os, threading
import nbauth

API = os.environ["DEMO_API"]
session = None

def mail(read):
    try:
        return read()
    except nbauth.errors.NbauthError as error:
        return f"{type(error).__name__}: {error}"

def own():
    return nbauth.read(f"{API}/me")["mail"][0]

def first_ones():
    global session
    session = session or nbauth.session("demo")
    return session.get(f"{API}/me").json()["mail"]

def in_a_thread():
    came = []
    thread = threading.Thread(target=lambda: came.append(mail(own)))
    thread.start()
    thread.join()
    return came[0]

def tell(count):
    rows = len(nbauth.read(f"{API}/cities", profile="nightly"))
    people = [account.username for account in nbauth.accounts() if account.kind == "person"]
    told = {"own": mail(own), "first": mail(first_ones), "thread": in_a_thread(), "application": rows > 0}
    return f"LOOK {count} PEOPLE {people} {told} END"
"""
MARIMO = """
import marimo

app = marimo.App()

@app.cell
def _():
    import marimo as mo, nbauth, shared
    panel = mo.ui.anywidget(nbauth.SignInPanel("demo"))
    panel
    return mo, nbauth, panel, shared

@app.cell
def _(mo, nbauth, panel, shared):
    mo.plain_text(f"NOW {panel.username or shared.mail(lambda: nbauth.login('demo'))}")
    return

@app.cell
def _(mo):
    look = mo.ui.button(label="look", value=0, on_click=lambda count: count + 1)
    look
    return (look,)

@app.cell
def _(look, mo, shared):
    mo.plain_text(shared.tell(look.value))
    return
"""
DOCUMENTED = re.findall(r"```python\n(import io\n.*?)```", (ROOT / "docs" / "servers.md").read_text(), re.DOTALL)
STREAMLIT = """
import shared

if st.button("sign out"):
    nbauth.logout("demo")
count = st.session_state.setdefault("count", 0)
if st.button("look"):
    count = st.session_state["count"] = count + 1
st.text("NOW " + shared.mail(lambda: people[0].username if people else nbauth.login("demo")))
st.text(shared.tell(count))
"""
SERVERS = {
    "marimo": (MARIMO, ["marimo", "run", "app.py", "--headless", "--no-token", "--port"]),
    "marimo edit": (MARIMO, ["marimo", "edit", "app.py", "--headless", "--no-token", "--port"]),
    "streamlit": (
        DOCUMENTED[0].replace('"work"', '"demo"') + STREAMLIT,
        ["streamlit", "run", "app.py", "--server.headless=true", "--browser.gatherUsageStats=false", "--server.port"],
    ),
}
NOBODY = r"PEOPLE [] {'own': 'SignInRequired: Nobody is signed in to profile \'demo\'."


@pytest.fixture(params=["marimo", "streamlit"])
def server(request: pytest.FixtureRequest, running_demo: DemoServer, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Serve an application; return the server's name and the application's address."""
    application, command = SERVERS[request.param]
    (tmp_path / "app.py").write_text(application)
    (tmp_path / "shared.py").write_text(SHARED)
    (tmp_path / "marimo").mkdir()
    (tmp_path / "marimo" / "marimo.toml").write_text(
        "[runtime]\nauto_instantiate = true\n"
    )  # as `edit` asks to be told
    port = free_port()
    environment = {
        **os.environ,
        "NBAUTH_CONFIG": str(running_demo.config_path),
        "DEMO_API": running_demo.api_url,
        "PYTHONPATH": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }
    log = (tmp_path / "server.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", *command, str(port)],
        env=environment,
        cwd=tmp_path,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    until = time.monotonic() + 60
    while True:
        try:
            OPENER.open(f"http://127.0.0.1:{port}/", timeout=5).close()
            break
        except (URLError, OSError):
            assert process.poll() is None, (tmp_path / "server.log").read_text()
            assert time.monotonic() < until, (tmp_path / "server.log").read_text()
            time.sleep(0.2)
    yield request.param, f"http://localhost:{port}/"
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:  # marimo asks whether it is meant
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
    log.close()


class Visitor:
    """A person at the application, in a browser of their own.

    Args:
        context: the browser.
        server: its name, and the application's address.
        name: who the person is at the provider.
        demo: the provider.
    """

    def __init__(self, context: BrowserContext, server: tuple[str, str], name: str, demo: DemoServer) -> None:
        self.page: Page = context.new_page()
        kind, url = server
        self.kind = kind.split()[0]
        self.demo = demo
        self.name = name
        self.username = f"{name}@contoso.example"
        self.looks = 0
        self.page.goto(url)
        self.told(0)

    def told(self, count: int) -> str:
        """Wait for what the application tells."""
        found = self.page.get_by_text(f"LOOK {count} ").last
        found.wait_for(timeout=40_000)
        return found.inner_text()

    def look(self) -> str:
        """Ask the application anew."""
        self.looks += 1
        self.page.get_by_role("button", name="look", exact=True).click()
        return self.told(self.looks)

    def sign_in(self) -> None:
        """Sign in: marimo shows the panel, Streamlit a code to type; what names the person runs again by itself."""
        if self.kind == "marimo":
            self.page.locator(".nbauth-panel").get_by_text("Sign in", exact=True).click()
            self.page.locator('.nbauth-panel[data-step="open"]').wait_for()
            with self.page.context.expect_page() as opening:
                self.page.locator(".nbauth-panel a.nbauth-primary").click()
            opening.value.get_by_text(self.name.capitalize()).click()
            self.page.locator('.nbauth-panel[data-step="signed_in"]').wait_for()
        else:
            self.page.get_by_role("button", name="Sign in", exact=True).click()
            shown = self.page.get_by_text("and type the code ")
            shown.wait_for()
            address, code = re.findall(r"open (\S+) on any|the code (\S+)", shown.inner_text())
            Person(self.name, ca_file=self.demo.ca_file).enter_code(address[0], code[1])
        self.now(self.username)

    def now(self, told: str) -> str:
        """Wait for what names the person, or says how they sign in."""
        found = self.page.get_by_text(f"NOW {told}")
        found.wait_for(timeout=40_000)
        return found.inner_text()

    def sign_out(self) -> None:
        """Sign out."""
        if self.kind == "marimo":
            self.page.locator(".nbauth-panel").get_by_text("Sign out", exact=True).click()
            self.page.locator('.nbauth-panel[data-step="idle"]').wait_for()
        else:
            self.page.get_by_role("button", name="sign out", exact=True).click()
            self.page.get_by_text("PEOPLE []").wait_for(timeout=40_000)

    @property
    def is_themselves(self) -> bool:
        """Whether the application reads their rows, and knows nobody else; also in no thread of its own."""
        told = self.look()
        return (
            f"PEOPLE ['{self.username}'] {{'own': '{self.username}'" in told
            and "does not tell here which of them this is" in told.partition("'thread'")[2]
            and "'application': True" in told
        )


@pytest.fixture
def visit(browser: Browser, server: tuple[str, str], running_demo: DemoServer) -> Iterator[Callable[[str], Visitor]]:
    """Return what brings a person to the application, each with a browser that shares nothing with another's."""
    contexts: list[Any] = []

    def make(name: str) -> Visitor:
        context = browser.new_context(viewport={"width": 1100, "height": 900}, ignore_https_errors=True)
        context.set_default_timeout(20_000)
        contexts.append(context)
        return Visitor(context, server, name, running_demo)

    yield make
    for context in contexts:
        context.close()


def test_two_visitors_see_their_own(visit: Callable[[str], Visitor]) -> None:
    """Each visitor is nobody until they sign in, reads their own rows, and stays who they are when the other leaves."""
    alice = visit("alice")
    alice.now("SignInRequired: Profile 'demo' needs a person to sign in, and a visitor of")
    alice.sign_in()
    assert alice.is_themselves
    bob = visit("bob")
    told = bob.look()
    assert NOBODY in told
    assert "was made in another visit" in told.partition("'first'")[2].partition("'thread'")[0]
    assert "'application': True" in told
    bob.sign_in()
    assert bob.is_themselves
    assert "was made in another visit" in bob.look()
    assert alice.is_themselves
    alice.sign_out()
    assert NOBODY in alice.look()
    assert bob.is_themselves


@pytest.mark.parametrize("server", ["marimo edit"], indirect=True)
def test_marimo_edit(visit: Callable[[str], Visitor]) -> None:
    """`nbauth.login()` says which panel to show; cells that read its name run again as somebody signs in and out."""
    alice = visit("alice")
    asked = alice.now("SignInRequired: Profile 'demo' needs a person")
    assert 'panel = mo.ui.anywidget(nbauth.SignInPanel("demo"))' in asked
    assert "worker process" not in alice.look()
    alice.sign_in()
    assert f"PEOPLE ['{alice.username}'] {{'own': '{alice.username}'" in alice.look()
    alice.sign_out()
    alice.now("SignInRequired")


def test_dashboard_as_a_script(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """notebooks/dashboard.py stops where nobody is signed in, and reads where somebody is; here a job is."""
    monkeypatch.setenv("NBAUTH_PROFILE", "nightly")
    monkeypatch.setenv("NBAUTH_DEMO_API", demo.api_url)
    app = runpy.run_path(str(ROOT / "notebooks" / "dashboard.py"))["app"]
    _, names = app.run()
    assert "days" not in names
    nbauth.login()
    _, names = app.run()
    assert set(names["chosen"]["city"]) == {"Zürich"}
