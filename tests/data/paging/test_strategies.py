from __future__ import annotations

import json
import math
from typing import Any

import pytest
from loopback_api import FakeAuthorizer
from requests.structures import CaseInsensitiveDict

from nbauth.data.fetch.request import PageRequest
from nbauth.data.paging import Cursor, NextUrl, Offset, PageNumber, PageResponse, detect
from nbauth.data.paging.envelope import Envelope
from nbauth.data.paging.guards import Guards
from nbauth.data.paging.link_header import next_link
from nbauth.data.paging.page import Rows
from nbauth.data.paging.record_selector import rows_at
from nbauth.data.paging.styles import style_of
from nbauth.data.parse.lazy_json import PlainNode, node_of
from nbauth.errors import ConfigError, FormatError, OriginNotAllowed, PaginationError

URL = "https://api.example/items?page=1"


def _answer(document: Any, url: str = URL, *, asked: PageRequest | None = None, **headers: str) -> PageResponse:
    named = CaseInsensitiveDict({name.replace("_", "-"): value for name, value in headers.items()})
    return PageResponse(url, 200, named, node_of(json.dumps(document).encode()), asked or PageRequest(url))


def detect_style(answer: PageResponse, records: str | None) -> tuple[Any, str | None]:
    layout = detect.detect(Envelope(answer, records), style_of("auto"))
    return ("auto" if layout.style == style_of("auto") else layout.style), layout.records


def check_end(answer: PageResponse, style: Any, path: str, *, is_first: bool) -> None:
    detect.check_end(Envelope(answer), detect.Layout(style_of(style), path), is_first=is_first)


def total_of(answer: PageResponse, path: str | None) -> int | None:
    return detect.total_in(Envelope(answer), Offset(total=path) if path else style_of("auto"))


def paginator_of(style: Any) -> Any:
    return style_of(style).paginator()


def first_request(request: PageRequest, style: Any) -> PageRequest:
    return style.first_request(request)


def _rows(document: Any) -> Rows:
    envelope = Envelope(_answer(document))
    return detect.rows_in(envelope, detect.detect(envelope, style_of("auto")))


def _next(
    style: Any, document: Any, url: str = URL, *, rows: int = 1, asked: PageRequest | None = None, **headers: str
) -> Any:
    """Return the request that follows an answer, by a style; its URL where that is all."""
    steps = paginator_of(style_of(style))
    ask = steps.next_request(_answer(document, url, asked=asked, **headers), Rows(PlainNode([0] * rows)))
    return ask if ask is None or ask.body is not None or ask.headers else ask.url


def _follow(guards: Guards, link: str, records: list[Any], url: str = URL) -> str:
    document = {"value": records, "@odata.nextLink": link}
    answer = _answer(document, url)
    ask = paginator_of("auto").next_request(answer, _rows(document))
    assert ask is not None
    guards.saw(answer)
    guards.check(ask, response=answer)
    guards.check_progress(_rows(document), here=url)
    return ask.url


def _guards() -> Guards:
    return Guards(FakeAuthorizer("https://api.example"))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('</b>; rel="next"', "/b"),
        ("</b>; rel=next", "/b"),
        ('</a>; rel="prev", </b>; rel="next"', "/b"),
        ('</a?x=1,2>; rel="prev"; title="a, \\"b\\"; rel=next", </b>; REL="NEXT"', "/b"),
        ('</b>; title="<c>"; rel="last next"', "/b"),
        ("</b>;rel=next,</c>;rel=next", "/b"),
        ('</b> ; rel = "next"', "/b"),
        ('</b>; rel="prev"; rel="next"', None),
        ('</b>; rel="nextish"', None),
        ('</b>; rel="next"; anchor="https://api.example/other"', None),
        (f'</b>; rel="next"; anchor="{URL}"', "/b"),
        ('<>; rel="next"', None),
        ("nonsense", None),
        ('</a>; rel="unterminated, </b>; rel=next', "/b"),
        ("", None),
        ("</b", None),
    ],
)
def test_link_header(header: str, expected: str | None) -> None:
    """The next relation is found as RFC 8288 writes it."""
    assert next_link(header, URL) == expected


