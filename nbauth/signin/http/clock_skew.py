"""How far this machine's clock is off the provider's, by the ``Date`` of its last answer (RFC 9110 §6.6.1)."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from nbauth.signin.msal_internals import http_client_of

if TYPE_CHECKING:
    import msal

__all__ = ["ahead_s", "seconds_off", "what_is_off"]

_WORTH_TELLING_S = 60.0
_UNITS = ((86_400.0, "days"), (3600.0, "h"), (60.0, "min"))


def ahead_s(date: str | None) -> float:
    """Return how many seconds this machine's clock is ahead of an answer's ``Date``; 0 where that cannot be read."""
    try:
        return time.time() - parsedate_to_datetime(date or "").timestamp()
    except (ValueError, OverflowError):
        return 0.0


def seconds_off(application: msal.ClientApplication) -> float:
    """Return how many seconds this machine's clock is ahead of the provider's, by its last answer."""
    return float(getattr(http_client_of(application), "clock_ahead_s", 0.0))


def what_is_off(application: msal.ClientApplication) -> str | None:
    """Return what is to be said of this machine's clock, or None where it is about right.

    Args:
        application: whose provider answered last.
    """
    seconds = seconds_off(application)
    if abs(seconds) < _WORTH_TELLING_S:
        return None
    size, unit = next((size, unit) for size, unit in _UNITS if abs(seconds) >= size * 1.5 or size == _UNITS[-1][0])
    side = "ahead of" if seconds > 0 else "behind"
    return f"this machine's clock is about {abs(seconds) / size:.0f} {unit} {side} the provider's"
