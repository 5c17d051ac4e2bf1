"""What an answer shows: where its rows are, how the API pages, and whether there is more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from page_responses import next_request, page_response

from nbauth.data.fetch.request import PageRequest
from nbauth.data.paging import Cursor, NextUrl, Offset, PageNumber, detect
from nbauth.data.paging.envelope import Envelope
from nbauth.data.paging.styles import style_of
from nbauth.data.paging.styles.auto import Auto
from nbauth.errors import PaginationError

if TYPE_CHECKING:
    from nbauth.data.paging import PageResponse
    from nbauth.data.paging.page_response import Rows


def _detected(response: PageResponse, records: str | None = None) -> tuple[Any, str | None]:
    """Return the style that a first answer shows, ``"auto"`` where it is no other, and the path of its rows."""
    layout = detect.detect(Envelope(response, records), Auto())
    return ("auto" if layout.style == Auto() else layout.style), layout.records


def _check_end(response: PageResponse, style: Any, path: str, *, is_first: bool) -> None:
    detect.check_end(Envelope(response), detect.Layout(style_of(style), path), is_first=is_first)


def _total(response: PageResponse, path: str | None = None) -> int | None:
    return detect.total_in(Envelope(response), Offset(total=path))


def _rows(document: Any) -> Rows:
    envelope = Envelope(page_response(document))
    return detect.rows_in(envelope, detect.detect(envelope, Auto()))


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
        ({"items": [1]}, [1], None),
        ({}, [{}], None),
        ("text", ["text"], None),
        (None, [], None),
    ],
)
def test_odata(document: object, records: list[object], link: str | None) -> None:
    """Collections, arrays and single objects are told apart, and their next links found."""
    rows = _rows(document)
    assert ([rows.node.value()] if rows.is_single else rows.node.value()) == records
    assert _detected(page_response(document))[0] == "auto"
    assert next_request("auto", document) == (link and f"https://api.example{link}")


def test_total() -> None:
    """OData's count says how many rows there will be; elsewhere the path does."""
    assert _total(page_response({"value": [], "@odata.count": 7})) == 7
    assert _total(page_response({"items": [], "meta": {"n": 8}}), "meta.n") == 8
    assert _total(page_response({"items": [], "count": 8}), None) is None


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
        ({"items": [1], "next_cursor": 0}, "auto", "items"),
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
        # An id, or things beside the list that no envelope has: the object is a row.
        ({"next": "/b", "name": "a row"}, "auto", None),
        ({"id": 1, "parts": [{}], "next": "/b"}, "auto", None),
        ({"films": ["/f/1"], "next": "/b"}, "auto", None),
    ],
)
def test_recognised(document: dict[str, Any], style: Any, path: str | None) -> None:
    """A first answer shows its style and where its rows are; where it shows none, the whole is a row."""
    assert _detected(page_response(document)) == (style, path)


