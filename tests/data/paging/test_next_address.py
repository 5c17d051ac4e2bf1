"""The address that a next link means."""

from __future__ import annotations

from typing import Any

import pytest
from page_responses import next_request, page_response

from nbauth.data.fetch.request import PageRequest
from nbauth.data.paging import NextUrl
from nbauth.data.paging.next_address import next_address, part_address

API = "https://api.example/v1/items"


def _address(link: str, url: str = API, path: str = "next", document: Any = None) -> str:
    response = page_response(document or {}, url, request=PageRequest(url))
    return next_address(link, response, path)


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://api.example/other?x=1#top", "https://api.example/other?x=1"),
        ("//api.example/other", "https://api.example/other"),
        ("/other?x=1", "https://api.example/other?x=1"),
        ("more", "https://api.example/v1/more"),
        ("../v2/items?x=1", "https://api.example/v2/items?x=1"),
        # The beginning of the path is left out, as behind a proxy; or the same path starts anew.
        ("/items?page=2", f"{API}?page=2"),
        ("v1/items?page=2", f"{API}?page=2"),
        ("items?page=2", f"{API}?page=2"),
        ("api.example/v1/items?page=2", f"{API}?page=2"),
        # What is not escaped, and what is for another language.
        (f"{API}?name=100%&$skiptoken=a%2Bb", f"{API}?name=100%25&$skiptoken=a%2Bb"),
        (f"{API}?q=a b&x=%zz", f"{API}?q=a%20b&x=%25zz"),
        (f"{API}?a=1&amp;page=2", f"{API}?a=1&page=2"),
        # A server behind a proxy that does the TLS.
        ("http://api.example/v1/items?page=2", f"{API}?page=2"),
        ("http://api.example:8080/v1/items", "http://api.example:8080/v1/items"),
        ("http://other.example/v1/items", "http://other.example/v1/items"),
    ],
)
def test_forms(link: str, expected: str) -> None:
    """A link becomes the address that its service means."""
    assert _address(link) == expected


@pytest.mark.parametrize(
    ("url", "link", "expected"),
    [
        # https://github.com/Azure/azure-sdk-for-js/issues/11913
        ("?api-version=2020-01-01", f"{API}?$skiptoken=2", "?$skiptoken=2&api-version=2020-01-01"),
        ("?api-version=1", f"{API}?API-Version=2&page=2", "?API-Version=2&page=2"),
        ("?api-version=1", API, "?api-version=1"),
        ("?api-version=1", "https://other.example/x?page=2", None),
        ("?apiKey=k%2B&limit=2", f"{API}?cursor=c", "?cursor=c&apiKey=k%2B"),
        ("?pageToken=old&limit=2", f"{API}?pageToken=new", "?pageToken=new"),
        # https://developers.hubspot.com/docs/api/usage-details
        ("?limit=2&after=x", "?after=NTI1Cg%3D%3D", "?limit=2&after=NTI1Cg%3D%3D"),
    ],
)
def test_left_out(url: str, link: str, expected: str | None) -> None:
    """What every request needs is put onto a link to the same origin that leaves it out; a query alone is added."""
    assert _address(link, API + url) == (link if expected is None else API + expected)


@pytest.mark.parametrize(
    ("base", "link", "expected"),
    [
        ("https://api.example/wiki", "/rest/api/content?start=3", "https://api.example/wiki/rest/api/content?start=3"),
        ("https://api.example/wiki", "/rest/other?start=3", "https://api.example/wiki/rest/other?start=3"),
        ("https://api.example/wiki", "/wiki/api/v2/pages?cursor=x", "https://api.example/wiki/api/v2/pages?cursor=x"),
        (
            "https://inside.example/wiki",
            "/rest/api/content?start=3",
            "https://api.example/wiki/rest/api/content?start=3",
        ),
    ],
)
def test_base(base: str, link: str, expected: str) -> None:
    """Confluence's links start from the base that stands beside them (atlassian-api/atlassian-python-api#957)."""
    document = {"_links": {"base": base, "context": "/wiki", "next": link}}
    url = "https://api.example/wiki/rest/api/content"
    assert _address(link, url, "_links.next", document) == expected
    document = {"_links": {"base": base, "next": {"href": link}}}
    assert _address(link, url, "_links.next.href", document) == expected


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ("https://api.example/svc/$metadata#Orders", "https://api.example/svc/Customers(1)/Parts?$skiptoken=3"),
        ("../$metadata#Orders", "https://api.example/svc/Customers(1)/Parts?$skiptoken=3"),
        ("https://inside/svc/$metadata#Orders", "https://api.example/svc/Customers(1)/Customers(1)/Parts?$skiptoken=3"),
        (None, "https://api.example/svc/Customers(1)/Customers(1)/Parts?$skiptoken=3"),
    ],
)
def test_context(context: str | None, expected: str) -> None:
    """A relative link of OData starts from the context's address (OData JSON Format 4.01 §4.3)."""
    url = "https://api.example/svc/Customers(1)/Orders"
    for name in ("@odata.context", "odata.metadata"):
        document = {} if context is None else {name: context}
        assert _address("Customers(1)/Parts?$skiptoken=3", url, "", document) == expected
        assert _address("Customers(1)/Orders?$skiptoken=3", url, "", document) == f"{url}?$skiptoken=3"


@pytest.mark.parametrize(
    ("link", "here", "expected"),
    [
        ("/api/v2/statements/h", "/gateway/api/v2/statements", "/gateway/api/v2/statements/h"),
        ("/api/v2/statements/h?r=1", "/gateway/api/v2/statements/h", "/gateway/api/v2/statements/h?r=1"),
        ("/api/v2/statements/h", "/api/v2/statements", "/api/v2/statements/h"),
        ("/gateway/api/v2/jobs/h", "/gateway/api/v2/statements", "/gateway/api/v2/jobs/h"),
        ("/statements/h", "/api/v2/statements", "/statements/h"),
        ("h", "/api/statements/", "/api/statements/h"),
        ("//api.example/api/v2/h", "/gateway/api/v2", "/api/v2/h"),
        ("https://api.example/api/v2/h", "/gateway/api/v2", "/api/v2/h"),
    ],
)
def test_part_behind_a_gateway(link: str, here: str, expected: str) -> None:
    """A path that repeats the end of the URL's own gets what a gateway puts in front."""
    assert part_address(link, f"https://api.example{here}") == f"https://api.example{expected}"


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("/statements/s1/result/chunks/1?row_offset=2", "GET"),  # Databricks' next_chunk_internal_link
        ("/statements/h1?requestId=r&partition=1", "GET"),  # Snowflake's Link header
        ("?$skiptoken=7", "POST"),
        ("/statements?$skip=50", "POST"),  # Azure AI Search
        ("https://api.example/statements?api-version=1", "POST"),
    ],
)
@pytest.mark.parametrize("style", ["link", NextUrl(path="more")])
def test_what_a_link_after_a_post_is(link: str, expected: str, style: Any) -> None:
    """A link to another path than a POST's leads by GET to a part of its answer; one to the same path asks again."""
    request = PageRequest("https://api.example/statements", {"q": 1})
    following = next_request(style, {"more": link}, request.url, request=request, Link=f'<{link}>; rel="next"')
    if expected == "GET":
        assert following == f"https://api.example{link}"
    else:
        assert (following.verb, following.body) == ("POST", {"q": 1})
