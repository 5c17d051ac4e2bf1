"""Several profiles in one kernel: whose token goes where, and whose authorities count for which server."""

from __future__ import annotations

import dataclasses
import io
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import fsspec
import pandas as pd
import pytest
import requests
from loopback_api import Reply, as_json, redirect, serving
from ranged_files import RangedFile

import nbauth
from nbauth import kernel
from nbauth.adapters.fsspec import FileSystem
from nbauth.demo.certificates import make_server_tls
from nbauth.errors import ApiError, DataError, OriginNotAllowed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from loopback_api import Server

    from nbauth.demo.server import DemoServer

BOTH = r"profile 'work' names, and profile 'lab' does not"
SCOPES = {"lab": "api://nbauth-demo/.default", "work": "api://nbauth-demo-archive/.default"}


@dataclass
class World:
    """Two applications' profiles, each with an API whose certificate an authority of its own has signed."""

    lab: Server
    work: Server
    authorities: dict[str, Any]
    bundles: dict[str, Path]

    def change(self, name: str, **keys: Any) -> None:
        """Put a profile with other keys in place."""
        kernel.add_profile(dataclasses.replace(kernel.config().profiles[name], **keys))

    def tokens(self) -> dict[str, str]:
        """Return each profile's token."""
        profiles = {name: kernel.config().profiles[name] for name in SCOPES}
        return {
            name: kernel.credential_of(profile, (SCOPES[name],)).token((SCOPES[name],))
            for name, profile in profiles.items()
        }


@pytest.fixture(scope="session")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Each profile's certificate authority."""
    return {name: make_server_tls(tmp_path_factory.mktemp(name)) for name in SCOPES}


@pytest.fixture
def world(demo: DemoServer, authorities: dict[str, Any], tmp_path: Path) -> Iterator[World]:
    """The two profiles and their APIs."""
    FileSystem.clear_instance_cache()
    bundles: dict[str, Path] = {}
    with serving(authorities["lab"].context) as lab, serving(authorities["work"].context) as work:
        nightly = kernel.config().profiles["nightly"]
        for name, api in {"lab": lab, "work": work}.items():
            bundle = tmp_path / f"{name}.pem"
            bundle.write_bytes(demo.ca_file.read_bytes() + authorities[name].ca_file.read_bytes())
            bundles[name] = bundle
            apis = {api.origin: (SCOPES[name],)}
            kernel.add_profile(dataclasses.replace(nightly, name=name, apis=apis, ca_bundle=str(bundle), file=None))
        made = World(lab, work, authorities, bundles)
        made.tokens()  # both have been used
        yield made
    FileSystem.clear_instance_cache()


def _page(next_link: str | None, rows: int = 2) -> Reply:
    document: dict[str, Any] = {"value": [{"row": number} for number in range(rows)]}
    return as_json(document | ({"@odata.nextLink": next_link} if next_link else {}))


# Whose token


@pytest.mark.parametrize("status", [302, 307])
def test_get_redirected_to_another_profile(world: World, status: int, caplog: pytest.LogCaptureFixture) -> None:
    """A GET that leads to another profile's API is followed as to a stranger: no token, cookie or key; it is noted."""
    caplog.set_level(logging.INFO, logger="nbauth")
    world.lab.routes["/x"] = redirect(f"{world.work.origin}/users?role=admin", status)
    world.work.routes["/users"] = as_json("open")
    keys = {"X-Api-Key": "key", "Referer": f"{world.lab.origin}/?sig=hush", "Cookie": "a=b"}
    with nbauth.session() as session:
        session.cookies.set("mine", "yes")
        assert session.get(f"{world.lab.origin}/x", headers=keys).json() == "open"
    assert [seen.token for seen in world.lab.seen] == [world.tokens()["lab"]]
    (seen,) = world.work.seen
    assert not {"authorization", "x-api-key", "referer", "cookie"} & set(seen.headers)
    assert f"{BOTH}: followed without token" in caplog.text.replace('"', "'")
    assert "hush" not in caplog.text


