from __future__ import annotations

import pytest
import requests

from nbauth.data.fetch.validators import ContentRange, Version, content_range_of, version_of

NOON, A_SECOND_LATER = "Wed, 01 Jan 2025 12:00:00 GMT", "Wed, 01 Jan 2025 12:00:01 GMT"
RANGES = {"Accept-Ranges": "bytes", "Content-Length": "10"}


def _answer(status: int, headers: dict[str, str]) -> requests.Response:
    made = requests.Response()
    made.status_code = status
    made.headers.update(headers)
    return made


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (200, {"ETag": '"a"'}, Version('"a"', 10)),
        (200, {"ETag": '"a"', "Last-Modified": NOON}, Version('"a"', 10)),
        (200, {"ETag": 'W/"a"', "Last-Modified": NOON}, None),
        (200, {"ETag": "unquoted"}, None),
        (200, {"Last-Modified": NOON}, Version(NOON, 10)),
        (200, {"Last-Modified": NOON, "Date": A_SECOND_LATER}, Version(NOON, 10)),
        (200, {"Last-Modified": NOON, "Date": NOON}, None),
        (200, {"Last-Modified": A_SECOND_LATER, "Date": NOON}, None),
        (200, {"Last-Modified": "yesterday", "Date": NOON}, None),
        (200, {}, None),
        (200, {"ETag": '"a"', "Accept-Ranges": "none"}, None),
        (200, {"ETag": '"a"', "Content-Length": "ten"}, Version('"a"')),
        (206, {"ETag": '"a"', "Accept-Ranges": "", "Content-Range": "bytes 0-9/100"}, Version('"a"', 100)),
        (206, {"ETag": '"a"', "Content-Range": "bytes 0-9/*"}, Version('"a"')),
        (206, {"ETag": '"a"'}, Version('"a"')),
    ],
)
def test_what_a_version_is_known_by(status: int, headers: dict[str, str], expected: Version | None) -> None:
    """A version is known by a strong ETag, or by a date that is settled, where there are byte ranges."""
    assert expected == version_of(_answer(status, RANGES | headers))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes 5-9/100", ContentRange(5, 10, 100)),
        ("Bytes 5-9/*", ContentRange(5, 10, None)),
        ("bytes */100", ContentRange(None, None, 100)),
        ("rows 5-9/100", None),
        ("bytes 5-/100", None),
        ("", None),
    ],
)
def test_a_part_is_what_content_range_says(value: str, expected: ContentRange | None) -> None:
    """A part is what Content-Range says, and nothing where that cannot be read."""
    assert expected == content_range_of(_answer(206, {"Content-Range": value}))


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (206, {"ETag": '"a"', "Content-Range": "bytes 5-9/100"}, True),
        (206, {"Content-Range": "bytes 5-9/100"}, True),
        (206, {"Content-Range": "bytes 5-9/*"}, True),
        (206, {"ETag": '"b"', "Content-Range": "bytes 5-9/100"}, False),
        (206, {"ETag": '"a"', "Content-Range": "bytes 5-9/101"}, False),
        (206, {"ETag": '"a"', "Content-Range": "bytes 6-9/100"}, False),
        (206, {"ETag": '"a"'}, False),
        (200, {"ETag": '"a"', "Content-Range": "bytes 5-9/100"}, False),
    ],
)
def test_same_version(status: int, headers: dict[str, str], expected: bool) -> None:  # noqa: FBT001
    """What follows is taken only if nothing about it says that it is of another version or another place."""
    assert expected is Version('"a"', 100).begins(_answer(status, headers), 5)
