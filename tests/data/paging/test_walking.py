"""Each style of paging against a server that speaks it, fast and plain, one by one and several at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from loopback_api import Reply, as_json

from nbauth.data.paging import Cursor, NextUrl, Offset, PageNumber
from nbauth.data.read import pages, read
from nbauth.errors import ApiError, ConfigError, FormatError, OriginNotAllowed, PaginationError

if TYPE_CHECKING:
    from loopback_api import Seen, Server

    from nbauth.data.paging import Answer
    from nbauth.data.session import Session

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
    assert read(session, url, paging="none").shape[0] == 1


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
    with pytest.raises(PaginationError, match="loops"):
        read(session, f"{api.origin}/x")


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

    def more(answer: Answer) -> dict[str, Any] | None:
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
    assert read(session, f"{api.origin}/x").to_dict("records") == [{"value": [{"a": 1}], "value.2": [{"a": 2}]}]


@pytest.mark.parametrize("wrong", [{"concurrency": 0}, {"concurrency": 11}, {"records": 7}, {"paging": "sql"}])
def test_wrong_arguments(session: Session, api: Server, wrong: dict[str, Any]) -> None:
    """A wrong argument is an error before anything is sent."""
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        read(session, f"{api.origin}/x", **wrong)
    assert api.seen == []
