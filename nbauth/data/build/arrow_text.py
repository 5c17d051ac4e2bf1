"""Text of a column in Arrow's memory, unchanged or as times.

Times take 8 bytes each where their text takes 28. They are taken as such while loading only where all of some
thousand values are written alike, digit by digit, so that the text can be had back if a later page drifts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nbauth.data.build.memory_pool import POOL

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Stamps", "compacted", "in_reach_of_nanoseconds", "plain", "text_array"]

_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:([T ])\d\d:\d\d(:\d\d(?:\.(\d{1,9}))?)?(Z|\+00:00)?)?", re.ASCII)
_MICRO = 6
_LONGEST = 35
_FIRST_YEAR, _LAST_YEAR = "1678", "2261"  # that nanoseconds in 64 bits reach whole
_YEAR_1 = -62_135_596_800_000_000  # in microseconds; Arrow takes the year 0, which ISO 8601's readers do not

Family = Literal["zoned", "local", "date"]


@dataclass(frozen=True)
class Stamps:
    """Times and how all of them were written.

    Attributes:
        moments: timestamps without a zone.
        form: the pattern of the text, for `plain`; its first value.
        family: with an offset, without one, or dates.
    """

    moments: Any
    form: re.Match[str]

    @property
    def family(self) -> Family:
        """What kind of times they are."""
        if self.form[1] is None:
            return "date"
        return "zoned" if self.form[4] else "local"

    def __len__(self) -> int:
        return len(self.moments)


def text_array(values: Sequence[str | None]) -> Any:
    """Return text in Arrow's memory.

    Raises:
        UnicodeEncodeError: a value has half of a surrogate pair, which Arrow cannot hold.
    """
    return pa.array(values, pa.large_string(), memory_pool=POOL)


def compacted(array: Any) -> Any:
    """Return text as times if all of it is times, else unchanged."""
    stamps = _stamps(array)
    return array if stamps is None else stamps


def plain(data: Any) -> Any:
    """Return the text unchanged."""
    return _written(data) if isinstance(data, Stamps) else data


def in_reach_of_nanoseconds(text: Any) -> bool:
    """Tell whether times, as text that begins with the year, fit into nanoseconds: older Arrow's cast wraps around."""
    years = pc.min_max(text)
    first, last = years["min"].as_py(), years["max"].as_py()
    return first is None or (first[:4] >= _FIRST_YEAR and last[:4] <= _LAST_YEAR)


def _stamps(array: Any) -> Stamps | None:
    present = pc.drop_null(array, memory_pool=POOL) if array.null_count else array
    first = present[0].as_py() if len(present) else ""
    form = _TIME.fullmatch(first) if len(first) <= _LONGEST else None
    if form is None or not _all_written_alike(present, first, form):
        return None
    unit = "ns" if len(form[3] or "") > _MICRO else "us"
    if unit == "ns" and not in_reach_of_nanoseconds(present):
        return None
    try:
        moments = array.cast(pa.timestamp(unit, "UTC" if form[4] else None), memory_pool=POOL).view(pa.timestamp(unit))
    except pa.ArrowInvalid:  # no such day, or none that nanoseconds reach
        return None
    if unit == "us" and pc.min(moments.view(pa.int64())).as_py() < _YEAR_1:
        return None
    return Stamps(moments, form)


def _all_written_alike(present: Any, first: str, form: re.Match[str]) -> bool:
    """Tell whether all values have the same signs between their digits. That the rest is digits, Arrow's cast tells."""
    rows, length = len(present), len(first)
    offsets = np.frombuffer(present.buffers()[1], np.int64)[present.offset : present.offset + rows + 1]
    if (np.diff(offsets) != length).any():
        return False
    signs = np.frombuffer(present.buffers()[2], np.uint8)[offsets[0] : offsets[-1]].reshape(rows, length)
    suffix = form.start(4) if form[4] else length
    fixed = [place for place, sign in enumerate(first) if place >= suffix or not sign.isdigit()]
    return all(bool((signs[:, place] == ord(first[place])).all()) for place in fixed)


def _written(stamps: Stamps) -> Any:
    form = stamps.form
    if form[1] is None:
        text = pc.strftime(stamps.moments, format="%Y-%m-%d", memory_pool=POOL)
        return text.cast(pa.large_string(), memory_pool=POOL)
    until = form.end(3) if form[3] else form.end(2) if form[2] else len("2024-01-01T00:00")
    # Arrow writes as many digits of a second as the unit has.
    text = pc.strftime(stamps.moments, format=f"%Y-%m-%d{form[1]}%H:%M:%S", memory_pool=POOL)
    text = pc.utf8_slice_codeunits(text, 0, until, memory_pool=POOL)
    text = pc.binary_join_element_wise(text, form[4] or "", "", memory_pool=POOL)
    return text.cast(pa.large_string(), memory_pool=POOL)
