"""A caller's own function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from loads import pages, read
from loopback_api import as_json
from page_responses import URL, next_request

from nbauth.data.fetch.request import PageRequest
from nbauth.data.paging import Request
from nbauth.errors import ConfigError, OriginNotAllowed, PaginationError

if TYPE_CHECKING:
    from loopback_api import Seen, Server

    from nbauth.data.fetch.session import Session
    from nbauth.data.paging import PageResponse


def test_function() -> None:
    """A function returns a URL, parameters or nothing, and sees the answer."""
    seen: list[PageResponse] = []

    def more(answer: PageResponse) -> Any:
        seen.append(answer)
        return answer.json()["more"]

    assert next_request(more, {"more": "?page=7"}, X_Next="n") == "https://api.example/items?page=7"
    assert next_request(more, {"more": {"page": 8}}) == "https://api.example/items?page=8"
    assert next_request(more, {"more": None}) is None
    assert (seen[0].headers["x-next"], seen[0].status, seen[0].url) == ("n", 200, URL)
    with pytest.raises(PaginationError, match="returned int"):
        next_request(more, {"more": 7})


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (Request(), PageRequest(URL)),
        (Request(url="/b", params={"n": 2}), PageRequest("https://api.example/b?n=2")),
        (Request(params={"page": 2}), PageRequest("https://api.example/items?page=2")),
        (Request(json={"q": 2}), PageRequest(URL, {"q": 2})),
        (Request(headers={"x-from": 7}), PageRequest(URL, None, {"x-from": "7"})),  # type: ignore[dict-item]
        (Request(json=[], method="GET"), PageRequest(URL, [], method="GET")),
        (PageRequest("/b", {"q": 1}), PageRequest("https://api.example/b", {"q": 1})),
    ],
)
def test_whole_request(named: Any, expected: PageRequest) -> None:
    """A whole request takes the place of the one before it, whose URL it has where it names none."""
    before = PageRequest(URL, {"q": 1}, {"x": "y"})
    following = next_request(lambda _: named, {}, request=before)
    assert following in (expected, expected.url)


def test_request_from_the_answer(session: Session, api: Server) -> None:
    """A function goes on by a POST with another document, by other headers, and by a GET of what a POST answers."""

    def answer(seen: Seen) -> Any:
        asked = seen.headers.get("x-page") or (seen.body.decode() if seen.body else seen.path)
        return as_json([{"method": seen.method, "asked": asked, "type": seen.headers.get("content-type")}])

    api.routes["/x"] = api.routes["/y"] = answer
    further = [None, Request(url="y"), Request(headers={"x-page": "3"}), Request(json={"page": 2})]

    def more(answer: PageResponse) -> Request | None:
        return further.pop()

    frame = read(session, f"{api.origin}/x", json={"page": 1}, paging=more)
    assert frame["method"].tolist() == ["POST", "POST", "GET", "GET"]
    assert frame["asked"].tolist() == ['{"page": 1}', '{"page": 2}', "3", "/y"]
    assert frame["type"].notna().tolist() == [True, True, False, False]
    assert {seen.token for seen in api.seen} == {"token-1"}


def test_whole_request_is_guarded(session: Session, api: Server, stranger: Server) -> None:
    """A whole request leaves the profile's origins no more than a next link does, and a repeated one is a loop."""
    api.routes["/x"] = as_json([{"a": 1}])
    with pytest.raises(OriginNotAllowed):
        read(session, f"{api.origin}/x", paging=lambda _: Request(url=f"{stranger.origin}/x"))
    with pytest.raises(PaginationError, match="loops"):
        list(pages(session, f"{api.origin}/x", json={"q": 1}, paging=lambda _: Request(json={"q": 1})))
    assert stranger.seen == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"url": 7}, "url: expected a string"),
        ({"params": "a=b"}, "params: expected names and values"),
        ({"headers": ["a"]}, "headers: expected names and values"),
        ({"method": "PUT"}, "method: expected"),
        ({"json": {1, 2}}, "json: .*set"),
        ({"json": float("nan")}, "json: "),
    ],
)
def test_wrong_request(wrong: dict[str, Any], words: str) -> None:
    """A request that cannot be sent is an error where it is made."""
    with pytest.raises(ConfigError, match=words):
        Request(**wrong)
