from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nbauth.net.retry_after import retry_after_s


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0),
        (" 7 ", 7),
        ("2.0", 2),
        ("0.25", 0.25),
        ("1.", 1),
        (".", None),
        ("Mon, 01 Jan 2024 00:01:00 GMT", 60),
        ("Mon, 01 Jan 2024 00:01:00 -0000", 60),
        ("Sun, 31 Dec 2023 00:00:00 GMT", 0),
        ("9" * 20, 1e20),
        ("9" * 400, None),
        ("soon", None),
        ("-1", 0),
        ("", None),
        (None, None),
        ("\u0661", None),
    ],
)
def test_retry_after(value: str | None, expected: float | None) -> None:
    """A `Retry-After` is a number of seconds or a date; what is past is now."""
    assert retry_after_s(value, now=datetime(2024, 1, 1, tzinfo=UTC)) == expected
