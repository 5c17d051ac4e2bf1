"""The panel in a Voila dashboard, where nothing may block."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import nbformat
import pytest
from jupyter_servers import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import BrowserContext

    from nbauth.demo.server import DemoServer

OPENER = build_opener(ProxyHandler({}))


@pytest.fixture
def dashboard(running_demo: DemoServer, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Return what serves cells as a dashboard, and says where."""
    running: list[Any] = []

    def serve(*cells: str) -> str:
        path = tmp_path / "dashboard.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]), path)
        port = free_port()
        log = (tmp_path / "voila.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-m", "voila", str(path), "--no-browser", f"--port={port}"],
            env={**os.environ, "NBAUTH_CONFIG": str(running_demo.config_path)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        running.append((process, log))
        until = time.monotonic() + 60
        while True:
            try:
                OPENER.open(f"http://127.0.0.1:{port}/static/", timeout=5).close()
            except URLError as error:
                if hasattr(error, "code"):  # it answers
                    return f"http://localhost:{port}"
                assert time.monotonic() < until, (tmp_path / "voila.log").read_text()
                time.sleep(0.2)
            else:
                return f"http://localhost:{port}"

    yield serve
    for process, log in running:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)
        log.close()


@pytest.mark.parametrize("cell", ["%load_ext nbauth\n%login", "import nbauth\nnbauth.SignInPanel()"])
def test_signs_in_from_a_dashboard(
    cell: str,
    dashboard: Callable[..., str],
    context: BrowserContext,
    running_demo: DemoServer,
    shot: Callable[..., None],
) -> None:
    """The panel is there, does not block the page, and signs in; what observes it follows.

    A cell that reads ran before that: it says what to do, where Voila itself shows no error.
    """
    url = dashboard(
        cell,
        "import ipywidgets, nbauth\n"
        "told = ipywidgets.Label('nobody yet')\n"
        "panel = nbauth.SignInPanel()\n"
        "panel.observe(lambda change: setattr(told, 'value', f'now {panel.account.username}'), 'signed_in')\n"
        "told",
        f"nbauth.read('{running_demo.api_url}/me')",
    )
    page = context.new_page()
    page.goto(url, timeout=60_000)
    page.get_by_text("nobody yet").wait_for(timeout=60_000)
    page.get_by_text("Nobody is signed in to profile 'demo'. Voila runs each cell before anybody can").wait_for()
    shot(page, f"voila-{'magic' if 'login' in cell else 'panel'}")
    panel = page.locator(".nbauth-panel")
    panel.get_by_text("Sign in", exact=True).click()
    page.locator('.nbauth-panel[data-step="open"]').wait_for()
    with context.expect_page() as opening:
        panel.locator("a.nbauth-primary").click()
    opening.value.get_by_text("Alice").click()
    page.locator('.nbauth-panel[data-step="signed_in"]').wait_for()
    page.get_by_text("now alice@contoso.example").wait_for()