@pytest.mark.parametrize(
    ("method", "status"),
    [("HEAD", 302), ("POST", 302), ("POST", 307), ("PUT", 308), ("PATCH", 303), ("DELETE", 302), ("DELETE", 307)],
)
def test_other_methods_redirected_to_another_profile(world: World, method: str, status: int) -> None:
    """Nothing but a GET is led to another profile's API; the error names both profiles and the line to type."""
    world.lab.routes["/x"] = redirect(f"{world.work.origin}/users/7", status)
    with nbauth.session() as session, pytest.raises(OriginNotAllowed, match=BOTH) as caught:
        session.request(method, f"{world.lab.origin}/x", json={"a": 1}, allow_redirects=True)
    assert "nbauth.session('work')" in str(caught.value)
    assert world.work.seen == []


def _streamed(url: str) -> pd.DataFrame:
    with nbauth.session() as session, session.get(url, stream=True) as response:
        return pd.read_csv(response.raw)


def _function(answer: Any) -> Any:
    return answer.json().get("@odata.nextLink")


@pytest.mark.parametrize(
    "load",
    [
        lambda url, _: nbauth.read(url),
        lambda url, _: nbauth.read(url, profile="lab"),
        lambda url, _: nbauth.read(url, paging=_function),
        lambda url, _: nbauth.read(url, json={"q": 1}, paging=_function),
        lambda url, _: nbauth.read([url, url]),
        lambda url, _: list(nbauth.pages(url)),
        lambda url, path: nbauth.read(url, to=path / "x.parquet"),
    ],
)
def test_next_link_to_another_profile(world: World, load: Callable[..., Any], tmp_path: Path) -> None:
    """A next link to another profile's API is an error that names both profiles and the line to type."""
    world.lab.routes["/rows"] = _page(f"{world.work.origin}/secret?sig=hush")
    world.work.routes["/secret"] = _page(None)
    with pytest.raises(OriginNotAllowed, match=BOTH) as caught:
        load(f"{world.lab.origin}/rows", tmp_path)
    assert "nbauth.read(URL, profile='work')" in str(caught.value)
    assert "hush" not in str(caught.value)
    assert world.work.seen == []


def test_next_link_in_a_header(world: World) -> None:
    """The same holds for a link in a header."""
    link = {"Link": f'<{world.work.origin}/secret>; rel="next"'}
    world.lab.routes["/rows"] = as_json([{"row": 1}], headers=link)
    with pytest.raises(OriginNotAllowed, match=BOTH):
        nbauth.read(f"{world.lab.origin}/rows")
    assert world.work.seen == []


@pytest.mark.parametrize(
    "load",
    [
        lambda url: pd.read_csv(nbauth.open(url)),
        lambda url: pd.read_csv(f"nbauth+{url}"),
        nbauth.read,
        lambda url: pd.read_csv(io.BytesIO(b"".join(fsspec.filesystem("nbauth+https").cat_ranges([url], [0], [None])))),
        _streamed,
    ],
)
def test_file_of_another_profile(world: World, load: Callable[[str], pd.DataFrame]) -> None:
    """A file that a redirect has at another profile's API is read without its token, whole and in parts."""
    content = b"row\n" + b"".join(b"%d\n" % number for number in range(20_000))
    world.lab.routes["/file.csv"] = redirect(f"{world.work.origin}/file.csv")
    world.work.routes["/file.csv"] = RangedFile(content, content_type="text/csv")
    assert len(load(f"{world.lab.origin}/file.csv")) == 20_000
    assert {seen.token for seen in world.work.seen} == {None}


