"""Where the rows of an object are, or whether it is a row itself; answers as their APIs document them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from loads import read
from loopback_api import as_json
from page_responses import page_response

from nbauth.data.paging.detect import detect
from nbauth.data.paging.envelope import Envelope
from nbauth.data.paging.styles.auto import Auto
from nbauth.errors import AssumptionWarning, FormatError, PaginationError

if TYPE_CHECKING:
    from loopback_api import Server

    from nbauth.data.fetch.session import Session
    from nbauth.data.paging.detect import Layout

pytestmark = pytest.mark.usefixtures("engine")

ROWS = [{"id": 1}, {"id": 2}]
_ES = {"took": 1, "timed_out": False, "_shards": {"total": 1, "failed": 0}}


def _layout(document: Any, url: str = "https://api.example/v1/q") -> Layout:
    return detect(Envelope(page_response(document, url)), Auto())


@pytest.mark.parametrize(
    ("document", "path"),
    [
        # One page only, with nothing beside the rows but what envelopes say.
        ({"results": ROWS}, "results"),
        ({"results": []}, "results"),
        ({"result": ROWS}, "result"),
        ({"Items": ROWS, "Count": 2, "ScannedCount": 2}, "Items"),
        ({"total_count": 2, "incomplete_results": False, "items": ROWS}, "items"),
        ({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "9"}, "items": ROWS}, "items"),
        ({"value": ROWS, "count": 2, "skipped": 0}, "value"),
        ({"issues": ROWS, "isLast": True}, "issues"),
        ({"object": "list", "url": "/v1/x", "has_more": False, "data": ROWS}, "data"),
        ({"totalSize": 2, "done": True, "records": ROWS}, "records"),
        ({"total": 0, "data": []}, "data"),
        ({"status": "success", "code": 200, "data": ROWS}, "data"),
        ({"users": ROWS}, "users"),
        ({"users": [], "count": 0, "next_page": None}, "users"),
        ({"ok": True, "channels": ROWS, "response_metadata": {"next_cursor": ""}}, "channels"),
        ({"schemas": ["urn:ietf:params:scim"], "totalResults": 2, "startIndex": 1, "Resources": ROWS}, "Resources"),
        ({"names": ["a", "b"]}, "names"),
        ({"messages": ROWS, "columns": [{"name": "a"}], "resultSizeEstimate": 2}, "messages"),
        # Other lists beside them, which are no rows.
        ({"Stats": {"ExecutionTime": 0.2}, "Schema": [{"Name": "F"}], "Results": ROWS}, "Results"),
        ({"schema": [{"name": "F"}], "results": ROWS}, "results"),
        ({"objectIdFieldName": "ID", "fields": [{"name": "ID"}], "features": ROWS}, "features"),
        ({"data": ROWS, "included": ROWS, "links": {"self": "/"}, "meta": {}}, "data"),
        ({"issues": ROWS, "warningMessages": ["w"], "names": {"a": "b"}, "total": 2}, "issues"),
        # Inside other objects, at any depth.
        ({**_ES, "hits": {"total": {"value": 2}, "max_score": None, "hits": ROWS}}, "hits.hits"),
        ({"responseHeader": {"status": 0}, "response": {"numFound": 2, "start": 0, "docs": ROWS}}, "response.docs"),
        ({"data": {"repository": {"issues": {"nodes": ROWS, "pageInfo": {}}}}}, "data.repository.issues.nodes"),
        ({"data": {"viewer": {"login": "a", "repos": {"edges": [{"node": {}}]}}}}, "data.viewer.repos.edges"),
        ({"data": {"a": {"edges": [{"node": {}}], "nodes": ROWS, "totalCount": 2}}}, "data.a.nodes"),
        ({"data": {"countries": ROWS}}, "data.countries"),
        ({"kind": "Listing", "data": {"children": ROWS, "after": None, "dist": 2}}, "data.children"),
        (
            {"QueryResponse": {"Invoice": ROWS, "startPosition": 1, "maxResults": 2}, "time": "t"},
            "QueryResponse.Invoice",
        ),
        ({"batchcomplete": "", "query": {"search": ROWS}}, "query.search"),
        ({"help": "h", "success": True, "result": {"records": ROWS, "fields": [{"id": "a"}]}}, "result.records"),
        ({"_embedded": {"orders": ROWS}, "_links": {"self": {"href": "/"}}}, "_embedded.orders"),
        ({"@id": "/books", "@type": "hydra:Collection", "hydra:member": ROWS, "hydra:totalItems": 2}, "hydra:member"),
        ({"results": [{"tables": [{"rows": ROWS}]}]}, "results.0.tables.0.rows"),
        ({"results": [{"tables": [{"rows": []}]}]}, "results.0.tables.0.rows"),
        ({"status": "ok", "message": {"total-results": 2, "facets": {}, "items": ROWS}}, "message.items"),
        ({"feed": {"id": "u", "updated": "t", "entry": ROWS}}, "feed.entry"),
        ({"search-results": {"opensearch:totalResults": "2", "entry": ROWS, "link": [{}]}}, "search-results.entry"),
        ({"ListUsersResponse": {"ListUsersResult": {"Users": ROWS}}}, "ListUsersResponse.ListUsersResult.Users"),
        ({"head": {"vars": ["a"]}, "results": {"bindings": ROWS}}, "results.bindings"),
        ({"tracks": {"href": "h", "items": ROWS, "next": None, "total": 2}}, "tracks.items"),
        ({"lists": ROWS, "total_items": 2, "constraints": {"may_create": True}}, "lists"),
        ({"pager": {"page": 1}, "organisationUnits": ROWS}, "organisationUnits"),
        # The kind says that it is no single thing, although it has an id.
        ({"resourceType": "Bundle", "id": "b", "type": "searchset", "total": 2, "entry": ROWS}, "entry"),
        ({"type": "FeatureCollection", "id": "c", "features": ROWS}, "features"),
        ({"id": "q", "has_more": False, "data": ROWS}, "data"),
    ],
)
def test_pages(document: Any, path: str) -> None:
    """A list is the rows where it has a known name, or is the only one beside what envelopes say; that is no guess."""
    layout = _layout(document)
    assert (layout.records, layout.assumed) == (path, None)


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"value": None}, "value"),
        ({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": None}, "items"),
        ({"data": None, "total": 0}, "data"),
        ({"users": None, "next_token": None}, "users"),
        ({"data": {"items": None}, "error": None}, "data.items"),
        ({"messages": None, "resultSizeEstimate": 0}, "messages"),
        ({"books": None, "next": None, "included": [{"id": 1}]}, "books"),
        ({"kind": "drive#fileList", "incompleteSearch": False}, "_embedded"),
        ({"kind": "books#volumes", "totalItems": 0}, "_embedded"),
        ({"total": 0, "data": {}}, "_embedded"),
        ({"status": "ok", "items": {}}, "_embedded"),
    ],
)
def test_pages_without_rows(document: Any, path: str) -> None:
    """Go's APIs write null for an empty list, and Google's leave it out; neither is a row."""
    layout = _layout(document)
    assert (layout.records, layout.assumed) == (path, None)


@pytest.mark.parametrize(
    "document",
    [
        {"id": 7, "title": "x", "items": ROWS},
        {"Id": 7, "items": ROWS, "next": "/api/orders/8"},
        {"id": 7, "total": 12, "count": 2, "items": ROWS},
        {"data": {"id": 7, "parts": ROWS}, "included": ROWS},
        {"user": {"id": 7, "roles": ROWS}},
        {"id": 7, "value": None},
        {"kind": "Role", "apiVersion": "v1", "metadata": {"name": "r", "uid": "u"}, "rules": ROWS},
        {"@odata.context": "https://x/$metadata#Things/$entity", "value": [1, 2]},
        {"name": "x", "tags": ["a"], "roles": []},
        {"name": "x", "value": None},
        {"name": "x", "links": [{"rel": "self"}]},
        {"a": None, "b": None},
        {"time": ["t"], "temperature": [1.5]},
        {"next": "/b", "name": "x"},
        {"status": "UP", "components": {"db": {"status": "UP"}}},
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[[1, 2], [3, 4]]]}, "properties": {"a": 1}},
    ],
)
def test_rows(document: Any) -> None:
    """An object with an id is a row, whatever lists it has, and so is one whose lists hold no rows."""
    layout = _layout(document)
    assert (layout.records, layout.assumed) == (None, None)


@pytest.mark.parametrize(
    ("document", "path", "says"),
    [
        ({"region": "eu", "value": ROWS}, "value", 'from records="value", without .*: region'),
        ({"title": "x", "items": ROWS}, "items", 'or records="" for the whole'),
        ({"region": "eu", "customers": ROWS}, "customers", 'from records="customers"'),
        ({"invoice": "A1", "total": 100, "lines": ROWS}, "lines", 'from records="lines", without .*: invoice'),
        ({"data": {"users": ROWS, "groups": ROWS}}, None, 'say records="data.users" or records="data.groups"'),
        ({"data": ROWS, "categories": ROWS}, "data", 'records="categories" for another list'),
        (
            {**_ES, "hits": {"total": 3, "hits": []}, "aggregations": {"a": {"buckets": ROWS}}},
            "hits.hits",
            'records="aggregations.a.buckets" for',
        ),
        ({"order": "A1", "name": "x", "lines": ROWS}, None, 'as one row.* say records="lines"; else say records=""'),
        ({"title": "x", "customers": []}, None, 'as one row.* say records="customers"'),
        ({"openapi": "3", "paths": {"/": {}}, "servers": ROWS}, None, 'records="servers"'),
        ({"nodes": ROWS, "edges": ROWS}, None, 'say records="nodes" or records="edges"'),
        ({"a": ROWS, "b": ROWS}, None, 'say records="a" or records="b"'),
        (
            {"data": {"r": {"id": 1, "issues": {"nodes": ROWS}, "labels": {"nodes": ROWS}}}},
            None,
            'records="data.r.issues.nodes"',
        ),
        ({"films": ["/f/1"], "next": "/b"}, None, 'records="films"'),
    ],
)
def test_guesses(document: Any, path: str | None, says: str) -> None:
    """Where an object may be a page or a row, the warning says what was taken, and how to say otherwise."""
    layout = _layout(document)
    assert layout.records == path
    assert re.search(says, layout.assumed or "")


def test_the_url_names_the_row() -> None:
    """An object whose number ends the URL is a row, and its link leads to another one."""
    order = {"orderNumber": "A-7", "items": ROWS, "next": "/v1/orders/A-8"}
    layout = _layout(order, "https://api.example/v1/orders/A-7?x=1")
    assert (layout.records, layout.assumed) == (None, None)
    assert _layout({"login": "ada", "repos": ROWS}, "https://api.example/users/ada").records is None
    guess = _layout(order, "https://api.example/v1/next")
    assert (guess.records, bool(guess.assumed)) == ("items", True)


def test_the_url_names_the_rows() -> None:
    """A list that is called as the URL ends is the rows."""
    document = {"region": "eu", "users": ROWS, "groups": []}
    assert _layout(document, "https://api.example/v1/users.json?x=1").records == "users"
    assert _layout({"errors": ROWS, "region": 1}, "https://api.example/v1/errors").records == "errors"


@pytest.mark.parametrize("header", [{}, {"Link": '</orders/8>; rel="next"'}])
@pytest.mark.parametrize("link", [{"next": "/orders/8"}, {"_links": {"next": {"href": "/orders/8"}}}, {}])
def test_a_row_s_links(session: Session, api: Server, header: dict[str, str], link: dict[str, Any]) -> None:
    """The link of a row leads to another row, which is not read."""
    api.routes["/orders/7"] = as_json({"id": 7, "items": ROWS, **link}, headers=header)
    frame = read(session, f"{api.origin}/orders/7")
    assert (len(frame), len(api.seen)) == (1, 1)
    assert frame["id"].tolist() == [7]


def test_a_guess_is_said_and_answered(session: Session, api: Server) -> None:
    """The warning names what to say, and what it names is silent."""
    api.routes["/q"] = as_json({"region": "eu", "data": ROWS, "categories": [{"c": 1}]})
    with pytest.warns(AssumptionWarning, match='records="data", without .*region, categories'):
        assert read(session, f"{api.origin}/q").to_dict("records") == ROWS
    assert read(session, f"{api.origin}/q", records="data").to_dict("records") == ROWS
    assert read(session, f"{api.origin}/q", records="categories").to_dict("records") == [{"c": 1}]
    assert read(session, f"{api.origin}/q", records="")["region"].tolist() == ["eu"]


@pytest.mark.parametrize("paging", ["auto", "next", "odata", "none", "link"])
def test_named_styles(session: Session, api: Server, paging: Any) -> None:
    """The rows of one page are the same, however the paging is named."""
    api.routes["/q"] = as_json({"took": 1, "result": {"orders": ROWS}})
    assert read(session, f"{api.origin}/q", paging=paging).to_dict("records") == ROWS


@pytest.mark.parametrize("named", [{}, {"records": "data.orders"}])
@pytest.mark.parametrize("nothing", [{"data": {}}, {"data": None}, {"data": {"orders": None}}, {"data": []}, {}])
def test_rows_left_out_later(session: Session, api: Server, named: dict[str, Any], nothing: dict[str, Any]) -> None:
    """A later page may leave its rows out, in the middle too, whether their path is named or found."""
    bodies = {"": {"data": {"orders": ROWS}, "next": "/q?p=2"}, "2": {**nothing, "next": "/q?p=3"}}
    bodies["3"] = {"data": {"orders": [{"id": 3}]}, "next": None}
    api.routes["/q"] = lambda seen: as_json(bodies[seen.path.partition("p=")[2]])
    assert read(session, f"{api.origin}/q", **named)["id"].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "first",
    [
        {"next": "/q?p=2"},
        {"data": {}, "nextLink": "/q?p=2"},
        {"data": {}, "page": 1, "total_pages": 3},
        {"_links": {"next": {"href": "/q?p=2"}}},
    ],
)
def test_rows_left_out_first(session: Session, api: Server, first: dict[str, Any]) -> None:
    """Where the first page leaves its rows out and there is more, nobody can tell where those rows will be."""
    api.routes["/q"] = as_json(first)
    with pytest.raises(PaginationError, match=r"has no list") as caught:
        read(session, f"{api.origin}/q")
    assert "records=" in str(caught.value.next_step)


def test_a_named_path_leads_somewhere(session: Session, api: Server) -> None:
    """A path that is not in the first answer is misspelled, and no empty page."""
    api.routes["/q"] = as_json({"data": {}, "next": None})
    with pytest.raises(FormatError, match=r"nothing at records='data.orders'"):
        read(session, f"{api.origin}/q", records="data.orders")
