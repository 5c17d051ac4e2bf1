"""Each style of paging against a server that speaks it, fast and plain, one by one and several at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from loads import pages, read
from loopback_api import Reply, as_json

from nbauth.data.paging import Cursor, NextUrl, Offset, PageNumber
from nbauth.errors import ApiError, AssumptionWarning, ConfigError, FormatError, OriginNotAllowed, PaginationError

if TYPE_CHECKING:
    from loopback_api import Seen, Server

    from nbauth.data.fetch.session import Session
    from nbauth.data.paging import PageResponse

pytestmark = pytest.mark.usefixtures("engine")

ROWS = [{"id": number, "name": f"n{number}"} for number in range(23)]
SIZE = 5


def _query(seen: Seen) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(seen.path).query))


def _slice(start: int, size: int = SIZE) -> list[dict[str, Any]]:
    return ROWS[start : start + size]


def _odata(name: str) -> Any:
    def answer(seen: Seen) -> Reply:
        start = int(_query(seen).get("$skiptoken", 0))
        more = {name: f"/x?$skiptoken={start + SIZE}"} if start + SIZE < len(ROWS) else {}
        return as_json({"value": _slice(start), **more})

    return answer


def _link(seen: Seen) -> Reply:
    start = int(_query(seen).get("from", 0))
    more = {"Link": f'<?from={start + SIZE}>; rel="next"'} if start + SIZE < len(ROWS) else {}
    return as_json(_slice(start), headers=more)


def _next_url(seen: Seen) -> Reply:
    start = int(_query(seen).get("from", 0))
    following = f"/x?from={start + SIZE}" if start + SIZE < len(ROWS) else None
    return as_json({"count": len(ROWS), "next": following, "previous": None, "results": _slice(start)})


def _json_api(seen: Seen) -> Reply:
    start = int(_query(seen).get("page[offset]", 0))
    more = {"next": f"/x?page[offset]={start + SIZE}"} if start + SIZE < len(ROWS) else {}
    return as_json({"data": _slice(start), "links": {"self": "/x", **more}})


def _cursor(seen: Seen) -> Reply:
    start = int(_query(seen).get("cursor", "c0")[1:])
    following = f"c{start + SIZE}" if start + SIZE < len(ROWS) else None
    return as_json({"items": _slice(start), "meta": {"next_cursor": following}})


def _header_cursor(seen: Seen) -> Reply:
    start = int(_query(seen).get("continuationToken", 0))
    more = {"x-ms-continuationtoken": str(start + SIZE)} if start + SIZE < len(ROWS) else {}
    return as_json(_slice(start), headers=more)


def _google(seen: Seen) -> Reply:
    start = int(_query(seen).get("pageToken", 0))
    more = {"nextPageToken": str(start + SIZE)} if start + SIZE < len(ROWS) else {}
    return as_json({"kind": "things", "items": _slice(start), **more})


def _offset(seen: Seen) -> Reply:
    start = int(_query(seen).get("offset", 0))
    return as_json({"items": _slice(start), "offset": start, "limit": SIZE, "total": len(ROWS)})


def _page(seen: Seen) -> Reply:
    number = int(_query(seen).get("page", 1))
    return as_json({"data": _slice((number - 1) * SIZE), "page": number, "total_pages": 5})


_SHOWN = {
    "odata 4": _odata("@odata.nextLink"),
    "odata 3": _odata("odata.nextLink"),
    "arm": _odata("nextLink"),
    "link": _link,
    "next url": _next_url,
    "json:api": _json_api,
    "cursor": _cursor,
    "cursor in a header": _header_cursor,
    "page token": _google,
    "offset": _offset,
    "page": _page,
}


@pytest.mark.parametrize("style", _SHOWN)
def test_recognised(session: Session, api: Server, style: str) -> None:
    """Each style that shows itself is read to its end, each page once, by `read` and by `pages`."""
    api.routes["/x"] = _SHOWN[style]
    assert read(session, f"{api.origin}/x").to_dict("records") == ROWS
    assert len(api.seen) == 5
    assert [row for frame in pages(session, f"{api.origin}/x") for row in frame.to_dict("records")] == ROWS


@pytest.mark.parametrize("style", ["offset", "page"])
def test_at_once(session: Session, api: Server, style: str) -> None:
    """Several requests at once bring the same rows in the same order."""
    api.routes["/x"] = _SHOWN[style]
    assert read(session, f"{api.origin}/x", concurrency=3).to_dict("records") == ROWS
    assert len(api.seen) == 5
    assert len({seen.path for seen in api.seen}) == 5


def _bare(parameter: str, *, by_page: bool = False, at_end: int = 200) -> Any:
    """Serve arrays that say nothing about their pages."""

    def answer(seen: Seen) -> Reply:
        query = _query(seen)
        number = int(query.get(parameter, 1 if by_page else 0))
        size = min(int(query.get("limit", SIZE)), 10)  # the server caps its pages
        start = (number - 1) * size if by_page else number
        rows = _slice(start, size)
        return as_json(rows or [], status=200 if rows else at_end)

    return answer


def test_named(session: Session, api: Server) -> None:
    """Styles that do not show themselves are named, with their parameters; a server may cap its pages."""
    url = f"{api.origin}/x"
    api.routes["/x"] = _bare("offset")
    assert read(session, url, paging="offset").to_dict("records") == ROWS
    assert read(session, url, paging=Offset(size=100)).to_dict("records") == ROWS
    api.routes["/x"] = _bare("skip")
    assert len(read(session, url, paging=Offset(offset="skip", start=3))) == 20
    for at_end in (200, 404):
        api.routes["/x"] = _bare("page", by_page=True, at_end=at_end)
        assert read(session, url, paging="page").to_dict("records") == ROWS
        assert len(read(session, url, paging=PageNumber(first=2))) == 18
    api.routes["/x"] = _next_url
    assert read(session, url, paging=NextUrl(path="next"), records="results").to_dict("records") == ROWS
    assert read(session, url, paging="next").to_dict("records") == ROWS
    api.routes["/x"] = _cursor
    assert read(session, url, paging=Cursor(path="meta.next_cursor")).to_dict("records") == ROWS
    assert read(session, url, paging="none").to_dict("records") == _slice(0)


def test_first_page_missing(session: Session, api: Server) -> None:
    """A 404 ends pages by number after the first page only."""
    with pytest.raises(ApiError):
        read(session, f"{api.origin}/none", paging="page")


def test_unknown_parameter(session: Session, api: Server) -> None:
    """An API that does not know the parameter, and answers its first page again, is found out: no row twice."""
    api.routes["/x"] = as_json(_slice(0))
    for style in ("offset", "page"):
        with pytest.raises(PaginationError, match="same page came 2 times"):
            read(session, f"{api.origin}/x", paging=style)
    api.routes["/x"] = as_json({"items": _slice(0), "offset": 0, "limit": 5, "total": 23})
    with pytest.raises(PaginationError, match="begins at offset 0, and 5 was asked for"):
        read(session, f"{api.origin}/x")
    api.routes["/x"] = as_json({"items": _slice(0), "nextPageToken": "again"})
    with pytest.raises(PaginationError, match="same page came 2 times"):
        read(session, f"{api.origin}/x")


def test_refused_parameter(session: Session, api: Server) -> None:
    """An API that refuses the parameter is an error that says what was sent and what to type."""
    api.routes["/x"] = as_json({"items": _slice(0), "next_cursor": "c"})
    api.routes["/x?cursor=c"] = as_json({"error": "unknown parameter"}, status=400)
    with pytest.raises(ApiError, match="unknown parameter") as caught:
        read(session, f"{api.origin}/x")
    assert "paging=nbauth.data.paging.Cursor(" in str(caught.value.next_step)


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("sizes", [2, 3])  # with 3 the offsets fall in with the plan again
def test_pages_of_uneven_size(session: Session, api: Server, concurrency: int, sizes: int) -> None:
    """Where a page in the middle is short, the plan is given up, and no row is left out."""

    def answer(seen: Seen) -> Reply:
        start = int(_query(seen).get("offset", 0))
        size = {5: 2, 7: sizes, 9: 2}.get(start, SIZE)
        return as_json({"items": _slice(start, size), "offset": start, "limit": SIZE, "total": len(ROWS)})

    api.routes["/x"] = answer
    assert read(session, f"{api.origin}/x", concurrency=concurrency).to_dict("records") == ROWS


def test_halved(session: Session, api: Server) -> None:
    """When the API says that it is too much, half as many requests go at once, and every row still comes once."""
    refused: list[str] = []

    def answer(seen: Seen) -> Reply:
        if len(refused) < 3 and "offset=1" in seen.path:
            refused.append(seen.path)
            return Reply(status=429, headers={"Retry-After": "0"})
        return _offset(seen)

    api.routes["/x"] = answer
    assert read(session, f"{api.origin}/x", concurrency=4).to_dict("records") == ROWS
    assert len(refused) == 3


def test_error_at_once(session: Session, api: Server) -> None:
    """An error on one of several requests carries the rows before it, in order."""

    def answer(seen: Seen) -> Reply:
        return Reply(b"no", 500) if "offset=15" in seen.path else _offset(seen)

    api.routes["/x"] = answer
    with pytest.raises(ApiError) as caught:
        read(session, f"{api.origin}/x", concurrency=4)
    assert caught.value.partial.to_dict("records") == ROWS[:15]


def test_elsewhere(session: Session, api: Server, secure_stranger: Server) -> None:
    """No style leads to an origin that is not listed."""
    there = f"{secure_stranger.origin}/x"
    api.routes["/x"] = as_json({"items": _slice(0), "next": there})
    for paging in ("auto", "next", lambda answer: there):
        with pytest.raises(OriginNotAllowed):
            read(session, f"{api.origin}/x", paging=paging)
    assert secure_stranger.seen == []


def test_function(session: Session, api: Server) -> None:
    """A small function says how it goes on."""

    def more(answer: PageResponse) -> dict[str, Any] | None:
        last = answer.json()["items"][-1]["id"]
        return {"cursor": f"c{last + 1}"} if last + 1 < len(ROWS) else None

    api.routes["/x"] = _cursor
    assert read(session, f"{api.origin}/x", paging=more).to_dict("records") == ROWS


def test_posted(session: Session, api: Server) -> None:
    """A query is posted, and posted again for each page, with a cursor in the body or behind a next link."""

    def answer(seen: Seen) -> Reply:
        asked = json.loads(seen.body)
        assert (seen.method, asked["where"]) == ("POST", "x = 1")
        start = int(asked.get("cursor", 0))
        more = {"next_cursor": start + SIZE} if start + SIZE < len(ROWS) else {}
        return as_json({"items": _slice(start), **more})

    api.routes["/x"] = answer
    style = Cursor(send="body")
    assert read(session, f"{api.origin}/x", json={"where": "x = 1"}, paging=style).to_dict("records") == ROWS
    assert api.seen[0].headers["content-type"] == "application/json"

    def link(seen: Seen) -> Reply:
        assert (seen.method, json.loads(seen.body)) == ("POST", {"where": 1})
        return _SHOWN["arm"](seen)  # type: ignore[no-any-return]

    api.routes["/x"] = link
    assert read(session, f"{api.origin}/x", json={"where": 1}).to_dict("records") == ROWS


def test_cursor_in_a_request_header(session: Session, api: Server) -> None:
    """A cursor can go into a header of the request."""

    def answer(seen: Seen) -> Reply:
        start = int(seen.headers.get("x-ms-continuation", 0))
        more = {"x-ms-continuation": str(start + SIZE)} if start + SIZE < len(ROWS) else {}
        return as_json({"Documents": _slice(start)}, headers=more)

    api.routes["/x"] = answer
    style = Cursor(parameter="x-ms-continuation", header="x-ms-continuation", send="header")
    assert read(session, f"{api.origin}/x", paging=style, records="Documents").to_dict("records") == ROWS


def test_records(session: Session, api: Server) -> None:
    """Rows are taken from the path that is named."""
    api.routes["/x"] = as_json({"data": {"stars": [{"a": 1}], "n": 1}})
    assert read(session, f"{api.origin}/x", records="data.stars").to_dict("records") == [{"a": 1}]
    assert read(session, f"{api.origin}/x", records="data").to_dict("records") == [{"stars": [{"a": 1}], "n": 1}]
    with pytest.raises(FormatError, match="nothing at records="):
        read(session, f"{api.origin}/x", records="data.moons")


def test_duplicate_members_around_the_rows(session: Session, api: Server) -> None:
    """Two members of one name in the envelope lose no row."""
    api.routes["/x"] = Reply(b'{"value": [{"a": 1}], "value": [{"a": 2}]}')
    with pytest.warns(AssumptionWarning, match='taken as one row.* records="value" or records="value.2"'):
        frame = read(session, f"{api.origin}/x")
    assert frame.to_dict("records") == [{"value": [{"a": 1}], "value.2": [{"a": 2}]}]


@pytest.mark.parametrize("wrong", [{"concurrency": 0}, {"concurrency": 11}, {"records": 7}, {"paging": "sql"}])
def test_wrong_arguments(session: Session, api: Server, wrong: dict[str, Any]) -> None:
    """A wrong argument is an error before anything is sent."""
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        read(session, f"{api.origin}/x", **wrong)
    assert api.seen == []


def _in_turn(*pages: Any, name: str = "n") -> Any:
    """Answer one page after another, each by its number."""

    def answer(seen: Seen) -> Reply:
        page = pages[int(_query(seen).get(name, 0))]
        return page if isinstance(page, Reply) else as_json(page)

    return answer


@pytest.mark.parametrize("paging", ["auto", "odata"])
@pytest.mark.parametrize("last", [{"value": [{"id": 3}]}, {"value": None}, {}])
def test_rows_are_where_they_were(session: Session, api: Server, paging: Any, last: dict[str, Any]) -> None:
    """Where the rows are is told from the first answer; a later one without them has none."""
    api.routes["/x"] = _in_turn({"value": [{"id": 1}], "took": 3, "nextLink": "/x?n=1"}, {**last, "took": 3})
    expected = [1, 3] if last.get("value") else [1]
    assert read(session, f"{api.origin}/x", paging=paging)["id"].tolist() == expected


def test_a_page_of_nothing(session: Session, api: Server) -> None:
    """Go writes null for an empty array, and Google's APIs leave it out."""
    link = {"Link": "</x?n=1>; rel=next"}
    api.routes["/x"] = _in_turn(as_json([{"id": 1}], headers=link), None)
    assert read(session, f"{api.origin}/x").to_dict("records") == [{"id": 1}]
    api.routes["/x"] = _in_turn(
        {"items": [{"id": 1}], "nextPageToken": "1"}, {"nextPageToken": "2"}, {"items": [{"id": 2}]}, name="pageToken"
    )
    assert read(session, f"{api.origin}/x")["id"].tolist() == [1, 2]
    assert len(read(session, f"{api.origin}/x", records="items", paging="none")) == 1


