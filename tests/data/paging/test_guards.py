"""What ends a chain of pages that would not end, or would leave the API."""

from __future__ import annotations

import math
from typing import Any

import pytest
from loopback_api import FakeAuthorizer
from page_responses import URL, page_response

from nbauth.data.fetch.request import PageRequest
from nbauth.data.paging.guards import Guards
from nbauth.data.paging.page_response import Rows
from nbauth.data.paging.styles import style_of
from nbauth.data.parse.lazy_json import PlainNode
from nbauth.errors import OriginNotAllowed, PaginationError


def _follow(guards: Guards, link: str, records: list[Any], url: str = URL) -> str:
    """Check a page and the request that its link leads to, and return where that goes."""
    response = page_response({"value": records, "@odata.nextLink": link}, url)
    rows = Rows(PlainNode(records))
    request = style_of("odata").paginator().next_request(response, rows)
    assert request is not None
    guards.saw(response)
    guards.check(request, response=response)
    guards.check_progress(rows, here=url)
    return request.url


def _guards() -> Guards:
    return Guards(FakeAuthorizer("https://api.example"))


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
    assert _follow(_guards(), link, [1]) == expected


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/x",
        "http://api.example:8080/x",
        "//evil.example/x",
        "javascript:alert(1)",
        "ftp://api.example/",
    ],
)
def test_elsewhere(link: str) -> None:
    """A next link that leaves the origins is never followed, and its query is not shown."""
    with pytest.raises(OriginNotAllowed) as caught:
        _follow(_guards(), f"{link}?sig=hush", [1])
    assert "hush" not in f"{caught.value} {caught.value.url}"


def test_a_way_that_works() -> None:
    """A link to another name of the API, such as one of its own network, is an error that says what to type."""
    with pytest.raises(OriginNotAllowed) as caught:
        _follow(_guards(), "http://backend:8080/items?page=2", [1])
    step = str(caught.value.next_step)
    assert 'replace("http://backend:8080", "https://api.example")' in step
    assert "add the origin" not in step  # no profile may name an origin on http
    with pytest.raises(OriginNotAllowed) as caught:
        _follow(_guards(), "https://backend.example/items?page=2", [1])
    assert "add the origin" in str(caught.value.next_step)


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("http://backend:8080/items?page=2", "https://api.example/items?page=2"),
        ("http://10.0.0.7/items?page=2", "https://api.example/items?page=2"),
        ("https://orders.svc.internal/items?page=2", "https://api.example/items?page=2"),
        ("https://data/items?page=2", "https://data/items?page=2"),  # which the profile names
        ("http://backend:8080/other?page=2", None),
        ("http://localhost:8080/items?page=2", None),
        ("http://127.0.0.1/items?page=2", None),
        ("https://shard.example/items?page=2", None),
    ],
)
def test_name_of_the_inside(link: str, expected: str | None) -> None:
    """A link under the name that the API has in its own network is followed under the one that was asked for."""
    guards = Guards(FakeAuthorizer("https://api.example", "https://data"))
    response = page_response({}, URL)
    assert guards.meant(PageRequest(link), response=response).url == (expected or link)


def test_unreadable() -> None:
    """A next link that is no URL is an error."""
    with pytest.raises(PaginationError, match="not a URL"):
        _follow(_guards(), "https://[api.example/", [1])


@pytest.mark.parametrize("link", ["?page=1", "?page=1#again", URL])
def test_loop_of_one(link: str) -> None:
    """A link to the page itself loops."""
    with pytest.raises(PaginationError, match="loops"):
        _follow(_guards(), link, [1])


def test_loop_of_three() -> None:
    """A link to any page that was read before loops."""
    guards = _guards()
    second = _follow(guards, "?page=2", [1])
    third = _follow(guards, "?page=3", [2], second)
    with pytest.raises(PaginationError, match="loops"):
        _follow(guards, "?page=2", [3], third)