@pytest.mark.parametrize(
    ("document", "records", "link"),
    [
        ([1, 2], [1, 2], None),
        ([], [], None),
        ({"value": [1], "@odata.nextLink": "/b"}, [1], "/b"),
        ({"value": [1], "odata.nextLink": "/b", "odata.metadata": "x"}, [1], "/b"),
        ({"value": [1], "nextLink": "/b"}, [1], "/b"),
        ({"value": [1], "nextLink": "/b", "region": "eu"}, [1], "/b"),
        ({"value": [1], "@nextLink": "/b", "@count": 9}, [1], "/b"),
        ({"value": [], "@odata.context": "x", "extra": 1}, [], None),
        ({"value": [1], "count": 1, "nextLink": None}, [1], None),
        ({"value": [1]}, [1], None),
        ({"value": [1], "@odata.nextLink": ""}, [1], None),
        ({"value": 3}, [{"value": 3}], None),
        ({"value": [1, 2], "name": "a row"}, [{"value": [1, 2], "name": "a row"}], None),
        ({"value": [1], "@odata.context": "x#y/$entity"}, [{"value": [1], "@odata.context": "x#y/$entity"}], None),
        ({"items": [1]}, [{"items": [1]}], None),
        ({}, [{}], None),
        ("text", ["text"], None),
        (None, [], None),
    ],
)
def test_odata(document: object, records: list[object], link: str | None) -> None:
    """Collections, arrays and single objects are told apart, and their next links found."""
    rows = _rows(document)
    assert ([rows.node.value()] if rows.is_single else rows.node.value()) == records
    assert detect_style(_answer(document), None)[0] == "auto"
    assert _next("auto", document) == (link and f"https://api.example{link}")


def test_total() -> None:
    """OData's count says how many rows there will be; elsewhere the path does."""
    assert total_of(_answer({"value": [], "@odata.count": 7}), None) == 7
    assert total_of(_answer({"items": [], "meta": {"n": 8}}), "meta.n") == 8
    assert total_of(_answer({"items": [], "count": 8}), None) is None


def test_link_header_of_array() -> None:
    """An array's next page stands in the Link header; a next link in the body comes before it."""
    link = "</b>; rel=next"
    assert _next("auto", [1], Link=link) == "https://api.example/b"
    body = {"value": [1], "@odata.nextLink": "/c"}
    assert _next("auto", body, Link=link) == "https://api.example/c"
    assert _next("odata", [1], Link=link) is None
    assert _next("link", body, Link=link) == "https://api.example/b"
    assert _next("none", body, Link=link) is None


def test_next_link_no_string() -> None:
    """A next link that is no string is an error."""
    for style, body in (("auto", {"value": [], "@odata.nextLink": 7}), (NextUrl(path="a.b"), {"a": {"b": 7}})):
        with pytest.raises(PaginationError, match="not a string"):
            _next(style, body)


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("?page=2", "https://api.example/items?page=2"),
        ("more", "https://api.example/more"),
        ("/more", "https://api.example/more"),
        ("//api.example/more", "https://api.example/more"),
        ("https://api.example/a b?$filter=x eq 1#top", "https://api.example/a%20b?$filter=x%20eq%201"),
    ],
)
def test_resolved(link: str, expected: str) -> None:
    """A relative link starts from the page that names it."""
    assert _follow(_guards(), link, [1]) == expected


def test_last_page() -> None:
    """Without a next link the chain ends."""
    assert _next("auto", [1]) is None


@pytest.mark.parametrize(
    "link",
    ["https://evil.example/x", "http://api.example/x", "//evil.example/x", "javascript:alert(1)", "ftp://api.example/"],
)
def test_elsewhere(link: str) -> None:
    """A next link that leaves the origins is never followed, and its query is not shown."""
    with pytest.raises(OriginNotAllowed) as caught:
        _follow(_guards(), f"{link}?sig=hush", [1])
    assert "hush" not in f"{caught.value} {caught.value.url}"


def test_unreadable() -> None:
    """A next link that is no URL is an error."""
    with pytest.raises(PaginationError, match="not a URL"):
        _follow(_guards(), "https://[api.example/", [1])


@pytest.mark.parametrize("link", ["?page=1", "?page=1#again", URL])
def test_loop_of_one(link: str) -> None:
    """A link to the page itself loops."""
    with pytest.raises(PaginationError, match="loops"):
        _follow(_guards(), link, [1])


def test_loop_of_three() -> None:
    """A link to any page that was read before loops."""
    guards = _guards()
    second = _follow(guards, "?page=2", [1])
    third = _follow(guards, "?page=3", [2], second)
    with pytest.raises(PaginationError, match="loops"):
        _follow(guards, "?page=2", [3], third)


