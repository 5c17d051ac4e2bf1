"""ISO 8601 text to timestamps, only where every value of a column is one and none loses a digit."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["is_time", "timestamps"]

# Nine digits are all that datetime64[ns] has; .NET writes seven.
_LOCAL = re.compile(r"(?!0000)\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?", re.ASCII)
_ZONED = re.compile(_LOCAL.pattern + r"(?:Z|[+-]\d\d:?\d\d)", re.ASCII)
_FINER = re.compile(r"\.\d{6}\d*[1-9]")  # digits beyond the microsecond that count
_DATE = re.compile(r"(?!0000)\d{4}-\d\d-\d\d", re.ASCII)


def timestamps(texts: Sequence[str | None]) -> pd.Series[Any] | None:
    """Parse a column of text as timestamps.

    Args:
        texts: the column; None where it has no value.

    Returns:
        Timestamps in UTC if every value has an offset, without time zone if none has one or all are dates; to the
        microsecond or nanosecond, as pandas chooses and the values need. None if any value is something else, if the
        kinds are mixed, or if no unit holds all values exactly: then the column stays text.
    """
    pattern = _pattern_of(next((text for text in texts if text is not None), ""))
    if pattern is None or not _all_match(pattern.fullmatch, texts):
        return None
    is_zoned = pattern is _ZONED
    try:
        stamps = pd.to_datetime(np.array(texts, dtype=object), format="ISO8601", utc=is_zoned)
    except (pd.errors.OutOfBoundsDatetime, OverflowError):
        return _by_microseconds(texts, is_zoned=is_zoned)
    except ValueError:  # no such day or hour
        return None
    return pd.Series(stamps)


def is_time(text: str) -> bool:
    """Tell whether a text is written as a time or a date."""
    return _pattern_of(text) is not None


def _pattern_of(text: str) -> re.Pattern[str] | None:
    return next((pattern for pattern in (_ZONED, _LOCAL, _DATE) if pattern.fullmatch(text)), None)


def _all_match(match: Callable[[str], object], texts: Sequence[str | None]) -> bool:
    # Runs of equal values are common in time columns and sorted data.
    return all(text is None or match(text) is not None for text, _ in groupby(texts))


def _by_microseconds(texts: Sequence[str | None], *, is_zoned: bool) -> pd.Series[Any] | None:
    """Parse what lies outside of the 584 years that nanoseconds reach."""
    if any(text is not None and _FINER.search(text) for text in texts):
        return None
    try:
        parsed = [None if text is None else datetime.fromisoformat(text) for text in texts]
        if is_zoned:
            parsed = [None if one is None else one.astimezone(UTC).replace(tzinfo=None) for one in parsed]
    except (ValueError, OverflowError):
        return None
    column = pd.Series(np.array(parsed, dtype="datetime64[us]"))
    return column.dt.tz_localize("UTC") if is_zoned else column