def test_a_page_of_something_else(session: Session, api: Server) -> None:
    """An answer that has neither rows nor what the first one had is no page without rows."""
    for paging in ("auto", "odata"):
        api.routes["/x"] = _in_turn({"value": [{"id": 1}], "nextLink": "/x?n=1"}, {"message": "Try later."})
        with pytest.raises(FormatError, match="nothing at records='value'; it has message") as caught:
            read(session, f"{api.origin}/x", paging=paging)
        assert caught.value.partial["id"].tolist() == [1]


def test_arrays_stay_arrays(session: Session, api: Server) -> None:
    """An object where the pages before were arrays is an error, and no row."""
    api.routes["/x"] = _in_turn(as_json([{"id": 1}], headers={"Link": "</x?n=1>; rel=next"}), {"message": "later"})
    with pytest.raises(FormatError, match="where the pages before were arrays") as caught:
        read(session, f"{api.origin}/x")
    assert caught.value.partial["id"].tolist() == [1]


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("style", ["offset", "page"])
def test_no_body_before_the_end(session: Session, api: Server, style: str, concurrency: int) -> None:
    """A page without a body before the last one is an error, and no short frame."""

    def answer(seen: Seen) -> Reply:
        return Reply(b"") if seen.path.endswith(("=10", "=3")) else _SHOWN[style](seen)  # type: ignore[no-any-return]

    api.routes["/x"] = answer
    with pytest.raises(PaginationError, match="an empty answer came") as caught:
        read(session, f"{api.origin}/x", concurrency=concurrency)
    assert caught.value.partial.to_dict("records") == ROWS[:10]


