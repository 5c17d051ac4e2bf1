"""A real JupyterHub with its own proxy, whose kernels the browser cannot reach; what Binder does is done there, too."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import unquote
from urllib.request import ProxyHandler, build_opener

import pytest
from jupyter_servers import Notebook, free_port, free_ports, program, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import BrowserContext, Page

    from nbauth.demo.server import DemoServer

PROXY = "configurable-http-proxy@5"
OPENER = build_opener(ProxyHandler({}))
CHECKOUT = Path(__file__).parents[2]
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
HOOK = """
def as_binder_does(spawner):
    # What an image of repo2docker's has, and what BinderHub sets.
    if spawner.user.name == "binder":
        spawner.cmd = [{start!r}, *spawner.cmd]
        spawner.default_url = {default_url!r}
        del spawner.environment["NBAUTH_CONFIG"]
        spawner.environment |= {{
            "PATH": {path!r},
            "NBAUTH_DEMO_PORT": {port!r},
            "BINDER_LAUNCH_HOST": "https://binder.example/",
            "BINDER_REPO_URL": "https://git.example/demo",
            "BINDER_REF_URL": "https://git.example/demo/tree/main",
            "BINDER_REQUEST": "v2/git/demo/main",
            "BINDER_PERSISTENT_REQUEST": "v2/git/demo/main",
        }}
c.Spawner.pre_spawn_hook = as_binder_does
"""


def what_binder_opens() -> str:
    """Return the path on the Jupyter server that the documented link to Binder opens."""
    found = re.search(r"\?urlpath=([^)\s]+)\)", (CHECKOUT / "docs" / "binder.md").read_text())
    assert found
    return unquote(found[1])


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """JupyterHub's own proxy, which is a Node.js package."""
    npm = program("npm", package="npm")
    folder = tmp_path_factory.mktemp("proxy")
    subprocess.run([npm, "install", "--silent", "--no-audit", "--no-fund", PROXY], cwd=folder, check=True, timeout=120)
    return folder / "node_modules" / ".bin" / "configurable-http-proxy"


