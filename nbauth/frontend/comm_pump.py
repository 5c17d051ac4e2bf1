"""Clicks while a cell runs: the messages of our widget reach its handlers before the cell has ended.

A kernel handles one shell message after the other, so a click waits for the running cell, which waits for the click.
Here the messages of our widget are diverted as they arrive, and the waiting cell runs their handlers itself. Other
messages keep their way and their order, but for the question for the state of all widgets, which a page asks when it
is loaded again: unanswered, it would draw no panel. It leans on private names of ipykernel and pyzmq, of the releases
that `nbauth.process.ipykernel_internals` names: where one is missing, nothing is installed, and the sign-in falls back
to plain text.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CommPump"]

logger = logging.getLogger(__name__)

_CONTROL = "jupyter.widget.control"  # comm target of the question for all states (ipywidgets' message protocol 2.1)


class CommPump:
    """Diverts the messages of some comms while a cell waits.

    Args:
        kernel: ipykernel's kernel.
        stream: its shell stream.
        callback: what the stream calls with each message.
        comm_ids: whose messages are diverted.
    """

    def __init__(self, kernel: Any, stream: Any, callback: Callable[[Any], Any], comm_ids: frozenset[str]) -> None:
        self._kernel = kernel
        self._stream = stream
        self._original = callback
        self._comm_ids = set(comm_ids)
        self._arrived: queue.SimpleQueue[tuple[Any, dict[str, Any]]] = queue.SimpleQueue()
        # ipykernel 7 reads the shell channel in a thread of its own; before, nobody reads while a cell runs.
        self._reads_itself = getattr(kernel, "shell_channel_thread", None) is None

    @classmethod
    def here(cls, comm: Any) -> Self | None:
        """Let the messages of a comm in while this cell waits; in another thread the kernel itself lets them in."""
        if threading.current_thread() is not threading.main_thread() or comm is None:
            return None
        from IPython.core.getipython import get_ipython

        kernel = getattr(get_ipython(), "kernel", None)
        return None if kernel is None else cls.install(kernel, frozenset({comm.comm_id}))

    @classmethod
    def install(cls, kernel: Any, comm_ids: frozenset[str]) -> Self | None:
        """Divert from now on; None where this kernel gives no way to."""
        stream: Any = getattr(kernel, "shell_stream", None)
        callback = getattr(stream, "_recv_callback", None)
        parts = (getattr(kernel, "session", None), getattr(kernel, "comm_manager", None))
        if callback is None or None in parts or not hasattr(stream, "flush"):
            return None
        pump = cls(kernel, stream, callback, comm_ids)
        stream._recv_callback = pump._take  # noqa: SLF001 - `on_recv` would start reading in this thread
        return pump

    def run(self) -> None:
        """Run the handlers of what has arrived, in the calling thread."""
        if self._reads_itself:
            import zmq

            self._stream.flush(zmq.POLLIN)
        with contextlib.suppress(queue.Empty):
            while True:
                identities, message = self._arrived.get_nowait()
                handle = getattr(self._kernel.comm_manager, message["header"]["msg_type"])
                handle(self._stream, identities, message)

    def remove(self) -> None:
        """Let messages go their usual way again."""
        if self._stream._recv_callback == self._take:  # noqa: SLF001
            self._stream._recv_callback = self._original  # noqa: SLF001
        self.run()

    def _take(self, frames: list[Any]) -> Any:
        try:
            message = self._ours(frames)
        except Exception:  # noqa: BLE001 - whatever is wrong with it is the kernel's to report
            message = None
        if message is None:
            return self._original(frames)
        self._arrived.put(message)
        return None

    def _ours(self, frames: list[Any]) -> tuple[Any, dict[str, Any]] | None:
        session = self._kernel.session
        identities, parts = session.feed_identities(frames, copy=False)
        # Signature, header, parent header, metadata, content (Jupyter's wire protocol).
        kind = session.unpack(parts[1].bytes).get("msg_type")
        if kind not in ("comm_open", "comm_msg"):
            return None
        content = session.unpack(parts[4].bytes)
        if kind == "comm_open" and content.get("target_name") == _CONTROL:
            self._comm_ids.add(content["comm_id"])
        if content.get("comm_id") not in self._comm_ids:
            return None
        # Only now: it checks the signature, and a signature is accepted once.
        return identities, session.deserialize(parts, content=True, copy=False)
