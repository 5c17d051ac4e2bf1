"""The magics in a real kernel, with a front end that answers as a person would."""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING, Any

from nbauth.demo.person import Person

if TYPE_CHECKING:
    import pytest
    from fake_front_end import FakeFrontEnd, Outcome

    from nbauth.demo.server import DemoServer

ADDRESS = re.compile(r"http://localhost:\d+/\S+/authorize\?\S+")

UNATTENDED = (
    "SignInRequired: Profile 'demo' needs a person to sign in, and this notebook runs unattended. "
    "To run unattended, use a profile with client_secret or client_certificate."
)


def _paste(demo: DemoServer, choose: str = "alice") -> Any:
    person = Person(choose, ca_file=demo.ca_file)

    def answer(outcome: Outcome) -> str | None:
        address = ADDRESS.search(outcome.shown)
        return person.address_after(address.group()) if address else None

    return answer


def test_login_read_logout(demo: DemoServer, shared_front_end: FakeFrontEnd) -> None:
    """A person signs in by pasting, reads every row, sees who they are, and signs out."""
    shared_front_end.run("%load_ext nbauth")
    outcome = shared_front_end.run("%login --flow paste", answer=_paste(demo))
    assert outcome.status == "ok"
    assert re.fullmatch(
        r"Signed in to demo as Alice Adams \(alice@contoso\.example\); the token is good for 60 min "
        r"\(until (\d{4}-\d\d-\d\d )?\d\d:\d\d UTC([+-]\d\d:\d\d)?\)\.\n",
        outcome.text,
    )
    assert [prompt["password"] for prompt in outcome.prompts] == [True]
    outcome = shared_front_end.run(f"df = %read {demo.api_url}/sunlight\nprint(df.shape)")
    assert outcome.text == "(5000, 9)\n"
    whoami = shared_front_end.run("%whoami")
    assert "alice@contoso.example" in whoami.text
    html = next(m["content"]["data"]["text/html"] for m in whoami.messages if m["msg_type"] == "execute_result")
    assert "<td>demo</td>" in html
    assert shared_front_end.run("%logout").text == "Signed out: alice@contoso.example.\n"
    assert "Nobody is signed in. Run: %login" in shared_front_end.run("%whoami").text


def test_completion_and_help_of_a_page(demo: DemoServer, shared_front_end: FakeFrontEnd) -> None:
    """A page that asks the kernel, as Lab does at a Tab, gets profiles, flags and values alone; `?` shows the flags."""
    shared_front_end.run("%load_ext nbauth")
    asked = {
        "%login ": ["demo", "nightly"],
        "%login --flow ": ["auto", "loopback", "callback_page", "device_code", "paste"],
        "x = 1\ndf = %read https://a.example --pag": ["--paging"],
        "%read --nested=f": ["flatten"],
    }
    for line, expected in asked.items():
        answer = shared_front_end.client.complete(line, reply=True, timeout=30)["content"]
        assert answer["matches"] == expected
        before = line[answer["cursor_start"] : answer["cursor_end"]]
        assert all(match.startswith(before) for match in expected)
    shown = shared_front_end.client.inspect("%read", reply=True, timeout=30)["content"]["data"]["text/plain"]
    assert "--concurrency N       how many requests at once, from 1 to 10" in shown


def test_what_was_shown_is_taken_away(demo: DemoServer, shared_front_end: FakeFrontEnd) -> None:
    """Addresses and codes leave the cell's output when the sign-in ends, however it ends."""
    shared_front_end.run("%load_ext nbauth")
    outcome = shared_front_end.run("%login --flow paste", answer=_paste(demo, "cancel"))
    assert outcome.shown.strip() == "The sign-in did not succeed."
    person = Person("alice", ca_file=demo.ca_file)
    typed: list[str] = []

    def type_code(outcome: Outcome) -> None:
        code = re.search(r"type the code (\S+)", outcome.shown)
        if code and not typed:
            typed.append(code.group(1))
            person.enter_code(f"{demo.provider.page_origin}/common/oauth2/deviceauth", code.group(1))

    outcome = shared_front_end.run("%login --flow device_code", on_message=type_code)
    assert outcome.status == "ok", outcome.error
    assert outcome.shown.strip() == ""


def test_auto_on_a_machine_without_a_browser(demo: DemoServer, shared_front_end: FakeFrontEnd) -> None:
    """Where the kernel has no browser, auto shows a code; who asks and where tokens go is said with it."""
    seen: list[str] = []

    def interrupt(outcome: Outcome) -> None:
        if "type the code" in outcome.shown and not seen:
            seen.append(outcome.shown)
            shared_front_end.manager.interrupt_kernel()

    shared_front_end.run("%load_ext nbauth")
    outcome = shared_front_end.run("%login", on_message=interrupt)
    assert outcome.status == "error"
    (text,) = seen
    assert f"Application       {demo.client_id}" in text
    assert "Provider          localhost:" in text
    assert f"Tokens may go to  {demo.api_origin} — " in text


