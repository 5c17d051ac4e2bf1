"""The sign-in panel in a real kernel, with a page that is played: every flow, and clicks while the cell runs."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from fake_widget_page import FakeWidgetPage, aside

from nbauth.demo.person import Person

if TYPE_CHECKING:
    from fake_front_end import FakeFrontEnd

    from nbauth.demo.server import DemoServer

SIGNED_IN = "Signed in to demo as Alice Adams (alice@contoso.example)"
WEBVIEW = "vscode-webview://0qv7p2k4"
WEBVIEW_IN_A_BROWSER = "https://0qv7p2k4.vscode-cdn.net"
CALLBACK = "http://localhost:8888/lab/extensions/nbauth/static/callback.html"


@pytest.fixture
def started(shared_front_end: FakeFrontEnd) -> FakeFrontEnd:
    """A kernel with the magics loaded."""
    shared_front_end.run("%load_ext nbauth")
    return shared_front_end


def _person(demo: DemoServer, choose: str = "alice") -> Any:
    person = Person(choose, ca_file=demo.ca_file)

    def act(page: FakeWidgetPage, view: dict[str, Any]) -> None:
        if view["step"] == "open" and view["paste"]:
            page.send("opened")
            aside(lambda: page.send("redirect", text=person.address_after(view["url"])))
        elif view["step"] == "open":
            page.send("opened")
            aside(lambda: person.open(view["url"]))
        elif view["step"] == "code":
            aside(lambda: person.enter_code(view["verification_uri"], view["code"]))

    return act


@pytest.mark.parametrize("flow", ["loopback", "device_code", "paste"])
def test_every_flow(flow: str, demo: DemoServer, started: FakeFrontEnd) -> None:
    """A person presses Sign in, does what the panel says, and is signed in; the cell waits for that."""
    page = FakeWidgetPage(started, _person(demo))
    outcome = started.run(f"%login --flow {flow}")
    assert outcome.status == "ok", outcome.error
    assert outcome.text.startswith(SIGNED_IN)
    assert page.steps[-1] == "signed_in"
    assert page.view["status"] == "You are Alice Adams (alice@contoso.example)."
    assert page.view["good_until"] > time.time()


@pytest.mark.parametrize("flow", ["loopback", "device_code", "paste"])
def test_an_error_on_the_page(flow: str, demo: DemoServer, started: FakeFrontEnd) -> None:
    """A person types the number of an error that the provider's page shows; the panel says more, and waits on."""
    act, asked = _person(demo), []

    def ask(page: FakeWidgetPage, view: dict[str, Any]) -> None:
        if view["step"] in ("open", "code") and not asked:
            asked.append(view)
            page.send("page_error", text="50011")
        elif "AADSTS50011" in view["told"] and len(asked) == 1:
            asked.append(view)
            act(page, view)

    page = FakeWidgetPage(started, ask)
    assert started.run(f"%login --flow {flow}").text.startswith(SIGNED_IN)
    assert asked[1]["told"].startswith("The redirect URI is not registered (AADSTS50011).")
    assert asked[1]["step"] == asked[0]["step"]
    assert page.view["told"] == ""


def test_an_error_on_the_page_after_the_timeout(demo: DemoServer, started: FakeFrontEnd) -> None:
    """The page still shows its error when nobody waits any more, and the panel still says what it means."""
    page = FakeWidgetPage(started)
    assert started.run("%login --flow loopback --timeout 1").status == "error"
    assert page.view["step"] == "failed"
    page.send("page_error", text="something else")
    started.until(lambda: page.view["told"])
    assert page.view["told"].startswith(
        f"nbauth does not know this error. Perhaps it helps to check client_id {demo.client_id}"
    )
    assert "nobody finished the sign-in" in page.view["alert"]


