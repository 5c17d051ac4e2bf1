from __future__ import annotations

import io

import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from nbauth.net import requests_internals

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
