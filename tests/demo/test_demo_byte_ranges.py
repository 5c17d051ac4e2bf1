from __future__ import annotations

from email.message import Message
from typing import TYPE_CHECKING

import pytest

from nbauth.demo.api.byte_ranges import with_ranges
from nbauth.demo.http.messages import Request

if TYPE_CHECKING:
    from nbauth.demo.http.messages import Response

TAG = '"v1"'


def _ask(headers: dict[str, str], method: str = "GET") -> Response:
    sent = Message()
    for name, value in headers.items():
        sent[name] = value
    request = Request(method=method, path="/x", query={}, headers=sent, body=b"", secure=False)
    return with_ranges(request, b"0123456789", etag=TAG, content_type="text/plain")


@pytest.mark.parametrize(
    ("asked", "body", "told"),
    [
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=3-5", b"345", "bytes 3-5/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
        ("bytes=-99", b"0123456789", "bytes 0-9/10"),
    ],
)
def test_a_part_is_what_was_asked_for(asked: str, body: bytes, told: str) -> None:
    """A part is what was asked for, as far as the file goes, and says where it stands."""
    answer = _ask({"Range": asked, "If-Range": TAG})
    assert (206, body, told) == (answer.status, answer.body, dict(answer.headers)["Content-Range"])


def test_beyond_the_end() -> None:
    """There is no part beyond the end, and the answer tells the size."""
    answer = _ask({"Range": "bytes=10-"})
    assert (answer.status, answer.body, dict(answer.headers)["Content-Range"]) == (416, b"", "bytes */10")


@pytest.mark.parametrize(
    ("headers", "method"),
    [
        ({}, "GET"),
        ({"Range": "bytes=3-5", "If-Range": '"v0"'}, "GET"),
        ({"Range": "bytes=0-1,4-5"}, "GET"),
        ({"Range": "rows=0-1"}, "GET"),
        ({"Range": "bytes=3-5"}, "HEAD"),
    ],
)
def test_the_whole(headers: dict[str, str], method: str) -> None:
    """Without a range, with one of another version, and with what is not understood, the whole comes."""
    answer = _ask(headers, method)
    assert (answer.status, answer.body) == (200, b"0123456789")
    assert dict(answer.headers) == {"ETag": TAG, "Accept-Ranges": "bytes"}
