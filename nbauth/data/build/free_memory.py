"""Memory that is free again goes back to the system, before more is asked for."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["give_back"]


def give_back() -> None:
    """Give the system back what the C library keeps of memory that is free again; where that is not glibc, nothing."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    # Not by `release_unused` of Arrow's system pool: pyarrow asks the default pool, whichever it is called on.
    return getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
