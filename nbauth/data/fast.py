"""Whether the extra ``nbauth[fast]`` is at hand; without it everything works, slower."""

from __future__ import annotations

import functools

from nbauth.errors import ConfigError
from nbauth.shielded import load

__all__ = ["FAST_EXTRA", "is_fast", "need_pyarrow"]

# Together, where no interrupt reaches; the modules of ours bring the parts of Arrow that they use.
_ARROW = ("pyarrow", "nbauth.data.arrow_arrays", "nbauth.data.arrow_series", "nbauth.data.arrow_text")
FAST_EXTRA = "Run: %pip install 'nbauth[fast]'"


@functools.cache
def is_fast() -> bool:
    """Tell whether both msgspec and pyarrow can be imported."""
    try:
        load("msgspec", "nbauth.data.typed", *_ARROW)
    except ImportError:
        return False
    return True


def need_pyarrow(what: str) -> None:
    """Make sure that pyarrow is there.

    Raises:
        ConfigError: it is not.
    """
    try:
        load(*_ARROW)
    except ImportError:
        raise ConfigError(f"{what} needs pyarrow.", next_step=FAST_EXTRA) from None
