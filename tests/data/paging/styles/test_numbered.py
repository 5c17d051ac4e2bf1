"""Pages that requests name by number: the rows to leave out, or the number of the page."""

from __future__ import annotations

from typing import Any

import pytest
from page_responses import next_request, page_response

from nbauth.data.fetch.request import PageRequest
from nbauth.data.paging import Cursor, Offset, PageNumber
from nbauth.data.paging.page_response import Rows
from nbauth.data.paging.styles import style_of
from nbauth.data.parse.lazy_json import PlainNode
from nbauth.errors import PaginationError


def test_offset() -> None:
    """The offset goes on by the rows that came, until the total or an empty page; a short page is no end."""
    url = "https://api.example/x"
    style = Offset(size=100, total="total")
    assert style.first_request(PageRequest(url)).url == f"{url}?offset=0&limit=100"
    assert next_request(style, {}, f"{url}?offset=0&limit=100", rows=30) == f"{url}?limit=100&offset=30"
    assert next_request(style, {"total": 60}, f"{url}?offset=30", rows=30) is None
    assert next_request(style, {"total": "61"}, f"{url}?offset=30", rows=30) == f"{url}?offset=60"
    assert next_request("offset", {}, f"{url}?offset=60", rows=0) is None
    with pytest.raises(PaginationError, match="empty page came after 60 rows"):
        next_request(style, {"total": 61}, f"{url}?offset=60", rows=0)
    body = next_request(
        Offset(offset="page.skip", send="body"), {}, request=PageRequest(url, {"page": {"take": 5}}), rows=5
    )
    assert body == PageRequest(url, {"page": {"take": 5, "skip": 5}})


def test_echo() -> None:
    """An answer that begins elsewhere than was asked is an error: the API does not know the parameter."""
    with pytest.raises(PaginationError, match="begins at offset 0, and 30 was asked for"):
        next_request(Offset(echo="offset"), {"offset": 0}, "https://api.example/x?offset=30")
    with pytest.raises(PaginationError, match="begins at page 1, and 2 was asked for"):
        next_request(PageNumber(echo="page"), {"page": 1}, "https://api.example/x?page=2")


def test_page_number() -> None:
    """Pages are counted up to the last one, the total, or an empty page."""
    url = "https://api.example/x"
    assert PageNumber(first=0).first_request(PageRequest(url)).url == f"{url}?page=0"
    assert PageNumber().first_request(PageRequest(f"{url}?page=4")).url == f"{url}?page=4"
    assert next_request("page", {}, f"{url}?page=4") == f"{url}?page=5"
    assert next_request("page", {}, f"{url}?page=4", rows=0) is None
    assert next_request(PageNumber(pages="n"), {"n": 5}, f"{url}?page=4") == f"{url}?page=5"
    assert next_request(PageNumber(pages="n"), {"n": 5}, f"{url}?page=5") is None
    assert next_request(PageNumber(first=0, pages="n"), {"n": 5}, f"{url}?page=4") is None
    assert next_request(PageNumber(total="n"), {"n": 2}, f"{url}?page=1", rows=1) == f"{url}?page=2"
    assert next_request(PageNumber(total="n"), {"n": 1}, f"{url}?page=1", rows=1) is None
    with pytest.raises(PaginationError, match="says that there are 9"):
        next_request(PageNumber(total="n"), {"n": 9}, f"{url}?page=1", rows=0)


@pytest.mark.parametrize(
    ("style", "document", "expected"),
    [
        (Offset(total="n"), {"n": 7}, ["offset=3", "offset=6"]),
        (Offset(total="n"), {"n": 6}, ["offset=3"]),
        (Offset(), {}, []),
        (PageNumber(pages="n"), {"n": 3}, ["page=2", "page=3"]),
        (PageNumber(total="n"), {"n": 7}, ["page=2", "page=3"]),
        (PageNumber(), {}, []),
        (Cursor(), {"next_cursor": "x"}, []),
    ],
)
def test_plan(style: Any, document: dict[str, Any], expected: list[str]) -> None:
    """Where the first answer tells the total, all further requests are known."""
    response = page_response(document, "https://api.example/x")
    plan = style_of(style).paginator().plan(response, Rows(PlainNode([0] * 3)))
    assert [request.url.partition("?")[2] for request in plan] == expected