def _walk(guards: Guards, pages: list[list[object]]) -> int:
    url = URL
    for number, records in enumerate(pages):
        url = _follow(guards, f"?page=n{number}", records, url)
    return len(pages)


def test_empty_pages() -> None:
    """A hundred empty pages in a row are too many, ninety-nine are not."""
    assert _walk(_guards(), [[]] * 99 + [[1]] + [[]] * 99) == 199
    with pytest.raises(PaginationError, match="100 empty pages"):
        _walk(_guards(), [[]] * 100)


def test_equal_pages() -> None:
    """The same page three times in a row is too much, twice is not."""
    assert _walk(_guards(), [[{"a": 1}], [{"a": 1}], [{"a": 2}], [{"a": 1}], [{"a": 1}]]) == 5
    with pytest.raises(PaginationError, match="same page came 3 times"):
        _walk(_guards(), [[{"a": math.nan}]] * 3)


@pytest.mark.parametrize(
    ("document", "style", "path"),
    [
        ({"count": 3, "next": "https://api.example/b", "results": [1]}, NextUrl(path="next"), "results"),
        ({"count": 1, "next": None, "previous": None, "results": [1]}, NextUrl(path="next"), "results"),
        ({"data": [1], "links": {"next": "/b", "self": "/a"}}, NextUrl(path="links.next"), "data"),
        ({"data": [1], "links": {"next": {"href": "/b"}}}, NextUrl(path="links.next.href"), "data"),
        (
            {"_embedded": {"orders": [1]}, "_links": {"next": {"href": "/b"}, "self": {"href": "/a"}}},
            NextUrl(path="_links.next.href"),
            "_embedded.orders",
        ),
        (
            {"current_page": 1, "last_page": 2, "data": [1], "next_page_url": "/?page=2"},
            NextUrl(path="next_page_url"),
            "data",
        ),
        ({"items": [1], "nextPageToken": "x"}, Cursor(parameter="pageToken", path="nextPageToken"), "items"),
        ({"results": [1], "next_cursor": None, "has_more": False}, Cursor(path="next_cursor"), "results"),
        ({"items": [1], "meta": {"next_cursor": "x"}}, Cursor(path="meta.next_cursor"), "items"),
        (
            {"items": [1], "offset": 0, "limit": 1, "total": 3},
            Offset(offset="offset", limit="limit", start=0, total="total", echo="offset"),
            "items",
        ),
        (
            {"data": [1], "pagination": {"skip": 4, "limit": 1, "total": 9}},
            Offset(offset="skip", limit="limit", start=4, total="pagination.total", echo="pagination.skip"),
            "data",
        ),
        ({"data": [1], "page": 1, "total_pages": 3}, PageNumber(pages="total_pages", echo="page"), "data"),
        (
            {"content": [1], "number": 0, "size": 1, "totalPages": 3, "totalElements": 3},
            PageNumber(first=0, pages="totalPages", echo="number"),
            "content",
        ),
        ({"data": {"items": [1]}, "next": "/b"}, NextUrl(path="next"), "data.items"),
        ({"d": {"results": [1], "__next": "https://api.example/b"}}, NextUrl(path="d.__next"), "d.results"),
        ({"d": {"results": [1], "__count": "1"}}, NextUrl(path="d.__next"), "d.results"),
        ({"d": [1]}, NextUrl(path="d.__next"), "d"),
        ({"d": {"results": [1], "name": "an entity"}}, "auto", None),
        ({"d": {"results": [1]}, "e": 1}, "auto", None),
        # Members that may be empty here, beside one that says more.
        ({"data": [1], "next_url": None, "next_cursor": "c"}, Cursor(path="next_cursor"), "data"),
        (
            {"data": [1], "next": None, "page": 1, "total_pages": 3},
            PageNumber(pages="total_pages", echo="page"),
            "data",
        ),
        ({"data": [1], "next": None, "page": 3, "total_pages": 3}, NextUrl(path="next"), "data"),
        # The only list beside a sign of more, whatever its name.
        ({"customers": [{}], "next_cursor": "c"}, Cursor(path="next_cursor"), "customers"),
        (
            {"kind": "f", "files": [{}], "nextPageToken": "x"},
            Cursor(parameter="pageToken", path="nextPageToken"),
            "files",
        ),
        ({"names": ["a"], "id": 1, "next_cursor": "c"}, Cursor(path="next_cursor"), "names"),
        (
            {"issues": [{}], "startAt": 0, "maxResults": 1, "total": 3, "warnings": []},
            Offset(offset="startAt", limit="maxResults", total="total", echo="startAt"),
            "issues",
        ),
        (
            {"records": [{}], "done": False, "nextRecordsUrl": "/query/2", "totalSize": 2},
            NextUrl(path="nextRecordsUrl"),
            "records",
        ),
        (
            {"results": [1], "paging": {"next": {"after": "a", "link": "?after=a"}}},
            NextUrl(path="paging.next.link"),
            "results",
        ),
        (
            {"results": [1], "paging": {"next": {"after": "a"}}},
            Cursor(parameter="after", path="paging.next.after"),
            "results",
        ),
        ({"items": [1], "page": 1, "next_page": 2}, Cursor(parameter="page", path="next_page"), "items"),
        (
            {"items": [1], "page": 1, "next_page": 2, "total_pages": 3},
            PageNumber(pages="total_pages", echo="page"),
            "items",
        ),
        ({"items": [1], "next_cursor": 0}, "auto", None),
        ({"data": [1], "next_page": {"offset": "o", "uri": "https://x/b"}}, NextUrl(path="next_page.uri"), "data"),
        # What counts, counts from one, or says it in text.
        (
            {"items": [1, 2], "start": 1, "count": 2, "total": 5},
            Offset(offset="start", limit="count", base=1, total="total", echo="start"),
            "items",
        ),
        (
            {"items": [1], "offset": "0", "limit": "1", "total": "3"},
            Offset(offset="offset", limit="limit", total="total", echo="offset"),
            "items",
        ),
        ({"data": [1, 2], "offset": 0, "limit": 2, "count": 2}, Offset(echo="offset"), "data"),
        ({"data": [1, 2], "offset": 0, "limit": 2, "count": 5}, Offset(total="count", echo="offset"), "data"),
        (
            {"_links": {}, "page": {"size": 9, "totalElements": 0, "totalPages": 0, "number": 0}},
            PageNumber(first=0, pages="page.totalPages", echo="page.number"),
            "_embedded",
        ),
        # Nothing beside the list says that it is a page: the object is a row.
        ({"items": [1]}, "auto", None),
        ({"items": [1], "total": 99}, "auto", None),
        ({"next": "/b", "name": "a row"}, "auto", None),
        ({"id": 1, "parts": [{}], "next": "/b"}, "auto", None),
        ({"films": ["/f/1"], "next": "/b"}, "auto", None),
    ],
)
def test_recognised(document: dict[str, Any], style: Any, path: str | None) -> None:
    """A first answer shows its style and where its rows are; where it shows none, the whole is a row."""
    assert detect_style(_answer(document), None) == (style, path)


