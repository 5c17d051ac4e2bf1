"""How many rows an answer says that there are, and how many its request asked for."""

from __future__ import annotations

from typing import Any

import pytest
from page_responses import page_response

from nbauth.data.fetch.request import PageRequest
from nbauth.data.paging.envelope import Envelope
from nbauth.data.paging.totals import asked_for, total_in


def _total(document: dict[str, Any], path: str = "rows") -> tuple[str, int] | None:
    envelope = Envelope(page_response(document))
    total = total_in(envelope, envelope.places_around(path), path)
    return None if total is None else (total.path, total.number)


@pytest.mark.parametrize(
    ("beside", "total"),
    [
        ({"total": 7}, ("total", 7)),
        ({"total": "7"}, ("total", 7)),
        ({"total_count": 7}, ("total_count", 7)),
        ({"TotalCount": 7, "Count": 3}, ("TotalCount", 7)),
        ({"totalResults": 7}, ("totalResults", 7)),
        ({"numberMatched": 7, "numberReturned": 3}, ("numberMatched", 7)),
        ({"recordsTotal": 90, "recordsFiltered": 7}, ("recordsFiltered", 7)),
        ({"@odata.count": 7}, ("@odata.count", 7)),
        ({"rowCount": 7}, ("rowCount", 7)),
        ({"count": 7}, ("count", 7)),
        ({"meta": {"pagination": {"total": 7}}}, ("meta.pagination.total", 7)),
        ({"page": {"totalElements": 7, "number": 0}}, ("page.totalElements", 7)),
        ({"result": {"metadata": {"row_count": 3, "total_row_count": 7}}}, ("result.metadata.total_row_count", 7)),
        ({"resultSetSize": 7}, ("resultSetSize", 7)),
        ({"total_rows": 7, "total_users": 9}, ("total_rows", 7)),
        ({"hydra:totalItems": 7, "hydra:view": {}}, ("hydra:totalItems", 7)),
        ({"found": 7, "page": 1}, ("found", 7)),
        ({"meta": {"hits": 7, "offset": 0}}, ("meta.hits", 7)),
        ({"meta": {"count": 7, "page": 1, "per_page": 1}}, ("meta.count", 7)),
        # These are no number of all rows.
        ({"summary": {"total": 150, "count": 99}}, None),
        ({"_shards": {"total": 1}, "request": {"total": 9}, "facets": {"count": 8}}, None),
        ({"paging": {"start": 0, "count": 10}}, None),
        ({"id": 5, "total": 150}, None),
        ({"total": -1, "count": None, "totalCount": "many", "total_rows": 7.5, "total_hits": True}, None),
        ({"total_pages": 7, "total_price": 8, "totalTime": 9, "account": {"total": 10}}, None),
    ],
)
def test_total(beside: dict[str, Any], total: tuple[str, int] | None) -> None:
    """A total is known by its name, as a number or as text, where it speaks of the rows."""
    assert _total({"rows": [1], **beside}) == total


def test_total_above() -> None:
    """A total above the rows counts, such as Elasticsearch's object, Solr's and GraphQL's."""
    assert _total({"hits": {"total": {"value": 7, "relation": "gte"}, "hits": []}}, "hits.hits") == (
        "hits.total.value",
        7,
    )
    assert _total({"total_trades": 7, "total_users": 9, "trades": []}, "trades") == ("total_trades", 7)
    assert _total({"hits": {"total": 7, "hits": []}}, "hits.hits") == ("hits.total", 7)
    in_meta = {"meta": {"page": {"record_count": {"value": 7, "relation": "eq"}}}, "rows": []}
    assert _total(in_meta, "rows") == ("meta.page.record_count.value", 7)
    assert _total({"response": {"numFound": 7, "docs": []}}, "response.docs") == ("response.numFound", 7)
    assert _total({"data": {"o": {"x": {"totalCount": 7, "nodes": []}}}}, "data.o.x.nodes") == (
        "data.o.x.totalCount",
        7,
    )


@pytest.mark.parametrize(
    ("query", "body", "of_seven"),
    [
        ("", None, 7),
        ("$top=3&$count=true", None, 3),
        ("$top=9", None, 7),
        ("limit=3", None, 3),
        ("per_page=3", None, 7),
        ("$skip=5", None, 2),
        ("startIndex=1&count=3", None, 3),
        ("page=1", None, 7),
        ("page=2&limit=3", None, 0),
        ("after=x", None, 0),
        ("nextPageToken=", None, 7),
        ("$skiptoken=x", None, 0),
        ("start=2024-01-01&from=1700000000", None, 7),
        ("offset=itr1/rec1", None, 0),
        ("access_token=x&apptoken=y&token=z&key=k", None, 7),
        ("sinceCursor=x", None, 0),
        ("q=SELECT+Id+FROM+A+LIMIT+3", None, 0),
        ("", {"limit": 3, "offset": 0}, 3),
        ("", {"query": "Resources", "options": {"$top": 3}}, 3),
        ("", {"query": "{ issues(first: 3) { nodes { id } } }"}, 0),
        ("", {"search_after": [3]}, 0),
        ("", [1], 7),
    ],
)
def test_asked_for(query: str, body: Any, of_seven: int) -> None:
    """Of seven rows so many were asked for; none that are sure, where the request begins further on."""
    assert asked_for(PageRequest(f"https://api.example/x?{query}", body)).of(7) == of_seven
