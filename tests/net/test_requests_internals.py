from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import requests
import urllib3
from loopback_api import serving
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from nbauth.demo.certificates import make_server_tls
from nbauth.net import requests_internals

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://api.example.com/rows"
INSTALLED = {"requests": requests.__version__, "urllib3": urllib3.__version__}


def _response(body: bytes, *, announced: int) -> tuple[requests.Response, io.BytesIO]:
    wire, response = io.BytesIO(body), requests.Response()
    headers = {"Content-Length": str(announced)}
    response.raw = urllib3.HTTPResponse(wire, headers=headers, preload_content=False)
    return response, wire


@pytest.mark.parametrize("tried", requests_internals.TRIED, ids=lambda tried: tried.library)
def test_the_installed_release_was_tried(tried: requests_internals.TriedVersions) -> None:
    """Every test passed with the installed release. With a newer one: read `requests_internals`, then raise `last`."""
    assert tried.has(INSTALLED[tried.library])


def test_pools_are_closed() -> None:
    """An adapter's pools, and those of its proxies, keep no connection."""
    adapter = HTTPAdapter()
    manager = adapter.proxy_manager_for("http://proxy.example.com:3128")
    pools = [adapter.poolmanager.connection_from_url(URL), manager.connection_from_url(URL)]
    requests_internals.close_pools(adapter)
    assert [pool.pool for pool in pools] == [None, None]


def test_pools_of_a_class() -> None:
    """A pool manager makes its pools of the class that it is given, for https only."""

    class Pool(HTTPSConnectionPool):
        pass

    manager = urllib3.PoolManager()
    requests_internals.use_pools(manager, Pool)
    assert type(manager.connection_from_url(URL)) is Pool
    assert type(manager.connection_from_url("http://localhost/")) is HTTPConnectionPool
    assert requests_internals.pools_of(manager) is Pool


def test_cookies_of_a_request() -> None:
    """The cookies that a request was made with are at hand; one that was not prepared has none."""
    request = requests.Request("GET", URL, cookies={"session": "4711"}).prepare()
    assert requests_internals.cookies_of(request)["session"] == "4711"
    assert requests_internals.cookies_of(requests.PreparedRequest()) is None


@pytest.mark.parametrize("announced", [0, 4])
def test_a_body_is_dropped_unread(announced: int) -> None:
    """A body that is dropped is not read, and is empty from then on."""
    response, wire = _response(b"rows"[:announced], announced=announced)
    requests_internals.drop_body(response)
    assert wire.closed or wire.tell() == 0
    assert response.content == b""


class _Asked(dict[str, str]):
    """Headers that note which connection asks for them."""

    def __init__(self) -> None:
        super().__init__()
        self.by: list[requests_internals.AskingConnection | None] = []

    def copy(self) -> _Asked:
        return self

    def items(self) -> Any:
        self.by.append(requests_internals.asking_connection())
        return super().items()


def test_who_asks_for_headers() -> None:
    """Headers know the connection that is about to send them, and are asked by others, too."""
    with serving() as server:
        asked = _Asked()
        asked.items()
        with urllib3.PoolManager() as pools:
            pools.request("GET", f"{server.origin}/rows", headers=asked)
        with urllib3.ProxyManager(server.origin) as pools:
            pools.connection_from_url(URL.replace("https", "http")).urlopen("GET", "/rows", headers=asked)
    connection = requests_internals.AskingConnection(server.origin, is_verified=False, has_proxy=False)
    assert asked.by == [None, connection, replace(connection, has_proxy=True)]


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")  # which urllib3 says of the second connection
def test_whether_who_asks_is_verified(tmp_path: Path) -> None:
    """Headers know whether the server has shown who it is."""
    tls = make_server_tls(tmp_path)
    asked = _Asked()
    with serving(tls.context) as server, urllib3.PoolManager(ca_certs=str(tls.ca_file)) as pools:
        pools.request("GET", f"{server.origin}/rows", headers=asked)
        with urllib3.PoolManager(cert_reqs="CERT_NONE") as careless:
            careless.request("GET", f"{server.origin}/rows", headers=asked)
        with urllib3.PoolManager(ca_certs=str(tls.ca_file), assert_hostname=False) as any_name:
            any_name.request("GET", f"{server.origin}/rows", headers=asked)
    assert [connection and connection.is_verified for connection in asked.by] == [True, False, False]
    assert {connection and connection.url for connection in asked.by} == {server.origin}
