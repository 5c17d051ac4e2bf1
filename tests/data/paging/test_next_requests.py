"""Pages that a JSON body asks for, or the last row: GraphQL, Azure AI Search, Elasticsearch, OData without links."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from loads import read
from loopback_api import as_json
from page_responses import next_request

from nbauth.data.paging import NextUrl
from nbauth.errors import AssumptionWarning, PaginationError

if TYPE_CHECKING:
    from loopback_api import Reply, Seen, Server

    from nbauth.data.fetch.session import Session

pytestmark = pytest.mark.usefixtures("engine")

QUERY = "query($c: String) { repo { issues(first: 2, after: $c) { nodes { n } pageInfo { endCursor hasNextPage } } } }"


def _connection(nodes: list[int], end: str | None, *, more: bool) -> Any:
    page_info = {"endCursor": end, "hasNextPage": more}
    return {"data": {"repo": {"issues": {"nodes": [{"n": n} for n in nodes], "pageInfo": page_info}}}}


def test_graphql(session: Session, api: Server) -> None:
    """A connection's end cursor goes into the variable of the query that takes it, until there is no next page."""

    def answer(seen: Seen) -> Reply:
        after = json.loads(seen.body)["variables"].get("c")
        return as_json(_connection([3], "z", more=False) if after == "b" else _connection([1, 2], "b", more=True))

    api.routes["/x"] = answer
    body = {"query": QUERY, "variables": {"owner": "o"}}
    assert read(session, f"{api.origin}/x", json=body)["n"].tolist() == [1, 2, 3]
    assert json.loads(api.seen[-1].body) == {"query": QUERY, "variables": {"owner": "o", "c": "b"}}
    rows = read(session, f"{api.origin}/x", json=body, records="data.repo.issues.nodes")
    assert rows["n"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("query", [QUERY.replace(", after: $c", ""), QUERY.replace("$c", '"a"'), "{ repo { x } }"])
def test_graphql_without_a_variable(session: Session, api: Server, query: str) -> None:
    """A query that takes no cursor from a variable is an error that says how to write it."""
    api.routes["/x"] = as_json(_connection([1, 2], "b", more=True))
    with pytest.raises(PaginationError, match=r"says data\.repo\.issues\.pageInfo\.hasNextPage") as info:
        read(session, f"{api.origin}/x", json={"query": query})
    assert "after: $after" in info.value.next_step


@pytest.mark.parametrize("named", [{}, {"records": "data.repo.issues.nodes"}])
@pytest.mark.parametrize(
    ("page_info", "first"),
    [
        ({"endCursor": "b"}, "first: 2"),
        ({"endCursor": "b"}, "first: $n"),
        ({"endCursor": "b"}, "filter: x"),
        ({"endCursor": "b"}, "first: 50"),
        ({"endCursor": None}, "first: 2"),
        ({"endCursor": "b", "hasNextPage": False}, "first: 2"),
        ({"startCursor": "a"}, "first: 2"),
    ],
)
def test_graphql_without_has_next_page(
    session: Session, api: Server, page_info: Any, first: str, named: dict[str, Any]
) -> None:
    """A full page with a cursor, of which nobody asked whether another comes, is told; with what the query needs."""
    issues = {"nodes": [{"n": 1}, {"n": 2}], "pageInfo": page_info}
    api.routes["/x"] = as_json({"data": {"repo": {"issues": issues}}})
    is_told = page_info == {"endCursor": "b"} and "50" not in first
    body = {"query": f"{{ repo {{ issues({first}) {{ nodes }} }} }}", "variables": {"n": 2} if "$" in first else {}}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert read(session, f"{api.origin}/x", json=body, **named)["n"].tolist() == [1, 2]
        assert len(read(session, f"{api.origin}/x", json=body, paging="none", **named)) == 2
    assert [issubclass(one.category, AssumptionWarning) for one in told] == [True] * is_told
    if is_told:
        assert "does not ask for hasNextPage" in str(told[0].message)
        assert "after: $after" in str(told[0].message)


def test_the_next_body(session: Session, api: Server) -> None:
    """Azure AI Search names the document that is posted to its next link."""

    def answer(seen: Seen) -> Reply:
        if json.loads(seen.body).get("skip") == 2:
            return as_json({"@odata.context": "c", "@odata.count": 3, "value": [{"id": 3}]})
        following = {"@search.nextPageParameters": {"search": "*", "skip": 2}, "@odata.nextLink": "/x?v=1"}
        return as_json({"@odata.context": "c", "@odata.count": 3, "value": [{"id": 1}, {"id": 2}], **following})

    api.routes["/x"] = answer
    assert read(session, f"{api.origin}/x?v=1", json={"search": "*"})["id"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("link", ["/x?p=2", "?p=2", "/x/?p=2"])
def test_a_link_to_the_same_path(session: Session, api: Server, link: str) -> None:
    """After a POST, a link to the same path with another query takes the document again, as SharePoint's."""
    first, second = {"items": [{"id": 1}], "nextLink": link}, {"items": [{"id": 2}], "nextLink": None}
    api.routes["/x"] = api.routes["/x/"] = lambda seen: as_json(second if "p=2" in seen.path else first)
    assert read(session, f"{api.origin}/x", json={"q": 1})["id"].tolist() == [1, 2]
    assert [(seen.method, seen.body) for seen in api.seen] == [("POST", b'{"q": 1}')] * 2


@pytest.mark.parametrize("where", ["header", "body"])
def test_a_link_to_another_path(session: Session, api: Server, where: str) -> None:
    """After a POST, a link to another path is a GET, as of FHIR's searches."""
    link = {"Link": "</pages/2>; rel=next"} if where == "header" else {}
    beside = {"next": "/pages/2"} if where == "body" else {}
    api.routes["/x"] = as_json({"items": [{"id": 1}], **beside}, headers=link)
    api.routes["/pages/2"] = as_json({"items": [{"id": 2}]})
    assert read(session, f"{api.origin}/x", json={"q": 1}, records="items")["id"].tolist() == [1, 2]
    assert [(seen.method, seen.body) for seen in api.seen[1:]] == [("GET", b"")]


def test_a_link_further_up() -> None:
    """A further page may have its link further up than the first one, as a chunk of Databricks' result has."""
    style = NextUrl(path="result.next_chunk_internal_link")
    assert next_request(style, {"chunk_index": 1, "next_chunk_internal_link": "/b"}) == "https://api.example/b"
    assert next_request(style, {"chunk_index": 2, "result": {}, "next_chunk_internal_link": "/b"}) is None


def test_a_post_without_a_next_link(session: Session, api: Server) -> None:
    """Where OData answers a POST with fewer rows than it counts and no link, they are taken for all, with a warning."""
    api.routes["/x"] = as_json({"@odata.context": "c", "@odata.count": 3, "value": [{"id": 1}]})
    with pytest.warns(AssumptionWarning, match="@odata.count=3, and 1 row came"):
        assert len(read(session, f"{api.origin}/x", json={"search": "*"})) == 1


def test_done(session: Session, api: Server) -> None:
    """Salesforce's done counts more than its totalSize, with a warning; without it the total is not reached."""
    answer = {"totalSize": 3, "done": True, "records": [{"Id": 1}]}
    api.routes["/x"] = as_json(answer)
    with pytest.warns(AssumptionWarning, match="totalSize=3, and 1 row came"):
        assert len(read(session, f"{api.origin}/x")) == 1
    del answer["done"]
    api.routes["/x"] = as_json(answer)
    with pytest.raises(PaginationError, match="totalSize=3, and 1 row came"):
        read(session, f"{api.origin}/x")


def test_odata_without_links(session: Session, api: Server) -> None:
    """Where OData counts more rows than came and names no link, $skip asks for the others, except after $top."""

    def answer(seen: Seen) -> Reply:
        start = int(dict(parse_qsl(urlsplit(seen.path).query)).get("$skip", 0))
        rows = [{"id": number} for number in range(7)][start : start + 3]
        return as_json({"@odata.context": "c", "@odata.count": 7, "value": rows})

    api.routes["/x"] = answer
    assert read(session, f"{api.origin}/x")["id"].tolist() == list(range(7))
    assert read(session, f"{api.origin}/x", records="value", paging="auto")["id"].tolist() == list(range(7))
    assert len(read(session, f"{api.origin}/x?$top=3&$count=true")) == 3


def _hits(numbers: list[int]) -> Any:
    hits = [{"_id": str(number), "_source": {"n": number}, "sort": [number, "x"]} for number in numbers]
    return {"took": 1, "hits": {"total": {"value": 5, "relation": "eq"}, "hits": hits}}


@pytest.mark.parametrize("size", [2, None])
def test_search_after(session: Session, api: Server, size: int | None) -> None:
    """Sorted hits go on behind the sort values of the last one, until a page is short or empty."""

    def answer(seen: Seen) -> Reply:
        after = json.loads(seen.body).get("search_after", [0])[0]
        return as_json(_hits([number for number in range(1, 6) if number > after][:2]))

    api.routes["/x"] = answer
    body = {"sort": [{"n": "asc"}, "_id"], **({} if size is None else {"size": size})}
    for records in (None, "hits.hits"):
        api.seen.clear()
        assert read(session, f"{api.origin}/x", json=body, records=records)["_id"].tolist() == list("12345")
        assert json.loads(api.seen[1].body) == {**body, "search_after": [2, "x"]}
        assert len(api.seen) == (3 if size else 4)
    with pytest.raises(PaginationError, match=r"hits.total.value=5, and 2 rows came") as info:
        read(session, f"{api.origin}/x", json={"query": {"match_all": {}}})
    assert 'Offset(offset="from", limit="size", total="hits.total.value", send="body")' in info.value.next_step


def test_search_after_without_sort(session: Session, api: Server) -> None:
    """A hit without sort values is an error that says what the request lacks."""
    api.routes["/x"] = as_json({"hits": {"hits": [{"_id": "1"}]}})
    with pytest.raises(PaginationError, match="no sort values") as info:
        read(session, f"{api.origin}/x", json={"size": 1}, records="hits.hits", paging="search_after")
    assert '"sort"' in info.value.next_step


def test_rows_that_are_counted_and_left_out(session: Session, api: Server) -> None:
    """A page that begins with a row of the short page before is an error: the place is not told by the rows."""
    rows = [0, 2, 3, 4, 5, 6]  # the second is left out

    def answer(seen: Seen) -> Reply:
        start = int(dict(parse_qsl(urlsplit(seen.path).query)).get("offset", 0))
        items = [{"id": number} for number in rows if start <= number < start + 3]
        return as_json({"offset": start, "limit": 3, "total": 7, "items": items})

    api.routes["/x"] = answer
    with pytest.raises(PaginationError, match="begins with a row of the page before") as info:
        read(session, f"{api.origin}/x")
    assert len(info.value.partial) == 2
