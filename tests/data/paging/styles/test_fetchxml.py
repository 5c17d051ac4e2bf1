"""Dataverse's FetchXML, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from loads import read
from loopback_api import as_json
from page_responses import page_response

from nbauth.data.fetch.request import PageRequest, RequestSpec
from nbauth.data.paging.page_response import Rows
from nbauth.data.paging.request_params import set_in_query
from nbauth.data.paging.styles.fetchxml import FetchXml, annotated
from nbauth.errors import PaginationError

if TYPE_CHECKING:
    from loopback_api import Reply, Seen, Server

    from nbauth.data.fetch.session import Session

# As learn.microsoft.com/power-apps/developer/data-platform/fetchxml/page-results shows them, shortened.
TOLD = (
    '<cookie pagenumber="2" pagingcookie="%253ccookie%2520page%253d%25221%2522%253e%253ccontactid%2520last%253d'
    '%2522%257b70BF%257d%2522%2520%252f%253e%253c%252fcookie%253e" istracking="False" />'
)
COOKIE = '&lt;cookie page="1"&gt;&lt;contactid last="{70BF}" /&gt;&lt;/cookie&gt;'
MORE = "@Microsoft.Dynamics.CRM.morerecords"
COOKIE_NAME = "@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"
URL = "https://org.example/api/data/v9.2/contacts"


def _next_query(query: str, document: dict[str, Any]) -> str | None:
    url = set_in_query(URL, {"fetchXml": query})
    response = page_response(document, url, request=PageRequest(url))
    request = FetchXml().next_request(response, Rows.none())
    return None if request is None else parse_qs(urlsplit(request.url).query)["fetchXml"][0]


@pytest.mark.parametrize(
    ("query", "told", "expected"),
    [
        (
            "<fetch count='2' page='1'><a/></fetch>",
            TOLD,
            f"<fetch paging-cookie='{COOKIE}' count='2' page='2'><a/></fetch>",
        ),
        ("<fetch><a page='7'/></fetch>", TOLD, f"<fetch paging-cookie='{COOKIE}' page=\"2\"><a page='7'/></fetch>"),
        ("<fetch page=\"9\" paging-cookie='old > 1'/>", TOLD, f"<fetch paging-cookie='{COOKIE}' page=\"10\"/>"),
        ('<fetch page="9" paging-cookie="old"/>', None, '<fetch page="10"/>'),
        ('<fetch page="1">\n</fetch>', '<cookie pagingcookie="" />', '<fetch page="2">\n</fetch>'),
    ],
)
def test_next_page(query: str, told: str | None, expected: str) -> None:
    """The next query has the next page and the cookie, unescaped twice and then written as XML."""
    document = {"value": [{"a": 1}], MORE: True, **({} if told is None else {COOKIE_NAME: told})}
    assert _next_query(query, document) == expected


def test_end() -> None:
    """Without more it ends; a query that cannot be read is an error."""
    assert _next_query("<fetch/>", {"value": [], MORE: False}) is None
    with pytest.raises(PaginationError, match="has no fetch element"):
        _next_query("<other/>", {"value": [], MORE: True})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, f'odata.include-annotations="{COOKIE_NAME[1:]},{MORE[1:]}"'),
        (
            {"prefer": "odata.maxpagesize=2"},
            f'odata.maxpagesize=2, odata.include-annotations="{COOKIE_NAME[1:]},{MORE[1:]}"',
        ),
        ({"Prefer": 'odata.include-annotations="*"'}, 'odata.include-annotations="*"'),
        ({"Prefer": 'odata.include-annotations="A"'}, f'odata.include-annotations="A,{COOKIE_NAME[1:]},{MORE[1:]}"'),
    ],
)
def test_asked_for(given: dict[str, str], expected: str) -> None:
    """A request with FetchXML asks for the annotations that tell of more, beside what the caller prefers."""
    for spec in (
        RequestSpec(url=f"{URL}?fetchXml=x", headers=given),
        RequestSpec(url=URL, params={"fetchXml": "x"}, headers=given),
    ):
        assert list((annotated(spec).headers or {}).values()) == [expected]
    plain = RequestSpec(url=f"{URL}?$select=a", headers=given)
    assert annotated(plain) is plain


@pytest.mark.parametrize("records", [None, "value"])
def test_read(session: Session, api: Server, records: str | None) -> None:
    """All pages are read, with nothing said but the query."""

    def answer(seen: Seen) -> Reply:
        query = parse_qs(urlsplit(seen.path).query)["fetchXml"][0]
        page = 2 if "page='2'" in query and "paging-cookie=" in query else 1
        is_asked = MORE[1:] in seen.headers.get("prefer", "")
        told = {MORE: page == 1, COOKIE_NAME: TOLD} if is_asked else {}
        return as_json({"@odata.context": "x#contacts(n)", **told, "value": [{"n": page}]})

    api.routes["/contacts"] = answer
    frame = read(session, f"{api.origin}/contacts", params={"fetchXml": "<fetch page='1'/>"}, records=records)
    assert frame["n"].tolist() == [1, 2]
