from __future__ import annotations

import functools
import io
import logging
from typing import TYPE_CHECKING

import pytest
import requests
from loads import read
from loopback_api import Reply, as_json, redirect, serving

from nbauth.errors import DataError, OriginNotAllowed, PaginationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopback_api import FakeAuthorizer, Server

    from nbauth.data.fetch.session import Session

KEYS = {
    "Cookie": "a=b",
    "x-api-key": "k1",
    "Ocp-Apim-Subscription-Key": "k2",
    "api-key": "k3",
    "X-Functions-Key": "k4",
    "X-My-Token": "k5",
    "X-Whatever": "k6",
}


@pytest.fixture
def sibling(authorizer: FakeAuthorizer) -> Iterator[Server]:
    """Another origin that a profile lists."""
    from nbauth.net.origins import origin_of

    with serving() as server:
        authorizer.listed.add(origin_of(server.origin))
        server.routes["/there"] = as_json("there")
        yield server


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_within(session: Session, api: Server, status: int) -> None:
    """A redirect within the API's origin is followed with a token."""
    api.routes["/x"] = redirect("/there", status)
    api.routes["/there"] = as_json("there")
    assert session.get(f"{api.origin}/x").json() == "there"
    assert [seen.token for seen in api.seen] == ["token-1", "token-1"]


def test_token_of_where_it_leads(session: Session, authorizer: FakeAuthorizer, api: Server, sibling: Server) -> None:
    """A redirect to another listed origin gets that origin's token, and none of the caller's keys."""
    authorizer.token = lambda url, rejected=None: f"for {url}"  # type: ignore[method-assign]
    api.routes["/x"] = redirect(f"{sibling.origin}/there")
    session.get(f"{api.origin}/x", headers=KEYS, cookies={"c": "d"})
    (seen,) = sibling.seen
    assert seen.token == f"for {sibling.origin}/there"
    assert not {"cookie", "x-api-key", "api-key", "x-my-token"} & set(seen.headers)
    assert seen.headers["x-whatever"] == "k6"


def test_keys_of_the_session(session: Session, api: Server, sibling: Server) -> None:
    """A key that was set for the whole session goes to each of its origins."""
    session.headers["x-api-key"] = "k"
    api.routes["/x"] = redirect(f"{sibling.origin}/there")
    session.get(f"{api.origin}/x")
    assert sibling.seen[0].headers["x-api-key"] == "k"


