"""Whether the extra ``nbauth[fast]`` is installed. Without it everything works, but slower."""

from __future__ import annotations

import functools
import importlib.util
from typing import TYPE_CHECKING

from nbauth.errors import ConfigError, DataError
from nbauth.net.origins import redact_url
from nbauth.next_step import Install, to_run
from nbauth.process.shielded import load

if TYPE_CHECKING:
    from requests import Response


__all__ = ["FAST_EXTRA", "is_fast", "need_for_format", "need_pyarrow"]

# Together, where no interrupt reaches; the modules of ours bring the parts of Arrow that they use.
_ARROW = ("pyarrow", "nbauth.data.build.arrow_arrays", "nbauth.data.build.arrow_series", "nbauth.data.build.arrow_text")
FAST_EXTRA = Install("nbauth[fast]")


@functools.cache
def is_fast() -> bool:
    """Tell whether both msgspec and pyarrow can be imported."""
    try:
        load("msgspec", "nbauth.data.parse.schema_decoder", *_ARROW)
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
        raise ConfigError(f"{what} needs pyarrow.", next_step=to_run(FAST_EXTRA)) from None


def need_for_format(response: Response, module: str, what: str, extra: Install) -> None:
    """Make sure that the module is there that reads what an API answered with."""
    if importlib.util.find_spec(module) is None:
        response.close()
        shown_url = redact_url(response.url)
        raise DataError(
            f"{shown_url} answered with {what}, which needs {module}.", url=shown_url, next_step=to_run(extra)
        )
