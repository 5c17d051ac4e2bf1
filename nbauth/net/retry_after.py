"""The `Retry-After` header (RFC 9110 §10.2.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["retry_after_s"]

_SECONDS = re.compile(
    r"-?[0-9]{1,20}(\.[0-9]{0,20})?", re.ASCII
)  # nobody may write a negative one or a fraction, and some do


def retry_after_s(value: str | None, *, now: datetime | None = None) -> float | None:
    """Return the seconds to wait that a ``Retry-After`` names, as a number or a date.

    Args:
        value: of the header; None where there is none.
        now: the present time; None goes by this machine's clock.

    Returns:
        The seconds, 0 for a time that is past; None where it names no time.
    """
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        return max(0.0, float(text))
    try:
        when = parsedate_to_datetime(text)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())
    except (ValueError, OverflowError, TypeError, IndexError):  # what the parser raises, given nonsense
        return None
