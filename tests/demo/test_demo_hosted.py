"""The demo beside a Jupyter server that people reach through a hub: where its pages are, and how one comes in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from demo_client import Client

from nbauth import kernel
from nbauth.demo import DemoServer
from nbauth.demo.hosted import Door

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLBACK = "https://hub.example/user/jo/lab/extensions/nbauth/static/callback.html"


@pytest.fixture
def hosted() -> Iterator[tuple[DemoServer, Door]]:
    """A demo of one's own: where its pages are stays told."""
    with DemoServer(rows=1) as demo, Door(demo) as door:
        yield demo, door


def come_in(door: Door, client: Client, path: str = ""):
    """Open the door as jupyter-server-proxy does behind a hub, whose proxy stands behind one that ends TLS."""
    headers = {"X_Forwarded_Proto": "https,http", "X_Forwarded_Context": f"/user/jo/proxy/{door.port}"}
    return client.send(f"http://localhost:{door.port}/{path}", Host="hub.example", **headers)


def test_whoever_comes_in_is_led_on(hosted: tuple[DemoServer, Door]):
    """The door leads to the same path on the Jupyter server, and to no other host."""
    demo, door = hosted
    client = Client(demo)
    for path in ("", "lab/tree/n.ipynb", "/elsewhere.example/"):
        answer = come_in(door, client, path)
        assert answer.status == 303
        assert answer.headers["Location"] == f"https://hub.example/user/jo/{path.lstrip('/')}"


def test_the_pages_are_where_the_proxy_leads(hosted: tuple[DemoServer, Door]):
    """What a browser opens, posts and keeps is below the proxy's path; programs go on by loopback."""
    demo, door = hosted
    client = Client(demo)
    come_in(door, client)
    pages = f"/user/jo/proxy/{demo.provider.page_port}"
    document = client.configuration
    assert document["authorization_endpoint"].startswith(f"https://hub.example{pages}/{demo.provider.tenant_id}/")
    assert document["token_endpoint"].startswith(f"{demo.provider.origin}/")
    page = client.send(client.authorize_url(redirect_uri=CALLBACK, response_mode="fragment"), Host="hub.example")
    action = re.search(r'action="([^"]*)"', page.text)
    ticket = re.search(r'name="ticket" value="([^"]*)"', page.text)
    assert action
    assert ticket
    assert action[1] == f"{pages}/{demo.provider.tenant_id}/login"
    answer = client.send(
        demo.provider.page_origin + action[1].removeprefix(pages),
        form={"ticket": ticket[1], "choice": "alice"},
        Host="hub.example",
    )
    assert answer.headers["Location"].startswith(f"{CALLBACK}#code=")
    assert f"; Path={pages}/;" in answer.headers["Set-Cookie"]


def test_the_profile_goes_with_it(hosted: tuple[DemoServer, Door], monkeypatch: pytest.MonkeyPatch):
    """The profile names the callback page and the hub's host, without which the provider's document is refused."""
    demo, door = hosted
    come_in(door, Client(demo))
    monkeypatch.setenv("NBAUTH_CONFIG", str(demo.config_path))
    profile = kernel.config().profiles["demo"]
    assert profile.redirect_uri == CALLBACK
    assert profile.endpoint_hosts == ("hub.example",)
    kernel.connection_of(profile)


def test_a_request_that_no_jupyter_server_sent(hosted: tuple[DemoServer, Door]):
    """A request that did not come by jupyter-server-proxy changes nothing."""
    demo, door = hosted
    client = Client(demo)
    before = client.configuration
    for headers in ({}, {"X_Forwarded_Context": "/user/jo/proxy/1"}):
        answer = client.send(f"http://localhost:{door.port}/", Host="evil.example", **headers)
        assert answer.status == 400
        assert f"/proxy/{door.port}/" in answer.text
    assert client.configuration == before
