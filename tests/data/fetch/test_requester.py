"""What the requests of one load are sent as."""

from __future__ import annotations

from json import loads
from typing import TYPE_CHECKING, Any

import pytest
from loopback_api import Reply, as_json

from nbauth.data.fetch.progress import LoadProgress
from nbauth.data.fetch.request import PageRequest, RequestSpec
from nbauth.data.fetch.requester import Requester
from nbauth.errors import ApiError

if TYPE_CHECKING:
    from loopback_api import Seen, Server

    from nbauth.data.fetch.session import Session

BUSY = Reply(b"busy", 503, headers={"Retry-After": "0"})


def _requester(session: Session, url: str, **options: Any) -> Requester:
    return Requester(session, RequestSpec(url=url, **options), LoadProgress(), accept="*/*")


@pytest.mark.parametrize(
    ("json", "following", "sent"),
    [
        ({"q": 1}, {"body": {"q": 1}}, ("POST", {"q": 1}, True)),
        ({"q": 1}, {}, ("GET", None, False)),
        ({"q": 1}, {"body": {"q": 2}}, ("POST", {"q": 2}, True)),
        (None, {"body": {"q": 2}}, ("POST", {"q": 2}, True)),
        (None, {}, ("GET", None, False)),
        ({"q": 1}, {"method": "POST"}, ("POST", None, False)),
        (None, {"body": {"q": 3}, "method": "GET"}, ("GET", {"q": 3}, True)),
    ],
)
def test_method(
    api: Server, session: Session, json: Any, following: dict[str, Any], sent: tuple[str, Any, bool]
) -> None:
    """A page's request with a body is a POST and one without is a GET, whatever the first was, unless it says more."""
    api.routes["/a"] = api.routes["/b"] = as_json([])
    requester = _requester(session, f"{api.origin}/a", json=json)

    requester.content(requester.first)
    requester.content(PageRequest(f"{api.origin}/b", **following))

    seen = api.seen[-1]
    document = loads(seen.body) if seen.body else None
    assert (seen.method, document, "content-type" in seen.headers) == sent


def test_a_get_after_a_post_may_be_sent_again(api: Server, session: Session) -> None:
    """Of a load that begins with a POST, a GET is repeated where the API was not there; the POST is not."""
    replies = [BUSY, as_json([])]

    def answer(seen: Seen) -> Reply:
        return BUSY if seen.method == "POST" else replies.pop(0)

    api.routes["/a"] = answer
    requester = _requester(session, f"{api.origin}/a", json={"q": 1})

    with pytest.raises(ApiError, match="503"):
        requester.send(requester.first)
    assert requester.content(PageRequest(requester.first.url))[1] == b"[]"
