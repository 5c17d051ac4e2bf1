"""Whether the extra ``nbauth[fast]`` is at hand; without it everything works, slower."""

from __future__ import annotations

import functools
import importlib

from nbauth.errors import ConfigError

__all__ = ["FAST_EXTRA", "is_fast", "need_pyarrow"]

FAST_EXTRA = "Run: %pip install 'nbauth[fast]'"


@functools.cache
def is_fast() -> bool:
    """Tell whether both msgspec and pyarrow can be imported."""
    try:
        importlib.import_module("msgspec")
        importlib.import_module("pyarrow")
    except ImportError:
        return False
    return True


def need_pyarrow(what: str) -> None:
    """Make sure that pyarrow is there.

    Raises:
        ConfigError: it is not.
    """
    try:
        importlib.import_module("pyarrow")
    except ImportError:
        raise ConfigError(f"{what} needs pyarrow.", next_step=FAST_EXTRA) from None
