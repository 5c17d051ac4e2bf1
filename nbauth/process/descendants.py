"""Which processes this one started, at however many removes; known on Linux, where /proc tells."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ancestors", "are_known", "is_descendant"]

_PARENT = 1  # its place after the name, which may hold blanks and parentheses (proc_pid_stat(5))


def are_known() -> bool:
    """Tell whether it can be told here who started a process."""
    return sys.platform == "linux" and any(ancestors(os.getpid()))


def ancestors(pid: int) -> Iterator[int]:
    """Yield who started a process, who started that one, and so on; nothing for a process that is gone.

    A process whose parent has ended belongs to another one, as the system says (init, or a subreaper).
    """
    while pid > 0:
        try:
            status = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:
            return
        pid = int(status.rpartition(b")")[2].split()[_PARENT])
        yield pid


def is_descendant(pid: int, of: int) -> bool:
    """Tell whether a process was started by another one, at however many removes, and all between are alive."""
    return of in ancestors(pid)
