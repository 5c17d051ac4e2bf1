"""A cursor that the answer names and the next request sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from loads import read
from loopback_api import Reply, as_json
from page_responses import URL, next_request

from nbauth.data.fetch.request import PageRequest
from nbauth.data.paging import Cursor
from nbauth.errors import PaginationError

if TYPE_CHECKING:
    from loopback_api import Seen, Server

    from nbauth.data.fetch.session import Session


@pytest.mark.parametrize("end", [{}, {"next_cursor": None}, {"next_cursor": ""}, {"next_cursor": False}])
def test_cursor_ends(end: dict[str, Any]) -> None:
    """No cursor, or an empty one, is the end."""
    assert next_request("cursor", end) is None


def test_cursor() -> None:
    """A cursor goes into the query, the body or a header, and what else the request has stays."""
    request = PageRequest("https://api.example/x?q=a%20b&cursor=old&$top=2", {"filter": {"a": 1}, "page": {"size": 5}})
    document = {"next_cursor": "c/d=="}
    following = next_request("cursor", document, request=PageRequest(request.url))
    assert following == "https://api.example/x?q=a%20b&$top=2&cursor=c%2Fd%3D%3D"
    following = next_request(Cursor(parameter="page.after", send="body"), document, request=request)
    assert following == PageRequest(request.url, {"filter": {"a": 1}, "page": {"size": 5, "after": "c/d=="}})
    following = next_request(
        Cursor(parameter="x-next", header="x-cont", send="header"), {}, request=PageRequest(URL), x_cont="t"
    )
    assert following == PageRequest(URL, None, {"x-next": "t"})
    with pytest.raises(PaginationError, match="neither text nor a number"):
        next_request("cursor", {"next_cursor": {"a": 1}})


@pytest.mark.parametrize("region", [None, "EU"])
def test_pages_of_a_job(session: Session, api: Server, region: str | None) -> None:
    """After a POST, the further pages of BigQuery come by GET behind its URL, in the job's region."""
    job = {"projectId": "p", "jobId": "b/1", **({} if region is None else {"location": region})}
    schema = {"fields": [{"name": "id", "type": "INTEGER"}]}

    def answer(seen: Seen) -> Reply:
        query = parse_qs(urlsplit(seen.path).query)
        number = int(query.get("pageToken", ["0"])[0])
        asked = (seen.method, query.get("location"))
        first = ("POST", None)
        is_right = asked == (("GET", None if region is None else [region]) if number else first)
        page: dict[str, Any] = {"jobReference": job, "schema": schema, "jobComplete": True, "totalRows": "3"}
        page["kind"] = "bigquery#getQueryResultsResponse" if number else "bigquery#queryResponse"
        page["rows"] = [{"f": [{"v": str(number)}]}]
        more = {"pageToken": str(number + 1)} if number < 2 else {}
        return as_json({**page, **more}) if is_right else Reply(b"{}", 400)

    api.routes["/queries"] = api.routes["/queries/b%2F1"] = answer
    assert read(session, f"{api.origin}/queries", json={"query": "select 1"})["id"].tolist() == [0, 1, 2]
    assert len(api.seen) == 3
