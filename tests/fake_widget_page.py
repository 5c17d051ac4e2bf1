"""A notebook's page that a test plays: it draws the sign-in panel's views and presses its buttons."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any
from urllib.request import ProxyHandler, build_opener

if TYPE_CHECKING:
    from collections.abc import Callable

    from fake_front_end import FakeFrontEnd

__all__ = ["FakeWidgetPage", "aside", "wait_for_persons"]

_OPENER = build_opener(ProxyHandler({}))
_ASIDE = "a person aside"


class FakeWidgetPage:
    """Does what `panel.js` does, without a browser.

    Args:
        front_end: the front end that it belongs to.
        on_view: called with each view; presses what a person would.
        origin: origin of the page.
        base: base URL of the server.
        callback_served: the server has the callback page.
        reaches: the browser reaches the kernel's loopback.
        draws: the front end can draw widgets at all.
        subshell: id of the subshell that comm messages are sent over, as newer front ends do.
    """

    def __init__(
        self,
        front_end: FakeFrontEnd,
        on_view: Callable[[FakeWidgetPage, dict[str, Any]], None] | None = None,
        *,
        origin: str = "http://localhost:8888",
        base: str = "/",
        callback_served: bool = False,
        reaches: bool = True,
        draws: bool = True,
        subshell: str | None = None,
    ) -> None:
        self._player = front_end
        self._on_view = on_view
        self._facts = {
            "origin": origin,
            "callback": f"{origin}{base}lab/extensions/nbauth/static/callback.html",
            "callback_served": callback_served,
        }
        self._reaches = reaches
        self._draws = draws
        self._subshell = subshell
        self.model_id: str | None = None
        self.states: list[dict[str, Any]] = []
        self.views: list[dict[str, Any]] = []
        self.told: list[str] = []
        front_end.page = self

    @property
    def steps(self) -> list[str]:
        """The steps that were shown, each once in a row."""
        steps: list[str] = []
        for view in self.views:
            if not steps or steps[-1] != view["step"]:
                steps.append(view["step"])
        return steps

    @property
    def view(self) -> dict[str, Any]:
        """What is shown now."""
        return self.views[-1]

    def take(self, message: dict[str, Any]) -> None:
        """Take any message of the iopub channel."""
        content = message["content"]
        match message["msg_type"]:
            case "comm_open" if content["data"].get("state", {}).get("_model_module") == "anywidget":
                self.model_id = content["comm_id"]
                self.states.append(content["data"]["state"])
            case "display_data" if self._draws and "application/vnd.jupyter.widget-view+json" in content["data"]:
                self.send("ready", **self._facts)
            case "comm_msg" if content["comm_id"] == self.model_id:
                data = content["data"]
                if data["method"] == "update":
                    self.states.append(data["state"])
                elif data["method"] == "custom":
                    self._told(data["content"])

    def reload(self) -> None:
        """Draw the panel again, as after the page was reloaded."""
        self.send("ready", **self._facts)

    def send(self, kind: str, **content: Any) -> None:
        """Send what the panel's script sends."""
        self._send({"method": "custom", "content": {"kind": kind, **content}})

    def set_state(self, state: dict[str, Any]) -> None:
        """Write traits, as any page may."""
        self._send({"method": "update", "state": state, "buffer_paths": []})

    def _send(self, data: dict[str, Any]) -> None:
        client = self._player.client
        message = client.session.msg("comm_msg", {"comm_id": self.model_id, "data": data})
        if self._subshell:
            message["header"]["subshell_id"] = self._subshell
        client.shell_channel.send(message)

    def _told(self, content: dict[str, Any]) -> None:
        self.told.append(content["kind"])
        if content["kind"] == "view":
            self.views.append(content["view"])
            if self._on_view:
                self._on_view(self, content["view"])
        elif content["kind"] == "probe":
            text = ""
            if self._reaches:
                with contextlib.suppress(OSError), _OPENER.open(content["url"], timeout=5) as answer:
                    text = answer.read().decode()
            self.send("probed", text=text)
        elif content["kind"] == "look":
            self.reload()


def aside(act: Callable[[], object]) -> None:
    """Let a person act in their browser while the page goes on drawing."""
    threading.Thread(target=act, name=_ASIDE, daemon=True).start()


def wait_for_persons() -> None:
    """Wait until nobody acts aside any more: what they ask of the provider belongs to the test that is over."""
    for thread in threading.enumerate():
        if thread.name == _ASIDE:
            thread.join(20)