def test_says_who_asks_before_anything_is_pressed(demo: DemoServer, started: FakeFrontEnd) -> None:
    """The panel shows application, authority and where tokens may go, with the button."""
    page = FakeWidgetPage(started, lambda page, view: page.send("cancel") if view["step"] == "open" else None)
    started.run("%login")
    view = next(view for view in page.views if view["step"] == "open")
    assert view["heading"] == "Sign in to demo"
    who = dict(view["who"])
    assert (who["Application"], who["Provider"]) == (demo.client_id, demo.authority.split("/")[2])
    assert who["Tokens may go to"].startswith(f"{demo.api_origin} — ")
    assert who["Certificates of"].endswith(str(demo.ca_file))
    assert who["Configured in"] == str(demo.config_path)


def test_browser_on_the_same_machine(demo: DemoServer, started: FakeFrontEnd) -> None:
    """A page on loopback whose browser reaches the kernel's machine gets the loopback flow."""
    page = FakeWidgetPage(started, _person(demo), reaches=True)
    outcome = started.run("%login")
    assert outcome.text.startswith(SIGNED_IN)
    assert "probe" in page.told
    assert {way["flow"] for way in page.views[-3]["ways"]} <= {"device_code", "paste"}


def test_browser_elsewhere(demo: DemoServer, started: FakeFrontEnd) -> None:
    """A page on loopback whose browser does not reach the kernel, as over an SSH tunnel, gets a code."""
    page = FakeWidgetPage(started, _person(demo), reaches=False)
    outcome = started.run("%login")
    assert outcome.text.startswith(SIGNED_IN)
    assert "code" in page.steps


def test_webview_on_the_same_machine(demo: DemoServer, started: FakeFrontEnd) -> None:
    """A webview of VS Code's that reaches the kernel's machine gets the loopback flow, whatever its origin."""
    page = FakeWidgetPage(started, _person(demo), origin=WEBVIEW, reaches=True)
    assert started.run("%login").text.startswith(SIGNED_IN)
    assert "code" not in page.steps


def test_webview_that_takes_its_time(demo: DemoServer, started: FakeFrontEnd) -> None:
    """VS Code's first panel takes longer than elsewhere: the sign-in waits for it."""
    page = FakeWidgetPage(started, _person(demo), origin=WEBVIEW, draws=False)
    started.run("__vsc_ipynb_file__ = '/somewhere/n.ipynb'")
    aside(lambda: (time.sleep(6), page.reload()))
    assert started.run("%login").text.startswith(SIGNED_IN)
    assert page.steps[-1] == "signed_in"


@pytest.mark.parametrize("origin", [WEBVIEW, WEBVIEW_IN_A_BROWSER])
def test_webview_that_cannot_find_out(origin: str, demo: DemoServer, started: FakeFrontEnd) -> None:
    """A webview that may not connect to this machine gets a code, and the person may say that the kernel is here."""
    act = _person(demo)

    def choose(page: FakeWidgetPage, view: dict[str, Any]) -> None:
        if view["step"] == "code":
            assert {"flow": "loopback", "label": "A browser on the kernel's machine"} in view["ways"]
            page.send("flow", flow="loopback")
        else:
            act(page, view)

    page = FakeWidgetPage(started, choose, origin=origin, reaches=False)
    started.run("import os\nos.environ['DISPLAY'] = ':0'")
    assert started.run("%login").text.startswith(SIGNED_IN)
    assert ("probe" in page.told) == (origin == WEBVIEW)
    assert page.steps[-3:] == ["code", "open", "signed_in"]


@pytest.mark.parametrize(
    ("origin", "variable"),
    [(WEBVIEW, "SSH_CONNECTION"), ("http://localhost:8888", ""), ("https://lab.example.org", "")],
)
def test_kernel_elsewhere(origin: str, variable: str, demo: DemoServer, started: FakeFrontEnd) -> None:
    """A browser on the kernel's machine is offered to nobody whose kernel is known to be elsewhere."""
    page = FakeWidgetPage(started, _person(demo), origin=origin, reaches=False)
    started.run(f"import os\nos.environ['DISPLAY'] = ':0'\nos.environ[{variable or 'X'!r}] = '1'")
    assert started.run("%login").text.startswith(SIGNED_IN)
    offered = {way["flow"] for view in page.views if view["step"] == "code" for way in view["ways"]}
    assert offered == {"paste"}