def test_redirect_there_and_back(world: World) -> None:
    """A chain that another profile's API sends back gets no token where it comes back."""
    world.lab.routes["/x"] = redirect(f"{world.work.origin}/y")
    world.work.routes["/y"] = redirect(f"{world.lab.origin}/admin")
    world.lab.routes["/admin"] = as_json("who?")
    with nbauth.session() as session:
        session.get(f"{world.lab.origin}/x")
    assert [seen.token for seen in world.work.seen] == [None]
    assert [seen.token for seen in world.lab.seen] == [world.tokens()["lab"], None]


def test_next_link_there_and_back(world: World) -> None:
    """A server that a redirect led to may name the next page of what was asked for, and no other place for a token."""
    world.lab.routes["/rows"] = lambda seen: (
        redirect(f"{world.work.origin}/rows{seen.path[5:]}") if "page" not in seen.path else _page(None)
    )
    world.work.routes["/rows"] = _page(f"{world.lab.origin}/rows?page=2")
    assert len(nbauth.read(f"{world.lab.origin}/rows")) == 4
    world.work.routes["/rows"] = _page(f"{world.lab.origin}/admin/rows?page=2")
    with pytest.raises(OriginNotAllowed, match=r"leads back to https://localhost:\d+/admin/rows\?page=…, another"):
        nbauth.read(f"{world.lab.origin}/rows")
    assert "/admin/rows?page=2" not in [seen.path for seen in world.lab.seen]


def test_challenge_of_another_profile(world: World) -> None:
    """A 401 from another profile's API, with claims or without, costs no token of its profile and asks nobody."""
    before = world.tokens()
    challenge = 'Bearer error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7fX19"'
    world.lab.routes["/x"] = redirect(f"{world.work.origin}/y")
    for headers in ({}, {"WWW-Authenticate": challenge}):
        world.work.routes["/y"] = Reply(b"{}", 401, headers=headers)
        with nbauth.session() as session:
            assert session.get(f"{world.lab.origin}/x").status_code == 401
        with pytest.raises(ApiError, match="401"):
            nbauth.read(f"{world.lab.origin}/x")
    assert world.tokens() == before
    assert {seen.token for seen in world.work.seen} == {None}


def test_origin_of_both_profiles(world: World) -> None:
    """Where both profiles name an origin, a chain's own profile serves it there, whichever is the default one."""
    world.change("lab", apis={world.lab.origin: (SCOPES["lab"],), world.work.origin: (SCOPES["lab"],)})
    world.bundles["lab"].write_bytes(b"".join(bundle.read_bytes() for bundle in world.bundles.values()))
    kernel.add_profile(dataclasses.replace(kernel.config().profiles["work"], name="demo"))
    world.lab.routes["/rows"] = _page(f"{world.work.origin}/rows")
    world.lab.routes["/x"] = redirect(f"{world.work.origin}/rows")
    world.work.routes["/rows"] = _page(None)
    nbauth.read(f"{world.lab.origin}/rows")
    with nbauth.session() as session:
        session.get(f"{world.lab.origin}/x")
        session.get(f"{world.work.origin}/rows")
    tokens = world.tokens()
    assert [seen.token for seen in world.work.seen] == [tokens["lab"], tokens["lab"], tokens["work"]]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_redirect_that_the_caller_follows(world: World, method: str) -> None:
    """A redirect that the caller follows step by step, in either of the ways of requests, gets no other token."""
    world.lab.routes["/x"] = redirect("/y", 307)
    world.lab.routes["/y"] = redirect(f"{world.work.origin}/users/7", 307)
    with nbauth.session() as session:
        first = session.request(method, f"{world.lab.origin}/x", allow_redirects=False)
        second = session.send(first.next, allow_redirects=False)
        with pytest.raises(OriginNotAllowed, match="Profile 'lab' does not name"):
            session.send(second.next, allow_redirects=False)
        with pytest.raises(OriginNotAllowed, match="Profile 'lab' does not name"):
            list(session.resolve_redirects(first, first.request))
    assert {seen.token for seen in world.lab.seen} == {world.tokens()["lab"]}
    assert world.work.seen == []


