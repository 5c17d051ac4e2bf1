"""What is well behaved is read with nothing said: single objects are rows, and pages that are all end the load."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from loads import read
from played_api import ORIGIN, Answer, session_of

from nbauth.errors import OriginNotAllowed

if TYPE_CHECKING:
    from played_api import Asked

pytestmark = pytest.mark.usefixtures("engine")

URL = f"{ORIGIN}/v1/things"
TWO = [{"key": "a", "n": 1}, {"key": "b", "n": 2}]
ONE = [{"key": "c", "n": 3}]
# An object that is a row itself, whatever lists and words are in it.
ROWS = [
    {"id": 5, "title": "an order", "items": [{"sku": 1}, {"sku": 2}]},
    {"id": 5, "items": [], "next": {"href": "/v1/things/6"}},
    {"id": "j1", "status": "failed", "error": {"code": 3, "message": "no space"}},
    {"id": "j2", "status": "pending", "results": [1, 2]},
    {"@odata.context": f"{ORIGIN}/$metadata#Things/$entity", "id": 1, "value": [1, 2]},
    {"name": "no list", "count": 3, "total": 9},
    {"userName": "ines", "emails": ["a@contoso.example"]},
]
# An answer in one page: what is asked for, the answer, its headers.
PAGES: list[tuple[dict[str, Any], Any, dict[str, str]]] = [
    ({}, {"offset": 0, "limit": 100, "total": 2, "items": TWO}, {}),
    ({"records": "results"}, {"total_count": 2, "results": TWO}, {}),
    ({"params": {"$top": 2, "$count": "true"}}, {"@odata.context": "x", "@odata.count": 9, "value": TWO}, {}),
    ({"params": {"limit": 2}, "records": "data"}, {"total": 9, "data": TWO}, {}),
    ({}, {"count": 2, "value": TWO}, {}),
    ({}, TWO, {"Content-Range": "0-1/*"}),
    ({}, TWO, {"X-Total-Count": "2"}),
    ({}, {"data": TWO, "has_more": False}, {}),
    ({}, {"success": True, "errors": None, "results": TWO, "next": None}, {}),
    ({}, {"page": 1, "pages": 1, "items": TWO}, {}),
]


def _read(api: Any, **options: Any) -> list[dict[str, Any]]:
    with session_of(api) as session, warnings.catch_warnings():
        warnings.simplefilter("error")
        return read(session, URL, **options).to_dict("records")


@pytest.mark.parametrize("row", ROWS, ids=json.dumps)
def test_row(row: dict[str, Any]) -> None:
    """An object that is one thing is one row."""
    assert _read(lambda asked: Answer(row)) == [row]


@pytest.mark.parametrize(("options", "document", "headers"), PAGES, ids=str)
def test_page(options: dict[str, Any], document: Any, headers: dict[str, str]) -> None:
    """A page that holds all that was asked for is all."""
    asked: list[Asked] = []
    assert _read(lambda request: asked.append(request) or Answer(document, headers=headers), **options) == TWO
    assert len(asked) == 1


def _paged(first: dict[str, Any], second: dict[str, Any], **query: str) -> Any:
    return lambda asked: Answer(second if query.items() <= asked.query.items() else first)


@pytest.mark.parametrize(
    "api",
    [
        _paged(
            {"value": TWO, "@odata.nextLink": f"{URL}?$skiptoken=a%2Bb%2Fc%3D"},
            {"value": ONE},
            **{"$skiptoken": "a+b/c="},
        ),
        _paged({"value": TWO, "nextLink": f"{URL}?p=2&q=1+2"}, {"value": ONE}, p="2", q="1 2"),
        _paged({"results": TWO, "_links": {"next": "/v1/things?c=x", "base": f"{ORIGIN}/v1"}}, {"results": ONE}, c="x"),
        _paged(
            {"records": TWO, "done": False, "nextRecordsUrl": "/v1/things?q=2"}, {"records": ONE, "done": True}, q="2"
        ),
    ],
)
def test_link(api: Any) -> None:
    """A next link is followed as its server wrote it, whatever signs are in it."""
    assert _read(api) == TWO + ONE


def test_empty_page_between() -> None:
    """An empty page with a next link is no end."""
    pages = [
        {"value": TWO, "@odata.nextLink": f"{URL}?s=1"},
        {"value": [], "@odata.nextLink": f"{URL}?s=2"},
        {"value": ONE},
    ]
    assert _read(lambda asked: Answer(pages[int(asked.query.get("s", 0))])) == TWO + ONE


def test_new_column() -> None:
    """A column that appears on a later page has gaps before, and whole numbers stay such."""
    pages = [{"value": [{"a": 1}], "nextLink": f"{URL}?s=1"}, {"value": [{"a": 2, "b": 3}]}]
    with session_of(lambda asked: Answer(pages[int(asked.query.get("s", 0))])) as session:
        frame = read(session, URL)
    assert [str(dtype) for dtype in frame.dtypes] == ["int64", "Int64"]
    assert frame["b"].isna().tolist() == [True, False]


def test_link_of_a_proxy() -> None:
    """A next link to the name that a server has behind its proxy is followed to the server that was asked."""
    first = {"count": 3, "next": "http://backend:8000/v1/things?page=2", "results": TWO}
    assert _read(_paged(first, {"count": 3, "next": None, "results": ONE}, page="2")) == TWO + ONE


def test_link_to_another_server() -> None:
    """A next link to any other server is an error that names it."""
    document = {"count": 3, "next": "https://elsewhere.example/v1/things?page=2", "results": TWO}
    with pytest.raises(OriginNotAllowed, match=r"elsewhere\.example"):
        _read(lambda asked: Answer(document))
