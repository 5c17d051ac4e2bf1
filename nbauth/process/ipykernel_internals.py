"""What nbauth knows of ipykernel beyond its documentation: looked at here with each of its releases.

Two modules of the front end hold nothing else, and are looked at then, too: `nbauth.frontend.comm_pump`, which takes a
panel's messages while a cell runs, and `nbauth.frontend.comm_log`, which keeps them out of the kernel's log. Both do
without where a name is missing. `tests/frontend/panel/test_ipykernel_versions.py` runs them in the kernels of
`tests/kernel_versions.py`, and `tests/process/test_ipykernel_internals.py` holds `TRIED` against what is installed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from nbauth.process.tried_versions import TriedVersions

__all__ = ["TRIED", "allows_input", "is_in_a_cell", "is_in_console"]

TRIED = TriedVersions("ipykernel", "6.29", "7.4")
# How Jupyter console and qtconsole name the connection file of a kernel that they start (jupyter_client.consoleapp): by
# their process, or by the end of a UUID for a further tab. A Jupyter server takes a whole UUID.
_OF_A_CONSOLE = re.compile(r"kernel-(\d+|[0-9a-f]{12})\.json")
_SPYDER = "spyder_kernels."


def allows_input(kernel: Any) -> bool:
    """Tell whether what runs just now may ask for input: no front end is there to answer where it may not."""
    return bool(getattr(kernel, "_allow_stdin", False))


def is_in_a_cell(kernel: Any) -> bool:
    """Tell whether a cell runs just now, and not a click, which arrives in a widget's message."""
    parent = kernel.get_parent("shell") or {}
    return bool(parent.get("header", {}).get("msg_type") == "execute_request")


def is_in_console(kernel: Any) -> bool:
    """Tell whether what runs was typed at a Jupyter console, at qtconsole or at Spyder's.

    None of them draws widgets, and none draws a display again that is updated. Nothing says which front end a request
    is from, so it is told by two signs at once: the kernel is of a kind that they start, and the request's number is
    made as jupyter_client's `Session` makes it, behind the session's own. Others number theirs with UUIDs.
    """
    header = (kernel.get_parent("shell") or {}).get("header", {})
    from_python = str(header.get("msg_id", "")).startswith(f"{header.get('session')}_")
    file = Path(str(getattr(getattr(kernel, "parent", None), "connection_file", ""))).name
    theirs = _OF_A_CONSOLE.fullmatch(file) is not None or type(kernel).__module__.startswith(_SPYDER)
    return from_python and theirs and allows_input(kernel)
