"""A front end that a test plays, for a real kernel."""

from __future__ import annotations

import contextlib
import queue
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from jupyter_client.manager import KernelManager

TIMEOUT_S = 60
_ANEW = """
import os
os.chdir({directory!r})
os.environ.clear()
os.environ.update({environ!r})
import ipywidgets
ipywidgets.Widget.close_all()
from nbauth import kernel
kernel.reset()
get_ipython().reset(new_session=False)
"""


class Outcome:
    """What the cells' run sent: everything, and what a person would see at the end."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.displays: dict[str, dict[str, str]] = {}
        self.text = ""
        self.error: dict[str, Any] | None = None
        self.prompts: list[dict[str, Any]] = []
        self.status = ""
        self.is_asked = False

    def add(self, message: dict[str, Any]) -> None:
        """Take a message of the iopub channel."""
        self.messages.append(message)
        content = message["content"]
        match message["msg_type"]:
            case "stream":
                self.text += content["text"]
            case "display_data" | "update_display_data":
                self.displays[content.get("transient", {}).get("display_id", str(len(self.displays)))] = content["data"]
            case "execute_result":
                self.text += content["data"]["text/plain"] + "\n"
            case "error":
                self.error = content

    @property
    def shown(self) -> str:
        """The text of every display as it is at the end."""
        return "\n".join(data["text/plain"] for data in self.displays.values())


class FakeFrontEnd:
    """A front end: runs cells, answers questions, interrupts."""

    def __init__(self, manager: KernelManager) -> None:
        self.manager = manager
        self.client = manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT_S)
        self.page: Any = None  # a page that draws widgets, if this front end has one
        self._is_closed = False

    def run(
        self,
        code: str,
        *,
        answer: Callable[[Outcome], str | None] | None = None,
        on_message: Callable[[Outcome], None] | None = None,
        allow_stdin: bool = True,
    ) -> Outcome:
        """Run a cell.

        Args:
            code: the cell.
            answer: what to answer to a question; None, or returning None, leaves it open for now.
            on_message: called after each message of the iopub channel.
            allow_stdin: whether this front end answers questions, as nbclient does not.
        """
        outcome = Outcome()
        # A kernel drops what arrives shortly after an error, unless it is told that a person would not mind.
        number = self.client.execute(code, allow_stdin=allow_stdin, stop_on_error=False)
        until = time.monotonic() + TIMEOUT_S
        while time.monotonic() < until:
            try:
                message = self.client.get_iopub_msg(timeout=0.05)
            except queue.Empty:
                self._answer(outcome, answer)
                continue
            if self.page is not None:
                self.page.take(message)
            if message["parent_header"].get("msg_id") != number:
                continue
            outcome.add(message)
            if on_message:
                on_message(outcome)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                outcome.status = self._status(number)
                return outcome
        pytest.fail(f"the cell did not end:\n{code}\n{outcome.text}{outcome.shown}")

    def until(self, condition: Callable[[], Any]) -> None:
        """Go on drawing until something is so; for what happens while no cell runs."""
        until = time.monotonic() + TIMEOUT_S
        while not condition():
            assert time.monotonic() < until, "nothing came of it"
            with contextlib.suppress(queue.Empty):
                self.page.take(self.client.get_iopub_msg(timeout=0.05))

    def _status(self, number: str) -> str:
        while True:
            reply = self.client.get_shell_msg(timeout=TIMEOUT_S)
            # A slow start leaves several answers to the question whether the kernel is ready.
            if reply["parent_header"].get("msg_id") == number:
                return str(reply["content"]["status"])

    def _answer(self, outcome: Outcome, answer: Callable[[Outcome], str | None] | None) -> None:
        """Answer an open question, as soon as what it refers to has arrived: the two channels race."""
        with contextlib.suppress(queue.Empty):
            outcome.prompts.append(self.client.get_stdin_msg(timeout=0.01)["content"])
            outcome.is_asked = True
        text = answer(outcome) if answer and outcome.is_asked else None
        if text is not None:
            outcome.is_asked = False
            self.client.input(text)

    def start_anew(self, directory: Path, environ: Mapping[str, str]) -> None:
        """Make the kernel as good as new in a directory and an environment: signed in to nothing, with no variables.

        A kernel takes as long to start as most tests need. What is left from before is what was imported.
        """
        self.page = None
        outcome = self.run(_ANEW.format(directory=str(directory), environ=dict(environ)))
        assert outcome.status == "ok", outcome.error

    def close(self) -> None:
        """Ask the kernel to end, and end one that does not: a kernel that is killed has not said what of it ran."""
        if self._is_closed:
            return
        self._is_closed = True
        self.client.stop_channels()
        self.manager.shutdown_kernel()
        self.manager.cleanup_resources()
