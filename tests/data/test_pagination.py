from __future__ import annotations

import math

import pytest

from nbauth.data.link_header import next_link
from nbauth.data.pagination import Chain, Page, page_of
from nbauth.errors import OriginNotAllowed, PaginationError

URL = "https://api.example/items?page=1"


def _chain() -> Chain:
    return Chain(lambda url: url.startswith("https://api.example/"))


def _follow(chain: Chain, page: Page, url: str = URL) -> str | None:
    return chain.follow(page, requested=url, url=url)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('</b>; rel="next"', "/b"),
        ("</b>; rel=next", "/b"),
        ('</a>; rel="prev", </b>; rel="next"', "/b"),
        ('</a?x=1,2>; rel="prev"; title="a, \\"b\\"; rel=next", </b>; REL="NEXT"', "/b"),
        ('</b>; title="<c>"; rel="last next"', "/b"),
        ("</b>;rel=next,</c>;rel=next", "/b"),
        ('</b> ; rel = "next"', "/b"),
        ('</b>; rel="prev"; rel="next"', None),
        ('</b>; rel="nextish"', None),
        ('</b>; rel="next"; anchor="https://api.example/other"', None),
        (f'</b>; rel="next"; anchor="{URL}"', "/b"),
        ('<>; rel="next"', None),
        ("nonsense", None),
        ('</a>; rel="unterminated, </b>; rel=next', "/b"),
        ("", None),
        ("</b", None),
    ],
)
def test_link_header(header: str, expected: str | None) -> None:
    """The next relation is found as RFC 8288 writes it."""
    assert next_link(header, URL) == expected


@pytest.mark.parametrize(
    ("document", "records", "link"),
    [
        ([1, 2], [1, 2], None),
        ([], [], None),
        ({"value": [1], "@odata.nextLink": "/b"}, [1], "/b"),
        ({"value": [1], "odata.nextLink": "/b", "odata.metadata": "x"}, [1], "/b"),
        ({"value": [1], "nextLink": "/b"}, [1], "/b"),
        ({"value": [1], "nextLink": "/b", "region": "eu"}, [1], "/b"),
        ({"value": [1], "@nextLink": "/b", "@count": 9}, [1], "/b"),
        ({"value": [], "@odata.context": "x", "extra": 1}, [], None),
        ({"value": [1], "count": 1, "nextLink": None}, [1], None),
        ({"value": [1]}, [1], None),
        ({"value": [1], "@odata.nextLink": ""}, [1], None),
        ({"value": 3}, [{"value": 3}], None),
        ({"value": [1, 2], "name": "a row"}, [{"value": [1, 2], "name": "a row"}], None),
        ({"value": [1], "@odata.context": "x#y/$entity"}, [{"value": [1], "@odata.context": "x#y/$entity"}], None),
        ({"items": [1]}, [{"items": [1]}], None),
        ({}, [{}], None),
        ("text", ["text"], None),
        (None, [None], None),
    ],
)
def test_page_of(document: object, records: list[object], link: str | None) -> None:
    """Collections, arrays and single objects are told apart, and their next links found."""
    page = page_of(document, link_header=None, url=URL)
    assert (page.records, page.next_link) == (records, link)


def test_total() -> None:
    """OData's count says how many rows there will be."""
    assert page_of({"value": [], "@odata.count": 7}, link_header=None, url=URL).total_rows == 7


def test_link_header_of_array() -> None:
    """An array's next page stands in the Link header; a next link in the body comes before it."""
    assert page_of([1], link_header="</b>; rel=next", url=URL).next_link == "/b"
    body = {"value": [1], "@odata.nextLink": "/c"}
    assert page_of(body, link_header="</b>; rel=next", url=URL).next_link == "/c"


def test_next_link_no_string() -> None:
    """A next link that is no string is an error."""
    with pytest.raises(PaginationError, match="not a string"):
        page_of({"value": [], "@odata.nextLink": 7}, link_header=None, url=URL)


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("?page=2", "https://api.example/items?page=2"),
        ("more", "https://api.example/more"),
        ("/more", "https://api.example/more"),
        ("//api.example/more", "https://api.example/more"),
        ("https://api.example/a b?$filter=x eq 1#top", "https://api.example/a%20b?$filter=x%20eq%201"),
    ],
)
def test_resolved(link: str, expected: str) -> None:
    """A relative link starts from the page that names it."""
    assert _follow(_chain(), Page([1], link)) == expected


def test_last_page() -> None:
    """Without a next link the chain ends."""
    assert _follow(_chain(), Page([1])) is None


@pytest.mark.parametrize(
    "link",
    ["https://evil.example/x", "http://api.example/x", "//evil.example/x", "javascript:alert(1)", "ftp://api.example/"],
)
def test_elsewhere(link: str) -> None:
    """A next link that leaves the origins is never followed, and its query is not shown."""
    with pytest.raises(OriginNotAllowed) as caught:
        _follow(_chain(), Page([1], f"{link}?sig=hush"))
    assert "hush" not in f"{caught.value} {caught.value.url}"


def test_unreadable() -> None:
    """A next link that is no URL is an error."""
    with pytest.raises(PaginationError, match="not a URL"):
        _follow(_chain(), Page([1], "https://[api.example/"))


@pytest.mark.parametrize("link", ["?page=1", "?page=1#again", URL])
def test_loop_of_one(link: str) -> None:
    """A link to the page itself loops."""
    with pytest.raises(PaginationError, match="loops"):
        _follow(_chain(), Page([1], link))


def test_loop_of_three() -> None:
    """A link to any page that was read before loops."""
    chain = _chain()
    second = _follow(chain, Page([1], "?page=2"))
    assert second is not None
    third = _follow(chain, Page([2], "?page=3"), second)
    assert third is not None
    with pytest.raises(PaginationError, match="loops"):
        _follow(chain, Page([3], "?page=2"), third)


def _walk(chain: Chain, pages: list[list[object]]) -> int:
    url: str | None = URL
    for number, records in enumerate(pages):
        assert url is not None
        url = _follow(chain, Page(records, f"?page=n{number}"), url)
    return len(pages)


def test_empty_pages() -> None:
    """A hundred empty pages in a row are too many, ninety-nine are not."""
    assert _walk(_chain(), [[]] * 99 + [[1]] + [[]] * 99) == 199
    with pytest.raises(PaginationError, match="100 empty pages"):
        _walk(_chain(), [[]] * 100)


def test_equal_pages() -> None:
    """The same page three times in a row is too much, twice is not."""
    assert _walk(_chain(), [[{"a": 1}], [{"a": 1}], [{"a": 2}], [{"a": 1}], [{"a": 1}]]) == 5
    with pytest.raises(PaginationError, match="same page came 3 times"):
        _walk(_chain(), [[{"a": math.nan}]] * 3)
