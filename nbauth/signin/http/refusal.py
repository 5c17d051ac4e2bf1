"""What a provider says where it refuses a request with an answer that is no OAuth error (RFC 6749 §5.2)."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING, Any

from nbauth.net.sanitize import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["words"]

_LONGEST = 200
_MOST_DEPTH = 4
_HEAD = 8 * 1024  # where a page's title stands; a search for it in all of a hostile page would take long
# Okta has `errorSummary`, problem details (RFC 9457 §3.1) `title` and `detail`, others `message`, `errmsg`, `reason`.
_NAME = re.compile(r"(message|msg|summary|description|detail|details|reason|title|error|text)$", re.IGNORECASE)
_IN_HEADER = re.compile(r'\berror_description="([^"]{1,400})"')  # RFC 6750 §3
_TITLE = re.compile(r"<title[^>]*>([^<]{1,400})", re.IGNORECASE)


def words(body: str, headers: Mapping[str, str]) -> str:
    """Return the provider's own words, on one line, shortened and without secrets; nothing where it has none.

    Args:
        body: of the answer.
        headers: of the answer, by their lower-case names.
    """
    content_type = headers.get("content-type", "").lower()
    if challenge := _IN_HEADER.search(headers.get("www-authenticate", "")):
        return clean(challenge[1], _LONGEST)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        if "html" in content_type or body.lstrip()[:1] == "<":
            title = _TITLE.search(body[:_HEAD])
            return clean(html.unescape(title[1]), _LONGEST) if title else ""
        return clean(body[:_HEAD], _LONGEST) if content_type.startswith("text/") else ""
    found = dict.fromkeys(_texts(document, _MOST_DEPTH))
    return clean(": ".join(list(found)[:2]), _LONGEST)


def _texts(document: Any, depth: int) -> Iterator[str]:
    """Yield the texts of members that hold words, wherever in a document they are."""
    if isinstance(document, str):
        yield document
    if depth == 0 or not isinstance(document, dict | list):
        return
    for child in document if isinstance(document, list) else document.items():
        name, value = child if isinstance(document, dict) else ("", child)
        if isinstance(value, dict | list) or (isinstance(value, str) and value.strip() and _NAME.search(name)):
            yield from _texts(value, depth - 1)
