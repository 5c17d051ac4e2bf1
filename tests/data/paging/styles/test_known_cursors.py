"""Cursors whose parameter the service's own word tells, its name, or the request."""

from __future__ import annotations

from typing import Any

import pytest
from page_responses import page_response

from nbauth.data.fetch.request import PageRequest
from nbauth.data.paging.detect import detect
from nbauth.data.paging.envelope import Envelope
from nbauth.data.paging.page_response import Rows
from nbauth.data.paging.styles.auto import Auto
from nbauth.data.paging.styles.known_cursors import known_cursors
from nbauth.data.paging.styles.last_row import LastRow
from nbauth.data.parse.lazy_json import PlainNode
from nbauth.errors import PaginationError

API = "https://api.example/items"
ROWS = [{"id": 1}]


def _following(document: Any, query: str = "", body: Any = None, headers: dict[str, str] | None = None) -> PageRequest:
    """Return what is asked for after a first answer, by the style that it shows."""
    url = API + (f"?{query}" if query else "")
    named = {name.replace("-", "_"): value for name, value in (headers or {}).items()}
    response = page_response(document, url, request=PageRequest(url, body), **named)
    style = detect(Envelope(response), Auto()).style
    request = style.paginator().next_request(response, Rows(PlainNode(ROWS)))
    assert request is not None
    return request


@pytest.mark.parametrize(
    ("document", "query", "expected"),
    [
        # Where only the service's own word tells: Jira, Stripe's search, OpenAI, Anthropic, Intercom, X, Zendesk, …
        ({"issues": ROWS, "isLast": False, "nextPageToken": "t"}, "jql=a", "jql=a&nextPageToken=t"),
        ({"object": "list", "results": ROWS, "has_more": True, "next_cursor": "t"}, "", "start_cursor=t"),
        ({"object": "search_result", "data": ROWS, "has_more": True, "next_page": "t"}, "", "page=t"),
        ({"object": "list", "data": ROWS, "first_id": "a", "last_id": "t", "has_more": True}, "", "after=t"),
        ({"data": ROWS, "first_id": "a", "last_id": "t", "has_more": True}, "", "after_id=t"),
        ({"data": ROWS, "pages": {"next": {"page": 2, "starting_after": "t"}}}, "", "starting_after=t"),
        ({"data": ROWS, "meta": {"result_count": 1, "next_token": "t"}}, "", "pagination_token=t"),
        ({"users": ROWS, "meta": {"has_more": True, "after_cursor": "t"}}, "", "page%5Bafter%5D=t"),
        ({"data": ROWS, "pagination": {"cursor": "t"}}, "", "after=t"),
        ({"kind": "PodList", "apiVersion": "v1", "metadata": {"continue": "t"}, "items": ROWS}, "", "continue=t"),
        (
            {"batchcomplete": "", "continue": {"apcontinue": "t", "continue": "-||"}, "query": {"allpages": ROWS}},
            "action=query&rvcontinue=old&continue=x",
            "action=query&apcontinue=t&continue=-%7C%7C",
        ),
        ({"records": ROWS, "offset": "itr1/rec2"}, "", "offset=itr1%2Frec2"),
        ({"object": "list", "url": "/v1/x", "has_more": True, "data": ROWS}, "limit=1", "limit=1&starting_after=1"),
        # Where the name tells, however it is written and wherever it stands.
        ({"items": ROWS, "nextPageToken": "t"}, "", "pageToken=t"),
        ({"items": ROWS, "next_page_token": "t"}, "", "page_token=t"),
        ({"Items": ROWS, "NextToken": "t"}, "", "NextToken=t"),
        ({"Items": ROWS, "NextMarker": "t"}, "", "Marker=t"),
        ({"entries": ROWS, "next_marker": "t"}, "", "marker=t"),
        ({"items": ROWS, "message": {"next-cursor": "t"}}, "", "cursor=t"),
        ({"results": ROWS, "nextCursorMark": "t"}, "", "cursorMark=t"),
        ({"results": ROWS, "response_metadata": {"next_cursor": "dXNlcjpV="}}, "", "cursor=dXNlcjpV%3D"),
        ({"items": ROWS, "additional_data": {"pagination": {"next_cursor": "t"}}}, "", "cursor=t"),
        ({"payments": ROWS, "cursor": "t"}, "limit=2", "limit=2&cursor=t"),
        # Where the request tells, since it names one already.
        ({"items": ROWS, "next_cursor": "t"}, "startingAfter=&n=2", "n=2&startingAfter=t"),
        # A cursor that comes escaped is not escaped twice.
        ({"value": ROWS, "continuationToken": "QUJD%3D"}, "", "continuationToken=QUJD%3D"),
        ({"results": ROWS, "paging": {"next": {"after": "NTI1Cg%3D%3D"}}}, "", "after=NTI1Cg%3D%3D"),
        ({"items": ROWS, "next_cursor": "50%/a"}, "", "cursor=50%25%2Fa"),
    ],
)
def test_parameter(document: Any, query: str, expected: str) -> None:
    """The next request sends a cursor under the name that its API knows."""
    assert _following(document, query).url == f"{API}?{expected}"


