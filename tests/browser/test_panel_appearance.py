"""How the panel looks and how it is worked: themes, narrow pages, keyboard, screen reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_servers import Notebook

LOGIN = "%load_ext nbauth\n%login"
ODD = """import nbauth
from nbauth import kernel
nbauth.add_profile(nbauth.Profile("odd", client_id="00000000-0000-0000-0000-000000000000",
    oidc_authority="https://login.microsoftonline.com.b\u00fccher.example/realms/lab",
    ca_bundle=kernel.config().profiles["demo"].ca_bundle, proxies={"https": "http://proxy.example:3128"},
    endpoint_hosts=["keys.example", "gr\u0430ph.microsoft.com"], redirect_uri="https://hub.example/hub/user-redirect/x",
    apis={"https://gr\u0430ph.microsoft.com": [f"https://graph.microsoft.com/Scope.{n}" for n in range(20)],
          "https://" + "a" * 60 + "." + "b" * 60 + ".example": ["Data.Read"]}))
nbauth.SignInPanel("odd")"""
THEME = "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})"
# WCAG 2.2 §1.4.3, with colours as the browser computed them.
CONTRASTS = """() => {
  const channel = v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 };
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = node => {
    for (; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll('.nbauth-panel *')].filter(node =>
    [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim()) && node.offsetParent
  ).map(node => {
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
    return [(a + 0.05) / (b + 0.05), node.className + ': ' + node.textContent.slice(0, 40)];
  });
}"""


OVERLAPS = """() => {
  const boxes = [...document.querySelectorAll('.nbauth-panel dt, .nbauth-panel dd')].map(node => {
    const range = document.createRange(); range.selectNodeContents(node);
    return [node.textContent, range.getBoundingClientRect()];
  });
  const over = (a, b) => a.left < b.right && b.left < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom;
  return boxes.flatMap(([text, a], i) =>
    boxes.slice(i + 1).filter(([, b]) => over(a, b)).map(([other]) => [text, other]));
}"""


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"])
def test_every_step_in_every_theme(theme: str, opened: Callable[..., Notebook], shot: Callable[..., None]) -> None:
    """Each step can be read in each theme: every text has a contrast of 4.5 to 1 at least."""
    notebook = opened(f"{LOGIN} --timeout 30")
    notebook.page.evaluate(THEME, theme)
    name = theme.removeprefix("JupyterLab ").lower().replace(" ", "-")

    def look(step: str) -> None:
        notebook.at_step(step)
        shot(notebook.page, f"{name}-{step}")
        assert notebook.page.evaluate(OVERLAPS) == []
        assert [(round(ratio, 1), what) for ratio, what in notebook.page.evaluate(CONTRASTS) if ratio < 4.5] == []

    notebook.run_all()
    look("open")
    notebook.panel.get_by_text("Another way").click()
    notebook.panel.get_by_text("Type a code on any device").click()
    look("code")
    notebook.panel.get_by_text("Cancel").click()
    look("failed")
    notebook.panel.get_by_text("Try again").click()
    notebook.at_step("open")
    notebook.press_sign_in().locator("button[value=bob]").click()
    look("signed_in")
    notebook.panel.get_by_text("Sign out").click()
    look("idle")
    notebook.page.evaluate(THEME, "JupyterLab Light")


@pytest.mark.parametrize("flow", ["paste", "device_code"])
def test_an_error_on_the_page(flow: str, opened: Callable[..., Notebook], shot: Callable[..., None]) -> None:
    """Who sees an error on the provider's page asks what it means; what they type elsewhere stays, and the focus."""
    notebook = opened(f"{LOGIN} --flow {flow}")
    notebook.run_all()
    panel = notebook.at_step("open" if flow == "paste" else "code")
    if flow == "paste":
        panel.get_by_label("The whole address").fill("http://localhost/?half")
    panel.get_by_text("Does the page show an error?").click()
    field = panel.get_by_label("Type its number, or paste its text.")
    field.fill("AADSTS50011: The redirect URI")
    field.press("Enter")
    told = panel.locator(".nbauth-told")
    told.get_by_text("The redirect URI is not registered (AADSTS50011).").wait_for()
    shot(notebook.page, f"page-error-{flow}")
    assert [what for ratio, what in notebook.page.evaluate(CONTRASTS) if ratio < 4.5] == []
    assert field.evaluate("node => node === document.activeElement && node.value === ''")
    if flow == "paste":
        assert panel.get_by_label("The whole address").input_value() == "http://localhost/?half"
    field.press_sequentially("the parrot is dead")
    field.press("Enter")
    told.get_by_text("nbauth does not know this error").wait_for()
    notebook.panel.get_by_text("Cancel").click()
    notebook.at_step("failed").get_by_text("Does the page show an error?").wait_for()


