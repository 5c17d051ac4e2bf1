"""One byte range of a file, as the API answers it (RFC 9110 §14); several at once get the whole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nbauth.demo.http.messages import Response

if TYPE_CHECKING:
    from nbauth.demo.http.messages import Request

__all__ = ["with_ranges"]

_RANGE = re.compile(r"bytes=(?:(\d+)-(\d*)|-(\d+))")


def with_ranges(request: Request, body: bytes, *, etag: str, content_type: str) -> Response:
    """Answer a file, or the part of it that the request asks for if it has this version.

    Args:
        request: a GET or HEAD.
        body: the file.
        etag: names its version, in quotes.
        content_type: its type.
    """
    headers = (("ETag", etag), ("Accept-Ranges", "bytes"))
    match = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if match is None or request.method != "GET" or request.headers.get("If-Range", etag) != etag:
        return Response(body=body, content_type=content_type, headers=headers)
    size = len(body)
    first, last, suffix = match.groups()
    start = max(0, size - int(suffix)) if suffix else int(first)
    stop = min(size, int(last) + 1) if last else size
    if start >= stop:
        return Response(status=416, headers=(*headers, ("Content-Range", f"bytes */{size}")))
    part = ("Content-Range", f"bytes {start}-{stop - 1}/{size}")
    return Response(status=206, body=body[start:stop], content_type=content_type, headers=(*headers, part))
