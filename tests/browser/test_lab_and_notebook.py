"""Signing in with the panel in JupyterLab and in Notebook 7, in a real browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_servers import Notebook

LOGIN = "%load_ext nbauth\n%login"
SIGNED_IN = "Signed in to demo as Alice Adams"


@pytest.fixture(params=["lab", "notebook"])
def app(request: pytest.FixtureRequest) -> str:
    """The front end."""
    return str(request.param)


@pytest.mark.parametrize("flow", ["loopback", "device_code", "paste"])
def test_every_flow(flow: str, app: str, opened: Callable[..., Notebook]) -> None:
    """One press and a choice at the provider, and the next cell sees who is signed in."""
    notebook = opened(f"{LOGIN} --flow {flow}", "%whoami", app=app)
    notebook.run_all()
    if flow == "device_code":
        code = notebook.at_step("code").locator(".nbauth-code").inner_text()
        provider = notebook.press_sign_in()
        provider.locator("input:not([type=hidden])").fill(code)
        provider.keyboard.press("Enter")
        provider.get_by_text("Alice").click()
    else:
        notebook.at_step("open")
        provider = notebook.press_sign_in()
        # Nothing listens where `paste` ends: the address bar holds the answer all the same.
        with provider.expect_request(re.compile(r"^http://localhost(:\d+)?/\?code=")) as redirect:
            provider.get_by_text("Alice").click()
    if flow == "paste":
        notebook.panel.locator(".nbauth-field").fill(redirect.value.url)
        notebook.panel.get_by_text("Use this address").click()
    notebook.at_step("signed_in")
    notebook.output(SIGNED_IN)
    assert notebook.output("alice@contoso.example").is_visible()


def test_cancel_ends_the_cell(app: str, opened: Callable[..., Notebook]) -> None:
    """Cancel works while the cell runs, ends Run All, and leaves one clean line."""
    notebook = opened(LOGIN, "print('went on')", app=app)
    notebook.run_all()
    notebook.at_step("open").get_by_text("Cancel").click()
    notebook.at_step("failed")
    notebook.output("SignInCancelled: Profile 'demo': The sign-in was cancelled.")
    notebook.idle()
    assert notebook.page.locator("text=went on").count() == 1  # the cell's source alone


def test_reload_while_waiting(app: str, opened: Callable[..., Notebook]) -> None:
    """A page that is loaded again while the cell waits shows the panel again, and the sign-in ends well."""
    notebook = opened(LOGIN, app=app)
    notebook.run_all()
    notebook.at_step("open")
    notebook.save()
    notebook.open()
    notebook.at_step("open")
    notebook.press_sign_in().get_by_text("Alice").click()
    notebook.at_step("signed_in")


def test_tab_closed_while_waiting(opened: Callable[..., Notebook]) -> None:
    """A notebook whose tab is closed while the cell waits, and opened again, has its panel, and the sign-in ends."""
    notebook = opened(LOGIN, "%whoami")
    notebook.run_all()
    notebook.at_step("open")
    notebook.save()
    notebook.close()
    assert notebook.panel.count() == 0
    notebook.open_in_lab()
    notebook.at_step("open")
    notebook.press_sign_in().get_by_text("Alice").click()
    notebook.at_step("signed_in")
    notebook.run_all()
    notebook.output("alice@contoso.example")


def test_interrupt_ends_the_cell(app: str, opened: Callable[..., Notebook]) -> None:
    """Interrupt ends the cell with one clean line, and Run All with it."""
    notebook = opened(LOGIN, "print('went on')", app=app)
    notebook.run_all()
    notebook.at_step("open")
    notebook.command("notebook:interrupt-kernel")
    notebook.output("SignInCancelled: Profile 'demo': The sign-in was interrupted.")
    notebook.at_step("failed")
    notebook.idle()
    assert notebook.page.locator("text=went on").count() == 1


def test_nobody_signs_in_in_time(app: str, opened: Callable[..., Notebook]) -> None:
    """Where nobody does anything the sign-in gives up, and the panel says so with a way to try again."""
    notebook = opened(f"{LOGIN} --timeout 2", app=app)
    notebook.run_all()
    failed = notebook.at_step("failed")
    assert "nobody finished the sign-in within 2 s" in failed.locator("[role=alert]").inner_text()
    failed.get_by_text("Try again").click()
    notebook.at_step("open")
    notebook.press_sign_in().get_by_text("Alice").click()
    notebook.at_step("signed_in")


def test_refused_at_the_provider(app: str, opened: Callable[..., Notebook]) -> None:
    """A person who says no at the provider finds the refusal in the notebook."""
    notebook = opened(LOGIN, app=app)
    notebook.run_all()
    notebook.at_step("open")
    notebook.press_sign_in().locator("button[value=cancel]").click()
    notebook.at_step("failed")
    notebook.output("SignInRefused")


def test_two_notebooks_at_once(app: str, opened: Callable[..., Notebook]) -> None:
    """Two notebooks that wait at the same time each get their own answer."""
    first, second = (opened(LOGIN, "%whoami", name=name, app=app, page=True) for name in ("one", "two"))
    for notebook in (first, second):
        notebook.run_all()
    pages = [notebook.press_sign_in() for notebook in (first, second) if notebook.at_step("open")]
    pages[1].locator("button[value=bob]").click()
    second.at_step("signed_in")
    second.output("bob@contoso.example")
    first.at_step("open")
    pages[0].locator("button[value=alice]").click()
    first.at_step("signed_in")
    first.output("alice@contoso.example")


def test_kernel_restart(app: str, opened: Callable[..., Notebook]) -> None:
    """After a restart nobody is signed in, and running the notebook again signs in anew."""
    notebook = opened(LOGIN, app=app)
    notebook.run_all()
    notebook.at_step("open")
    notebook.press_sign_in().get_by_text("Alice").click()
    notebook.at_step("signed_in")
    notebook.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart()"
    )
    notebook.run_all()
    notebook.at_step("open")
    notebook.panel.get_by_text("Cancel").click()
    notebook.at_step("failed")


def test_wrong_account_then_switch(app: str, opened: Callable[..., Notebook]) -> None:
    """Who signed in as the wrong person switches in the panel, and the kernel follows."""
    notebook = opened(LOGIN, "%whoami", app=app)
    notebook.run_all()
    notebook.at_step("open")
    notebook.press_sign_in().locator("button[value=bob]").click()
    notebook.at_step("signed_in").get_by_text("Switch account").click()
    notebook.at_step("open")
    notebook.press_sign_in().get_by_text("Alice").click()
    notebook.at_step("signed_in").get_by_text("You are Alice Adams").wait_for()
    notebook.at_step("signed_in").get_by_text("Use bob@contoso.example").click()
    notebook.at_step("signed_in").get_by_text("You are Bob").wait_for()
    notebook.run_all()
    notebook.output("bob@contoso.example")