@pytest.mark.parametrize(
    ("beside", "style"),
    [
        # SCIM (RFC 7644 §3.4.2.4), Solr, QuickBooks, PascalCase and kebab-case
        (
            {"totalResults": 7, "itemsPerPage": 1, "startIndex": 1},
            Offset(offset="startIndex", limit="itemsPerPage", base=1, total="totalResults", echo="startIndex"),
        ),
        (
            {"response": {"numFound": 7, "start": 0}},
            Offset(offset="start", total="response.numFound", echo="response.start"),
        ),
        (
            {"startPosition": 1, "maxResults": 1, "totalCount": 7},
            Offset(offset="startPosition", limit="maxResults", base=1, total="totalCount", echo="startPosition"),
        ),
        (
            {"Paging": {"Offset": 0, "Limit": 1, "Total": 7}},
            Offset(offset="Offset", limit="Limit", total="Paging.Total", echo="Paging.Offset"),
        ),
        (
            {"page-info": {"offset": "0", "page-size": "1", "total-count": "7"}},
            Offset(offset="offset", limit="page-size", total="page-info.total-count", echo="page-info.offset"),
        ),
        # A page's number with a total, or with the number of pages.
        ({"page": 1, "per_page": 1, "total": 7}, PageNumber(total="total", echo="page")),
        ({"p": 1, "ps": 1, "total": 7}, PageNumber(parameter="p", total="total", echo="p")),  # SonarQube
        (
            {"pageIndex": 0, "pageSize": 1, "totalCount": 7},
            PageNumber(parameter="pageIndex", first=0, total="totalCount", echo="pageIndex"),
        ),
        ({"PageNumber": 1, "TotalPages": 7}, PageNumber(parameter="PageNumber", pages="TotalPages", echo="PageNumber")),
        (
            {"result": {"page": {"number": 0, "size": 1, "totalPages": 7}}},
            PageNumber(first=0, pages="result.page.totalPages", echo="result.page.number"),
        ),
        # A page's number beside a flag: Zoho, USAspending
        ({"info": {"page": 1, "per_page": 1, "count": 1, "more_records": True}}, PageNumber(echo="info.page")),
        ({"page_metadata": {"page": 1, "hasNext": True}}, PageNumber(echo="page_metadata.page")),
        ({"page_metadata": {"page": 1, "hasNext": False}}, "auto"),
        # OpenAlex, openFDA, Algolia, Tableau, Entrez
        ({"meta": {"count": 7, "page": 1, "per_page": 1}}, PageNumber(total="meta.count", echo="meta.page")),
        (
            {"meta": {"results": {"skip": 0, "limit": 1, "total": 7}}},
            Offset(offset="skip", limit="limit", total="meta.results.total", echo="meta.results.skip"),
        ),
        ({"nbHits": 7, "page": 0, "nbPages": 7, "hitsPerPage": 1}, PageNumber(first=0, pages="nbPages", echo="page")),
        (
            {"pagination": {"pageNumber": "1", "pageSize": "1", "totalAvailable": "7"}},
            PageNumber(parameter="pageNumber", total="pagination.totalAvailable", echo="pagination.pageNumber"),
        ),
        (
            {"result": {"retstart": "0", "retmax": "1", "count": "7"}},
            Offset(offset="retstart", limit="retmax", total="result.count", echo="result.retstart"),
        ),
        # These count nothing of the rows.
        ({"from": 3, "number": 5, "total": "many"}, "auto"),
        ({"number": 5, "total": 7}, "auto"),
        ({"p": 5, "total": 7}, "auto"),
        ({"id": 4, "start": 2024, "size": "L"}, "auto"),
    ],
)
def test_counted(beside: dict[str, Any], style: Any) -> None:
    """Rows and pages are counted under any spelling of their names, in any object that speaks of the rows."""
    assert _detected(page_response({"rows": [1], **beside}, "https://a.example/x"), "rows") == (style, "rows")


@pytest.mark.parametrize(
    ("url", "body", "beside", "style"),
    [
        (
            "https://a.example/x",
            {"limit": 1, "offset": 0},
            {"rowCount": 7},  # Google Analytics
            Offset(total="rowCount", send="body"),
        ),
        (
            "https://a.example/x?$skip=0&$top=1",
            None,
            {"total_count": 7},
            Offset(offset="$skip", limit="$top", total="total_count"),
        ),
        (
            "https://a.example/x?pageNumber=1",
            None,
            {"page": 1, "pages": 7},
            PageNumber(parameter="pageNumber", pages="pages", echo="page"),
        ),
        (
            "https://a.example/x",
            {"startAt": 0},
            {"startAt": 0, "maxResults": 1, "total": 7},
            Offset(offset="startAt", limit="maxResults", total="total", echo="startAt", send="body"),
        ),
        (
            "https://a.example/x",
            None,
            {"exceededTransferLimit": True},
            Offset(offset="resultOffset", limit="resultRecordCount"),
        ),
        # A count that is that of the page, and requests that name no place.
        ("https://a.example/x?offset=0", None, {"count": 1}, "auto"),
        ("https://a.example/x?limit=1", None, {"total": 7}, "auto"),
    ],
)
def test_counted_by_the_request(url: str, body: Any, beside: dict[str, Any], style: Any) -> None:
    """Where the answer says how many rows there are, the request's own parameter tells how the others are asked for."""
    response = page_response({"rows": [1], **beside}, url, request=PageRequest(url, body))
    assert _detected(response, "rows") == (style, "rows")


def test_recognised_by_header() -> None:
    """A continuation in a header is a cursor."""
    expected = Cursor(parameter="continuationToken", header="x-ms-continuationtoken")
    assert _detected(page_response([1], x_ms_continuationtoken="t")) == (expected, None)


def test_recognised_with_records() -> None:
    """Where the caller names the rows, only the style is looked for."""
    assert _detected(page_response({"stars": [1], "next": "/b"}), "stars") == (NextUrl(path="next"), "stars")
    assert _detected(page_response({"stars": [1]}), "stars") == ("auto", "stars")