def test_no_body_behind_a_link(session: Session, api: Server) -> None:
    """Behind a next link 204 is a page without rows, and no body otherwise an error."""
    first = {"value": [{"id": 1}], "nextLink": "/x?n=1"}
    api.routes["/x"] = _in_turn(first, Reply(status=204, content_type=None))
    assert read(session, f"{api.origin}/x")["id"].tolist() == [1]
    api.routes["/x"] = _in_turn(first, Reply(b""))
    with pytest.raises(FormatError, match="empty, where the pages before were JSON"):
        read(session, f"{api.origin}/x")


def test_counts_of_a_page(session: Session, api: Server) -> None:
    """A count that is the page's is no total, and rows that are counted from one are all read."""

    def counted(seen: Seen) -> Reply:
        start = int(_query(seen).get("offset", 0))
        rows = _slice(start)
        return as_json({"data": rows, "offset": start, "limit": SIZE, "count": len(rows), "has_more": bool(rows)})

    api.routes["/x"] = counted
    assert read(session, f"{api.origin}/x").to_dict("records") == ROWS

    def from_one(seen: Seen) -> Reply:
        start = int(_query(seen).get("start", 1))
        return as_json({"items": _slice(start - 1, 2), "start": start, "count": 2, "total": len(ROWS)})

    api.routes["/x"] = from_one
    for concurrency in (1, 4):
        assert read(session, f"{api.origin}/x", concurrency=concurrency).to_dict("records") == ROWS
    named = Offset(offset="start", base=1, total="total", echo="start")
    assert read(session, f"{api.origin}/x", paging=named).to_dict("records") == ROWS
    assert read(session, f"{api.origin}/x?start=4").to_dict("records") == ROWS[3:]


