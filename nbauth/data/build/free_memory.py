"""Memory that is free again goes back to the system, before more is asked for."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["give_back", "reuse_buffers"]

_BUFFER = 4 * 1024 * 1024


def give_back() -> None:
    """Give the system back what the C library keeps of memory that is free again; where that is not glibc, nothing."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


def reuse_buffers() -> None:
    """Let the C library use buffers of some MB again, whose pages the system else has to clear each time.

    glibc maps large buffers one by one until one as large was freed (mallopt(3), M_MMAP_THRESHOLD). The one that is
    freed here is never written to, and so takes no memory.
    """
    bytes(_BUFFER)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    # Not by `release_unused` of Arrow's system pool: pyarrow asks the default pool, whichever it is called on.
    return getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