def test_interrupt_ends_each_flow(demo: DemoServer, shared_front_end: FakeFrontEnd) -> None:
    """Interrupt ends each flow at once, as one clean line."""
    shared_front_end.run("%load_ext nbauth")
    for flow in ("device_code", "paste", "loopback"):
        moments: list[float] = []

        def interrupt(outcome: Outcome, moments: list[float] = moments) -> None:
            if "To sign in, open" in outcome.shown and not moments:
                time.sleep(0.2)
                moments.append(time.monotonic())
                shared_front_end.manager.interrupt_kernel()

        outcome = shared_front_end.run(f"%login --flow {flow}", on_message=interrupt)
        took_s = time.monotonic() - moments[0]  # half a second on a machine that does nothing else
        assert outcome.error is not None, flow
        assert outcome.error["ename"] == "SignInCancelled"
        assert outcome.error["traceback"] == [
            "SignInCancelled: Profile 'demo': The sign-in was interrupted. Run: %login demo"
        ]
        assert took_s < 3, flow


def test_timeout_while_it_asks(demo: DemoServer, shared_front_end: FakeFrontEnd) -> None:
    """A question that nobody answers ends when the sign-in's time is over."""
    shared_front_end.run("%load_ext nbauth")
    started = time.monotonic()
    outcome = shared_front_end.run("%login --flow paste --timeout 1")
    assert outcome.error is not None
    assert outcome.error["ename"] == "SignInTimeout"
    assert time.monotonic() - started < 10
    assert shared_front_end.run("print('still there')").text == "still there\n"


def test_an_empty_answer_cancels(demo: DemoServer, shared_front_end: FakeFrontEnd) -> None:
    """An empty line at the question is Cancel."""
    shared_front_end.run("%load_ext nbauth")
    outcome = shared_front_end.run("%login --flow paste", answer=lambda _: "")
    assert outcome.error is not None
    assert outcome.error["ename"] == "SignInCancelled"


def test_a_front_end_that_answers_no_questions(demo: DemoServer, shared_front_end: FakeFrontEnd) -> None:
    """Where the front end answers no questions, every flow fails at once, and a profile with a credential works."""
    shared_front_end.run("%load_ext nbauth")
    for line in ("%login", "%login --flow device_code", "%login --flow loopback", "%login --flow paste"):
        outcome = shared_front_end.run(line, allow_stdin=False)
        assert outcome.error is not None
        assert outcome.error["traceback"] == [UNATTENDED]
    code = f"%login nightly\ndf = %read --profile nightly {demo.api_url}/sunlight\nprint(len(df))"
    assert shared_front_end.run(code, allow_stdin=False).text.endswith("\n5000\n")


def test_errors_are_one_line(demo: DemoServer, shared_front_end: FakeFrontEnd) -> None:
    """An error shows as one line, stops the cell, and is still there whole."""
    shared_front_end.run("%load_ext nbauth")
    outcome = shared_front_end.run(f"df = %read {demo.api_url}/sunlight\nprint('not reached')")
    assert outcome.status == "error"
    assert outcome.text == ""
    assert outcome.error is not None
    assert outcome.error["traceback"] == ["SignInRequired: Nobody is signed in to profile 'demo'. Run: %login demo"]
    assert "SignInRequired" in shared_front_end.run("import sys; type(sys.last_value).__name__").text
    assert "tb_frame" in shared_front_end.run("dir(sys.last_value.__traceback__)").text


def test_progress_of_a_load(demo: DemoServer, shared_front_end: FakeFrontEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    """A load that takes a while shows how far it is, and its last state stays in the notebook."""
    demo.api.faults.add("*/sunlight", delay_s=0.25, times=None)
    shared_front_end.run("%load_ext nbauth")
    outcome = shared_front_end.run(f"import nbauth; df = nbauth.read('{demo.api_url}/sunlight', profile='nightly')")
    assert outcome.status == "ok"
    assert re.fullmatch(
        r"Reading http://localhost:\d+/v1\.0/sunlight: 5,000 rows, 5 requests, 1\.\d MB, \d+\.\d s", outcome.shown
    )
    (display,) = outcome.displays.values()
    assert "<progress" in display["text/html"]


def test_interrupted_load(demo: DemoServer, shared_front_end: FakeFrontEnd) -> None:
    """Interrupt stops a load at once; what was read is there."""
    demo.api.faults.add("*/sunlight", delay_s=0.4, times=3)
    ended = threading.Event()
    demo.api.faults.add("*/sunlight", until=ended, times=None)  # the load has not ended when Interrupt comes
    moments: list[float] = []

    def interrupt(outcome: Outcome) -> None:
        if ",000 rows" in outcome.shown and not moments:
            moments.append(time.monotonic())
            shared_front_end.manager.interrupt_kernel()

    shared_front_end.run("%load_ext nbauth")
    # The loop of somebody who goes on after whatever goes wrong: Interrupt ends it.
    code = f"try:\n    df = %read --profile nightly {demo.api_url}/sunlight\nexcept Exception:\n    pass"
    outcome = shared_front_end.run(code, on_message=interrupt)
    ended.set()
    assert moments, outcome.text
    assert time.monotonic() - moments[0] < 30  # less than one on a machine that does nothing else
    assert outcome.error is not None, outcome.shown
    assert outcome.error["ename"] == "ReadInterrupted"
    assert re.fullmatch(
        r"ReadInterrupted: Stopped\. \d,000 rows of \S+ had been read\. They are in sys\.last_value\.partial\.",
        outcome.error["traceback"][0],
    )
    assert outcome.shown.endswith(", interrupted")
    rows = int(shared_front_end.run("import sys; len(sys.last_value.partial)").text)
    assert 0 < rows < 5_000
