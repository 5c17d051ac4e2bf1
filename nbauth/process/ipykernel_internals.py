"""What nbauth knows of ipykernel beyond its documentation: looked at here with each of its releases.

Two modules of the front end hold nothing else, and are looked at then, too: `nbauth.frontend.comm_pump`, which takes a
panel's messages while a cell runs, and `nbauth.frontend.comm_log`, which keeps them out of the kernel's log. Both do
without where a name is missing. `tests/frontend/panel/test_ipykernel_versions.py` runs them in the kernels of
`tests/kernel_versions.py`, and `tests/process/test_ipykernel_internals.py` holds `TRIED` against what is installed.
"""

from __future__ import annotations

from typing import Any

from nbauth.process.tried_versions import TriedVersions

__all__ = ["TRIED", "allows_input", "is_in_a_cell"]

TRIED = TriedVersions("ipykernel", "6.29", "7.4")


def allows_input(kernel: Any) -> bool:
    """Tell whether what runs just now may ask for input: no front end is there to answer where it may not."""
    return bool(getattr(kernel, "_allow_stdin", False))


def is_in_a_cell(kernel: Any) -> bool:
    """Tell whether a cell runs just now, and not a click, which arrives in a widget's message."""
    parent = kernel.get_parent("shell") or {}
    return bool(parent.get("header", {}).get("msg_type") == "execute_request")