def test_urls_of_several_profiles(world: World) -> None:
    """Several URLs in one call are a chain each: every one gets its own profile's token."""
    for api in (world.lab, world.work):
        api.routes["/rows"] = _page("/rows?page=2")
        api.routes["/rows?page=2"] = _page(None)
    assert len(nbauth.read([f"{world.lab.origin}/rows", f"{world.work.origin}/rows"])) == 8
    tokens = world.tokens()
    assert {seen.token for seen in world.lab.seen} == {tokens["lab"]}
    assert {seen.token for seen in world.work.seen} == {tokens["work"]}


def test_a_request_of_a_chain(world: World) -> None:
    """A request of another profile's API is refused in a chain, wherever it was kept meanwhile."""
    with nbauth.session() as session:
        chain = session.chain(f"{world.lab.origin}/rows")
        request = session.prepare_request(requests.Request("GET", f"{world.work.origin}/rows"))
        with pytest.raises(OriginNotAllowed, match="Profile 'lab' does not name"):
            session.send_within(chain, request)
    assert world.work.seen == []


# Whom a server is known to


def test_each_profiles_own_authorities(world: World) -> None:
    """Each API is reached with the authorities of the profile that names it."""
    for api in (world.lab, world.work):
        api.routes["/x"] = as_json(1)
    with nbauth.session() as session:
        assert session.get(f"{world.lab.origin}/x").ok
        assert session.get(f"{world.work.origin}/x").ok


def test_another_profiles_authority(world: World) -> None:
    """A server that another profile's authority vouches for is not the API that a profile names: nothing is sent."""
    with serving(world.authorities["lab"].context) as impostor:
        world.change("work", apis={impostor.origin: (SCOPES["work"],)})
        with nbauth.session() as session, pytest.raises(requests.exceptions.SSLError):
            session.get(f"{impostor.origin}/x")
        with pytest.raises(DataError, match="ca_bundle"):
            nbauth.read(f"{impostor.origin}/x")
        assert impostor.seen == []


def test_authority_for_strangers(world: World) -> None:
    """A profile's authority counts for its own APIs alone: where a redirect leads, the usual ones do."""
    with serving(world.authorities["lab"].context) as stranger:
        stranger.routes["/blob"] = as_json(1)
        world.lab.routes["/x"] = redirect(f"{stranger.origin}/blob")
        with nbauth.session() as session, pytest.raises(requests.exceptions.SSLError):
            session.get(f"{world.lab.origin}/x")
        assert stranger.seen == []


def test_authority_of_a_profile_that_nobody_uses(world: World) -> None:
    """A profile that nobody has signed in to decides on no server, not even on one that it names."""
    with serving(world.authorities["work"].context) as named:
        named.routes["/blob"] = as_json(1)
        planted = dataclasses.replace(kernel.config().profiles["work"], name="planted", apis={named.origin: ("x",)})
        kernel.add_profile(planted)
        world.lab.routes["/x"] = redirect(f"{named.origin}/blob")
        with nbauth.session() as session, pytest.raises(requests.exceptions.SSLError):
            session.get(f"{world.lab.origin}/x")
        assert named.seen == []


def test_connections_are_kept_apart(world: World) -> None:
    """A connection that one profile's authority let in carries no request of a profile that does not know it."""
    both = {world.lab.origin: (SCOPES["lab"],), world.work.origin: (SCOPES["lab"],)}
    world.change("lab", apis=both)
    kernel.add_profile(dataclasses.replace(kernel.config().profiles["work"], name="demo"))
    world.work.routes["/rows"] = as_json(1)
    world.lab.routes["/x"] = redirect(f"{world.work.origin}/rows")
    with nbauth.session() as session:
        assert session.get(f"{world.work.origin}/rows").ok
        with pytest.raises(requests.exceptions.SSLError):
            session.get(f"{world.lab.origin}/x")
    assert [seen.token for seen in world.work.seen] == [world.tokens()["work"]]