@pytest.fixture(scope="module")
def hub(proxy: Path, running_demo: DemoServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A hub with users who need no password; each gets a server of their own."""
    directory = tmp_path_factory.mktemp("hub")
    port, api, inner = (free_port() for _ in range(3))
    demo_port = free_ports(4)
    hook = HOOK.format(
        start=str(directory / "homes" / "binder" / "binder" / "start"),
        default_url="/" + what_binder_opens().replace("8103", str(demo_port + 3)),
        path=PATH,
        port=str(demo_port),
    )
    (directory / "jupyterhub_config.py").write_text(
        f"""
c = get_config()
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {str(directory / "homes" / "{username}")!r}
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{inner}"
c.ConfigurableHTTPProxy.command = [{str(proxy)!r}]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.JupyterHub.db_url = "sqlite:///{directory / "hub.sqlite"}"
c.JupyterHub.cookie_secret_file = {str(directory / "cookie_secret")!r}
c.Spawner.cmd = [{sys.executable!r}, "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--allow-root", "--LabApp.expose_app_in_browser=True"]
c.Spawner.environment = {{"NBAUTH_CONFIG": {str(running_demo.config_path)!r}}}
c.Spawner.start_timeout = 60
{hook}
"""
    )
    log = (directory / "hub.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyterhub", "-f", "jupyterhub_config.py"],
        cwd=directory,
        env={**os.environ, "NBAUTH_CONFIG": str(running_demo.config_path)},
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/hub/health", process, directory / "hub.log")
        yield SimpleNamespace(origin=f"http://localhost:{port}", directory=directory)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(40)
        log.close()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            OPENER.open(url, timeout=5).close()
        except (URLError, OSError):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        else:
            return


class Served:
    """What `Notebook` needs to know of a user's server behind the hub."""

    app = "lab"

    def __init__(self, hub: Any, user: str) -> None:
        self.origin = hub.origin
        self.base_url = f"/user/{user}/"
        self.folder = hub.directory / "homes" / user


def come_in(hub: Any, context: BrowserContext, user: str) -> Page:
    """Have a user's server started, by the hub's own page."""
    page = context.new_page()
    page.goto(f"{hub.origin}/hub/login")
    page.locator("#username_input").fill(user)
    page.locator("#login_submit").click()
    return page


@pytest.mark.timeout(180)
def test_signs_in_behind_a_hub(hub: Any, context: BrowserContext, running_demo: DemoServer) -> None:
    """One registered redirect URI serves the whole hub: the hub leads it to the server of whoever is signed in."""
    context.route("http://127.0.0.1:*/**", lambda route: route.abort())
    page = come_in(hub, context, "jo")
    page.wait_for_url("**/user/jo/**", timeout=60_000)
    served = Served(hub, "jo")
    path = write(served.folder / "n.ipynb", "%load_ext nbauth\n%login hub", "%whoami")
    notebook = Notebook(page, served, path)  # type: ignore[arg-type]  # the part of a server that it uses
    notebook.run_all()
    notebook.at_step("open")
    provider = notebook.press_sign_in()
    provider.get_by_text("Alice").click()
    notebook.at_step("signed_in")
    notebook.output("alice@contoso.example")
    provider.get_by_text("You can close this tab").wait_for()
    assert "/user/jo/lab/extensions/nbauth/static/callback.html" in provider.url
    log = (hub.directory / "hub.log").read_text()
    assert [secret for secret in running_demo.provider.issued_secrets if secret in log] == []


@pytest.fixture(scope="module")
def binder_home(hub: Any) -> Path:
    """What repo2docker makes of the repository: the home directory is the clone, in which `postBuild` has run."""
    home: Path = hub.directory / "homes" / "binder"
    for folder in ("binder", "notebooks"):
        shutil.copytree(CHECKOUT / folder, home / folder, ignore=shutil.ignore_patterns(".*"))
    subprocess.run(["binder/postBuild"], cwd=home, env={"HOME": str(home), "PATH": PATH}, check=True)
    return home


@pytest.mark.timeout(240)
def test_the_quickstart_on_binder(
    hub: Any, binder_home: Path, context: BrowserContext, shot: Callable[..., None]
) -> None:
    """One press opens the quickstart, which signs in by the hub's own address, reads, and runs to its end."""
    context.route("http://127.0.0.1:*/**", lambda route: route.abort())
    page = come_in(hub, context, "binder")
    page.wait_for_url("**/user/binder/lab/tree/notebooks/quickstart.ipynb", timeout=60_000)
    page.wait_for_function("() => window.jupyterapp", timeout=60_000)
    path = binder_home / "notebooks" / "quickstart.ipynb"
    notebook = Notebook(page, Served(hub, "binder"), path, loaded=True)  # type: ignore[arg-type]  # as above
    notebook.run_all()
    notebook.at_step("open")
    provider = notebook.press_sign_in()
    assert provider.url.startswith(f"{hub.origin}/user/binder/proxy/")
    shot(provider, "binder-provider")
    provider.get_by_text("Alice").click()
    provider.get_by_text("You can close this tab").wait_for()
    assert "/user/binder/lab/extensions/nbauth/static/callback.html" in provider.url
    (cookie,) = [cookie for cookie in context.cookies() if cookie["name"].startswith("nbauth_demo_")]
    assert cookie["path"].startswith("/user/binder/proxy/")  # other people's servers are on the same host
    notebook.ran()
    notebook.scroll_to("df.head()")
    shot(page, "binder-quickstart")
    cells = [cell for cell in notebook.save()["cells"] if cell["cell_type"] == "code"]
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert [output for output in outputs if output["output_type"] == "error"] == []
    assert "alice@contoso.example" in str(outputs)
    assert "azimuth_deg" in str(outputs)  # a column of the demo's
    assert list(binder_home.rglob(".nbauth")) == []  # nothing of ours is kept in a clone