def test_recognised_by_header() -> None:
    """A continuation in a header is a cursor."""
    expected = Cursor(parameter="continuationToken", header="x-ms-continuationtoken")
    assert detect_style(_answer([1], x_ms_continuationtoken="t"), None) == (expected, None)


def test_recognised_with_records() -> None:
    """Where the caller names the rows, only the style is looked for."""
    assert detect_style(_answer({"stars": [1], "next": "/b"}), "stars") == (NextUrl(path="next"), "stars")
    assert detect_style(_answer({"stars": [1]}), "stars") == ("auto", "stars")


def test_rows_beside_a_link() -> None:
    """Where the link stands in a header, the rows are still those of the envelope."""
    link = {"Link": "</b>; rel=next"}
    assert detect_style(_answer({"data": [1], "has_more": True}, **link), None) == ("auto", "data")
    assert detect_style(_answer({"total_count": 4, "incomplete_results": False, "items": [1]}, **link), None) == (
        "auto",
        "items",
    )
    style = Cursor(parameter="continuationToken", header="x-ms-continuationtoken")
    assert detect_style(_answer({"Documents": [{}], "_rid": "x"}, x_ms_continuationtoken="t"), None) == (
        style,
        "Documents",
    )


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"items": [1], "records": [2], "next": "/b"}, "says next, and has several lists: items, records"),
        ({"a": [{}], "b": [{}], "has_more": True}, "says has_more, and has several lists: a, b"),
        ({"data": {"x": 1}, "next_cursor": "c"}, "says next_cursor, and has no list"),
    ],
)
def test_more_of_what_cannot_be_told(document: dict[str, Any], says: str) -> None:
    """An answer that goes on, of which it cannot be told where its rows are, is an error and no single row."""
    with pytest.raises(PaginationError, match=says):
        detect_style(_answer(document), None)


