"""Keeps what a panel's page sends, an authorization code among it, out of the kernel's own log.

With `--debug` ipykernel logs each message that arrives, and at DEBUG the comm package does. While a cell waits, the
messages of its panel go another way (`comm_pump`); those of a panel that blocks nothing are handled as all others.
Tried with comm 0.2 and the releases of ipykernel that `nbauth.process.ipykernel_internals` names.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

__all__ = ["keep_out_of_log"]

_COMM_LOGGER = "Comm"  # the comm package's


class _HideMessages(logging.Filter):
    """Rewrites records that hold a message of one of our comms."""

    def __init__(self) -> None:
        super().__init__()
        self.comm_ids: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the record, with the message's name in place of the message."""
        # Of a single dict logging makes the arguments themselves, for formats with names.
        given = (record.args,) if isinstance(record.args, Mapping) else record.args or ()
        if any(map(self._is_ours, given)):
            record.args = tuple(self._named(value) for value in given)
        return True

    def _is_ours(self, value: object) -> bool:
        """Tell whether it is one of our comms' messages, or the content of one."""
        return _comm_id(value) in self.comm_ids

    def _named(self, value: object) -> object:
        return f"<a message of nbauth's panel {_comm_id(value)}>" if self._is_ours(value) else value


def _comm_id(value: object) -> object:
    content = value.get("content", value) if isinstance(value, Mapping) else None
    comm_id = content.get("comm_id") if isinstance(content, Mapping) else None
    return comm_id if isinstance(comm_id, str) else None


def keep_out_of_log(kernel: Any, comm_id: str) -> None:
    """Log the messages of a comm no longer.

    Args:
        kernel: ipykernel's kernel, or None where there is none.
        comm_id: of the panel's comm.
    """
    log = getattr(kernel, "log", None)
    for logger in (getattr(log, "logger", log), logging.getLogger(_COMM_LOGGER)):
        if isinstance(logger, logging.Logger):
            hides = next((f for f in logger.filters if isinstance(f, _HideMessages)), None)
            if hides is None:
                hides = _HideMessages()
                logger.addFilter(hides)
            hides.comm_ids.add(comm_id)
