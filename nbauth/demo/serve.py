"""``nbauth demo --serve``: the provider and the API, and one line of JSON that says where they are."""

from __future__ import annotations

import json
import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["run", "until_told"]


def run(*, port: int = 0) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        port: port of the provider; 0 takes any.

    Returns:
        0.
    """
    from nbauth.demo.server import DemoServer

    with DemoServer(port=port) as demo:
        print(json.dumps(demo.describe()), flush=True)
        until_told()
    return 0


def until_told(still_wanted: Callable[[], bool] = lambda: True) -> None:
    """Wait for Ctrl-C or SIGTERM, or until `still_wanted` says no."""
    told = threading.Event()

    def tell(*_: Any) -> None:
        told.set()

    before = {number: signal.signal(number, tell) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        while still_wanted() and not told.wait(0.2):
            pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
