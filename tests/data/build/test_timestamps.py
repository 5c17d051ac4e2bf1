from __future__ import annotations

import pandas as pd
import pytest
from engines import Engine  # noqa: TC002 - a fixture's type

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
