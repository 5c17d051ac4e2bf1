"""Lists inside rows that are not whole."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest
from loads import read
from loopback_api import as_json

from nbauth.errors import AssumptionWarning

if TYPE_CHECKING:
    from loopback_api import Server

    from nbauth.data.fetch.session import Session

LINK = "https://x/Customers(1)/Orders?$skiptoken=2"


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    "row",
    [
        {"id": 1, "Orders": [{"n": 1}], "Orders@odata.nextLink": LINK},
        {"id": 1, "Parts": {"Orders": [], "Orders@odata.nextLink": LINK}},
        {"id": 1, "Parts": [{"Orders": [], "Orders@odata.nextLink": LINK}]},
    ],
)
def test_short(session: Session, api: Server, row: dict[str, Any]) -> None:
    """A list that an expanded row says to be cut off is told, once for all pages, with the way to the rest."""
    api.routes["/x"] = as_json({"@odata.context": "x", "value": [row], "@odata.nextLink": "/x?$expand=Orders&p=2"})
    api.routes["/x?$expand=Orders&p=2"] = as_json({"@odata.context": "x", "value": [{**row, "id": 2}]})
    with pytest.warns(AssumptionWarning, match="the list Orders inside the rows is not whole") as told:
        assert read(session, f"{api.origin}/x?$expand=Orders")["id"].tolist() == [1, 2]
    assert len(told) == 1


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("query", "row"),
    [
        ("?$expand=Orders", {"id": 1, "Orders": [{"n": 1}]}),
        ("?$expand=Orders", {"id": 1, "Orders": [], "Orders@odata.nextLink": None}),
        ("?$expand=Orders", {"id": 1, "text": 'is called "Orders@odata.nextLink"'}),
        ("", {"id": 1, "Orders@odata.nextLink": LINK}),
    ],
)
def test_whole(session: Session, api: Server, query: str, row: dict[str, Any]) -> None:
    """A whole list is not told, and rows of a request that expands nothing are not looked through."""
    api.routes["/x"] = as_json({"@odata.context": "x", "value": [row]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read(session, f"{api.origin}/x{query}")) == 1
