"""The user's own directories, as each platform has them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["config_directory", "data_directory", "state_directory"]

# In a container a user may have no home and no entry in the account database. Nothing is there, and nothing can be
# made there; whoever tries is told by the name what to mend.
_NOWHERE = Path(os.devnull, "HOME-is-not-set", "nbauth")


def config_directory() -> Path:
    """Return where the user's own configuration lies."""
    import platformdirs

    return _known(platformdirs.user_config_path)


def state_directory() -> Path:
    """Return where keys, approvals and remembered sign-ins lie."""
    import platformdirs

    return _known(platformdirs.user_state_path)


def data_directory() -> Path:
    """Return where other files of the user's own lie."""
    import platformdirs

    return _known(platformdirs.user_data_path)


def _known(find: Callable[..., Path]) -> Path:
    try:
        path = find("nbauth", appauthor=False)
    except RuntimeError:
        return _NOWHERE
    return path if path.is_absolute() else _NOWHERE  # some versions leave the ~