def test_other_way(demo: DemoServer, started: FakeFrontEnd) -> None:
    """The person chooses to paste in place of the code, and signs in with that."""
    act = _person(demo)

    def choose(page: FakeWidgetPage, view: dict[str, Any]) -> None:
        if view["step"] == "code":
            page.send("flow", flow="paste")
        else:
            act(page, view)

    page = FakeWidgetPage(started, choose, reaches=False)
    assert started.run("%login").text.startswith(SIGNED_IN)
    assert page.steps[-4:] == ["code", "open", "finishing", "signed_in"]


def test_cancel_ends_the_cell(demo: DemoServer, started: FakeFrontEnd) -> None:
    """Cancel ends the cell with one clean line, though it was pressed while the cell ran."""
    page = FakeWidgetPage(started, lambda page, view: page.send("cancel") if view["step"] == "open" else None)
    outcome = started.run("%login")
    assert outcome.status == "error"
    assert outcome.error is not None
    assert outcome.error["ename"] == "SignInCancelled"
    assert len(outcome.error["traceback"]) == 1
    assert page.view["step"] == "failed"


def test_interrupt_ends_the_wait(demo: DemoServer, started: FakeFrontEnd) -> None:
    """Interrupt ends the wait within half a second, with one clean line."""
    pressed: list[float] = []

    def interrupt(_page: FakeWidgetPage, view: dict[str, Any]) -> None:
        if view["step"] == "open" and not pressed:
            pressed.append(time.monotonic())
            started.manager.interrupt_kernel()

    FakeWidgetPage(started, interrupt)
    outcome = started.run("%login")
    assert outcome.error is not None
    assert outcome.error["ename"] == "SignInCancelled"
    assert time.monotonic() - pressed[0] < 30  # half a second, and a busy machine


def test_page_reloaded_while_waiting(demo: DemoServer, started: FakeFrontEnd) -> None:
    """A page that is loaded again while the cell waits shows the same again, and the sign-in goes on."""
    act = _person(demo)
    shown: list[str] = []

    def reload(page: FakeWidgetPage, view: dict[str, Any]) -> None:
        if view["step"] == "open":
            shown.append(view["url"])
            if len(shown) == 1:
                page.reload()
            elif len(shown) == 2:
                act(page, view)

    FakeWidgetPage(started, reload)
    assert started.run("%login --flow loopback").text.startswith(SIGNED_IN)
    assert shown[0] == shown[1]


def test_no_page_draws_widgets(demo: DemoServer, started: FakeFrontEnd) -> None:
    """Where no front end draws the panel, the plain text takes its place, and nothing of the panel stays."""
    person = Person("alice", ca_file=demo.ca_file)
    FakeWidgetPage(started, draws=False)

    def paste(outcome: Any) -> str | None:
        word = next((word for word in outcome.shown.split() if "/authorize?" in word), None)
        return person.address_after(word) if word else None

    outcome = started.run("%login --flow paste", answer=paste)
    assert outcome.text.startswith(SIGNED_IN)
    assert outcome.shown.strip() == ""


def test_sign_out_and_in_again(demo: DemoServer, started: FakeFrontEnd) -> None:
    """After the cell has ended, the panel's own buttons sign out and in; the kernel follows."""
    page = FakeWidgetPage(started, _person(demo))
    started.run("%login")
    page.send("sign_out")
    started.until(lambda: page.view["step"] == "idle")
    assert started.run("import nbauth\nprint(nbauth.accounts())").text == "[]\n"
    page.send("press")
    started.until(lambda: page.view["step"] == "signed_in")
    assert "alice@contoso.example" in started.run("print(nbauth.accounts()[0].username)").text


def test_signs_out_with_the_magic(demo: DemoServer, started: FakeFrontEnd) -> None:
    """`%logout` is seen in the panel."""
    page = FakeWidgetPage(started, _person(demo))
    started.run("%login")
    started.run("%logout")
    assert page.view["step"] == "idle"
    assert page.view["status"] == "Signed out."


