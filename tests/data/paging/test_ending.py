"""Where a load ends: at what says so, not at a page without rows, and not before all rows came."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from loads import pages, read
from loopback_api import Reply, as_json

from nbauth.data.paging import Cursor, NextUrl, Offset
from nbauth.errors import AssumptionWarning, PaginationError

if TYPE_CHECKING:
    from loopback_api import Seen, Server

    from nbauth.data.fetch.session import Session

pytestmark = pytest.mark.usefixtures("engine")

A, B = [{"id": 1}, {"id": 2}], [{"id": 3}]


def _serve(api: Server, first: Any, **others: Any) -> str:
    """Serve a first answer, and others by a part of the query, as ``offset_2`` for ``offset=2``."""
    wanted = {tuple(name.rsplit("_", 1)): answer for name, answer in others.items()}

    def answer(seen: Seen) -> Reply:
        for item in reversed(parse_qsl(urlsplit(seen.path).query)):
            if item in wanted:
                document = wanted[item]
                return document if isinstance(document, Reply) else as_json(document)
        return as_json(first)

    api.routes["/x"] = answer
    return f"{api.origin}/x"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"items": A, "next_cursor": "2"}, {"items": B, "next_cursor": "2", "has_more": False}),
        ({"items": A, "next_cursor": "2"}, {"items": B, "next_cursor": "9", "hasMore": "false"}),
        ({"items": A, "next_cursor": "2"}, {"items": B, "next_cursor": 0}),
        ({"items": A, "next_cursor": "2"}, {"items": B, "next_cursor": "-1"}),
        ({"items": A, "next": "/x?cursor=2"}, {"items": B, "next": "/x?cursor=2", "end_of_stream": True}),
        ({"items": A, "next": "/x?cursor=2"}, {"items": B, "next": "/x?cursor=9", "meta": {"isLast": True}}),
        ({"data": {"items": A, "next": "/x?cursor=2"}}, {"data": {"items": B, "next": "/x?cursor=3", "more": False}}),
    ],
)
def test_a_sign_of_the_end(session: Session, api: Server, first: Any, second: Any) -> None:
    """What says that a page is the last one counts more than a cursor or a link that is there, too."""
    url = _serve(api, first, cursor_2=second)
    assert read(session, url)["id"].tolist() == [1, 2, 3]
    assert len(api.seen) == 2


def test_an_empty_page_behind_the_end(session: Session, api: Server) -> None:
    """A page without rows is the end where its cursor is the one that was sent, or all rows came."""
    url = _serve(api, {"items": A, "next_cursor": "2"}, cursor_2={"items": [], "next_cursor": "2"})
    assert len(read(session, url)) == 2
    behind = {"items": [], "total": 2, "next": "/x?p=3"}
    url = _serve(api, {"items": A, "total": 2, "next": "/x?p=2"}, p_2=behind, p_3=behind)
    assert len(read(session, url, records="items", paging=NextUrl())) == 2


@pytest.mark.parametrize(
    ("paging", "parameters"),
    [("auto", ("offset_2", "offset_4")), (Offset(size=2), ("offset_2", "offset_4")), ("page", ("page_2", "page_3"))],
)
def test_an_empty_page_with_more(session: Session, api: Server, paging: Any, parameters: tuple[str, str]) -> None:
    """A page without rows that says that there is more is no end: its rows were filtered out."""
    beside = {"offset": 0, "limit": 2} if paging == "auto" else {}
    second, third = parameters
    answers = {
        second: {**beside, **({"offset": 2} if beside else {}), "items": [], "has_more": True},
        third: {**beside, **({"offset": 4} if beside else {}), "items": B, "has_more": False},
    }
    url = _serve(api, {**beside, "items": A, "has_more": True}, **answers)
    assert read(session, url, records="items", paging=paging)["id"].tolist() == [1, 2, 3]


def test_an_empty_page_with_more_in_no_known_way(session: Session, api: Server) -> None:
    """Where nothing tells how to go on behind a page without rows, it is an error with the rows that came."""
    url = _serve(api, {"items": A, "next_cursor": "2"}, cursor_2={"items": [], "hasMore": True})
    with pytest.raises(PaginationError, match="says hasMore, but not how") as info:
        read(session, url)
    assert len(info.value.partial) == 2
    assert 'paging="none"' in info.value.next_step


def test_a_flag_that_goes_away(session: Session, api: Server) -> None:
    """ArcGIS says exceededTransferLimit on each page but the last, behind which nothing is asked for."""
    url = _serve(
        api, {"rows": A, "exceededTransferLimit": True}, offset_2={"rows": B}, offset_3=Reply(status=500, body=b"no")
    )
    assert len(read(session, url, records="rows", paging=Offset(size=2))) == 3


def test_behind_the_last_row(session: Session, api: Server) -> None:
    """PostgREST answers 416 to an offset behind the last row; where a total is not reached, that is an error."""
    url = _serve(api, A, offset_2=Reply(status=416, body=b"{}"))
    assert len(read(session, url, paging=Offset(size=2))) == 2


@pytest.mark.parametrize(
    "document",
    [
        {"results": A, "total_count": 7},
        {"results": A, "total": "7", "warnings": ["not whole"]},
        {"results": A, "meta": {"page": {"total": 7}}},
        {"results": A, "hits": {"total": {"value": 7}}},
        {"results": A, "@odata.count": 7},
        {"results": A, "count": 7, "next": None},
    ],
)
@pytest.mark.parametrize("paging", ["auto", NextUrl(), Cursor(), "link"])
def test_a_total_that_is_not_reached(session: Session, api: Server, document: Any, paging: Any) -> None:
    """A load that ends before the number of rows that the answer says is an error with the rows that came."""
    url = _serve(api, document)
    with pytest.raises(PaginationError, match="=7, and 2 rows came") as info:
        read(session, url, records="results", paging=paging)
    assert len(info.value.partial) == 2
    with pytest.raises(PaginationError, match="=7, and 2 rows came"):
        list(pages(session, url, records="results", paging=paging))


@pytest.mark.parametrize(
    ("document", "query"),
    [
        ({"results": A, "total": 2}, ""),
        ({"results": A, "count": 1}, ""),
        ({"results": A, "total": 7}, "?limit=2"),
        ({"results": A, "@odata.count": 7}, "?$top=2&$count=true"),
        ({"results": B, "total": 3}, "?offset=2"),
        ({"results": B, "total": 3}, "?page=2"),
        ({"results": A, "total": 3, "users": [1, 2, 3]}, ""),  # of another list
        ({"results": [], "total": 7}, "?$top=0"),
    ],
)
def test_a_total_of_which_part_was_asked_for(session: Session, api: Server, document: Any, query: str) -> None:
    """A total that is reached, of another list, or more than the request asked for, is no contradiction."""
    url = _serve(api, document)
    assert len(read(session, url + query, records="results")) == len(document["results"])


def test_one_page_by_the_callers_word(session: Session, api: Server) -> None:
    """Whoever says paging="none" gets the first page, whatever it says of others."""
    url = _serve(api, {"results": A, "total": 7, "has_more": True, "truncated": True})
    assert len(read(session, url, records="results", paging="none")) == 2


def test_a_limit_that_is_a_page_size(session: Session, api: Server) -> None:
    """Where more rows came than the limit that was asked for, it was the size of a page, and the total counts."""
    first = {"results": A, "total": 7, "next": "/x?limit=2&p=2"}
    url = _serve(api, first, p_2={"results": B, "total": 7, "next": None})
    with pytest.raises(PaginationError, match="total=7, and 3 rows came"):
        read(session, f"{url}?limit=2")


def test_rows_that_came_meanwhile(session: Session, api: Server) -> None:
    """On many pages a few rows less than the last total are a warning: rows come and go while pages are read."""
    answers: dict[str, Any] = {}
    for page in range(1, 6):
        rows = [{"id": 100 * page + number} for number in range(100)]
        answers[f"p_{page}"] = {"results": rows, "total": 502, "next": f"/x?p={page + 1}" if page < 5 else None}
    answers["p_1"]["total"] = 500
    url = _serve(api, answers["p_1"], **answers)
    with pytest.warns(AssumptionWarning, match="total=502, and 500 rows came"):
        assert len(read(session, url)) == 500
    answers["p_3"]["next"] = None
    with pytest.raises(PaginationError, match="total=502, and 300 rows came"):
        read(session, url)


def test_rows_that_went_meanwhile(session: Session, api: Server) -> None:
    """The last total counts, so that rows that were deleted meanwhile are no contradiction."""
    url = _serve(api, {"results": A, "total": 4, "next": "/x?p=2"}, p_2={"results": B, "total": 3, "next": None})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read(session, url)) == 3


@pytest.mark.parametrize("last", [Reply(status=404, body=b"{}"), Reply(status=204)])
def test_a_total_before_nothing(session: Session, api: Server, last: Reply) -> None:
    """A page that is not there, or has no body, is no end before the number of rows that the answers say."""
    url = _serve(api, {"items": A, "count": 7}, page_2={"items": B, "count": 7}, page_3=last)
    with pytest.raises(PaginationError, match="count=7, and 3 rows came") as info:
        read(session, url, records="items", paging="page")
    assert len(info.value.partial) == 3


@pytest.mark.parametrize("flag", [{"terminated_early": True}, {"meta": {"partial": "true"}}])
def test_rows_that_were_left_out(session: Session, api: Server, flag: Any) -> None:
    """Where a service left rows out on any page, the load is an error with the rows that came."""
    url = _serve(api, {"items": A, **flag, "next": "/x?p=2"}, p_2={"items": B, "next": None})
    with pytest.raises(PaginationError, match="left rows out") as info:
        read(session, url)
    assert len(info.value.partial) == 3


@pytest.mark.parametrize("rows", [100, 250, 1000, 5000])
@pytest.mark.parametrize("records", [None, "items"])
def test_a_round_number(session: Session, api: Server, rows: int, records: str | None) -> None:
    """Just as many rows as pages have, where nothing says whether there are more, are a warning that says how."""
    found = [{"id": number} for number in range(rows)]
    url = _serve(api, found if records is None else {"items": found})
    with pytest.warns(AssumptionWarning, match=f"exactly {rows:,} rows.*size={rows}"):
        assert len(read(session, url, records=records)) == rows


@pytest.mark.parametrize(
    ("document", "query", "options"),
    [
        ([{"id": 1}] * 101, "", {}),
        ([{"id": 1}] * 50, "", {}),
        ([{"id": 1}] * 100, "", {"paging": "none"}),
        ([{"id": 1}] * 100, "?limit=100", {}),
        ([{"id": 1}] * 100, "?page=2", {}),
        ({"value": [{"id": 1}] * 100, "@odata.context": "c"}, "", {}),
        ({"items": [{"id": 1}] * 100, "total": 100}, "", {}),
        ({"items": [{"id": 1}] * 100, "has_more": False}, "", {}),
        ({"items": [{"id": 1}] * 100, "next": None}, "", {}),
    ],
)
def test_no_round_number(session: Session, api: Server, document: Any, query: str, options: Any) -> None:
    """Another number, a request for so many, or an answer that says that these are all, is no reason to warn."""
    url = _serve(api, document)
    assert len(read(session, url + query, **options)) in (50, 100, 101)
