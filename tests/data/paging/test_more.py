"""What an answer says of the rows that are not in it, however it spells that and wherever it stands."""

from __future__ import annotations

from typing import Any

import pytest
from page_responses import page_response

from nbauth.data.paging.envelope import Envelope
from nbauth.data.paging.more import Said

ROW = {"has_more": True, "truncated": True, "isLast": False}  # what a row says counts for nothing


def _said(beside: dict[str, Any], path: str = "rows") -> Said:
    return Envelope(page_response({"rows": [ROW], **beside})).said(path)


@pytest.mark.parametrize(
    ("beside", "more"),
    [
        ({"has_more": True}, "has_more"),
        ({"HasMore": True}, "HasMore"),
        ({"has-more": "true"}, "has-more"),
        ({"hasMore": 1}, "hasMore"),
        ({"hasMoreItems": True}, "hasMoreItems"),
        ({"moreAvailable": "True"}, "moreAvailable"),
        ({"@Microsoft.Dynamics.CRM.morerecords": True}, "@Microsoft.Dynamics.CRM.morerecords"),
        ({"isLast": False}, "isLast=false"),
        ({"isLastPage": "false"}, "isLastPage=false"),
        ({"last": False}, "last=false"),
        ({"end_of_stream": False}, "end_of_stream=false"),
        ({"done": False}, "done=false"),
        ({"remainingItemCount": 4}, "remainingItemCount=4"),
        ({"list_info": {"has_more_rows": True}}, "list_info.has_more_rows"),
        ({"additional_data": {"pagination": {"more_items_in_collection": True}}}, None),
        ({"result": {"x": {"y": {}}, "page": {"hasNext": True}}}, "result.page.hasNext"),
        ({"unheard_of": {"hasNext": True}}, "unheard_of.hasNext"),
        ({"hasNext": False, "page": {"hasNext": True}}, "page.hasNext"),
        # These say nothing of the rows.
        ({"request": {"has_more": True}, "params": {"done": False}}, None),
        ({"more": "of it", "last": "Byron", "end": 7, "next": "/b", "remaining": 59}, None),
        ({"id": 1, "done": False}, None),
        ({"stats": {"done": False}}, None),
        ({"has_more": 7, "isLast": None, "truncated": 3, "done": "no"}, None),
        ({"previous": {"has_more": True}, "facets": {"hasMore": True}}, None),
    ],
)
def test_more(beside: dict[str, Any], more: str | None) -> None:
    """A flag says that there is more whatever its case and separators, as text and as a number, at any depth."""
    expected = "additional_data.pagination.more_items_in_collection" if "additional_data" in beside else more
    assert _said(beside).more == expected


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        ({"truncated": True}, Said(cut="truncated")),
        ({"IsTruncated": "true"}, Said(cut="IsTruncated")),
        ({"resultTruncated": "false"}, Said()),
        ({"exceededTransferLimit": True}, Said(cut="exceededTransferLimit")),
        ({"manifest": {"truncated": True}}, Said(cut="manifest.truncated")),
        ({"incomplete_results": True}, Said(partial="incomplete_results")),
        ({"timed_out": True}, Said(partial="timed_out")),
        ({"@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded": True}, Said()),  # the count is cut off, not the rows
        ({"has_more": False}, Said(is_end=True)),
        ({"hasNextPage": "false"}, Said(is_end=True)),
        ({"end_of_stream": True}, Said(is_end=True)),
        ({"lastResultSet": True}, Said(is_end=True)),
        ({"isLast": True, "page": {"hasMore": True}}, Said(more="page.hasMore")),
        ({"done": True}, Said(is_done=True)),  # a query may be done whose rows go on
    ],
)
def test_said(beside: dict[str, Any], said: Said) -> None:
    """An end, and rows that were left out, are told apart from more; of two that disagree, more counts."""
    assert _said(beside) == said


def test_in_an_item() -> None:
    """Where the rows are in an item of an array, what stands beside them there counts, as in Graph's searches."""
    container = {"hits": [ROW], "total": 7, "moreResultsAvailable": True}
    answer = Envelope(page_response({"value": [{"terms": [], "hitsContainers": [{"hits": []}, container]}]}))
    path = "value.0.hitsContainers.1"
    assert answer.said(f"{path}.hits").more == f"{path}.moreResultsAvailable"
    assert answer.said("value.0.hitsContainers.0.hits").more is None


def test_no_rows_known() -> None:
    """Where it is not known that there are rows, an object that is not done or not whole may be a row itself."""
    answer = Envelope(page_response({"name": "x", "done": False, "truncated": True, "owner": {"has_more": True}}))
    assert answer.said(None) == Said()
    assert Envelope(page_response({"name": "x", "meta": {"has_more": True}})).said(None).more == "meta.has_more"
