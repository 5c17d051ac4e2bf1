"""Next links: where a standard puts them, and somewhere in the body."""

from __future__ import annotations

import pytest
from page_responses import next_request

from nbauth.data.paging import NextUrl
from nbauth.errors import PaginationError


def test_link_header_of_array() -> None:
    """An array's next page stands in the Link header; a next link in the body comes before it."""
    link = "</b>; rel=next"
    assert next_request("auto", [1], Link=link) == "https://api.example/b"
    body = {"value": [1], "@odata.nextLink": "/c"}
    assert next_request("auto", body, Link=link) == "https://api.example/c"
    assert next_request("odata", [1], Link=link) is None
    assert next_request("link", body, Link=link) == "https://api.example/b"
    assert next_request("none", body, Link=link) is None


def test_next_link_no_string() -> None:
    """A next link that is no string is an error."""
    for style, body in (("auto", {"value": [], "@odata.nextLink": 7}), (NextUrl(path="a.b"), {"a": {"b": 7}})):
        with pytest.raises(PaginationError, match="not a string"):
            next_request(style, body)


def test_last_page() -> None:
    """Without a next link the chain ends."""
    assert next_request("auto", [1]) is None