@pytest.mark.parametrize(
    ("document", "body", "expected"),
    [
        ({"object": "list", "results": ROWS, "has_more": True, "next_cursor": "t"}, {"n": 3}, {"start_cursor": "t"}),
        ({"items": ROWS, "nextPageToken": "t"}, {}, {"pageToken": "t"}),
        ({"Items": ROWS, "LastEvaluatedKey": {"pk": {"S": "a"}}}, {}, {"ExclusiveStartKey": {"pk": {"S": "a"}}}),
        ({"totalRecords": 9, "data": ROWS, "$skipToken": "t"}, {"query": "q"}, {"options": {"$skipToken": "t"}}),
        ({"data": ROWS, "pages": {"next": {"starting_after": "t"}}}, {}, {"pagination": {"starting_after": "t"}}),
        ({"results": ROWS, "paging": {"next": {"after": "t"}}}, {"limit": 2}, {"after": "t"}),
    ],
)
def test_body(document: Any, body: Any, expected: Any) -> None:
    """After a POST of an object, a cursor of the answer goes into that object."""
    request = _following(document, body=body)
    assert (request.url, request.body) == (API, {**body, **expected})


@pytest.mark.parametrize(
    ("headers", "document", "expected"),
    [
        (
            {"x-ms-continuation-NextPartitionKey": "1!4!cA--", "x-ms-continuation-NextRowKey": "k1"},
            {"value": ROWS},
            PageRequest(f"{API}?NextPartitionKey=1%214%21cA--&NextRowKey=k1"),
        ),
        ({"x-ms-continuation-nextrowkey": "k1"}, {"value": ROWS}, PageRequest(f"{API}?NextRowKey=k1")),
        ({"x-ms-continuation": "a#b"}, {"_rid": "x", "Documents": ROWS, "_count": 1}, {"x-ms-continuation": "a#b"}),
        ({"X-MS-Continuation": "a"}, {"paths": ROWS}, PageRequest(f"{API}?continuation=a")),
        ({"X-Next-Page": "2", "X-Total-Pages": "3"}, ROWS, PageRequest(f"{API}?page=2")),
        ({"Next-Range": "id ]5..; max=3"}, ROWS, {"Range": "id ]5..; max=3"}),
        ({"X-Next-Cursor": "t"}, ROWS, PageRequest(f"{API}?cursor=t")),
        ({"NextPageUri": f"{API}?nextPage=2"}, ROWS, PageRequest(f"{API}?nextPage=2")),
        ({"X-Next-Page-Url": "/items?p=2"}, {"results": ROWS}, PageRequest(f"{API}?p=2")),
    ],
)
def test_headers(headers: dict[str, str], document: Any, expected: Any) -> None:
    """What a header says of the next page goes where its service wants it: a parameter, a header, an address."""
    expected = expected if isinstance(expected, PageRequest) else PageRequest(API, None, expected)
    assert _following(document, headers=headers) == expected


def test_fewer_headers() -> None:
    """Of several cursors in headers, one that the answer does not name any more is not sent again."""
    request = _following(
        {"value": ROWS}, "$top=2&NextPartitionKey=a&NextRowKey=b", headers={"x-ms-continuation-NextPartitionKey": "c"}
    )
    assert request.url == f"{API}?$top=2&NextPartitionKey=c"


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"entries": ROWS, "cursor": "c", "has_more": True}, "/continue"),
        ({"_scroll_id": "s", "hits": {"hits": ROWS}}, "/_search/scroll"),
    ],
)
def test_elsewhere(document: Any, says: str) -> None:
    """A cursor that another address wants is an error that names it."""
    with pytest.raises(PaginationError, match=says):
        _following(document)


def test_last_row() -> None:
    """A last row without what identifies it is an error; an answer that says that there is no more ends."""
    last = {"object": "list", "has_more": False, "data": ROWS}
    assert LastRow().next_request(page_response(last), Rows(PlainNode(ROWS))) is None
    with pytest.raises(PaginationError, match="has no id"):
        LastRow().next_request(page_response({**last, "has_more": True}), Rows(PlainNode([{"a": 1}])))


def test_sources() -> None:
    """Each entry of the file has its source, and one place for the cursor."""
    for entry in known_cursors():
        assert entry.source.startswith("https://")
        assert sum(map(bool, (entry.path, entry.header, entry.last_row))) == 1
        assert bool(entry.parameter) is not bool(entry.elsewhere)
