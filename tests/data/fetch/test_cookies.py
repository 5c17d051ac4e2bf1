from __future__ import annotations

import pickle
import socket
from typing import TYPE_CHECKING

import pytest
import requests
from loads import read
from loopback_api import as_json, redirect, serving

from nbauth.net.origins import origin_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopback_api import FakeAuthorizer, Server

    from nbauth.data.fetch.session import Session


@pytest.fixture
def sibling(authorizer: FakeAuthorizer) -> Iterator[Server]:
    """Another port of the same host, which a profile lists, too."""
    with serving() as server:
        authorizer.listed.add(origin_of(server.origin))
        server.routes["/x"] = as_json([{"a": 1}])
        yield server


def _cookies(server: Server) -> list[str | None]:
    return [seen.headers.get("cookie") for seen in server.seen]


@pytest.mark.parametrize("attributes", ["", "; Domain=localhost", "; Domain=.localhost", "; Path=/; Max-Age=99"])
def test_another_port(session: Session, api: Server, sibling: Server, attributes: str) -> None:
    """A cookie goes back to its origin, and to no other port, whatever its attributes say."""
    api.routes["/set"] = as_json([1], headers={"Set-Cookie": f"stick=7{attributes}"})
    api.routes["/x"] = redirect(f"{sibling.origin}/x")
    session.get(f"{api.origin}/set")
    session.get(f"{sibling.origin}/x")
    session.get(f"{api.origin}/x")
    read(session, f"{sibling.origin}/x")
    session.send(session.prepare_request(requests.Request("GET", f"{sibling.origin}/x")))
    assert _cookies(api) in ([None, "stick=7"], [None, None])  # http.cookiejar takes no domain without dots
    assert set(_cookies(sibling)) == {None}


