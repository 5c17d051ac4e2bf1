"""Validators (RFC 9110 §8.8): parts of a file are requested with its ETag, so that two versions are never mixed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from nbauth.errors import DataError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from requests import Response

__all__ = ["ContentRange", "Version", "check_whole", "content_range_of", "version_of"]

_PARTIAL = 206
_CONTENT_RANGE = re.compile(r"bytes\s+(?:(\d+)-(\d+)|\*)/(\d+|\*)", re.IGNORECASE)


@dataclass(frozen=True)
class ContentRange:
    """What ``Content-Range`` tells (RFC 9110 §14.4).

    Attributes:
        start: the first byte that comes; None where none comes.
        stop: the one after the last.
        size: bytes of the whole; None where it is not told.
    """

    start: int | None
    stop: int | None
    size: int | None


@dataclass(frozen=True)
class Version:
    """What tells one version of a file from another.

    Attributes:
        mark: its strong ETag, or else its ``Last-Modified``; for ``If-Range``.
        size: its bytes, where they are known.
    """

    mark: str
    size: int | None = None

    def headers(self, start: int, stop: int | None = None) -> dict[str, str]:
        """Return the headers that ask for the bytes from `start` until `stop` of this version alone."""
        return {"Range": f"bytes={start}-{'' if stop is None else stop - 1}", "If-Range": self.mark}

    def begins(self, response: Response, start: int) -> bool:
        """Tell whether a response holds bytes of this version from `start` on.

        A server that ignores ``If-Range`` sends parts of another version, too; one that heeds it may leave out
        ``Last-Modified`` (RFC 9110 §15.3.7).
        """
        part = content_range_of(response)
        if response.status_code != _PARTIAL or part is None or part.start != start:
            return False
        name = "ETag" if self.mark.startswith('"') else "Last-Modified"
        is_same = response.headers.get(name, self.mark).strip() == self.mark
        return is_same and (part.size is None or self.size is None or part.size == self.size)


def content_range_of(response: Response) -> ContentRange | None:
    """Return which part of a file a response is about; None if it does not say."""
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    if match is None:
        return None
    first, last, size = match.groups()
    return ContentRange(
        None if first is None else int(first),
        None if last is None else int(last) + 1,
        None if size == "*" else int(size),
    )


def check_whole(response: Response, *, is_file: bool) -> None:
    """Check that a response is no part of something whose whole was asked for, as caches and proxies send it.

    Args:
        response: the response.
        is_file: whether it is a file; a page may be a part, and its own words say what comes after it.

    Raises:
        DataError: it is a part.
    """
    if response.status_code != _PARTIAL or "Range" in response.request.headers:
        return
    part, told = content_range_of(response), response.headers.get("Content-Range", "").strip()
    if part is None and (not is_file or response.links.get("next")):
        return
    if part is None or part.start != 0 or part.stop != part.size:
        shown_url = redact_url(response.url)
        raise DataError(
            f"{shown_url}: the answer is a part ({told or 'status 206'}), and the whole was asked for.",
            url=shown_url,
            next_step="A cache or a proxy may hold an old part: ask again. nbauth.open(url) reads a file by its parts.",
        )


def version_of(response: Response) -> Version | None:
    """Return the version that a response is of, if parts of it can be asked for (RFC 9110 §13.1.5, §14).

    A weak ETag does not do, nor does a ``Last-Modified`` of the second in which the response was made: the file may
    have changed again since (RFC 9110 §8.8.2.2).
    """
    is_part = response.status_code == _PARTIAL
    if not is_part and response.headers.get("Accept-Ranges", "").strip().lower() != "bytes":
        return None
    part = content_range_of(response)
    told = None if part is None else part.size
    size = told if is_part else _length_of(response)
    tag = response.headers.get("ETag", "").strip()
    if tag:
        return Version(tag, size) if tag.startswith('"') else None
    modified = response.headers.get("Last-Modified", "").strip()
    return Version(modified, size) if _is_settled(modified, response.headers.get("Date", "")) else None


def _length_of(response: Response) -> int | None:
    text = response.headers.get("Content-Length", "").strip()
    return int(text) if text.isdecimal() and text.isascii() else None


def _is_settled(modified: str, date: str) -> bool:
    try:
        return bool(modified) and (
            not date or (parsedate_to_datetime(date) - parsedate_to_datetime(modified)).total_seconds() >= 1
        )
    except (ValueError, TypeError):
        return False
