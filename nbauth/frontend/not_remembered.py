"""Telling a person that their sign-in lives as long as this kernel, though it should be remembered."""

from __future__ import annotations

import warnings

from nbauth.environment import detect
from nbauth.errors import NotRememberedWarning
from nbauth.frontend.text import printable

__all__ = ["tell_not_remembered"]


def tell_not_remembered(why_not: str | None, *, stacklevel: int) -> None:
    """Print why a sign-in is not remembered, if it is not; a script gets a warning.

    Args:
        why_not: why it is not remembered, or None.
        stacklevel: whose line the warning names, as in `warnings.warn` called in place of this.
    """
    if why_not is None:
        return
    if detect().front_end == "script":
        warnings.warn(why_not, NotRememberedWarning, stacklevel=stacklevel + 1)
    else:
        print(printable(why_not), flush=True)
