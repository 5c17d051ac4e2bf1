"""How long an API says that it is to be left alone."""

from __future__ import annotations

import time

import pytest
from requests.structures import CaseInsensitiveDict

from nbauth.data.fetch.named_waits import is_used_up, limit_wait_s, named_wait_s

DATE = "Mon, 01 Jan 2024 00:00:00 GMT"
EPOCH = 1_704_067_200  # the same


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "5.0"}, 5),  # Shopify
        ({"retry-after": "0.5"}, 0.5),
        ({"Retry-After": "Mon, 01 Jan 2024 00:01:00 GMT", "Date": DATE}, 60),
        ({"x-ms-retry-after-ms": "1500", "Retry-After": "9"}, 1.5),  # Azure Cosmos DB
        ({"retry-after-ms": "250"}, 0.25),  # Azure OpenAI
        ({"x-ms-ratelimit-microsoft.costmanagement-entity-retry-after": "40", "x-ms-a-retry-after": "3"}, 40),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_named(headers: dict[str, str], expected: float | None) -> None:
    """A wait is named in seconds, milliseconds or as a date, and milliseconds are the more exact."""
    assert named_wait_s(CaseInsensitiveDict(headers)) == expected
    assert limit_wait_s(CaseInsensitiveDict({"X-RateLimit-Reset": "99", **headers})) == (expected or 99)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-RateLimit-Reset": str(EPOCH + 30)}, 30),  # GitHub
        ({"X-Rate-Limit-Reset": str(EPOCH + 30)}, 30),  # Okta
        ({"RateLimit-Reset": "30"}, 30),  # Zendesk
        ({"x-ratelimit-reset": str((EPOCH + 30) * 1000)}, 30),
        ({"X-RateLimit-Reset": str(EPOCH - 30)}, 0),
        ({"X-RateLimit-Reset": "2024-01-01T00:00:30Z"}, 30),  # Jira
        ({"X-RateLimit-Reset": "2024-01-01T00:00:30"}, 30),
        ({"X-RateLimit-Reset": "Mon, 01 Jan 2024 00:00:30 GMT"}, 30),
        ({"X-RateLimit-Reset-After": "1.5"}, 1.5),  # Discord
        ({"x-ratelimit-reset-requests": "20ms", "x-ratelimit-reset-tokens": "1m2s"}, 62),  # OpenAI
        ({"x-ms-user-quota-resets-after": "00:00:05"}, 5),  # Azure Resource Graph
        ({"RateLimit": '"default";r=0;t=50'}, 50),
        ({"RateLimit": '"minute";r=5;t=20, "day";r=0;t=90'}, 90),
        ({"RateLimit": '"minute";r=0;t=20, "day";r=5;t=90'}, 20),
        ({"RateLimit": "limit=100, remaining=0, reset=50"}, 50),
        ({"X-RateLimit-Reset": "1.2.3s"}, None),
        ({"X-RateLimit-Limit": "60"}, None),
        ({"X-Reset": "60"}, None),
    ],
)
def test_limits(headers: dict[str, str], expected: float | None) -> None:
    """The reset of a limit is told in seconds, as a time of day by the API's own clock, or as a time span."""
    assert limit_wait_s(CaseInsensitiveDict({"Date": DATE, **headers})) == expected
    assert named_wait_s(CaseInsensitiveDict(headers)) is None


def test_this_clock() -> None:
    """Without a `Date` that can be read, this machine's clock counts."""
    for date in ({}, {"Date": "today"}):
        wait_s = limit_wait_s(CaseInsensitiveDict({"X-RateLimit-Reset": str(time.time() + 100), **date}))
        assert wait_s is not None
        assert 90 < wait_s <= 100


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-RateLimit-Remaining": "0"}, True),
        ({"x-ratelimit-remaining": "0.0"}, True),
        ({"RateLimit-Remaining": "0"}, True),
        ({"x-ms-user-quota-remaining": "0"}, True),
        ({"RateLimit": '"a";r=1;t=2, "b";r=0;t=9'}, True),
        ({"RateLimit": "limit=9, remaining=0, reset=1"}, True),
        ({"X-RateLimit-Remaining": "10"}, False),
        ({"X-RateLimit-Remaining": "none"}, False),
        ({"RateLimit": '"a";r=1;t=2'}, False),
        ({}, False),
    ],
)
def test_used_up(headers: dict[str, str], *, expected: bool) -> None:
    """A limit is used up where nothing of it remains."""
    assert is_used_up(CaseInsensitiveDict(headers)) is expected
