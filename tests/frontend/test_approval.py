"""A person is asked whether they approve of a cloned configuration: in the panel, in plain text, in a terminal."""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pexpect
import pytest
from fake_widget_page import FakeWidgetPage, aside

import nbauth
from nbauth.demo.check import PersonPrompt
from nbauth.demo.person import Person
from nbauth.errors import ApprovalRequired, SignInCancelled
from nbauth.frontend.terminal_prompt import TerminalPrompt
from nbauth.signin.flows.prompt import CancellablePrompt

if TYPE_CHECKING:
    from pathlib import Path

    from fake_front_end import FakeFrontEnd, Outcome

    from nbauth.demo.server import DemoServer

SIGNED_IN = "Signed in to demo as Alice Adams (alice@contoso.example)"


@pytest.fixture(autouse=True)
def cloned(apart: Path, demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the demo's configuration with its authority, as a clone would ship it into the notebook's directory."""
    monkeypatch.delenv("NBAUTH_CONFIG")
    shutil.copy(demo.ca_file, apart)
    return shutil.copy(demo.config_path, apart)


def _act(demo: DemoServer, answer: str) -> Any:
    person = Person("alice", ca_file=demo.ca_file)

    def act(page: FakeWidgetPage, view: dict[str, Any]) -> None:
        if view["step"] == "approval":
            assert not demo.provider.requests
            page.send(answer)
        elif view["step"] == "open":
            aside(lambda: page.send("redirect", text=person.address_after(view["url"])))

    return act


def test_in_the_panel(demo: DemoServer, shared_front_end: FakeFrontEnd, cloned: Path) -> None:
    """The panel says whose configuration it is and what it would do; after Approve the sign-in goes on, and once."""
    shared_front_end.run("%load_ext nbauth")
    page = FakeWidgetPage(shared_front_end, _act(demo, "cancel"))
    outcome = shared_front_end.run("%login --flow paste")
    assert outcome.error is not None
    assert outcome.error["evalue"].startswith("Profile 'demo': The sign-in was cancelled.")
    (view,) = (view for view in page.views if view["step"] == "approval")
    assert view["status"].startswith(f"{cloned} may have come with a cloned folder. Nothing was sent yet.")
    assert re.match(r"profile 'demo' trusts the certificate authority ca\.pem \(SHA-256 \w{64}\)", view["reasons"][0])
    assert not demo.provider.requests
    for step in ("approval", "open"):
        page = FakeWidgetPage(shared_front_end, _act(demo, "approve"))
        assert shared_front_end.run("%login --flow paste").text.startswith(SIGNED_IN)
        assert step in page.steps
        shared_front_end.run("%logout")
    assert "approval" not in page.steps


def test_in_a_panel_that_is_there(demo: DemoServer, shared_front_end: FakeFrontEnd) -> None:
    """A panel of a dashboard asks in itself, and shows how it ended."""
    shared_front_end.run("import nbauth")
    page = FakeWidgetPage(
        shared_front_end, lambda page, view: page.send("approve") if view["step"] == "approval" else None
    )
    shared_front_end.run("panel = nbauth.SignInPanel(flow='paste')\npanel")
    page.send("press")
    shared_front_end.until(lambda: page.view["step"] == "open")
    page.send("cancel")
    shared_front_end.until(lambda: page.view["step"] == "failed")


def test_in_plain_text(demo: DemoServer, shared_front_end: FakeFrontEnd) -> None:
    """Where nobody draws the panel, a word is typed; anything but yes leaves it, and nothing is sent."""
    shared_front_end.run("%load_ext nbauth")
    FakeWidgetPage(shared_front_end, draws=False)
    shown: list[str] = []

    def answer(outcome: Outcome) -> str | None:
        shown.append(outcome.shown)
        return "" if "trusts the certificate" in outcome.shown else None  # the question and the text race

    outcome = shared_front_end.run("%login", answer=answer)
    assert outcome.error is not None
    assert outcome.error["ename"] == "ApprovalRequired"
    assert "was not approved and nothing was sent" in outcome.error["evalue"]
    assert "trusts the certificate authority ca.pem" in shown[-1]
    assert outcome.shown.strip() == ""
    assert not demo.provider.requests


def test_nobody_to_ask(demo: DemoServer, shared_front_end: FakeFrontEnd, cloned: Path) -> None:
    """With nobody to ask, the error names the file, what it would do, and the line to type."""
    shared_front_end.run("%load_ext nbauth")
    outcome = shared_front_end.run("%login nightly", allow_stdin=False)
    assert outcome.error is not None
    assert outcome.error["ename"] == "ApprovalRequired"
    assert f" run: nbauth trust {cloned}" in outcome.error["evalue"]


def test_in_a_terminal(demo: DemoServer) -> None:
    """A terminal asks for y or N, and shows what is typed; Enter alone is no."""
    terminal = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", "--no-banner", "--simple-prompt", "--colors=NoColor"],
        env={**os.environ, "TERM": "dumb"},
        dimensions=(24, 80),
        encoding="utf-8",
        timeout=30,
    )
    terminal.expect(r"In \[1\]: ")
    terminal.sendline("%load_ext nbauth")
    for answer, follows in (("", "ApprovalRequired: .*was not approved"), ("y", "It is not shown")):
        terminal.sendline("%login --flow paste")
        terminal.expect("trusts the certificate authority")
        terminal.expect(r"Approve\? \[y/N\] ")
        assert not demo.provider.requests
        terminal.sendline(answer)
        terminal.expect(follows)
    # Python itself drops an interrupt that comes while it imports what asks for the address: a person presses again.
    for _ in range(10):
        terminal.sendintr()
        if terminal.expect(["SignInCancelled", pexpect.TIMEOUT], timeout=3) == 0:
            break
    else:
        pytest.fail(terminal.before or "nothing is shown")
    terminal.close(force=True)


@pytest.mark.parametrize(("typed", "error"), [("yes please\n", ApprovalRequired), ("", SignInCancelled)])
def test_what_is_no_yes(typed: str, error: type[Exception], demo: DemoServer) -> None:
    """Another word than yes is a no, and so is the end of what can be read."""
    output = io.StringIO()
    with pytest.raises(error):
        nbauth.login("demo", prompt=TerminalPrompt(output, io.StringIO(typed)))
    assert "Approve? [y/N]" in output.getvalue()
    assert not demo.provider.requests


def test_no_answer_is_a_no(demo: DemoServer) -> None:
    """Who says nothing within the time has not approved, and a cancelled task asks no more."""

    class Silent(PersonPrompt):
        def ask_approval(self, request: Any) -> None:
            pass

    silent = Silent(Person("alice", ca_file=demo.ca_file), "alice")
    with pytest.raises(ApprovalRequired):
        nbauth.login("demo", prompt=silent, timeout_s=0.1)
    cancelled = CancellablePrompt(silent)
    cancelled.cancel()
    with pytest.raises(SignInCancelled):
        nbauth.login("demo", prompt=cancelled)  # type: ignore[arg-type]  # it hands on what it lacks
    assert not demo.provider.requests


def test_a_prompt_that_knows_no_approvals(demo: DemoServer) -> None:
    """A caller's own prompt without the question is asked nothing: the configuration stays unapproved."""

    class Old(PersonPrompt):
        ask_approval = property()  # type: ignore[assignment]  # as if it were not there

    with pytest.raises(ApprovalRequired):
        nbauth.login("demo", prompt=Old(Person("alice", ca_file=demo.ca_file), "alice"))
