"""On every ipykernel that is supported, clicks reach a blocking cell, and threads show how far a load is."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from fake_widget_page import FakeWidgetPage, aside
from jupyter_client.manager import KernelManager
from kernel_versions import VERSIONS, python_with

from nbauth.demo.person import Person

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fake_front_end import FakeFrontEnd

    from nbauth.demo.server import DemoServer


@pytest.fixture(scope="module", params=VERSIONS, ids=lambda version: version or "newest")
def python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with one version of ipykernel."""
    return python_with(request.param, tmp_path_factory.getbasetemp().parent)


@pytest.fixture(scope="module")
def debug_log(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What such a kernel logs."""
    return tmp_path_factory.mktemp("kernel") / "debug.log"


@pytest.fixture
def front_end(python: Path, debug_log: Path, apart: Path, keep_front_end: Callable[..., FakeFrontEnd]) -> FakeFrontEnd:
    """A front end with such a kernel."""

    def start() -> KernelManager:
        manager = KernelManager(kernel_name="python3")
        manager.kernel_spec.argv[0] = str(python)
        with debug_log.open("wb") as log:
            manager.start_kernel(
                cwd=str(apart), env=dict(os.environ), extra_arguments=["--debug"], stdout=log, stderr=log
            )
        return manager

    playing = keep_front_end(str(python), start)
    playing.run("%load_ext nbauth")
    playing.run("import logging\nlogging.basicConfig(filename='../comm.log', level=logging.DEBUG, force=True)")
    return playing


def _subshell(front_end: FakeFrontEnd) -> str | None:
    """Make a subshell, as front ends do that send comms over one; None on kernels without."""
    client = front_end.client
    client.control_channel.send(client.session.msg("create_subshell_request", {}))
    if front_end.run("import ipykernel\nprint(ipykernel.version_info[0])").text.startswith("6"):
        return None
    while True:
        reply = client.get_control_msg(timeout=30)
        if reply["msg_type"] == "create_subshell_reply":
            return str(reply["content"]["subshell_id"])


@pytest.mark.timeout(300)  # the first test of a version installs it
@pytest.mark.parametrize("shell", ["main shell", "subshell"])
def test_sign_in_then_out(shell: str, demo: DemoServer, front_end: FakeFrontEnd, apart: Path, debug_log: Path) -> None:
    """A click on another way, the redirect that is pasted, and the button after the cell has ended all arrive.

    What observes a panel runs on the main thread, wherever the click came. A kernel that logs each message, as with
    `--debug`, logs nothing of what the page sends for the panel.
    """
    front_end.run(
        "import nbauth, threading\n"
        "seen, watched = [], nbauth.SignInPanel('demo')\n"
        "watched.observe(lambda _: seen.append(threading.current_thread() is threading.main_thread()), 'signed_in')"
    )
    person = Person("alice", ca_file=demo.ca_file)

    def act(page: FakeWidgetPage, view: dict[str, Any]) -> None:
        if view["step"] == "code":
            page.send("flow", flow="paste")
        elif view["step"] == "open":
            aside(lambda: page.send("redirect", text=person.address_after(view["url"])))

    page = FakeWidgetPage(front_end, act, reaches=False, subshell=_subshell(front_end) if shell == "subshell" else None)
    outcome = front_end.run("%login")
    assert outcome.status == "ok", outcome.error
    assert page.steps[-4:] == ["code", "open", "finishing", "signed_in"]
    page.send("sign_out")
    front_end.until(lambda: page.view["step"] == "idle")
    page.send("press")
    front_end.until(lambda: page.view["step"] == "signed_in")
    assert front_end.run("print(len(nbauth.accounts()))").text == "1\n"
    front_end.until(lambda: front_end.run("print(seen)").text == "[True, True, True]\n")
    debug, comms = debug_log.read_text(), (apart.parent / "comm.log").read_text()
    assert "*** MESSAGE TYPE:comm_msg***" in debug
    assert f"<a message of nbauth's panel {page.model_id}>" in debug
    assert f"handle_msg[{page.model_id}]" in comms
    secrets = [secret for secret in demo.provider.issued_secrets if len(secret) > 20]
    assert [secret for secret in [*secrets, "code_challenge="] if secret in debug + comms] == []


@pytest.mark.timeout(300)
def test_cancel_and_interrupt(demo: DemoServer, front_end: FakeFrontEnd) -> None:
    """Cancel and Interrupt end a waiting cell with one line, and the next cell runs."""
    FakeWidgetPage(front_end, lambda page, view: page.send("cancel") if view["step"] == "open" else None)
    outcome = front_end.run("%login")
    assert outcome.error is not None
    assert outcome.error["evalue"].startswith("Profile 'demo': The sign-in was cancelled.")
    pressed: list[float] = []

    def interrupt(_page: FakeWidgetPage, view: dict[str, Any]) -> None:
        if view["step"] == "open" and not pressed:
            pressed.append(time.monotonic())
            front_end.manager.interrupt_kernel()

    FakeWidgetPage(front_end, interrupt)
    outcome = front_end.run("%login")
    assert outcome.error is not None
    assert outcome.error["evalue"].startswith("Profile 'demo': The sign-in was interrupted.")
    assert len(outcome.error["traceback"]) == 1
    assert front_end.run("print(6 * 7)").text == "42\n"


@pytest.mark.timeout(300)
def test_other_widgets_keep_their_order(demo: DemoServer, front_end: FakeFrontEnd) -> None:
    """What other widgets send while the cell waits arrives after it, in order; none is lost."""
    front_end.run(
        "import ipywidgets\n"
        "slider = ipywidgets.IntSlider()\n"
        "seen = []\n"
        "slider.observe(lambda change: seen.append(change.new), 'value')"
    )
    model = front_end.run("print(slider.comm.comm_id)").text.strip()
    client = front_end.client

    def move(page: FakeWidgetPage, view: dict[str, Any]) -> None:
        if view["step"] == "open":
            for value in (1, 2, 3):
                data = {"method": "update", "state": {"value": value}, "buffer_paths": []}
                client.shell_channel.send(client.session.msg("comm_msg", {"comm_id": model, "data": data}))
            page.send("cancel")

    FakeWidgetPage(front_end, move)
    front_end.run("%login")
    assert front_end.run("print(seen)").text == "[1, 2, 3]\n"


@pytest.mark.timeout(300)
def test_progress_from_another_thread(front_end: FakeFrontEnd) -> None:
    """A thread that reads shows how far it is, below the cell that waits for it."""
    outcome = front_end.run(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from nbauth.frontend.progress import NotebookProgress\n"
        "progress = NotebookProgress('Reading', 'a note')\n"
        "with ThreadPoolExecutor() as threads:\n"
        "    for done in (1, 2):\n"
        "        progress._drawn = 0\n"
        "        threads.submit(progress.update, rows=done, requests=1, received_bytes=0).result()\n"
        "progress.finish('done')"
    )
    assert outcome.status == "ok", outcome.error
    assert outcome.shown.startswith("Reading: 2 rows")