def test_nothing_secret_is_state(demo: DemoServer, started: FakeFrontEnd) -> None:
    """No address, code or redirect is ever part of the widget's state, which a notebook may save."""
    for flow in ("loopback", "device_code", "paste"):
        page = FakeWidgetPage(started, _person(demo))
        started.run(f"%login --flow {flow}")
        started.run("%logout")
        assert page.states
        assert {key for state in page.states for key in state} <= {
            *("_anywidget_id", "_css", "_dom_classes", "_esm", "_model_module", "_model_module_version", "_model_name"),
            *("_view_count", "_view_module", "_view_module_version", "_view_name", "layout", "tabbable", "tooltip"),
            *("signed_in", "username", "_followed"),
        }
        held = str(page.states)
        for view in page.views:
            for key in ("url", "code", "channel"):
                assert not view[key] or view[key] not in held


def test_panel_of_its_own(demo: DemoServer, started: FakeFrontEnd) -> None:
    """`SignInPanel` does not block, can be put in a box, and its signed-in state can be observed."""
    page = FakeWidgetPage(started, _person(demo))
    outcome = started.run(
        "import nbauth, ipywidgets\n"
        "panel = nbauth.SignInPanel('demo')\n"
        "seen = []\n"
        "panel.observe(lambda change: seen.append(change.new), 'signed_in')\n"
        "display(ipywidgets.VBox([panel]))\n"
        "print(panel.signed_in, panel.account)"
    )
    assert outcome.text == "False None\n"
    page.send("press")
    started.until(lambda: page.views and page.view["step"] == "signed_in")
    assert started.run("print(seen, panel.account.username)").text == "[True] alice@contoso.example\n"


def test_observers_run_on_the_main_thread(demo: DemoServer, started: FakeFrontEnd) -> None:
    """What observes a panel runs on the main thread; one that raises is shown there, and the person is signed in."""
    page = FakeWidgetPage(started, _person(demo))
    started.run(
        "import nbauth, threading\n"
        "panel = nbauth.SignInPanel('demo')\n"
        "seen = []\n"
        "def fail(change):\n"
        "    raise ZeroDivisionError('whatever it is')\n"
        "def note(change):\n"
        "    seen.append((change.new, threading.current_thread() is threading.main_thread()))\n"
        "panel.observe(fail, 'account')\n"
        "panel.observe(note, 'username')\n"
        "panel.observe(note, 'signed_in')\n"
        "panel"
    )
    page.send("press")
    started.until(lambda: page.views and page.view["step"] == "signed_in" and page.view["told"])
    assert page.view["told"] == "The sign-in is fine, but what observes this panel raised ZeroDivisionError."
    assert page.view["alert"] == ""
    assert "failed" not in page.steps
    assert started.run("print(seen)").text == "[('alice@contoso.example', True), (True, True)]\n"


def test_the_page_tells_nobody_who_is_signed_in(demo: DemoServer, started: FakeFrontEnd) -> None:
    """Who is signed in is known to the page; what the page says of it changes nothing."""
    page = FakeWidgetPage(started)
    started.run("import nbauth\npanel = nbauth.SignInPanel('demo')\npanel")
    state = {"signed_in": True, "username": "mallory@contoso.example", "_followed": 7}
    page.set_state(state)
    assert started.run("print(panel.signed_in, [panel.username], panel._followed)").text == "False [''] 7\n"


def test_arguments_set_anew(demo: DemoServer, started: FakeFrontEnd) -> None:
    """Solara sets the arguments of an element whenever it draws it: the same ones are taken, another one is refused."""
    started.run("import nbauth\npanel = nbauth.SignInPanel(profile='demo', scopes=['a'], account='alice')")
    assert started.run("panel.profile = 'demo'\npanel.scopes = ['a']\npanel.account = 'alice'").status == "ok"
    assert started.run("print(panel.profile.name, panel.account)").text == "demo None\n"
    outcome = started.run("panel.profile = 'nightly'")
    assert outcome.error is not None
    assert outcome.error["evalue"].startswith("A sign-in panel keeps its profile, and this one is for profile 'demo'.")