def test_rows_beside_a_link() -> None:
    """Where the link stands in a header, the rows are still those of the envelope."""
    link = {"Link": "</b>; rel=next"}
    assert _detected(page_response({"data": [1], "has_more": True}, **link)) == ("auto", "data")
    assert _detected(page_response({"total_count": 4, "incomplete_results": False, "items": [1]}, **link)) == (
        "auto",
        "items",
    )
    style = Cursor(parameter="continuationToken", header="x-ms-continuationtoken")
    assert _detected(page_response({"Documents": [{}], "_rid": "x"}, x_ms_continuationtoken="t")) == (
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
        _detected(page_response(document))


@pytest.mark.parametrize(
    ("header", "value"), [("x-ms-continuationtoken", "t"), ("NextPageUri", "https://x/b"), ("Link", "</b>; rel=next")]
)
def test_more_in_a_header(header: str, value: str) -> None:
    """A header that says what comes next is an error where another style was named, and says what to type."""
    response = page_response({"data": [1]}, **{header.replace("-", "_"): value})
    with pytest.raises(PaginationError, match=header) as caught:
        _check_end(response, "odata", "data", is_first=True)
    assert "Leave paging out" in str(caught.value.next_step)


@pytest.mark.parametrize(
    ("style", "document", "path", "says"),
    [
        ("auto", {"data": [1], "has_more": True}, "data", "has_more"),
        ("auto", {"values": [1], "isLast": False}, "values", "isLast"),
        ("auto", {"content": [1], "last": False}, "content", "last=false"),
        ("auto", {"data": [1], "done": False}, "data", "done=false"),
        ("auto", {"data": {"o": {"nodes": [1], "pageInfo": {"hasNextPage": True}}}}, "data.o.nodes", "data.o.pageInfo"),
        (NextUrl(), {"data": [1], "next": None, "has_more": True}, "data", "has_more"),
        (NextUrl(path="links.nxt"), {"data": [1], "links": {"next": "/b"}}, "data", "links.next"),
        (Cursor(path="meta.nxt"), {"data": [1], "meta": {"next_cursor": "c"}}, "data", "meta.next_cursor"),
        (Cursor(), {"items": [1], "nextPageToken": "c"}, "items", "nextPageToken"),
        (Offset(), {"data": [1], "has_more": True}, "data", "has_more"),
        ("odata", {"items": [1], "links": {"next": "/b"}}, "items", "links.next"),
    ],
)
def test_more_in_no_known_way(style: Any, document: dict[str, Any], path: str, says: str) -> None:
    """A chain that ends at an answer that says that there is more is an error and no short frame."""
    with pytest.raises(PaginationError, match=f"says {says}.*, but not how"):
        _check_end(page_response(document), style, path, is_first=True)


@pytest.mark.parametrize(
    ("style", "document"),
    [
        ("auto", {"data": [1], "has_more": False}),
        ("none", {"data": [1], "has_more": True}),
        (lambda answer: None, {"data": [1], "has_more": True}),
        (Offset(), {"data": [1], "next": "/b"}),
        (NextUrl(path="paging.next"), {"data": [1], "paging": {"cursors": {"after": "always"}, "next": None}}),
        ("auto", {"data": [1], "done": True, "last": True}),
        ("auto", {"data": [1], "last": "Byron", "more": "of it", "end": 7}),
    ],
)
def test_an_end(style: Any, document: dict[str, Any]) -> None:
    """Where nothing says that there is more, or the caller does, it is the end."""
    _check_end(page_response(document), style, "data", is_first=True)


def test_links_of_the_last_page() -> None:
    """What only the first answer would be asked for, such as a cursor that is always there, counts there alone."""
    answer = page_response({"data": [1], "paging": {"cursors": {"after": "always"}}})
    _check_end(answer, NextUrl(path="paging.next"), "data", is_first=False)
    with pytest.raises(PaginationError):
        _check_end(answer, NextUrl(path="paging.next"), "data", is_first=True)


@pytest.mark.parametrize(
    "beside",
    [
        {"totalrecords": "1"},
        {"hasmore": "false"},
        {"MoreRecords": False},
        {"endofstream": "true"},
        {"AdditionalData": {"links": [{"rel": "self", "href": "/x"}]}},
        {"responsemetadata": {"Truncated": False}},
        {"pageinfo": {"total-count": 1}},
    ],
)
def test_what_speaks_of_pages(beside: dict[str, Any]) -> None:
    """What speaks of pages beside the rows makes no row of an answer, and no warning, however it is spelled."""
    layout = detect.detect(Envelope(page_response({"rows": [{"id": 1}], **beside})), Auto())
    assert (layout.records, layout.assumed) == ("rows", None)
