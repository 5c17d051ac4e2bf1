"""What a notebook holds when it is saved while and after somebody signs in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_servers import Notebook

    from nbauth.demo.server import DemoServer

LOGIN = "%load_ext nbauth\n%login"
# Tells whether it was otherwise before.
SAVE_WIDGETS = """async on => {
  const settings = await window.jupyterapp.serviceManager.settings.fetch('@jupyter-widgets/jupyterlab-manager:plugin');
  const wanted = JSON.stringify({saveState: on});
  if (settings.raw === wanted) return false;
  await window.jupyterapp.serviceManager.settings.save(settings.id, wanted);
  return true;
}"""


@pytest.mark.parametrize("flow", ["loopback", "device_code", "paste", "callback_page"])
@pytest.mark.parametrize("saves_widgets", ["with widget state", "without widget state"])
def test_holds_nothing_secret(
    flow: str,
    saves_widgets: str,
    opened: Callable[..., Notebook],
    running_demo: DemoServer,
) -> None:
    """Neither the file nor its checkpoint holds an address, a code, a state or a token, at any moment."""
    on = saves_widgets == "with widget state"
    notebook = opened(f"{LOGIN} back --flow {flow}", "%whoami")
    if notebook.page.evaluate(SAVE_WIDGETS, on):
        notebook.open()
    texts: list[str] = []
    used: set[str] = set()
    notebook.run_all()
    view = notebook.at_step("code" if flow == "device_code" else "open")
    texts += _saved(notebook)
    address = view.locator("a.nbauth-primary").get_attribute("href")
    assert address
    used |= {
        value for name, value in parse_qsl(urlsplit(address).query) if name in ("state", "nonce", "code_challenge")
    }
    provider = notebook.press_sign_in()
    if flow == "device_code":
        code = view.locator(".nbauth-code").inner_text()
        used.add(code)
        provider.locator("input:not([type=hidden])").fill(code)
        provider.keyboard.press("Enter")
    if flow == "paste":
        with provider.expect_request(re.compile(r"^http://localhost(:\d+)?/\S*[?&]code=")) as redirect:
            provider.get_by_text("Alice").click()
        notebook.panel.locator(".nbauth-field").fill(redirect.value.url)
        texts += _saved(notebook)
        notebook.panel.get_by_text("Use this address").click()
    else:
        provider.get_by_text("Alice").click()
    notebook.at_step("signed_in")
    texts += _saved(notebook)
    used |= running_demo.provider.issued_secrets
    assert len(used) > 3
    assert [secret for secret in used if any(secret in text for text in texts)] == []
    assert any('"application/vnd.jupyter.widget-state+json"' in text for text in texts) == on


def _saved(notebook: Notebook) -> list[str]:
    notebook.save()
    folder: Path = notebook.path.parent
    return [path.read_text() for path in folder.rglob(f"{notebook.path.stem}*.ipynb")]