@pytest.mark.parametrize("concurrency", [1, 2])
@pytest.mark.parametrize("style", [Offset(size=2, total="total"), PageNumber(pages="pages")])
def test_the_first_page_as_the_last(session: Session, api: Server, style: Any, concurrency: int) -> None:
    """An API that ignores the parameter is found out, also where the second page is the last one."""
    api.routes["/x"] = as_json({"items": _slice(0, 2), "total": 4, "pages": 2})
    with pytest.raises(PaginationError, match="same page came 2 times") as caught:
        read(session, f"{api.origin}/x", paging=style, concurrency=concurrency)
    assert caught.value.partial.to_dict("records") == ROWS[:2]


def test_from_a_later_page(session: Session, api: Server) -> None:
    """Where the caller's URL begins at a later page, the total is no error."""
    api.routes["/x"] = lambda seen: as_json({"items": _slice((int(_query(seen)["page"]) - 1) * 5), "total": len(ROWS)})
    style = PageNumber(total="total")
    assert read(session, f"{api.origin}/x?page=2", paging=style).to_dict("records") == ROWS[5:]


def test_rows_behind_a_link_header(session: Session, api: Server) -> None:
    """An envelope's list is the rows, also where the next link stands in the header."""

    def answer(seen: Seen) -> Reply:
        listed = _link(seen)
        return as_json({"total_count": len(ROWS), "items": json.loads(listed.body)}, headers=listed.headers)

    api.routes["/x"] = answer
    for paging in ("auto", "link"):
        assert read(session, f"{api.origin}/x", paging=paging).to_dict("records") == ROWS


def test_the_page_before_an_error(session: Session, api: Server, secure_stranger: Server) -> None:
    """A page whose next link may not be followed has come all the same, for `read` and for `pages`."""
    for link, kind in (("/x", PaginationError), (secure_stranger.origin, OriginNotAllowed)):
        api.routes["/x"] = _in_turn(
            {"value": [{"id": 1}], "nextLink": "/x?n=1"}, {"value": [{"id": 2}], "nextLink": link}
        )
        with pytest.raises(kind) as caught:
            read(session, f"{api.origin}/x")
        assert caught.value.partial["id"].tolist() == [1, 2]  # type: ignore[attr-defined]
        several = pages(session, f"{api.origin}/x")
        assert [next(several)["id"].tolist() for _ in range(2)] == [[1], [2]]
        with pytest.raises(kind):
            next(several)
