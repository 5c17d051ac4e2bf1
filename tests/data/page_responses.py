"""Responses with one page, made by hand, and what a style of paging asks for after them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from requests.structures import CaseInsensitiveDict

from nbauth.data.fetch.request import PageRequest
from nbauth.data.paging import PageResponse
from nbauth.data.paging.page_response import Rows
from nbauth.data.paging.styles import style_of
from nbauth.data.parse.lazy_json import PlainNode, node_of

if TYPE_CHECKING:
    from nbauth.data.paging import Paging

__all__ = ["URL", "next_request", "page_response"]

URL = "https://api.example/items?page=1"


def page_response(document: Any, url: str = URL, *, request: PageRequest | None = None, **headers: str) -> PageResponse:
    """Make the response of a document; a header's name has underscores for hyphens."""
    named = CaseInsensitiveDict({name.replace("_", "-"): value for name, value in headers.items()})
    return PageResponse(url, 200, named, node_of(json.dumps(document).encode()), request or PageRequest(url))


def next_request(
    style: Paging, document: Any, url: str = URL, *, rows: int = 1, request: PageRequest | None = None, **headers: str
) -> Any:
    """Return the request that a style makes after a response with so many rows; its URL where that is all."""
    response = page_response(document, url, request=request, **headers)
    following = style_of(style).paginator().next_request(response, Rows(PlainNode([0] * rows)))
    return following if following is None or following.body is not None or following.headers else following.url
