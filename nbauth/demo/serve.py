"""``nbauth demo --serve``: the provider and the API, and one line of JSON that says where they are."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["run", "told_to_end"]


def run(*, port: int = 0) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        port: port of the provider; 0 takes any.

    Returns:
        0.
    """
    from nbauth.demo.server import DemoServer

    with DemoServer(port=port) as demo, told_to_end() as told:
        print(json.dumps(demo.describe()), flush=True)
        told.wait()
    return 0


@contextlib.contextmanager
def told_to_end() -> Iterator[threading.Event]:
    """Return an event that Ctrl-C and SIGTERM set; in force before anything says that it is ready."""
    told = threading.Event()

    def tell(*_: Any) -> None:
        told.set()

    before = {number: signal.signal(number, tell) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