def test_a_sibling_host(
    session: Session, authorizer: FakeAuthorizer, api: Server, sibling: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cookie for a whole domain goes to the host that set it alone, on a redirect, too."""
    look_up = socket.getaddrinfo  # not every resolver knows that names below localhost are this machine (RFC 6761)
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: look_up("localhost", *rest, **more))
    mine = api.origin.replace("localhost", "a.nb.localhost")
    other = sibling.origin.replace("localhost", "b.nb.localhost")
    authorizer.listed |= {origin_of(mine), origin_of(other)}
    api.routes["/set"] = as_json(1, headers={"Set-Cookie": "stick=7; Domain=nb.localhost; Path=/"})
    api.routes["/go"] = redirect(f"{other}/x")
    api.routes["/x"] = as_json(1)
    for url in (f"{mine}/set", f"{mine}/x", f"{other}/x", f"{mine}/go", f"{api.origin}/x"):
        session.get(url)
    assert _cookies(api) == [None, "stick=7", "stick=7", None]
    assert _cookies(sibling) == [None, None]


def test_a_redirect_that_sets_one(session: Session, api: Server, sibling: Server) -> None:
    """A cookie that a redirect sets goes to where it leads within the origin, and not beyond."""
    api.routes["/a"] = redirect("/b")
    api.routes["/a"].headers["Set-Cookie"] = "stick=7"  # type: ignore[union-attr]
    api.routes["/b"] = redirect(f"{sibling.origin}/x")
    session.get(f"{api.origin}/a", cookies={"mine": "1"})
    assert _cookies(api)[0] == "mine=1"
    assert sorted((_cookies(api)[1] or "").split("; ")) == ["mine=1", "stick=7"]
    assert _cookies(sibling) == [None]


def test_one_name_at_two_ports(session: Session, api: Server, sibling: Server) -> None:
    """An origin can neither change nor end another's cookie."""
    api.routes["/set"] = as_json(1, headers={"Set-Cookie": "stick=api"})
    api.routes["/x"] = as_json(1)
    sibling.routes["/set"] = as_json(1, headers={"Set-Cookie": "stick=sibling"})
    sibling.routes["/end"] = as_json(1, headers={"Set-Cookie": "stick=; Max-Age=0"})
    for url in (f"{api.origin}/set", f"{sibling.origin}/set", f"{api.origin}/x", f"{sibling.origin}/x"):
        session.get(url)
    assert [_cookies(api)[-1], _cookies(sibling)[-1]] == ["stick=api", "stick=sibling"]
    for url in (f"{sibling.origin}/end", f"{api.origin}/x", f"{sibling.origin}/x"):
        session.get(url)
    assert [_cookies(api)[-1], _cookies(sibling)[-1]] == ["stick=api", None]


def test_own_cookies(session: Session, api: Server, sibling: Server) -> None:
    """A cookie that the caller puts into the session goes where its domain matches; without one to every origin."""
    api.routes["/x"] = as_json(1)
    session.cookies.set("for_all", "1")
    session.cookies.set("for_one", "2", domain="api.example")
    for url in (f"{api.origin}/x", f"{sibling.origin}/x"):
        session.get(url)
    assert [_cookies(api), _cookies(sibling)] == [["for_all=1"], ["for_all=1"]]
    session.cookies = {"another": "3"}  # type: ignore[assignment]
    session.get(f"{api.origin}/x", headers={"Cookie": "by=hand"})
    session.get(f"{api.origin}/x")
    assert _cookies(api)[1:] == ["by=hand", "another=3"]


def test_the_jar_is_one_of_requests(session: Session, api: Server) -> None:
    """A session's cookies are read, counted, copied, pickled and removed as in any session of requests."""
    api.routes["/set"] = as_json(1, headers={"Set-Cookie": "stick=7"})
    response = session.get(f"{api.origin}/set")
    session.cookies["mine"] = "1"
    assert (dict(session.cookies), len(session.cookies)) == ({"mine": "1", "stick": "7"}, 2)
    assert dict(session.cookies.copy()) == dict(session.cookies)
    assert dict(pickle.loads(pickle.dumps(session.cookies))) == dict(session.cookies)  # noqa: S301
    assert pickle.loads(pickle.dumps(response)).cookies["stick"] == "7"  # noqa: S301
    del session.cookies["stick"]
    session.cookies.clear()
    assert len(session.cookies) == 0


@pytest.mark.parametrize("whose", ["request", "session"])
def test_beside_a_header_of_the_callers(session: Session, api: Server, sibling: Server, whose: str) -> None:
    """A request with a Cookie header of the caller's takes no other origin's cookies to where it is redirected."""
    sibling.routes["/set"] = as_json(1, headers={"Set-Cookie": "stick=7; Path=/"})
    api.routes["/x"] = redirect("/y")
    api.routes["/y"] = as_json(1)
    session.get(f"{sibling.origin}/set")
    headers = {"Cookie": "mine=1"}
    if whose == "session":
        session.headers.update(headers)
    session.get(f"{api.origin}/x", headers=headers if whose == "request" else None)
    assert "stick" not in str(_cookies(api))
    assert _cookies(api)[0] == "mine=1"


def _two_pages(api: Server, *, first: str, second: str) -> None:
    """Serve two pages and a third; the first two set a cookie."""
    api.routes["/x"] = as_json({"value": [{"a": 1}], "nextLink": "/2"}, headers={"Set-Cookie": first})
    api.routes["/2"] = as_json({"value": [{"a": 2}], "nextLink": "/3"}, headers={"Set-Cookie": second})
    api.routes["/3"] = as_json({"value": [{"a": 3}]})


def test_a_load_beside_a_header_of_the_callers(session: Session, api: Server) -> None:
    """A `Cookie` that the caller wrote goes to all pages of a load, whatever the API sets."""
    _two_pages(api, first="stick=7", second="stick=8")
    assert len(read(session, f"{api.origin}/x", headers={"Cookie": "mine=1"})) == 3
    assert _cookies(api) == ["mine=1", "mine=1", "mine=1"]


def test_a_cookie_that_ends(session: Session, api: Server, sibling: Server) -> None:
    """A cookie that an API ends during a load is sent no more, though it was there when the load came to that API."""
    sibling.routes["/set"] = as_json(1, headers={"Set-Cookie": "stick=7"})
    session.get(f"{sibling.origin}/set")
    api.routes["/x"] = as_json({"value": [{"a": 1}], "nextLink": f"{sibling.origin}/x"})
    _two_pages(sibling, first="stick=8", second="stick=8; Max-Age=0")
    assert len(read(session, f"{api.origin}/x")) == 4
    assert _cookies(sibling) == [None, "stick=7", "stick=8", None]
