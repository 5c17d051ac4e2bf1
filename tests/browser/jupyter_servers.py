"""Real Jupyter servers, and their notebooks as a person has them in a browser."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Literal
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

import nbformat

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Self

    from playwright.sync_api import Locator, Page

__all__ = ["Notebook", "Server", "free_port", "free_ports", "program", "write"]

App = Literal["lab", "notebook"]
READY_MS = 60_000
_TOKEN = "let-me-in"
_OPENER = build_opener(ProxyHandler({}))
_MODULES = {"lab": "jupyterlab", "notebook": "notebook"}
_EXPOSE = {
    "lab": "--LabApp.expose_app_in_browser=True",
    "notebook": "--JupyterNotebookApp.expose_app_in_browser=True",
}


def program(*names: str, package: str) -> str:
    """Return where a program is; on a bare Debian machine its package is installed.

    Args:
        names: what it may be called.
        package: Debian's package.
    """
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None and hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        for action in (["update"], ["install", "--yes", "--no-install-recommends", package]):
            subprocess.run(["apt-get", "-qq", *action], check=True, timeout=600)
        found = next(filter(None, map(shutil.which, names)), None)
    assert found, f"No {names[0]} on PATH. Run: apt-get install {package}"
    return found


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_ports(count: int) -> int:
    """Return the first of several free ports in a row, below those that the system gives to whoever asks for any."""
    for port in random.sample(range(20_000, 32_000), 100):
        with contextlib.ExitStack() as sockets, contextlib.suppress(OSError):
            for number in range(port, port + count):
                sockets.enter_context(socket.socket()).bind(("127.0.0.1", number))
            return port
    raise AssertionError(f"no {count} free ports in a row")


def write(path: Path, *cells: str) -> Path:
    """Write a notebook of these cells."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": kernel}), path)
    return path


