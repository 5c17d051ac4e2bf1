"""A cursor that the answer names and the next request sends."""

from __future__ import annotations

from typing import Any

import pytest
from page_responses import URL, next_request

from nbauth.data.fetch.request import PageRequest
from nbauth.data.paging import Cursor
from nbauth.errors import PaginationError


@pytest.mark.parametrize("end", [{}, {"next_cursor": None}, {"next_cursor": ""}, {"next_cursor": False}])
def test_cursor_ends(end: dict[str, Any]) -> None:
    """No cursor, or an empty one, is the end."""
    assert next_request("cursor", end) is None


def test_cursor() -> None:
    """A cursor goes into the query, the body or a header, and what else the request has stays."""
    request = PageRequest("https://api.example/x?q=a%20b&cursor=old&$top=2", {"filter": {"a": 1}, "page": {"size": 5}})
    document = {"next_cursor": "c/d=="}
    following = next_request("cursor", document, request=PageRequest(request.url))
    assert following == "https://api.example/x?q=a%20b&$top=2&cursor=c%2Fd%3D%3D"
    following = next_request(Cursor(parameter="page.after", send="body"), document, request=request)
    assert following == PageRequest(request.url, {"filter": {"a": 1}, "page": {"size": 5, "after": "c/d=="}})
    following = next_request(
        Cursor(parameter="x-next", header="x-cont", send="header"), {}, request=PageRequest(URL), x_cont="t"
    )
    assert following == PageRequest(URL, None, {"x-next": "t"})
    with pytest.raises(PaginationError, match="neither text nor a number"):
        next_request("cursor", {"next_cursor": {"a": 1}})