@pytest.mark.parametrize("status", [307, 308])
def test_post_within(session: Session, api: Server, sibling: Server, status: int) -> None:
    """A POST is repeated within the listed origins."""
    api.routes["/x"] = redirect(f"{sibling.origin}/there", status)
    session.post(f"{api.origin}/x", data=io.BytesIO(b"body"))
    assert (sibling.seen[0].method, sibling.seen[0].body) == ("POST", b"body")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_download_elsewhere(
    session: Session, api: Server, secure_stranger: Server, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """A GET redirected elsewhere over https is followed with nothing that identifies, and noted in the log."""
    caplog.set_level(logging.INFO, logger="nbauth")
    secure_stranger.routes["/blob"] = as_json("blob", headers={"Set-Cookie": "track=1"})
    api.routes["/x"] = redirect(f"{secure_stranger.origin}/blob?sig=hush", status)
    session.cookies.set("inside", "1")
    session.headers["X-Tenant-Key"] = "k"
    headers = {**KEYS, "Accept": "text/csv", "Range": "bytes=0-9"}
    response = session.get(f"{api.origin}/x", headers=headers, cookies={"c": "d"})
    assert response.json() == "blob"
    assert [one.status_code for one in response.history] == [status]
    (seen,) = secure_stranger.seen
    assert seen.path == "/blob?sig=hush"
    assert set(seen.headers) == {"host", "accept", "accept-encoding", "connection", "range", "user-agent"}
    assert seen.headers["accept"] == "text/csv"
    assert "track" not in session.cookies
    assert secure_stranger.origin in caplog.text
    assert "hush" not in caplog.text


def test_netrc_elsewhere(session: Session, api: Server, secure_stranger: Server, tmp_path, monkeypatch) -> None:
    """A .netrc does not sign in elsewhere either."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    secure_stranger.routes["/a"] = redirect("/b")
    secure_stranger.routes["/b"] = as_json("b")
    api.routes["/x"] = redirect(f"{secure_stranger.origin}/a")
    assert session.get(f"{api.origin}/x", cookies={"c": "d"}).json() == "b"
    assert [(s.token, s.headers.get("cookie")) for s in secure_stranger.seen] == [(None, None), (None, None)]


def test_back_again(session: Session, api: Server, secure_stranger: Server) -> None:
    """A chain that has left cannot come back to http, and would come back without a token."""
    secure_stranger.routes["/a"] = redirect(f"{api.origin}/x2")
    api.routes["/x"] = redirect(f"{secure_stranger.origin}/a")
    with pytest.raises(OriginNotAllowed):
        session.get(f"{api.origin}/x")
    assert [seen.path for seen in api.seen] == ["/x"]


def test_back_again_over_https(session: Session, authorizer: FakeAuthorizer, api: Server, secure_stranger, tls) -> None:
    """A chain that has left gets no token where it comes back."""
    from nbauth.net.origins import origin_of

    with serving(tls.context) as home:
        authorizer.listed.add(origin_of(home.origin))
        home.routes["/x"] = redirect(f"{secure_stranger.origin}/a")
        home.routes["/back"] = as_json("back")
        secure_stranger.routes["/a"] = redirect(f"{home.origin}/back")
        assert session.get(f"{home.origin}/x").json() == "back"
        assert [seen.token for seen in home.seen] == ["token-1", None]


def test_http_elsewhere(session: Session, api: Server, stranger: Server) -> None:
    """A redirect to http elsewhere is not followed."""
    api.routes["/x"] = redirect(f"{stranger.origin}/x?sig=hush")
    with pytest.raises(OriginNotAllowed) as caught:
        session.get(f"{api.origin}/x")
    assert stranger.seen == []
    assert "hush" not in f"{caught.value} {caught.value.url}"


@pytest.mark.parametrize(
    ("method", "status"), [("POST", 302), ("POST", 303), ("POST", 307), ("PUT", 308), ("HEAD", 302)]
)
def test_other_methods_elsewhere(
    session: Session, api: Server, secure_stranger: Server, method: str, status: int
) -> None:
    """Nothing but a GET is redirected elsewhere, not even if it would become one."""
    api.routes["/x"] = redirect(f"{secure_stranger.origin}/x", status)
    with pytest.raises(OriginNotAllowed, match=method):
        session.request(method, f"{api.origin}/x", allow_redirects=True)
    assert secure_stranger.seen == []


def test_get_with_body_elsewhere(session: Session, api: Server, secure_stranger: Server) -> None:
    """A GET whose body a redirect would repeat elsewhere is not followed."""
    api.routes["/x"] = redirect(f"{secure_stranger.origin}/x", 307)
    with pytest.raises(OriginNotAllowed):
        session.get(f"{api.origin}/x", data=b"query")
    assert secure_stranger.seen == []


@pytest.mark.parametrize(
    "target",
    ["https://me:pw@{host}/x", "//{host}/x", "ftp://{host}/x", "https://localhost\\@{host}/x", "file:///etc/passwd"],
)
def test_odd_targets(session: Session, api: Server, secure_stranger: Server, target: str) -> None:
    """A redirect to what is no plain https address elsewhere is not followed."""
    api.routes["/x"] = redirect(target.format(host=secure_stranger.origin.partition("://")[2]))
    with pytest.raises((OriginNotAllowed, requests.exceptions.InvalidURL)):
        session.get(f"{api.origin}/x")
    assert secure_stranger.seen == []


@pytest.mark.parametrize(
    "target",
    [
        "http://[::1",
        "https://[",
        "//[",
        "https://localhost:99999/x",
        "https://localhost:b/",
        "https://\x85/",
        "\xff://[",
    ],
)
def test_target_that_is_no_url(session: Session, api: Server, target: str) -> None:
    """A redirect to what is no URL is an error that names the API and the target, in a session and in a load."""
    api.routes["/x"] = redirect(f"{target}?sig=hush")
    for act in (session.get, functools.partial(read, session)):
        with pytest.raises((DataError, OriginNotAllowed), match=f"{api.origin}/x") as caught:
            act(f"{api.origin}/x")
        assert "hush" not in str(caught.value)
    assert session.get(f"{api.origin}/x", allow_redirects=False).status_code == 302


@pytest.mark.parametrize(
    "link", ["http://[::1", "https://[", "//[", "https://localhost:99999/x", f"https://{'a' * 99}/"]
)
def test_next_link_that_is_no_url(session: Session, api: Server, link: str) -> None:
    """So is a next link, wherever it stands."""
    api.routes["/body"] = as_json({"value": [{"a": 1}], "@odata.nextLink": link})
    api.routes["/header"] = as_json([{"a": 1}], headers={"Link": f'<{link}>; rel="next"'})
    api.routes["/anchor"] = as_json([{"a": 1}], headers={"Link": f'</y>; rel="next"; anchor="{link}"'})
    for path in ("/body", "/header"):
        with pytest.raises((PaginationError, OriginNotAllowed), match=f"{api.origin}{path}"):
            read(session, f"{api.origin}{path}")
    assert len(read(session, f"{api.origin}/anchor")) == 1


def test_not_followed(session: Session, api: Server, stranger: Server) -> None:
    """Who does not want redirects followed gets any of them."""
    api.routes["/x"] = redirect(f"{stranger.origin}/x")
    response = session.get(f"{api.origin}/x", allow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (302, f"{stranger.origin}/x")


def test_a_circle_of_redirects(session: Session, api: Server) -> None:
    """A circle of redirects ends."""
    api.routes["/x"] = redirect("/x")
    with pytest.raises(requests.TooManyRedirects):
        session.get(f"{api.origin}/x")


def test_rejected_elsewhere(session: Session, authorizer: FakeAuthorizer, api: Server, secure_stranger: Server) -> None:
    """A 401 from elsewhere leads to no refresh."""
    secure_stranger.routes["/x"] = Reply(status=401)
    api.routes["/x"] = redirect(f"{secure_stranger.origin}/x")
    assert session.get(f"{api.origin}/x").status_code == 401
    assert authorizer.rejected == []


def test_rejected_after_redirect(session: Session, authorizer: FakeAuthorizer, api: Server) -> None:
    """A 401 from where a redirect leads within the API leads to a refresh."""
    api.routes["/x"] = redirect("/y")
    api.routes["/y"] = lambda seen: as_json(1, status=200 if seen.token == "token-2" else 401)
    assert session.get(f"{api.origin}/x").ok
    assert authorizer.rejected == ["token-1"]


def test_a_streamed_download(session: Session, api: Server, secure_stranger: Server) -> None:
    """A streamed download survives its redirect."""
    secure_stranger.routes["/blob"] = Reply(b"x" * 100_000, content_type="text/plain")
    api.routes["/x"] = redirect(f"{secure_stranger.origin}/blob")
    with session.get(f"{api.origin}/x", stream=True) as response:
        assert len(response.raw.read()) == 100_000


@pytest.mark.parametrize(
    ("status", "method"), [(301, "POST"), (302, "POST"), (303, "GET"), (307, "POST"), (308, "POST")]
)
@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_post_of_a_read(
    session: Session, api: Server, sibling: Server, status: int, method: str, *, is_elsewhere: bool
) -> None:
    """A read's POST stays one with its body, since a GET asks for other rows; 303 alone says that it is to be a GET."""
    server = sibling if is_elsewhere else api
    api.routes["/x"] = redirect(f"{server.origin}/x/", status)
    server.routes["/x/"] = lambda seen: as_json([{"method": seen.method, "body": seen.body.decode()}])

    frame = read(session, f"{api.origin}/x", json={"q": 1})

    body = '{"q": 1}' if method == "POST" else ""
    assert frame.to_dict("records") == [{"method": method, "body": body}]
    assert server.seen[-1].headers.get("content-type") == ("application/json" if body else None)
    assert server.seen[-1].headers.get("content-length", "0") == str(len(body))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_post_of_a_read_elsewhere(session: Session, api: Server, secure_stranger: Server, status: int) -> None:
    """A read's POST goes nowhere but to the profile's origins."""
    api.routes["/x"] = redirect(f"{secure_stranger.origin}/x", status)
    with pytest.raises(OriginNotAllowed, match="POST"):
        read(session, f"{api.origin}/x", json={"q": 1})
    assert secure_stranger.seen == []


@pytest.mark.parametrize("status", [301, 302])
def test_post_of_a_session(session: Session, api: Server, status: int) -> None:
    """A session's own POST becomes a GET, as requests documents it."""
    api.routes["/x"] = redirect("/y", status)
    api.routes["/y"] = lambda seen: as_json(seen.method)
    assert session.post(f"{api.origin}/x", json={"q": 1}).json() == "GET"
