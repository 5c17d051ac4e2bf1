"""Bodies that are small on the wire and large once they are unpacked."""

from __future__ import annotations

import gzip
import tracemalloc
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from loopback_api import Reply, as_json

from nbauth.data.ranges import facts_of, open_at_any_place
from nbauth.data.read import open_url, pages, read
from nbauth.errors import ApiError, DataError, FormatError

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback_api import Seen, Server

    from nbauth.data.session import Session

_UNPACKED = 48 * 1024 * 1024
_GZIP = {"Content-Encoding": "gzip"}


@cache
def bomb(layers: int = 1) -> bytes:
    """Return a body that becomes 48 MiB."""
    packed = bytes(_UNPACKED)
    for _ in range(layers):
        packed = gzip.compress(packed, 6)
    return packed


def peak_of(act: Callable[[], Any]) -> int:
    """Return how much memory Python took at most."""
    bomb()
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _fails(session: Session, url: str, kind: type[Exception], **options: Any) -> Callable[[], None]:
    def act() -> None:
        with pytest.raises(kind):
            read(session, url, **options)

    return act


@pytest.mark.parametrize(("status", "stream"), [(301, True), (302, False), (307, False), (308, True)])
def test_body_of_a_redirect(session: Session, api: Server, status: int, *, stream: bool) -> None:
    """A redirect's own body is not read."""
    api.routes["/x"] = Reply(bomb(), status, {"Location": "/there", **_GZIP}, None)
    api.routes["/there"] = as_json([{"a": 1}])
    found: list[Any] = []
    peak = peak_of(lambda: found.append(session.get(f"{api.origin}/x", stream=stream)))
    assert (found[0].json(), found[0].history[0].content) == ([{"a": 1}], b"")
    assert peak < 8_000_000


def test_body_of_a_redirect_that_is_not_followed(session: Session, api: Server) -> None:
    """Nor is it where the caller follows no redirects."""
    api.routes["/x"] = Reply(bomb(), 302, {"Location": "/there", **_GZIP}, None)
    assert peak_of(lambda: session.get(f"{api.origin}/x", allow_redirects=False)) < 8_000_000


def test_body_of_a_redirect_elsewhere(session: Session, api: Server, secure_stranger: Server) -> None:
    """Nor is it where the redirect comes from a stranger."""
    api.routes["/x"] = Reply(status=302, headers={"Location": f"{secure_stranger.origin}/y"})
    secure_stranger.routes["/y"] = Reply(bomb(), 302, {"Location": "/z", **_GZIP}, None)
    secure_stranger.routes["/z"] = as_json(1)
    assert peak_of(lambda: session.get(f"{api.origin}/x")) < 8_000_000


def test_redirects_keep_a_connection(session: Session, api: Server) -> None:
    """A redirect without a body costs no new connection."""
    api.routes["/x"] = Reply(status=302, headers={"Location": "/there"}, content_type=None)
    api.routes["/there"] = as_json(1)
    session.get(f"{api.origin}/x")
    pools = session.get_adapter(api.origin).poolmanager.pools  # type: ignore[attr-defined]
    assert [(pools[key].num_requests, pools[key].num_connections) for key in pools.keys()] == [(2, 1)]  # noqa: SIM118


@pytest.mark.parametrize("challenge", ["Bearer", 'Bearer error="insufficient_claims", claims="eyJhIjoxfQ"'])
def test_body_of_a_rejection(session: Session, api: Server, challenge: str) -> None:
    """The body of a 401 that is answered with another token is not read."""

    def answer(seen: Seen) -> Reply:
        headers = {"WWW-Authenticate": challenge, **_GZIP}
        return as_json(1) if seen.token == "token-2" else Reply(bomb(), 401, headers)

    api.routes["/x"] = answer
    assert peak_of(lambda: session.get(f"{api.origin}/x")) < 8_000_000


@pytest.mark.parametrize(("status", "coding"), [(300, "gzip"), (401, "gzip"), (404, "gzip, gzip"), (500, "gzip")])
def test_body_of_an_error(session: Session, api: Server, status: int, coding: str) -> None:
    """Of an error's body no more is unpacked than is looked at."""
    api.routes["/x"] = Reply(bomb(coding.count("gzip")), status, {"Content-Encoding": coding}, "text/plain")
    assert peak_of(_fails(session, f"{api.origin}/x", ApiError)) < 8_000_000


@pytest.mark.parametrize(
    ("kind", "coding"),
    [("application/json", "gzip"), ("application/x-ndjson", "gzip, gzip"), ("text/csv", "gzip"), ("text/html", "gzip")],
)
def test_max_bytes_counts_what_is_unpacked(session: Session, api: Server, kind: str, coding: str) -> None:
    """`max_bytes` is of what comes out of a body, with one coding or several."""
    api.routes["/x"] = Reply(bomb(coding.count("gzip")), headers={"Content-Encoding": coding}, content_type=kind)
    error = FormatError if kind == "text/html" else DataError
    assert peak_of(_fails(session, f"{api.origin}/x", error, max_bytes=1_000_000)) < 24_000_000


def test_codings_that_do_not_end(session: Session, api: Server) -> None:
    """A body in more codings than anybody uses is an error."""
    api.routes["/x"] = Reply(b"x", headers={"Content-Encoding": ", ".join(["gzip"] * 200)})
    with pytest.raises(DataError, match="compressed body that cannot be read"):
        read(session, f"{api.origin}/x")


def test_parts_that_are_longer(session: Session, api: Server) -> None:
    """Of an answer to a byte range no more is read than was asked for."""
    headers = {"ETag": '"1"', "Content-Range": "bytes 0-65535/200000000"}
    api.routes["/x"] = Reply(bytes(_UNPACKED), 206, headers, "application/octet-stream")
    found: list[Any] = []
    peak = peak_of(lambda: found.append(open_at_any_place(session, f"{api.origin}/x")))
    assert len(found[0].first) == 65_536
    assert peak < 8_000_000


def test_facts_and_streams(session: Session, api: Server) -> None:
    """Asking about a file, and opening it, unpack nothing before it is read."""
    api.routes["/x"] = Reply(bomb(), headers=_GZIP, content_type="application/octet-stream")
    assert peak_of(lambda: facts_of(session, f"{api.origin}/x")) < 8_000_000

    def start() -> None:
        with open_url(session, f"{api.origin}/x") as file:
            assert file.read(10) == bytes(10)

    assert peak_of(start) < 8_000_000


def test_pages_are_counted(session: Session, api: Server) -> None:
    """`max_bytes` holds for `pages`, too."""
    api.routes["/x"] = Reply(bomb(), headers=_GZIP, content_type="text/csv")

    def act() -> None:
        with pytest.raises(DataError, match="max_bytes"):
            list(pages(session, f"{api.origin}/x", max_bytes=1_000_000))

    assert peak_of(act) < 24_000_000
