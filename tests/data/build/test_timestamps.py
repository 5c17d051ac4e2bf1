from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from engines import Engine  # noqa: TC002 - a fixture's type
from hypothesis import given
from hypothesis import strategies as st

from nbauth.data.build import timestamps as module
from nbauth.data.build.frame_builder import FrameBuilder
from nbauth.data.build.timestamps import is_iso, is_time, timestamps


def test_older_dates_of_dotnet(engine: Engine) -> None:
    """.NET's older dates are times in UTC; an offset says only how they were shown, and null stays missing."""
    texts = ["/Date(1700000000123)/", None, "/Date(-1)/", "/Date(1700000000123+0200)/", "/Date(0-0800)/"]
    builder = FrameBuilder()
    builder.add([{"at": text} for text in texts])
    expected = pd.to_datetime(
        ["2023-11-14T22:13:20.123Z", None, "1969-12-31T23:59:59.999Z", "2023-11-14T22:13:20.123Z", "1970-01-01T00:00Z"],
        format="ISO8601",
    )
    found = builder.frame()["at"]
    assert str(found.dtype) == "datetime64[us, UTC]"
    assert list(expected.as_unit("us")) == list(found)


@pytest.mark.parametrize(
    "other", ["/Date(1)", "Date(1)", "/Date(253402300800000)/", "/Date()/", "2024-01-01T00:00Z", "/Date(1)/ ", "text"]
)
def test_not_all_dotnet(other: str) -> None:
    """Where one value is none, or lies beyond the year 9999, the column stays text."""
    assert timestamps(["/Date(1)/", other]) is None


def test_what_is_a_time() -> None:
    """What is written as a time, and as ISO 8601 has it."""
    assert (is_time("/Date(1)/"), is_iso("/Date(1)/")) == (True, False)
    assert (is_time("2024-01-01"), is_iso("2024-01-01")) == (True, True)
    assert (is_time("text"), is_iso("text")) == (False, False)


_PATTERNS: list[Any] = [module._ZONED, module._LOCAL, module._DATE, module._DOTNET]


@st.composite
def _nearly_times(draw: st.DrawFn) -> tuple[Any, list[str | None]]:
    """A pattern, and texts that it matches, of which some are cut, lengthened or altered."""
    pattern = draw(st.sampled_from(_PATTERNS))
    texts: list[str | None] = draw(st.lists(st.none() | st.from_regex(pattern, fullmatch=True), max_size=8))
    for _ in range(draw(st.integers(0, 2)) if texts else 0):
        place = draw(st.integers(0, len(texts) - 1))
        text = texts[place] or ""
        cut = draw(st.integers(0, len(text)))
        other = draw(st.sampled_from(["", "0", "0000", "\n", "\n2024-01-01", "٣", "\ud800", "Z", "x" * 40]))
        texts[place] = text[:cut] + other + text[cut + draw(st.integers(0, 2)) :]
    return pattern, texts


@given(_nearly_times(), st.integers(1, 3))
def test_all_are_matched(case: tuple[Any, list[str | None]], at_once: int) -> None:
    """Many are matched at once as each of them is."""
    pattern, texts = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_AT_ONCE", at_once)
        found = module._all_match(pattern.fullmatch, texts)
    assert found == all(text is None or pattern.fullmatch(text) is not None for text in texts)


@pytest.mark.parametrize("year", ["0000", "0001"])
def test_the_year_that_is_none(year: str) -> None:
    """There is no year 0000, wherever it stands."""
    texts = ["2024-01-01T00:00Z", f"{year}-01-01T00:00Z", None, "2024-01-01T00:00Z"]
    assert (timestamps(texts) is None) == (year == "0000")