@pytest.mark.parametrize(
    ("style", "document", "path", "says"),
    [
        ("auto", {"data": [1], "has_more": True}, "data", "has_more"),
        ("auto", {"values": [1], "isLast": False}, "values", "isLast"),
        ("auto", {"content": [1], "last": False}, "content", "last=false"),
        ("auto", {"data": {"o": {"nodes": [1], "pageInfo": {"hasNextPage": True}}}}, "data.o.nodes", "data.o.pageInfo"),
        (NextUrl(), {"data": [1], "next": None, "has_more": True}, "data", "has_more"),
        (NextUrl(path="links.nxt"), {"data": [1], "links": {"next": "/b"}}, "data", "links.next"),
        (Cursor(path="meta.nxt"), {"data": [1], "meta": {"next_cursor": "c"}}, "data", "meta.next_cursor"),
        (Cursor(), {"items": [1], "nextPageToken": "c"}, "items", "nextPageToken"),
        ("odata", {"items": [1], "links": {"next": "/b"}}, "items", "links.next"),
    ],
)
def test_more_in_no_known_way(style: Any, document: dict[str, Any], path: str, says: str) -> None:
    """A chain that ends at an answer that says that there is more is an error and no short frame."""
    with pytest.raises(PaginationError, match=f"says {says}.*, but not how"):
        check_end(_answer(document), style, path, is_first=True)


@pytest.mark.parametrize(
    ("style", "document"),
    [
        ("auto", {"data": [1], "has_more": False}),
        ("none", {"data": [1], "has_more": True}),
        (lambda answer: None, {"data": [1], "has_more": True}),
        (Offset(), {"data": [1], "has_more": True}),
        (NextUrl(path="paging.next"), {"data": [1], "paging": {"cursors": {"after": "always"}, "next": None}}),
        ("auto", {"data": [1], "done": False, "last": False}),
    ],
)
def test_an_end(style: Any, document: dict[str, Any]) -> None:
    """Where nothing says that there is more, or the caller does, it is the end."""
    check_end(_answer(document), style, "data", is_first=True)


def test_links_of_the_last_page() -> None:
    """What only the first answer would be asked for, such as a cursor that is always there, counts there alone."""
    answer = _answer({"data": [1], "paging": {"cursors": {"after": "always"}}})
    check_end(answer, NextUrl(path="paging.next"), "data", is_first=False)
    with pytest.raises(PaginationError):
        check_end(answer, NextUrl(path="paging.next"), "data", is_first=True)


@pytest.mark.parametrize("name", ["", "sql", 7, NextUrl])
def test_no_style(name: Any) -> None:
    """What is no style is an error that lists the styles."""
    with pytest.raises(ConfigError, match="auto, none, odata, link, next, cursor, offset, page"):
        style_of(name if name is not NextUrl else [])


@pytest.mark.parametrize(
    "style",
    [Cursor(send="cookie"), Offset(send="header"), Offset(size=0), PageNumber(first=-1), Offset(start="1")],  # type: ignore[arg-type]
)
def test_wrong_parameters(style: Any) -> None:
    """A wrong parameter of a style is an error."""
    with pytest.raises(ConfigError, match="expected"):
        style_of(style)


@pytest.mark.parametrize("end", [{}, {"next_cursor": None}, {"next_cursor": ""}, {"next_cursor": False}])
def test_cursor_ends(end: dict[str, Any]) -> None:
    """No cursor, or an empty one, is the end."""
    assert _next("cursor", end) is None


def test_cursor() -> None:
    """A cursor goes into the query, the body or a header, and what else the request has stays."""
    asked = PageRequest("https://api.example/x?q=a%20b&cursor=old&$top=2", {"filter": {"a": 1}, "page": {"size": 5}})
    document = {"next_cursor": "c/d=="}
    found = _next("cursor", document, asked=PageRequest(asked.url))
    assert found == "https://api.example/x?q=a%20b&$top=2&cursor=c%2Fd%3D%3D"
    found = _next(Cursor(parameter="page.after", send="body"), document, asked=asked)
    assert found == PageRequest(asked.url, {"filter": {"a": 1}, "page": {"size": 5, "after": "c/d=="}})
    found = _next(Cursor(parameter="x-next", header="x-cont", send="header"), {}, asked=PageRequest(URL), x_cont="t")
    assert found == PageRequest(URL, None, {"x-next": "t"})
    with pytest.raises(PaginationError, match="neither text nor a number"):
        _next("cursor", {"next_cursor": {"a": 1}})


