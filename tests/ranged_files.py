"""A file on the loopback API: byte ranges, HEAD and versions as a careful server has them, or less of each."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from loopback_api import Reply

if TYPE_CHECKING:
    from loopback_api import Seen

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
MODIFIED = "Wed, 01 Jan 2025 00:00:00 GMT"


def noise(size: int, *, seed: int = 1) -> bytes:
    """Return bytes in which no part is like another."""
    return np.random.default_rng(seed).bytes(size)


@dataclass
class RangedFile:
    """A route of the loopback API; change `content` for another version.

    Attributes:
        content: the file.
        has_ranges: whether byte ranges are served.
        from_end: whether ranges that are counted from the end are; else the whole comes, or this error.
        head: the status of a HEAD.
        etag: its ETag; None makes one from the content, "" is none.
        modified: its Last-Modified; "" is none.
        heeds_if_range: whether ``If-Range`` is looked at.
        most: the most bytes of one answer; None for any number.
        ranges: the ranges that were answered.
        sent: bytes of all bodies that were answered.
    """

    content: bytes
    has_ranges: bool = True
    from_end: bool | int = True
    head: int = 200
    etag: str | None = None
    modified: str = MODIFIED
    heeds_if_range: bool = True
    most: int | None = None
    content_type: str = "application/octet-stream"
    ranges: list[tuple[int, int]] = field(default_factory=list)
    sent: int = 0

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every answer."""
        tag = f'"{hash(self.content):x}"' if self.etag is None else self.etag
        named = {"ETag": tag, "Last-Modified": self.modified, "Accept-Ranges": "bytes" if self.has_ranges else "none"}
        return {name: value for name, value in named.items() if value}

    def __call__(self, seen: Seen) -> Reply:
        """Answer a request."""
        if seen.method == "HEAD":
            return Reply(self.content if self.head == 200 else b"", self.head, self.headers, self.content_type)
        found = _RANGE.fullmatch(seen.headers.get("range", ""))
        condition = seen.headers.get("if-range")
        is_same = condition is None or not self.heeds_if_range or condition in self.headers.values()
        if found is None or not self.has_ranges or not is_same:
            self.sent += len(self.content)
            return Reply(self.content, 200, self.headers, self.content_type)
        size = len(self.content)
        if not found[1] and self.from_end is not True:
            self.sent += 0 if self.from_end else size
            return Reply(self.content, self.from_end or 200, self.headers, self.content_type)
        if found[1]:
            start, stop = int(found[1]), min(size, int(found[2] or size) + 1)
        else:
            start, stop = max(0, size - int(found[2])), size
        if start >= size:
            return Reply(b"", 416, {"Content-Range": f"bytes */{size}"}, None)
        stop = stop if self.most is None else min(stop, start + self.most)
        self.ranges.append((start, stop))
        self.sent += stop - start
        headers = {**self.headers, "Content-Range": f"bytes {start}-{stop - 1}/{size}"}
        return Reply(self.content[start:stop], 206, headers, self.content_type)