class Server:
    """A Jupyter server with JupyterLab or Notebook 7.

    Args:
        app: which of them.
        directory: its home, and the folder of its notebooks.
        environment: variables of the server and of its kernels, on top of this process's.
        base_url: the path it serves under.
    """

    def __init__(
        self,
        app: App,
        directory: Path,
        environment: Mapping[str, str],
        *,
        base_url: str = "/",
        options: tuple[str, ...] = (),
    ) -> None:
        self.app: App = app
        self.directory = directory
        self.folder = directory / "notebooks"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.base_url = base_url
        self.port = free_port()
        page_config = directory / "config" / "labconfig" / "page_config.json"
        page_config.parent.mkdir(parents=True)
        # Lab's question about news would lie over the page.
        page_config.write_text('{"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": true}}')
        self._log = (directory / "server.log").open("wb")
        variables = {
            **os.environ,
            "HOME": str(directory),
            "JUPYTER_CONFIG_DIR": str(directory / "config"),
            "JUPYTER_DATA_DIR": str(directory / "data"),
            "JUPYTER_RUNTIME_DIR": str(directory / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(directory / "settings"),
            "XDG_STATE_HOME": str(directory / "state"),
            "XDG_CONFIG_HOME": str(directory / "xdg"),
            **environment,
        }
        command = [sys.executable, "-m", _MODULES[app], "--no-browser", "--allow-root", f"--ServerApp.port={self.port}"]
        command += [f"--IdentityProvider.token={_TOKEN}", f"--ServerApp.base_url={base_url}"]
        command += [f"--ServerApp.root_dir={self.folder}", _EXPOSE[app], *options]
        self._process = subprocess.Popen(
            command, env=variables, cwd=self.folder, stdout=self._log, stderr=self._log, start_new_session=True
        )

    @property
    def origin(self) -> str:
        """Its origin in the browser."""
        return f"http://localhost:{self.port}"

    def __enter__(self) -> Self:
        until = time.monotonic() + 60
        while True:
            try:
                self.request("api/status")
            except (URLError, OSError):
                assert self._process.poll() is None, self.log
                assert time.monotonic() < until, self.log
                time.sleep(0.1)
            else:
                return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(15)
        self._log.close()

    @property
    def log(self) -> str:
        """What it logged."""
        return (self.directory / "server.log").read_text(errors="replace")

    def request(self, path: str, method: str = "GET") -> Any:
        """Ask its REST API."""
        request = Request(f"http://127.0.0.1:{self.port}{self.base_url}{path}", method=method)
        request.add_header("Authorization", f"token {_TOKEN}")
        with _OPENER.open(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")

    def write(self, name: str, *cells: str) -> Path:
        """Write a notebook of these cells."""
        return write(self.folder / f"{name}.ipynb", *cells)

    def end_kernels(self) -> None:
        """End every kernel, so that tests do not meet each other's."""
        for session in self.request("api/sessions"):
            self.request(f"api/sessions/{session['id']}", "DELETE")


class Notebook:
    """A notebook that is open in a browser.

    Args:
        page: the browser's page.
        server: whose notebook.
        path: its file.
        loaded: the page is a JupyterLab, which opens it as a person would who clicks on its name.
    """

    def __init__(self, page: Page, server: Server, path: Path, *, loaded: bool = False) -> None:
        self.page = page
        self.server = server
        self.path = path
        self.name = str(path.relative_to(server.folder))
        place = "lab/tree" if server.app == "lab" else "notebooks"
        reset = "&reset" if server.app == "lab" else ""
        self.url = f"{server.origin}{server.base_url}{place}/{self.name}?token={_TOKEN}{reset}"
        if loaded:
            self.open_in_lab()
        else:
            self.open()

    def open(self) -> None:
        """Open its page, or load it again, and wait for the kernel's connection."""
        self.page.goto(self.url)
        self._connected()

    def open_in_lab(self) -> None:
        """Open it in a JupyterLab that is there, and wait for the kernel's connection."""
        self.page.evaluate("path => { window.jupyterapp.commands.execute('docmanager:open', {path}) }", self.name)
        self._connected()

    def close(self) -> None:
        """Close its tab in JupyterLab; the kernel goes on."""
        self.page.evaluate("() => { window.jupyterapp.shell.currentWidget.dispose() }")

    def _connected(self) -> None:
        self.page.wait_for_function(
            # Lab opens what was open before, too.
            "name => { const context = window.jupyterapp?.shell?.currentWidget?.context; return context?.path === name"
            " && context.sessionContext?.session?.kernel?.connectionStatus === 'connected' }",
            arg=self.name,
            timeout=READY_MS,
        )

    def idle(self) -> None:
        """Wait until its kernel has nothing to do."""
        self.page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.status === 'idle'",
            timeout=READY_MS,
        )

    def command(self, name: str) -> None:
        """Run a command of the front end, and do not wait for what it does."""
        self.page.evaluate("name => { window.jupyterapp.commands.execute(name) }", name)

    def run_all(self) -> None:
        """Run all cells."""
        self.idle()
        self.command("notebook:run-all-cells")

    def ran(self) -> None:
        """Wait until the last cell of code has run."""
        self.page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.content.widgets.map(each => each.model)"
            ".findLast(each => each.type === 'code').executionCount",
            timeout=READY_MS,
        )
        self.idle()

    def scroll_to(self, text: str) -> None:
        """Scroll to the first cell with a text in its source."""
        self.page.evaluate(
            "text => { const cells = window.jupyterapp.shell.currentWidget.content;"
            " cells.activeCellIndex = cells.widgets.findIndex(each => each.model.sharedModel.source.includes(text));"
            " return cells.scrollToItem(cells.activeCellIndex, 'start') }",
            text,
        )

    def save(self) -> dict[str, Any]:
        """Save, and return what is in the file."""
        before = self.path.stat().st_mtime_ns
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        until = time.monotonic() + 10
        while self.path.stat().st_mtime_ns == before and time.monotonic() < until:
            time.sleep(0.05)
        document: dict[str, Any] = json.loads(self.path.read_text())
        return document

    def press_sign_in(self) -> Page:
        """Press the panel's button, and return the provider's page."""
        with self.page.context.expect_page() as opening:
            self.panel.locator("a.nbauth-primary").click()
        page = opening.value
        page.wait_for_load_state()
        return page

    @property
    def panel(self) -> Locator:
        """The sign-in panel."""
        return self.page.locator(".nbauth-panel")

    def at_step(self, step: str) -> Locator:
        """Wait until the panel is at a step."""
        found = self.page.locator(f'.nbauth-panel[data-step="{step}"]')
        found.wait_for(timeout=20_000)
        return found

    def output(self, text: str) -> Locator:
        """Wait until a cell's output holds a text."""
        found = self.page.locator(".jp-OutputArea-output", has_text=text).first
        found.wait_for(timeout=20_000)
        return found
