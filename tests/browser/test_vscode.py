"""The panel in a webview as VS Code has them: its own widget manager, on a page that is not the kernel's."""

from __future__ import annotations

import contextlib
import json
import queue
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from fake_front_end import TIMEOUT_S
from jupyter_servers import program

if TYPE_CHECKING:
    from collections.abc import Callable

    from fake_front_end import FakeFrontEnd
    from playwright.sync_api import BrowserContext, Locator, Page, Route

    from nbauth.demo.server import DemoServer

MANAGER = "@vscode/jupyter-ipywidgets8@1.0.9"
ORIGIN = "https://0qv7p2k4.vscode-cdn.net"
PAGE = Path(__file__).parent / "webview.html"
# The manager's script holds JupyterLab's connection to a kernel, and does not give it away.
EXPORTS = """
const moduleWith = (text) =>
  __webpack_require__(Object.keys(__webpack_modules__).find((id) => __webpack_modules__[id].toString().includes(text)));
export const parts = () => ({
  KernelConnection: moduleWith("t.KernelConnection=void 0").KernelConnection,
  makeSettings: moduleWith("t.ServerConnection=void 0").ServerConnection.makeSettings,
});
"""


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """VS Code's widget manager: one script, without the packages that it was made of."""
    folder = tmp_path_factory.mktemp("manager")
    subprocess.run([program("npm", package="npm"), "pack", "--silent", MANAGER], cwd=folder, check=True, timeout=120)
    (archive,) = folder.glob("*.tgz")
    shutil.unpack_archive(archive, folder, filter="data")
    return folder / "package" / "dist" / "ipywidgets.js"


class Webview:
    """A notebook's webview, and the extension beside it, which alone speaks with the kernel.

    Args:
        page: of the browser.
        front_end: the kernel.
    """

    def __init__(self, page: Page, front_end: FakeFrontEnd) -> None:
        self.page = page
        self._client = front_end.client
        self.text = ""
        self.is_idle = False
        self._number = ""
        page.expose_function("toKernel", self._to_kernel)
        page.goto(f"{ORIGIN}/")
        self.until(lambda: page.evaluate("() => window.kernel?.connectionStatus === 'connected'"))

    def run(self, code: str) -> None:
        """Run a cell, and do not wait for its end."""
        self.text, self.is_idle = "", False
        self._number = self._client.execute(code)

    def until(self, condition: Callable[[], Any]) -> None:
        """Let messages pass until something is so."""
        until = time.monotonic() + TIMEOUT_S
        while not condition():
            assert time.monotonic() < until, self.text
            for channel in ("shell", "iopub"):
                self._from_kernel(channel)
            self.page.wait_for_timeout(20)  # in which the browser's own messages arrive

    def at_step(self, step: str) -> Locator:
        """Wait until the panel is at a step."""
        panel = self.page.locator(f'.nbauth-panel[data-step="{step}"]')
        self.until(panel.count)
        return panel

    def _from_kernel(self, channel: str) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                message = getattr(self._client, f"get_{channel}_msg")(timeout=0)
                self._read(message)
                text = json.dumps({**message, "channel": channel, "buffers": []}, default=str)
                self.page.evaluate("text => window.fromKernel?.(text)", text)

    def _read(self, message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            self.text += message["content"]["text"]
        elif message["msg_type"] == "error":
            self.text += "\n".join(message["content"]["traceback"])
        elif message["msg_type"] == "status" and message["parent_header"].get("msg_id") == self._number:
            self.is_idle = message["content"]["execution_state"] == "idle"

    def _to_kernel(self, text: str) -> None:
        message = json.loads(text)
        getattr(self._client, f"{message['channel']}_channel").send(message)


@pytest.fixture
def webview(demo: DemoServer, context: BrowserContext, shared_front_end: FakeFrontEnd, manager: Path) -> Webview:
    """A webview on a kernel, in a browser on the kernel's machine."""
    shared = Path(sys.prefix) / "share"
    files = {
        "/": PAGE,
        "/require.js": shared / "jupyterhub" / "static" / "components" / "requirejs" / "require.js",
        "/nbextensions/anywidget/index.js": shared / "jupyter" / "nbextensions" / "anywidget" / "index.js",
    }

    def serve(route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path == "/ipywidgets.js":
            route.fulfill(body=manager.read_text() + EXPORTS, content_type="text/javascript")
        elif path in files:
            route.fulfill(path=files[path])
        else:
            route.fulfill(status=404)

    context.route(f"{ORIGIN}/**", serve)
    return Webview(context.new_page(), shared_front_end)


def test_signs_in_from_a_webview(webview: Webview, shot: Callable[..., None]) -> None:
    """The panel is drawn, a code is shown, and whoever says that the kernel is on their machine needs none."""
    webview.run("import os\nos.environ['DISPLAY'] = ':0'\n%load_ext nbauth\n%login")
    panel = webview.at_step("code")
    shot(webview.page, "vscode-code")
    panel.get_by_text("Another way").click()
    panel.get_by_text("A browser on the kernel's machine").click()
    panel = webview.at_step("open")
    shot(webview.page, "vscode-open")
    with webview.page.context.expect_page() as opening:
        panel.locator("a.nbauth-primary").click()
    opening.value.get_by_text("Alice").click()
    webview.at_step("signed_in")
    shot(webview.page, "vscode-signed-in")
    webview.until(lambda: webview.is_idle)
    assert webview.text.startswith("Signed in to demo as Alice Adams")