def test_fits_a_narrow_page(opened: Callable[..., Notebook], shot: Callable[..., None]) -> None:
    """At 320 px nothing is cut off and nothing scrolls sideways."""
    notebook = opened(f"{LOGIN} --flow device_code")
    notebook.run_all()
    notebook.at_step("code")
    # The panel's own width counts: Lab keeps side bars at any width.
    notebook.page.evaluate("() => { document.querySelector('.nbauth-panel').parentElement.style.width = '320px' }")
    shot(notebook.page, "narrow")
    sizes = notebook.page.evaluate(
        "() => { const panel = document.querySelector('.nbauth-panel');"
        " return [panel.scrollWidth - panel.clientWidth, panel.offsetWidth] }"
    )
    assert notebook.page.evaluate(OVERLAPS) == []
    assert sizes[0] <= 0
    assert sizes[1] <= 320
    notebook.panel.get_by_text("Cancel").click()
    notebook.at_step("failed")


def test_has_a_width_of_its_own(opened: Callable[..., Notebook], shot: Callable[..., None]) -> None:
    """Beside another widget it is as wide as its text wants, gives way to a wide one, and stays within a narrow box."""
    notebook = opened(
        "import ipywidgets, nbauth\n"
        "box = ipywidgets.HBox([nbauth.SignInPanel(), ipywidgets.Label('beside it')])\n"
        "wide = ipywidgets.HBox([nbauth.SignInPanel(), ipywidgets.Label('beside it', layout={'width': '500px'})])\n"
        "narrow = ipywidgets.HBox([nbauth.SignInPanel()], layout={'width': '240px'})\n"
        "ipywidgets.VBox([box, wide, narrow])"
    )
    notebook.run_all()
    panels = notebook.page.locator(".nbauth-panel")
    panels.nth(2).get_by_text("Sign in", exact=True).wait_for()
    shot(notebook.page, "in-boxes")
    widths = [round(panel.bounding_box()["width"]) for panel in panels.all()]  # type: ignore[index]
    assert 560 < widths[0] <= 640  # the label takes a part of the cell's width
    assert 288 <= widths[1] < 560
    assert widths[2] <= 240


def test_who_asks(opened: Callable[..., Notebook], shot: Callable[..., None]) -> None:
    """All that is unusual about a profile stands there whole, wide and narrow, each origin on a line of its own."""
    notebook = opened(ODD)
    notebook.run_all()
    notebook.at_step("idle")
    lines = notebook.page.evaluate(
        "() => [...document.querySelectorAll('.nbauth-who > *')].map(node => [node.tagName, node.innerText])"
    )
    origins = lines[lines.index(["DT", "Tokens may go to"]) + 1 : lines.index(["DT", "Configured in"])]
    assert [text.partition(" — ")[0] for _, text in origins] == [
        "https://xn--grph-63d.microsoft.com",
        f"https://{'a' * 60}.{'b' * 60}.example",
    ]
    for width in ("100%", "320px"):
        notebook.page.evaluate(
            "width => { document.querySelector('.nbauth-panel').parentElement.style.width = width }", width
        )
        shot(notebook.page, f"who-asks-{width}")
        assert notebook.page.evaluate(OVERLAPS) == []
        assert notebook.page.evaluate("() => document.querySelector('.nbauth-panel').scrollWidth <= 640")
    sideways = (
        "() => (({scrollWidth, clientWidth}) => scrollWidth - clientWidth)(document.querySelector('.nbauth-panel'))"
    )
    assert notebook.page.evaluate(sideways) == 0


def test_by_keyboard(opened: Callable[..., Notebook]) -> None:
    """Everything is reached with Tab and pressed with Enter; the focus goes on to the next step's first control."""
    notebook = opened(f"{LOGIN} --flow paste")
    notebook.run_all()
    notebook.at_step("open").locator("a.nbauth-primary").focus()
    order = []
    for _ in range(6):
        order.append(
            notebook.page.evaluate("() => document.activeElement.textContent || document.activeElement.ariaLabel")
        )
        notebook.page.keyboard.press("Tab")
    assert order[:2] == ["Sign in", "Cancel"]
    assert order[2].startswith("The whole address")
    assert order[3:] == ["Use this address", "Another way", "Does the page show an error?"]
    notebook.panel.get_by_text("Cancel").focus()
    notebook.page.keyboard.press("Enter")
    notebook.at_step("failed")
    assert notebook.page.evaluate("() => document.activeElement.textContent") == "Try again"


def test_typing_is_not_a_shortcut(opened: Callable[..., Notebook]) -> None:
    """Letters typed into the panel's field are text, and no commands of the notebook."""
    notebook = opened(f"{LOGIN} --flow paste", "1", "2")
    notebook.run_all()
    field = notebook.at_step("open").locator(".nbauth-field")
    field.click()
    notebook.page.keyboard.type("ddabx")  # dd deletes a cell
    assert field.input_value() == "ddabx"
    assert notebook.page.locator(".jp-Cell").count() == 3
    notebook.panel.get_by_text("Cancel").click()


def test_for_a_screen_reader(opened: Callable[..., Notebook]) -> None:
    """The panel is a named region; what happens is announced politely, what went wrong at once."""
    notebook = opened(f"{LOGIN} --timeout 2")
    notebook.run_all()
    notebook.at_step("open")
    region = notebook.page.get_by_role("region", name="Sign in to demo")
    assert region.get_by_role("heading", name="Sign in to demo").count() == 1
    assert region.get_by_role("link", name="Sign in").count() == 1
    assert region.get_by_role("status").inner_text() == "Press Sign in."
    notebook.at_step("failed")
    assert "within 2 s" in region.get_by_role("alert").inner_text()