def test_callback_page(demo: DemoServer, started: FakeFrontEnd) -> None:
    """A redirect that the callback page hands over is acknowledged; the address asks for a fragment."""
    person = Person("alice", ca_file=demo.ca_file)
    demo.provider.registry.client(demo.client_id).redirect_uris.append(CALLBACK)
    started.run(
        "import dataclasses, nbauth\n"
        "from nbauth import kernel\n"
        f"nbauth.add_profile(dataclasses.replace(kernel.config().profiles['demo'], redirect_uri={CALLBACK!r}))"
    )

    def act(page: FakeWidgetPage, view: dict[str, Any]) -> None:
        if view["step"] == "open":
            assert "response_mode=fragment" in view["url"]
            assert view["channel"].startswith("nbauth-")
            aside(lambda: page.send("redirect", text="#" + person.address_after(view["url"]).partition("#")[2]))

    page = FakeWidgetPage(started, act, reaches=False, callback_served=True)
    outcome = started.run("%login")
    assert outcome.text.startswith(SIGNED_IN), outcome.error
    assert "taken" in page.told


def test_callback_page_that_is_not_registered(demo: DemoServer, started: FakeFrontEnd) -> None:
    """Naming the flow where no redirect URI fits says which address to register."""
    FakeWidgetPage(started, callback_served=True)
    outcome = started.run("%login --flow callback_page")
    assert outcome.error is not None
    assert outcome.error["ename"] == "ConfigError"
    assert CALLBACK in outcome.error["evalue"]


def test_login_async(demo: DemoServer, started: FakeFrontEnd) -> None:
    """`await nbauth.login_async()` shows the panel, or plain text on ipykernel 6, and leaves the event loop free."""
    FakeWidgetPage(started, _person(demo))
    person = Person("alice", ca_file=demo.ca_file)
    typed: list[str] = []

    def type_code(outcome: Any) -> None:
        # ipykernel 6 takes no widget's message while a cell awaits something.
        code = re.search(r"open (\S+) on any device and type the code (\S+)", outcome.shown)
        if code and not typed:
            typed.append(code.group(2))
            aside(lambda: person.enter_code(code.group(1), code.group(2)))

    outcome = started.run(
        "import asyncio, nbauth\n"
        "ticks = 0\n"
        "async def tick():\n"
        "    global ticks\n"
        "    while True:\n"
        "        ticks += 1\n"
        "        await asyncio.sleep(0.01)\n"
        "ticking = asyncio.ensure_future(tick())\n"
        "account = await nbauth.login_async('demo', flow='device_code')\n"
        "ticking.cancel()\n"
        "print(account.username, ticks > 20)",
        on_message=type_code,
    )
    assert outcome.text == "alice@contoso.example True\n", outcome.error


def test_voila_does_not_block(demo: DemoServer, front_end: FakeFrontEnd) -> None:
    """In Voila, which shows the page only after its cells have ended, `%login` shows a panel and goes on.

    While the person signs in there, what a first read needs is imported.
    """
    front_end.run("import os, sys\nos.environ['VOILA_BASE_URL'] = '/'\n%load_ext nbauth")
    page = FakeWidgetPage(front_end, _person(demo))
    outcome = front_end.run("%login\nprint('went on')", allow_stdin=False)
    assert outcome.text == "went on\n", outcome.error
    is_imported = "print('nbauth.data.sinks.frame' in sys.modules)"
    assert front_end.run(is_imported).text == "False\n"
    page.send("press")
    front_end.until(lambda: page.views and page.view["step"] == "signed_in")
    front_end.until(lambda: front_end.run(is_imported).text == "True\n")


def test_hostile_page(demo: DemoServer, started: FakeFrontEnd) -> None:
    """Messages that no page of ours sends are passed over, and the sign-in goes on."""
    act = _person(demo)

    def nag(page: FakeWidgetPage, view: dict[str, Any]) -> None:
        if view["step"] == "open":
            page.send("flow", flow="client_credentials")
            page.send("redirect", text="x" * 100_000)
            page.send("redirect", text=["a", "list"])
            page.send("exec", text="1/0")
            page.send("probed", text=None)
            page.send("ready", origin=["?"], callback=None, callback_served="yes")
            act(page, view)

    FakeWidgetPage(started, nag)
    assert started.run("%login --flow loopback").text.startswith(SIGNED_IN)
