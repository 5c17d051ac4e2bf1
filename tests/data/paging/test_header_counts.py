"""What the headers of an answer count, and whether that is more than it has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from loads import read
from loopback_api import Reply, as_json
from page_responses import page_response

from nbauth.data.fetch.request import PageRequest
from nbauth.data.paging.header_counts import RowRange, check_counts, header_counts, row_range
from nbauth.data.paging.page_response import Rows
from nbauth.data.parse.lazy_json import PlainNode
from nbauth.errors import DataError, PaginationError

if TYPE_CHECKING:
    from loopback_api import Seen, Server

    from nbauth.data.fetch.session import Session

ROWS = [{"id": number} for number in range(7)]
API = "https://api.example/items"


def _response(headers: dict[str, str], query: str = "") -> Any:
    url = f"{API}?{query}" if query else API
    named = {name.replace("-", "_"): value for name, value in headers.items()}
    return page_response(ROWS[:3], url, request=PageRequest(url), **named)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0-2/7", RowRange(0, 2, 7, is_part=False)),
        ("items 0-24/319", RowRange(0, 24, 319, is_part=False)),
        ("items=0-24/319", RowRange(0, 24, 319, is_part=False)),
        ("0-2/*", RowRange(0, 2, None, is_part=False)),
        ("bytes 0-11/24", None),
        ("*/7", None),
        ("", None),
    ],
)
def test_range(text: str, expected: RowRange | None) -> None:
    """A range of rows is told from one of bytes."""
    assert row_range(_response({"Content-Range": text})) == expected


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"X-Total-Count": "7"}, ""),
        ({"x-total": "7"}, ""),
        ({"Total-Count": "7"}, ""),
        ({"X-WP-Total": "7"}, ""),
        ({"X-Total-Count": "7"}, "offset=3"),
        ({"X-Total-Count": "7"}, "from=1700000000"),
        ({"X-Total-Pages": "3"}, ""),
        ({"X-Pagination": json.dumps({"TotalCount": 7, "PageSize": 3, "CurrentPage": 1, "TotalPages": 3})}, ""),
        ({"X-Pagination": json.dumps({"currentPage": 1, "hasNext": True})}, ""),
        ({"X-Has-More": "true"}, ""),
        ({"X-Result-Truncated": "true"}, ""),
        ({"x-truncated": "1"}, ""),
        ({"X-Next-Offset": "3"}, ""),
        ({"Next-Page": "2"}, ""),
        ({"X-Next-Start": "300"}, ""),
    ],
)
def test_more(headers: dict[str, str], query: str) -> None:
    """A header that counts more than came is an error that names it, and what to type."""
    with pytest.raises(PaginationError, match=f"3 rows and says {next(iter(headers))}: ") as caught:
        check_counts(_response(headers, query), Rows(PlainNode(ROWS[:3])))
    assert "paging=" in str(caught.value.next_step)


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"X-Total-Count": "3"}, ""),
        ({"X-Total-Count": "7"}, "offset=4"),
        ({"X-Total-Count": "7"}, "$top=3"),
        ({"X-Total-Count": "7"}, "limit=3"),
        ({"X-Total-Count": "7", "Link": '<https://api.example/items?page=1>; rel="first"'}, ""),
        ({"X-Total-Pages": "1"}, ""),
        ({"X-Total-Pages": "3", "X-Page": "3"}, ""),
        ({"X-RateLimit-Total": "5000", "X-Total-Time": "9", "X-Quota-Total": "9"}, ""),
        ({"X-Pagination": json.dumps({"CurrentPage": 3, "TotalPages": 3, "HasNext": False})}, ""),
        ({"X-Pagination": "{"}, ""),
        ({"X-Pagination": '{"a":' * 20_000}, ""),
        ({"X-Pagination": '{"totalCount": [7], "page": {}}'}, ""),
        ({"X-Total-Count": "7" * 5_000}, ""),
        ({"X-Has-More": "false"}, ""),
        ({"X-Truncated": "false", "X-Next-Offset": "0", "X-Next-Page": "null"}, ""),
        ({"X-Nextjs-Cache": "1", "X-Next-Update": "3600", "X-Partial-Content-Id": "1"}, ""),
    ],
)
def test_no_more(headers: dict[str, str], query: str) -> None:
    """A header that counts what came, or other things, is none."""
    check_counts(_response(headers, query), Rows(PlainNode(ROWS[:3])))


def test_names() -> None:
    """Headers that count are known by their names, in any case."""
    response = _response({"x-total": "7", "x-total-pages": "3", "x-page": "1", "x-per-page": "3"})
    counts = header_counts(response, tuple(response.headers))
    assert (counts.total, counts.pages, counts.page) == ("x-total", "x-total-pages", "x-page")


def _api(seen: Seen, *, base: int = 0, status: int = 206, total: str = "7") -> Reply:
    start = int(dict(parse_qsl(urlsplit(seen.path).query)).get("offset", 0))
    rows = ROWS[start : start + 3]
    told = f"{start + base}-{start + base + len(rows) - 1}/{total}" if rows else f"*/{total}"
    return as_json(rows, status=status if rows else 200, headers={"Content-Range": told})


@pytest.mark.parametrize(
    ("base", "status", "total"), [(0, 206, "7"), (0, 200, "7"), (1, 206, "7"), (1, 200, "7"), (0, 206, "*")]
)
def test_ranges(session: Session, api: Server, base: int, status: int, total: str) -> None:
    """Pages whose ``Content-Range`` counts rows are asked for by the rows to leave out."""
    api.routes["/x"] = lambda seen: _api(seen, base=base, status=status, total=total)
    assert read(session, f"{api.origin}/x").to_dict("records") == ROWS
    assert read(session, f"{api.origin}/x?offset=2").to_dict("records") == ROWS[2:]


def test_a_time_in_the_request(session: Session, api: Server) -> None:
    """A number in the request that can be no place among the rows is none."""
    api.routes["/x"] = _api
    assert read(session, f"{api.origin}/x?from=1700000000").to_dict("records") == ROWS
    api.routes["/x"] = as_json(ROWS[:3], headers={"X-Total-Count": "7"})
    with pytest.raises(PaginationError, match="X-Total-Count: 7"):
        read(session, f"{api.origin}/x?start=1700000000")


def test_an_unknown_range(session: Session, api: Server) -> None:
    """A range without the number of all rows, in an answer that is no part, is one page; nobody can tell."""
    api.routes["/x"] = lambda seen: _api(seen, status=200, total="*")
    assert read(session, f"{api.origin}/x").to_dict("records") == ROWS[:3]


def test_another_parameter(session: Session, api: Server) -> None:
    """An API that does not know the parameter answers the first rows again: an error, and no row twice."""
    api.routes["/x"] = as_json(ROWS[:3], headers={"Content-Range": "0-2/7"})
    with pytest.raises(PaginationError, match="begins at row 0, and 3 was asked for by offset=") as caught:
        read(session, f"{api.origin}/x")
    assert "Offset(" in str(caught.value.next_step)


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("?page=1", {"X-Total-Count": "7"}),
        ("?pageNumber=1&size=3", {"X-Total": "7"}),
        ("", {"X-Page": "{page}", "X-Total-Pages": "3"}),
        ("?_page=1", {"X-Total-Pages": "3"}),
    ],
)
def test_pages(session: Session, api: Server, query: str, headers: dict[str, str]) -> None:
    """Pages that headers count are asked for by the number that the request or a header names."""

    def answer(seen: Seen) -> Reply:
        asked = dict(parse_qsl(urlsplit(seen.path).query))
        page = next((int(value) for name, value in asked.items() if "page" in name), 1)
        told = {name: value.replace("{page}", str(page)) for name, value in headers.items()}
        return as_json(ROWS[page * 3 - 3 : page * 3], headers=told)

    api.routes["/x"] = answer
    assert read(session, f"{api.origin}/x{query}").to_dict("records") == ROWS


def test_an_envelope(session: Session, api: Server) -> None:
    """A number of rows in a header shows that an object is a page, whatever its list is called."""
    api.routes["/x"] = as_json({"stars": ROWS, "took": 3}, headers={"X-Total-Count": "7"})
    assert read(session, f"{api.origin}/x").to_dict("records") == ROWS


@pytest.mark.parametrize("told", [{"Content-Range": "bytes 0-11/24"}, {}])
def test_a_part_of_a_file(session: Session, api: Server, told: dict[str, str]) -> None:
    """A part of a file that nobody asked for is an error and no short table."""
    api.routes["/x"] = Reply(b"id,name\n1,a\n", 206, told, content_type="text/csv")
    with pytest.raises(DataError, match="is a part"):
        read(session, f"{api.origin}/x")
    whole = {"Content-Range": "bytes 0-11/12"}
    api.routes["/x"] = Reply(b"id,name\n1,a\n", 206, whole, content_type="text/csv")
    assert len(read(session, f"{api.origin}/x")) == 1
    api.routes["/x"] = as_json(ROWS, status=206, headers={"Content-Range": "bytes 0-11/24"})
    with pytest.raises(DataError, match="is a part"):
        read(session, f"{api.origin}/x")
