"""The gql client over requests, httpx and aiohttp with `nbauth.auth`, against a server that checks each token."""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import TYPE_CHECKING, Any

import gql
import pytest
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportConnectionFailed
from gql.transport.httpx import HTTPXAsyncTransport, HTTPXTransport
from gql.transport.requests import RequestsHTTPTransport
from loopback_api import as_json, serving
from token_checking_server import serving_those_with_a_token

import nbauth
from nbauth.errors import ConfigError, OriginNotAllowed, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loopback_api import Reply, Seen
    from token_checking_server import TokenCheckingServer

    from nbauth.demo.server import DemoServer

QUERY = gql.gql('{ sun(city: "Quito") { city } }')


def _query(made: Any) -> list[str]:
    with gql.Client(transport=made) as session:
        return [row["city"] for row in session.execute(QUERY)["sun"]]


def _query_async(make: Callable[[], Any]) -> list[str]:
    async def query() -> list[str]:
        async with gql.Client(transport=make()) as session:
            answer = await session.execute(QUERY)
        return [row["city"] for row in answer["sun"]]

    return asyncio.run(query())


# Each asks the server for one city; `trust` is what a client takes for TLS.
TRANSPORTS: dict[str, Callable[[str, Any], list[str]]] = {
    "requests": lambda url, trust: _query(RequestsHTTPTransport(url, auth=nbauth.auth(), verify=trust)),
    "httpx": lambda url, trust: _query(HTTPXTransport(url, auth=nbauth.auth(), verify=_context(trust))),
    "httpx-async": lambda url, trust: _query_async(
        lambda: HTTPXAsyncTransport(url, auth=nbauth.auth(), verify=_context(trust))
    ),
    "aiohttp": lambda url, trust: _query_async(
        lambda: AIOHTTPTransport(url, ssl=_context(trust), client_session_args={"middlewares": (nbauth.auth(),)})
    ),
}
EVERY = pytest.mark.parametrize("ask", list(TRANSPORTS.values()), ids=list(TRANSPORTS))


def _context(trust: Any) -> Any:
    return ssl.create_default_context(cafile=trust) if isinstance(trust, str) else trust


@pytest.fixture
def server(demo: DemoServer, person: Callable[..., Any]) -> Iterator[TokenCheckingServer]:
    """A GraphQL server's stand-in, with Alice signed in to the profile that names it."""

    def answer(seen: Seen) -> Reply:
        return as_json({"data": {"sun": [{"city": json.loads(seen.body)["query"].split('"')[1]}]}})

    with serving_those_with_a_token(demo, resource="api://graphql") as server:
        server.routes["/graphql"] = answer
        server.add_profile()
        nbauth.login("stub", flow="paste", prompt=person(), timeout_s=20)
        yield server


@EVERY
def test_a_query(ask: Any, server: TokenCheckingServer, demo: DemoServer) -> None:
    """A query is answered, with the token of the person who is signed in."""
    assert ask(f"{server.origin}/graphql", str(demo.ca_file)) == ["Quito"]
    assert [claims["preferred_username"] for claims in server.accepted] == ["alice@contoso.example"]
    assert server.refused == []


@EVERY
def test_a_token_that_is_no_longer_good(ask: Any, server: TokenCheckingServer, demo: DemoServer) -> None:
    """The query is posted once more, whole, with another token."""
    demo.provider.clock.advance(7200)
    try:
        assert ask(f"{server.origin}/graphql", str(demo.ca_file)) == ["Quito"]
    finally:
        demo.provider.clock.reset()
    assert (len(server.refused), len(server.accepted)) == (1, 1)
    assert server.seen[0].body == server.seen[1].body


@EVERY
def test_claims(ask: Any, server: TokenCheckingServer, demo: DemoServer) -> None:
    """Claims that the server asks for come with another token."""
    server.bearer.demanded = {"access_token": {"acrs": {"essential": True, "value": "c1"}}}
    assert ask(f"{server.origin}/graphql", str(demo.ca_file)) == ["Quito"]
    assert server.accepted[0]["acrs"] == ["c1"]


@EVERY
@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")  # which urllib3 says of the connection
def test_where_no_token_goes(ask: Any, server: TokenCheckingServer, demo: DemoServer) -> None:
    """A stranger, and a server that nobody verifies, see no request; after a sign-out nobody does."""
    with serving() as stranger, pytest.raises(TransportConnectionFailed) as elsewhere:
        ask(f"{stranger.origin}/graphql", str(demo.ca_file))
    with pytest.raises(TransportConnectionFailed) as unverified:
        ask(f"{server.origin}/graphql", False)
    nbauth.logout("stub")
    with pytest.raises(TransportConnectionFailed) as signed_out:
        ask(f"{server.origin}/graphql", str(demo.ca_file))
    assert stranger.seen == server.seen == []
    causes = [type(caught.value.__cause__) for caught in (elsewhere, unverified, signed_out)]
    assert causes == [OriginNotAllowed, ConfigError, SignInRequired]
    assert 'nbauth.login("stub")' in str(signed_out.value)