def _walk(guards: Guards, pages: list[list[object]]) -> int:
    url = URL
    for number, records in enumerate(pages):
        url = _follow(guards, f"?page=n{number}", records, url)
    return len(pages)


def test_empty_pages() -> None:
    """A hundred empty pages in a row are too many, ninety-nine are not."""
    assert _walk(_guards(), [[]] * 99 + [[1]] + [[]] * 99) == 199
    with pytest.raises(PaginationError, match="100 empty pages"):
        _walk(_guards(), [[]] * 100)


def test_equal_pages() -> None:
    """The same page three times in a row is too much, twice is not."""
    assert _walk(_guards(), [[{"a": 1}], [{"a": 1}], [{"a": 2}], [{"a": 1}], [{"a": 1}]]) == 5
    with pytest.raises(PaginationError, match="same page came 3 times"):
        _walk(_guards(), [[{"a": math.nan}]] * 3)


def _counted(pages: list[list[object]]) -> int:
    """Walk through pages of an API that is asked by numbers and repeats none."""
    guards = Guards(FakeAuthorizer("https://api.example"), most_equal_pages=2, is_counted=True)
    return _walk(guards, pages)


def _served(count: int, **row: object) -> list[list[object]]:
    """Make the same page again and again, in which only the time of the answer differs."""
    return [[{"id": number, "answered_in_ms": time, **row} for number in range(3)] for time in range(count)]


@pytest.mark.parametrize(
    "pages",
    [
        _served(2),
        [[{"id": 1, "name": "n", "fetched": str(time)}] for time in range(2)],
        [[{"uuid": name, "file": f"https://x/{name}?sig={time}"} for name in "ab"] for time in range(2)],
        [[{"name": name, "servedAt": time} for name in "ab"] for time in range(10)],
        [[{"id": number, "value": time} for number in "ab"] for time in range(50)],
        [[{"name": name, "tick": time} for name in "ab"] for time in range(50)],
        [[{"a": 1}, {"a": 1}]] * 100,
    ],
)
def test_nothing_new(pages: list[list[object]]) -> None:
    """Pages that bring the same rows end, also where the answer's own time in them differs."""
    assert _counted(pages[:-1]) == len(pages) - 1
    with pytest.raises(PaginationError, match=f"came {len(pages)} times in a row"):
        _counted(pages)


@pytest.mark.parametrize(
    "pages",
    [
        [[{"id": (page % 3) * 2 + place, "took": page} for place in range(2)] for page in range(17)],
        [[{"id": (page + place) % 4} for place in range(4)] for page in range(15)],
    ],
)
def test_in_a_circle(pages: list[list[object]]) -> None:
    """Pages that come again in a circle, or their rows in another order, are an error."""
    assert _counted(pages[:-1]) == len(pages) - 1
    with pytest.raises(PaginationError, match="10 pages in a row brought rows that came before"):
        _counted(pages)


@pytest.mark.parametrize(
    "pages",
    [
        [[{"value": 20}, {"value": 20}, {"value": 20}]] * 9,
        [[{"id": "sensor", "value": 20}, {"id": "sensor", "value": 20}]] * 30,
        [[{"id": "a", "time": hour, "value": 5}, {"id": "b", "time": hour, "value": 5}] for hour in range(24)],
        [[{"id": "a", "time": hour * 2 + half, "value": 5} for half in (0, 1)] for hour in range(200)],
        [[{"path": "/", "elapsed_ms": 9}, {"path": "/x", "elapsed_ms": page}] for page in range(9)],
        [[{"id": 0, "pinned": True}, {"id": page * 2 + 1}, {"id": page * 2 + 2}] for page in range(200)],
        [[[page, 1], [page, 2]] for page in range(200)],
    ],
)
def test_alike_in_truth(pages: list[list[object]]) -> None:
    """Rows that are alike in truth, such as readings of sensors, are no loop."""
    assert _counted(pages) == len(pages)
