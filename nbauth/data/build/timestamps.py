"""ISO 8601 text, and .NET's older ``/Date(…)/``, to timestamps, where every value is one and none loses a digit."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["has_nanoseconds", "is_iso", "is_time", "timestamps"]

# Nine digits are all that datetime64[ns] has; .NET writes seven.
_LOCAL = re.compile(r"(?!0000)\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?", re.ASCII)
_ZONED = re.compile(_LOCAL.pattern + r"(?:Z|[+-]\d\d:?\d\d)", re.ASCII)
_FINER = re.compile(r"\.\d{6}\d*[1-9]")  # digits beyond the microsecond that count
_NANO = re.compile(r"\.\d{7}")
_DATE = re.compile(r"(?!0000)\d{4}-\d\d-\d\d", re.ASCII)
# Milliseconds since 1970 in UTC, of OData 2 and older services of ASP.NET; an offset says only how it was shown.
_DOTNET = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{1,4})?\)/", re.ASCII)
_ONE_DIGIT = str.maketrans("023456789", "1" * 9)
_AT_ONCE = 2_000  # so that text that is no time is found early
_LONGEST = 35  # that any of the patterns matches
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999  # the years 1 to 9999, which are .NET's


def timestamps(texts: Sequence[str | None]) -> pd.Series[Any] | None:
    """Parse a column of text as timestamps.

    Args:
        texts: the column; None where it has no value.

    Returns:
        Timestamps in UTC if every value has an offset, or every one is a ``/Date(…)/``; without time zone if none has
        one or all are dates; to the microsecond or nanosecond, as pandas chooses and the values need. None if any
        value is something else, if the kinds are mixed, or if no unit holds all values exactly: then the column
        stays text.
    """
    pattern = _pattern_of(next((text for text in texts if text is not None), ""))
    if pattern is None or not _all_match(pattern.fullmatch, texts):
        return None
    if pattern is _DOTNET:
        return _by_milliseconds(texts)
    is_zoned = pattern is _ZONED
    try:
        stamps = pd.to_datetime(np.array(texts, dtype=object), format="ISO8601", utc=is_zoned)
    except (pd.errors.OutOfBoundsDatetime, OverflowError):
        return _by_microseconds(texts, is_zoned=is_zoned)
    except ValueError:  # no such day or hour
        return None
    return pd.Series(stamps)


def has_nanoseconds(texts: Iterable[str | None]) -> bool:
    """Tell whether any time is written with more digits than microseconds have."""
    return any(text is not None and _NANO.search(text) for text in texts)


def is_time(text: str) -> bool:
    """Tell whether a text is written as a time or a date."""
    return _pattern_of(text) is not None


def is_iso(text: str) -> bool:
    """Tell whether a text is written as ISO 8601 has it."""
    return _pattern_of(text) not in (None, _DOTNET)


def _pattern_of(text: str) -> re.Pattern[str] | None:
    return next((pattern for pattern in (_ZONED, _LOCAL, _DATE, _DOTNET) if pattern.fullmatch(text)), None)


def _all_match(match: Callable[[str], object], texts: Sequence[str | None]) -> bool:
    return all(_some_match(match, texts[start : start + _AT_ONCE]) for start in range(0, len(texts), _AT_ONCE))


def _some_match(match: Callable[[str], object], texts: Sequence[str | None]) -> bool:
    """Tell whether all of them match, by what is left when one digit stands for all: most are the same then."""
    present = [text for text in texts if text is not None]
    if not present:
        return True
    if max(map(len, present)) > _LONGEST:
        return False
    forms = "\n".join(present).translate(_ONE_DIGIT).split("\n")
    if len(forms) != len(present) or not all(map(match, set(forms))):
        return False
    return not min(present).startswith("0000")  # the one year that is none


def _by_microseconds(texts: Sequence[str | None], *, is_zoned: bool) -> pd.Series[Any] | None:
    """Parse what lies outside of the 584 years that nanoseconds reach."""
    if any(text is not None and _FINER.search(text) for text in texts):
        return None
    try:
        parsed = [None if text is None else datetime.fromisoformat(text) for text in texts]
        if is_zoned:
            parsed = [None if time is None else time.astimezone(UTC).replace(tzinfo=None) for time in parsed]
    except (ValueError, OverflowError):
        return None
    column = pd.Series(np.array(parsed, dtype="datetime64[us]"))
    return column.dt.tz_localize("UTC") if is_zoned else column


def _by_milliseconds(texts: Sequence[str | None]) -> pd.Series[Any] | None:
    matches = [None if text is None else _DOTNET.fullmatch(text) for text in texts]
    moments = [None if match is None else int(match[1]) for match in matches]
    if not all(moment is None or _FIRST_MS <= moment <= _LAST_MS for moment in moments):
        return None
    unset = np.datetime64("NaT", "ms").astype(np.int64)
    values = np.array([unset if moment is None else moment for moment in moments], np.int64).view("datetime64[ms]")
    column = pd.Series(values.astype("datetime64[us]"))
    return column.dt.tz_localize("UTC")