def test_offset() -> None:
    """The offset goes on by the rows that came, until the total or an empty page; a short page is no end."""
    url = "https://api.example/x"
    style = Offset(size=100, total="total")
    assert first_request(PageRequest(url), style).url == f"{url}?offset=0&limit=100"
    assert _next(style, {}, f"{url}?offset=0&limit=100", rows=30) == f"{url}?limit=100&offset=30"
    assert _next(style, {"total": 60}, f"{url}?offset=30", rows=30) is None
    assert _next(style, {"total": "61"}, f"{url}?offset=30", rows=30) == f"{url}?offset=60"
    assert _next("offset", {}, f"{url}?offset=60", rows=0) is None
    with pytest.raises(PaginationError, match="empty page came after 60 rows"):
        _next(style, {"total": 61}, f"{url}?offset=60", rows=0)
    body = _next(Offset(offset="page.skip", send="body"), {}, asked=PageRequest(url, {"page": {"take": 5}}), rows=5)
    assert body == PageRequest(url, {"page": {"take": 5, "skip": 5}})


def test_echo() -> None:
    """An answer that begins elsewhere than was asked is an error: the API does not know the parameter."""
    with pytest.raises(PaginationError, match="begins at offset 0, and 30 was asked for"):
        _next(Offset(echo="offset"), {"offset": 0}, "https://api.example/x?offset=30")
    with pytest.raises(PaginationError, match="begins at page 1, and 2 was asked for"):
        _next(PageNumber(echo="page"), {"page": 1}, "https://api.example/x?page=2")


def test_page_number() -> None:
    """Pages are counted up to the last one, the total, or an empty page."""
    url = "https://api.example/x"
    assert first_request(PageRequest(url), PageNumber(first=0)).url == f"{url}?page=0"
    assert first_request(PageRequest(f"{url}?page=4"), PageNumber()).url == f"{url}?page=4"
    assert _next("page", {}, f"{url}?page=4") == f"{url}?page=5"
    assert _next("page", {}, f"{url}?page=4", rows=0) is None
    assert _next(PageNumber(pages="n"), {"n": 5}, f"{url}?page=4") == f"{url}?page=5"
    assert _next(PageNumber(pages="n"), {"n": 5}, f"{url}?page=5") is None
    assert _next(PageNumber(first=0, pages="n"), {"n": 5}, f"{url}?page=4") is None
    assert _next(PageNumber(total="n"), {"n": 2}, f"{url}?page=1", rows=1) == f"{url}?page=2"
    assert _next(PageNumber(total="n"), {"n": 1}, f"{url}?page=1", rows=1) is None
    with pytest.raises(PaginationError, match="says that there are 9"):
        _next(PageNumber(total="n"), {"n": 9}, f"{url}?page=1", rows=0)


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
    plan = paginator_of(style).plan(_answer(document, "https://api.example/x"), Rows(PlainNode([0] * 3)))
    assert [ask.url.partition("?")[2] for ask in plan] == expected


def test_function() -> None:
    """A function returns a URL, parameters or nothing, and sees the answer."""
    seen: list[PageResponse] = []

    def more(answer: PageResponse) -> Any:
        seen.append(answer)
        return answer.json()["more"]

    assert _next(more, {"more": "?page=7"}, X_Next="n") == "https://api.example/items?page=7"
    assert _next(more, {"more": {"page": 8}}) == "https://api.example/items?page=8"
    assert _next(more, {"more": None}) is None
    assert (seen[0].headers["x-next"], seen[0].status, seen[0].url) == ("n", 200, URL)
    with pytest.raises(PaginationError, match="returned int"):
        _next(more, {"more": 7})


def test_rows_at() -> None:
    """The rows are at the path that was named, also where it has dots of its own; null is none, an object is one."""
    assert rows_at(_answer({"a": {"b": [1, 2]}}), "a.b").node.value() == [1, 2]
    assert rows_at(_answer({"a.b": [1]}), "a.b").node.value() == [1]
    assert rows_at(_answer({"a": None}), "a").is_empty
    assert rows_at(_answer({"a": {"x": 1}}), "a").is_single
    with pytest.raises(FormatError, match=r"nothing at records='c.d'; it has a, b\."):
        rows_at(_answer({"a": 1, "b": 2}), "c.d")
