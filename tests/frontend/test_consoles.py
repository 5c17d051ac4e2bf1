"""Consoles on a kernel, as Jupyter console, qtconsole and Spyder's are: no widgets, and no display is drawn again."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_client.manager import KernelManager

from nbauth.demo.person import Person

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fake_front_end import FakeFrontEnd

    from nbauth.demo.server import DemoServer

SIGNED_IN = "Signed in to demo as Alice Adams (alice@contoso.example)"
SPYDER = """
kernel = get_ipython().kernel
kernel.__class__ = type("SpyderKernel", (type(kernel),), {"__module__": "spyder_kernels.console.kernel"})
"""


@pytest.fixture(params=["jupyter console", "spyder"])
def console(
    request: pytest.FixtureRequest,
    demo: DemoServer,
    apart: Path,
    keep_front_end: Callable[[str, Callable[[], KernelManager]], FakeFrontEnd],
) -> FakeFrontEnd:
    """A kernel that was started as they start theirs, with the magics loaded."""

    def start() -> KernelManager:
        file = {"connection_file": str(apart / f"kernel-{os.getpid()}.json")} if request.param != "spyder" else {}
        manager = KernelManager(kernel_name="python3", **file)
        manager.kernel_spec.argv[0] = sys.executable
        manager.start_kernel(cwd=str(apart), env=dict(os.environ))
        return manager

    front_end = keep_front_end(request.param, start)
    front_end.run(f"{SPYDER if request.param == 'spyder' else ''}\n%load_ext nbauth")
    return front_end


def _kinds(outcome: Any) -> set[str]:
    return {message["msg_type"] for message in outcome.messages}


def test_no_panel(console: FakeFrontEnd, demo: DemoServer) -> None:
    """A sign-in asks in lines, at once: no panel is made that nobody would draw, and what is told later is seen."""
    person = Person("alice", ca_file=demo.ca_file)
    asked: list[str] = []

    def paste(outcome: Any) -> str | None:
        word = next((word for word in outcome.text.split() if "/authorize?" in word), None)
        if word and len(outcome.prompts) > len(asked):
            asked.append(outcome.text)
            return "http://localhost/?half" if len(asked) == 1 else person.address_after(word)
        return None

    outcome = console.run("%login --flow paste", answer=paste)
    assert "Application       " in asked[0]
    assert "That is not the address that this sign-in leads to." in asked[1].removeprefix(asked[0])
    assert SIGNED_IN in outcome.text
    assert outcome.text.count("/authorize?") == 1
    assert _kinds(outcome).isdisjoint({"comm_open", "display_data", "update_display_data"})


def test_progress_ends(console: FakeFrontEnd, demo: DemoServer) -> None:
    """A load rewrites one line, and its last state ends it."""
    console.run("from nbauth.frontend import progress\nprogress._QUIET_S = -1.0")
    outcome = console.run(f"frame = %read {demo.api_url}/cities --profile nightly")
    assert outcome.status == "ok", outcome.error
    (line,) = [line for line in outcome.text.split("\n") if "\r" in line]
    assert line.count("\r") > 1
    assert re.fullmatch(r"[\d,]+ rows, .* s", line.rpartition("\r")[2].rstrip())
    assert outcome.text.endswith("\n")
    assert _kinds(outcome).isdisjoint({"display_data", "update_display_data"})
