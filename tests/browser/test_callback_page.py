"""A redirect that lands on the Jupyter server, for kernels that the browser cannot reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_servers import Notebook
    from playwright.sync_api import BrowserContext

    from nbauth.demo.server import DemoServer

LOGIN = "%load_ext nbauth\n%login"


@pytest.fixture(autouse=True)
def kernel_elsewhere(context: BrowserContext) -> None:
    """The kernel's own loopback is another one than the browser's, as over an SSH tunnel."""
    context.route("http://127.0.0.1:*/**", lambda route: route.abort())


@pytest.mark.parametrize("place", ["lab", "notebook", "prefix"])
def test_comes_back_by_itself(place: str, opened: Callable[..., Notebook], running_demo: DemoServer) -> None:
    """The provider's redirect reaches the kernel over the notebook's page, and leaves no trace on the server."""
    kind = {"lab": {"app": "lab"}, "notebook": {"app": "notebook"}, "prefix": {"base_url": "/user/jo/"}}[place]
    notebook = opened(f"{LOGIN} {'jo' if place == 'prefix' else 'back'}", "%whoami", **kind)
    notebook.run_all()
    notebook.at_step("open")
    provider = notebook.press_sign_in()
    provider.get_by_text("Alice").click()
    notebook.at_step("signed_in")
    notebook.output("alice@contoso.example")
    provider.get_by_text("You can close this tab").wait_for()
    assert "#" not in provider.url
    assert "?" not in provider.url
    log = notebook.server.log
    assert [secret for secret in running_demo.provider.issued_secrets if secret in log] == []


def test_put_in_place(opened: Callable[..., Notebook], context: BrowserContext) -> None:
    """Where the server lacks the page, the panel puts it into the person's Jupyter folder, and goes on with it."""
    notebook = opened(f"{LOGIN} back")
    laid = notebook.server.directory / "data" / "labextensions" / "nbauth" / "static" / "callback.html"
    context.route(
        "**/callback.html", lambda route: route.continue_() if laid.exists() else route.fulfill(status=404, body="")
    )
    notebook.run_all()
    notebook.at_step("code")
    notebook.panel.get_by_text("Come back here by itself").click()
    notebook.panel.get_by_text("Put it there").click()
    notebook.at_step("open")
    notebook.press_sign_in().get_by_text("Alice").click()
    notebook.at_step("signed_in")
    laid.unlink()


def test_nobody_takes_the_answer(opened: Callable[..., Notebook]) -> None:
    """A callback page that nobody answers offers the address, which can be pasted into the panel."""
    notebook = opened(f"{LOGIN} back", page=True)
    notebook.run_all()
    notebook.at_step("open")
    provider = notebook.press_sign_in()
    notebook.page.evaluate("() => { window.BroadcastChannel.prototype.postMessage = () => {} }")
    notebook.save()
    provider.add_init_script("BroadcastChannel.prototype.postMessage = () => {}")
    provider.reload()
    provider.get_by_text("Alice").click()
    provider.get_by_text("One more step").wait_for()
    address = provider.locator("textarea").input_value()
    notebook.panel.locator("summary", has_text="It did not come back?").click()
    notebook.panel.locator(".nbauth-field").fill(address)
    notebook.panel.get_by_text("Use this address").click()
    notebook.at_step("signed_in")


def test_page_by_itself(opened: Callable[..., Notebook]) -> None:
    """The page without an answer says what it is for, and runs under a policy that allows only itself."""
    notebook = opened("1")
    page = notebook.page.context.new_page()
    answer = page.goto(f"{notebook.server.origin}/lab/extensions/nbauth/static/callback.html")
    assert answer is not None
    assert answer.ok
    page.get_by_text("Nothing to do here").wait_for()
