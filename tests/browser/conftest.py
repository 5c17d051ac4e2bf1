"""A real browser, real Jupyter servers, and the demo provider."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_servers import Notebook, Server, program
from playwright.sync_api import sync_playwright

from nbauth.demo.server import DemoServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_NAMES = ("chromium", "chromium-browser", "google-chrome")
SHOTS = Path(__file__).parents[2] / ".pytest_cache" / "screenshots"


# Not for the session: Playwright's event loop runs as long as it does, and tests of other files start their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. Without one these tests fail."""
    found = program(*_NAMES, package="chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=_ARGUMENTS)
        yield running
        running.close()


class Desk:
    """A person's browser with a JupyterLab that stays open: its page takes longer to load than most tests to run.

    Args:
        browser: Chromium.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._context: BrowserContext | None = None
        self._labs: dict[Server, Page] = {}

    @property
    def context(self) -> BrowserContext:
        """The browser."""
        if self._context is None:
            self._context = self._browser.new_context(viewport={"width": 1100, "height": 760}, ignore_https_errors=True)
            self._context.set_default_timeout(20_000)
        return self._context

    def open(self, server: Server, path: Path, *, page: bool) -> Notebook:
        """Open a notebook, in the page of the server's JupyterLab unless it wants a page of its own."""
        lab = None if page or server.app != "lab" else self._labs.pop(server, None)
        if lab is not None:
            lab.bring_to_front()
        notebook = Notebook(lab or self.context.new_page(), server, path, loaded=lab is not None)
        if not page and server.app == "lab" and server not in self._labs:
            self._labs[server] = notebook.page
        return notebook

    def tidy(self) -> None:
        """Leave JupyterLab with no notebook, and nobody signed in at the provider."""
        kept = list(self._labs.values())
        self.context.unroute_all()
        for page in self.context.pages:
            if page not in kept:
                page.close()
        self.context.clear_cookies(name=_OF_A_PERSON)
        for page in kept:
            page.evaluate("() => { [...window.jupyterapp.shell.widgets('main')].forEach(widget => widget.dispose()) }")

    def close(self) -> None:
        """Close the browser; the next test gets another one."""
        if self._context is not None:
            self._context.close()
        self._context = None
        self._labs.clear()


_OF_A_PERSON = re.compile(r"^(?!_xsrf$|username-)")  # the others are Jupyter's


@pytest.fixture(scope="module")
def desk(browser: Browser) -> Iterator[Desk]:
    """A person's browser, for the tests of a file."""
    made = Desk(browser)
    yield made
    made.close()


@pytest.fixture
def context(desk: Desk, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A person's browser, with no cookie in it but Jupyter's."""
    failed = request.session.testsfailed
    yield desk.context
    if request.session.testsfailed > failed:
        desk.close()  # nobody knows what is left in its pages
    else:
        desk.tidy()


CALLBACK = "lab/extensions/nbauth/static/callback.html"
REDIRECT_URIS = {
    "back": f"http://localhost/{CALLBACK}",
    "jo": f"http://localhost/user/jo/{CALLBACK}",
    "hub": f"http://localhost/hub/user-redirect/{CALLBACK}",
}


@pytest.fixture(scope="session")
def running_demo() -> Iterator[DemoServer]:
    """The demo, whose client may come back to the callback page of servers on this machine."""
    with DemoServer(rows=500) as running:
        running.provider.registry.client(running.client_id).redirect_uris += REDIRECT_URIS.values()
        with running.config_path.open("a") as file:
            for name, uri in REDIRECT_URIS.items():
                file.write(
                    f"""
[profiles.{name}]
client_id = "{running.client_id}"
authority = "{running.authority}"
ca_bundle = "ca.pem"
redirect_uri = "{uri}"

[profiles.{name}.apis]
"{running.api_origin}" = ["api://nbauth-demo/Data.Read"]
"""
                )
        yield running


@pytest.fixture(scope="session")
def servers(running_demo: DemoServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Return what starts a server, once for each kind."""
    made: dict[Any, Server] = {}

    def start(app: Any = "lab", *, base_url: str = "/") -> Server:
        if (app, base_url) not in made:
            environment = {"NBAUTH_CONFIG": str(running_demo.config_path)}
            server = Server(app, tmp_path_factory.mktemp(app), environment, base_url=base_url)
            made[app, base_url] = server.__enter__()
        return made[app, base_url]

    yield start
    for server in made.values():
        server.__exit__()


@pytest.fixture
def opened(
    context: BrowserContext, desk: Desk, servers: Callable[..., Server], request: pytest.FixtureRequest
) -> Iterator[Callable[..., Notebook]]:
    """Return what opens a notebook of some cells; with `page`, in one of its own, for tests that change the page."""
    used: list[Server] = []

    def open_notebook(*cells: str, name: str = "", page: bool = False, **kind: Any) -> Notebook:
        server = servers(**kind)
        used.append(server)
        safe = "".join(c if c.isalnum() else "-" for c in request.node.name) + name
        return desk.open(server, server.write(safe, *cells), page=page)

    yield open_notebook
    for server in used:
        server.end_kernels()


@pytest.fixture
def shot(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Return what keeps a screenshot; somebody looks at them."""
    SHOTS.mkdir(parents=True, exist_ok=True)

    def take(page: Any, name: str) -> None:
        page.screenshot(path=SHOTS / f"{name}.png")

    return take


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Keep what a failed test's pages showed."""
    report = yield
    if report.failed and call.when == "call" and "context" in getattr(item, "funcargs", {}):
        SHOTS.mkdir(parents=True, exist_ok=True)
        for number, page in enumerate(item.funcargs["context"].pages):
            page.screenshot(path=SHOTS / f"failed-{item.name}-{number}.png")
    return report
