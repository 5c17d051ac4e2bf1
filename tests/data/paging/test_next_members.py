"""Where an answer says how the next page is asked for, however it spells that and wherever it stands."""

from __future__ import annotations

from typing import Any

import pytest
from page_responses import next_request, page_response

from nbauth.data.paging import Cursor, NextUrl
from nbauth.data.paging.detect import check_end, detect
from nbauth.data.paging.envelope import Envelope
from nbauth.data.paging.styles import style_of
from nbauth.data.paging.styles.auto import Auto
from nbauth.errors import PaginationError


def _style(beside: dict[str, Any], rows: str = "rows") -> Any:
    return detect(Envelope(page_response({"rows": [{"next": "/row"}], **beside}), rows), Auto()).style


def _check_end(beside: dict[str, Any], style: Any = "auto", **headers: str) -> None:
    envelope = Envelope(page_response({"rows": [{"key": 1}], **beside}, **headers), "rows")
    check_end(envelope, detect(envelope, style_of(style)), is_first=True)


@pytest.mark.parametrize(
    ("beside", "path"),
    [
        ({"NextPageLink": "https://api.example/b"}, "NextPageLink"),  # Azure Retail Prices
        ({"next_page_uri": "/b"}, "next_page_uri"),  # Twilio
        ({"next_uri": "/b", "next_offset": 3}, "next_uri"),  # Dune
        ({"NextHref": "?Paged=TRUE"}, "NextHref"),  # SharePoint's RenderListDataAsStream
        ({"next-url": "/b"}, "next-url"),
        ({"nextUrl": {"href": "/b"}}, "nextUrl.href"),
        ({"paging": {"next_page_link": {"url": "/b"}}}, "paging.next_page_link.url"),
        ({"nextRecordsUrl": "/b", "done": False}, "nextRecordsUrl"),  # Salesforce
        ({"next_results": "?max_id=7"}, "next_results"),
        ({"continuationUri": "https://api.example/b", "continuationToken": "x"}, "continuationUri"),  # Fabric
        ({"result": {"next_chunk_internal_link": "/b"}}, "result.next_chunk_internal_link"),  # Databricks
        ({"properties": {"nextLink": "https://api.example/b"}}, "properties.nextLink"),  # Cost Management
        ({"pages": {"next": "/b"}}, "pages.next"),
        ({"Paging": {"Next": {"Href": "/b"}}}, "Paging.Next.Href"),
        ({"d": {"__next": "/b"}}, "d.__next"),
        ({"any": {"next": "/b"}}, "any.next"),
        ({"hydra:view": {"hydra:next": "/b"}}, "hydra:view.hydra:next"),
        ({"more_topics_url": "/b"}, "more_topics_url"),  # Discourse
        # Arrays of links: STAC and OGC API; FHIR; PayPal
        ({"links": [{"rel": "self", "href": "/a"}, {"rel": "next", "href": "/b"}]}, "links.next.href"),
        ({"link": [{"relation": "next", "url": "/b"}]}, "link.next.url"),
        ({"_links": [{"rel": "next", "href": "/b", "method": "GET"}]}, "_links.next.href"),
        ({"meta": {"links": [{"rel": "next", "href": "/b"}]}}, "meta.links.next.href"),
    ],
)
def test_addresses(beside: dict[str, Any], path: str) -> None:
    """The next page's address is known by its name in any spelling, in any object, in arrays of links, too."""
    assert _style(beside) == NextUrl(path=path)
    assert str(next_request(NextUrl(path=path), beside)).startswith("https://api.example/")


@pytest.mark.parametrize(
    ("beside", "parameter", "path"),
    [
        ({"metadata": {"continue": "c"}}, "continue", "metadata.continue"),  # Kubernetes
        ({"offset": "itr1/rec1"}, "offset", "offset"),  # Airtable
        ({"pages": {"next": {"page": 2, "starting_after": "s"}}}, "starting_after", "pages.next.starting_after"),
        ({"nextPageStart": 3, "start": 0, "limit": 3}, "start", "nextPageStart"),  # Bitbucket Server
        (
            {"additional_data": {"pagination": {"next_start": 3}}},  # Pipedrive
            "start",
            "additional_data.pagination.next_start",
        ),
        ({"NextToken": "c"}, "NextToken", "NextToken"),
        ({"next-cursor": "c"}, "cursor", "next-cursor"),
        ({"NextMarker": "m"}, "Marker", "NextMarker"),
        ({"data": {"after": "t3_x"}}, "after", "data.after"),  # Reddit
        ({"page": 1, "pages": {"next": {"page": 2}}}, "page", "pages.next.page"),
        ({"page": 1, "NextPage": 2}, "page", "NextPage"),
    ],
)
def test_cursors(beside: dict[str, Any], parameter: str, path: str) -> None:
    """A cursor is known by its name, which tells what requests call it, too."""
    assert _style(beside) == Cursor(parameter=parameter, path=path)


@pytest.mark.parametrize("end", ["", 0, "0", -1, "-1", None, False])
def test_no_cursor(end: object) -> None:
    """What APIs write for no cursor is the end, such as Twitter's 0."""
    assert next_request(Cursor(), {"items": [1], "next_cursor": end}) is None
    assert _style({"next_cursor": end}) in (Auto(), Cursor())


@pytest.mark.parametrize(
    "beside",
    [
        {"next_release": "https://x/y", "nextSteps": "/z", "order": {"cursorType": "hand"}},
        {"request": {"next": "/b"}, "self": {"next": "/b"}, "prev": {"cursor": "x"}},
        {"links": [{"rel": "self", "href": "/a"}], "offset": "0", "key": "k", "token": "t"},
        {"user": {"profile": {"next_cursor": "x"}, "after": "x"}},
    ],
)
def test_other_members(beside: dict[str, Any]) -> None:
    """What is only called alike, or speaks of something else, is no next page."""
    assert _style(beside) == Auto()


@pytest.mark.parametrize("name", ["next", "nextPage", "NEXT_PAGE"])
@pytest.mark.parametrize("inside", ["", "meta", "additional_data.pagination"])
def test_text_that_is_no_address(name: str, inside: str) -> None:
    """A text where an address would be says that there is more, and may be a cursor."""
    beside: Any = {name: "t1"}
    for outer in reversed(inside.split(".") if inside else []):
        beside = {outer: beside}
    path = f"{inside}.{name}".lstrip(".")
    with pytest.raises(PaginationError, match=f"says {path}, ") as caught:
        _check_end(beside)
    assert f'Cursor(parameter="{name}", path="{path}")' in str(caught.value.next_step)


@pytest.mark.parametrize("style", ["link", "next", "cursor", "odata"])
def test_counted_pages(style: Any) -> None:
    """Pages that are counted say that there is more, also where somebody names another style."""
    with pytest.raises(PaginationError, match="there is more"):
        _check_end({"page": 1, "pages": 3}, style)
    _check_end({"page": 1, "pages": 1}, style)


@pytest.mark.parametrize("header", [{"Link": '</b>; rel="next"'}, {"X_Next_Cursor": "c"}])
@pytest.mark.parametrize("style", ["next", "cursor", "odata"])
def test_header_beside_a_named_style(style: Any, header: dict[str, str]) -> None:
    """A header that says that there is more counts, too, where somebody names another style."""
    with pytest.raises(PaginationError, match="there is more"):
        _check_end({}, style, **header)
