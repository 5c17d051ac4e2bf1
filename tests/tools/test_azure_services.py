"""The clients of Kusto, Azure Monitor and Microsoft Graph with `nbauth.credential`: stand-ins check their tokens."""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import TYPE_CHECKING, Any

import aiohttp.connector
import httpx
import pytest
from azure.core.exceptions import HttpResponseError
from azure.kusto.data import KustoClient, KustoConnectionStringBuilder
from azure.kusto.data.aio import KustoClient as AsyncKustoClient
from azure.kusto.data.exceptions import KustoAuthenticationError
from azure.monitor.query import LogsQueryClient
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from kusto_stand_in import KUSTO, METADATA, issue_v1, metadata, serving_a_cluster
from loopback_api import as_json
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.graph_request_adapter import options as graph_options
from msgraph_core import GraphClientFactory
from token_checking_server import serving_those_with_a_token

import nbauth
from nbauth.adapters.azure import credential
from nbauth.errors import SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from token_checking_server import TokenCheckingServer

    from nbauth.demo.server import DemoServer

    SignIn = Callable[..., nbauth.Account]

MONITOR = "https://api.loganalytics.io"
GRAPH = "https://graph.microsoft.com"


@pytest.fixture(autouse=True)
def _trusts_the_demo(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(variable, str(demo.ca_file))
    # aiohttp has read the machine's authorities when it was imported, and Kusto's client hands none on.
    aiohttp.connector._SSL_CONTEXT_VERIFIED.load_verify_locations(demo.ca_file)


@pytest.fixture
def kusto(demo: DemoServer) -> Iterator[TokenCheckingServer]:
    """A cluster, whose metadata name the resource that its clients then ask for, as the real ones do."""
    with serving_a_cluster(demo) as server:
        yield server


def _cluster(server: TokenCheckingServer) -> KustoConnectionStringBuilder:
    return KustoConnectionStringBuilder.with_azure_token_credential(server.origin, credential(server.origin))


def test_kusto(kusto: TokenCheckingServer, sign_in: SignIn):
    """A query brings its rows; a sign-out holds at the next one, though the client has had a token."""
    sign_in("kusto")
    with KustoClient(_cluster(kusto)) as client:
        assert [row["n"] for row in client.execute_query("db", "T").primary_results[0]] == [1, 2]
        nbauth.logout("kusto")
        with pytest.raises(KustoAuthenticationError, match="SignInRequired"):
            client.execute_query("db", "T")
    assert [(claims["aud"], claims["ver"]) for claims in kusto.accepted] == [(KUSTO, "1.0")]


def test_kusto_on_an_event_loop(kusto: TokenCheckingServer, sign_in: SignIn):
    """So does the asynchronous client."""
    sign_in("kusto")

    async def go() -> list[int]:
        async with AsyncKustoClient(_cluster(kusto)) as client:
            return [row["n"] for row in (await client.execute_query("db", "T")).primary_results[0]]

    assert asyncio.run(go()) == [1, 2]
    assert [claims["aud"] for claims in kusto.accepted] == [KUSTO]


def test_a_cluster_that_names_another_resource(kusto: TokenCheckingServer, demo: DemoServer, sign_in: SignIn):
    """Kusto's client asks for what the cluster's metadata name: a hostile one that names Graph is sent no token."""
    kusto.routes[METADATA] = metadata(GRAPH)
    sign_in("kusto")
    demo.provider.requests.clear()
    with KustoClient(_cluster(kusto)) as client, pytest.raises(KustoAuthenticationError, match=GRAPH):
        client.execute_query("db", "T")
    assert kusto.accepted == []
    assert len(demo.provider.requests) == 0


@pytest.fixture
def monitor(demo: DemoServer) -> Iterator[TokenCheckingServer]:
    """Log Analytics."""
    with serving_those_with_a_token(demo, resource=MONITOR) as server:
        table = {"name": "PrimaryResult", "columns": [{"name": "n", "type": "long"}], "rows": [[1], [2]]}
        server.routes["/v1/workspaces/w/query"] = as_json({"tables": [table]})
        issue_v1(demo, server)
        server.add_profile("monitor", client_capabilities=("CP1",))
        yield server


def _logs(server: TokenCheckingServer, demo: DemoServer, **options: Any) -> LogsQueryClient:
    lent = credential(server.origin)
    trusted = str(demo.ca_file)
    return LogsQueryClient(lent, endpoint=server.origin, audience=MONITOR, connection_verify=trusted, **options)


def test_monitor(monitor: TokenCheckingServer, demo: DemoServer, sign_in: SignIn, caplog: pytest.LogCaptureFixture):
    """A query of a workspace brings its rows; with everything logged no token is."""
    sign_in("monitor")
    caplog.set_level(logging.DEBUG)
    with _logs(monitor, demo, logging_enable=True) as client:
        (table,) = client.query_workspace("w", "T", timespan=None).tables
    assert [list(row) for row in table.rows] == [[1], [2]]
    said = "\n".join([caplog.text, *(str(vars(record)) for record in caplog.records)])
    assert not [secret for secret in demo.provider.issued_secrets if secret in said]


def test_claims_that_a_service_asks_for(monitor: TokenCheckingServer, demo: DemoServer, sign_in: SignIn):
    """azure-core takes a claims challenge to the credential, and sends the request again with what that brings."""
    sign_in("monitor")
    with _logs(monitor, demo) as client:
        client.query_workspace("w", "T", timespan=None)
        monitor.bearer.demanded = {"access_token": {"acrs": {"essential": True, "value": "c1"}}}
        client.query_workspace("w", "T", timespan=None)
        client.query_workspace("w", "T", timespan=None)
    assert [claims.get("acrs") for claims in monitor.accepted] == [None, ["c1"], ["c1"]]
    assert len(monitor.seen) == 4


def test_claims_that_a_person_has_to_meet(monitor: TokenCheckingServer, demo: DemoServer, sign_in: SignIn):
    """Where only a person can meet them, the error says so; what the server had said is its cause."""
    sign_in("monitor")
    monitor.bearer.demanded = {"access_token": {"acrs": {"essential": True, "value": "c1"}}}
    demo.provider.settings.claims_need_person = True
    with _logs(monitor, demo) as client, pytest.raises(SignInRequired) as caught:
        client.query_workspace("w", "T", timespan=None)
    assert isinstance(caught.value.__cause__, HttpResponseError)


@pytest.fixture
def graph(demo: DemoServer) -> Iterator[TokenCheckingServer]:
    """Microsoft Graph."""
    with serving_those_with_a_token(demo, resource=GRAPH, scopes=("User.Read",)) as server:
        server.routes["/v1.0/me"] = as_json({"displayName": "Alice Adams"})
        server.add_profile("graph")
        yield server


@pytest.mark.filterwarnings("ignore::DeprecationWarning:(kiota|msgraph)")  # of classes of their own, on import
def test_graph(graph: TokenCheckingServer, demo: DemoServer, sign_in: SignIn):
    """Graph's client gets a token of the very type that it takes; of any other it would send none, and say nothing."""
    sign_in("graph")

    async def go() -> str | None:
        scopes, hosts = [f"{GRAPH}/.default"], ["localhost"]
        provider = AzureIdentityAuthenticationProvider(credential(graph.origin), scopes=scopes, allowed_hosts=hosts)
        transport = httpx.AsyncHTTPTransport(verify=ssl.create_default_context(cafile=demo.ca_file))
        async with transport:  # kiota puts another one around it, and does not close it
            plain = httpx.AsyncClient(transport=transport)
            http = GraphClientFactory.create_with_default_middleware(client=plain, options=graph_options)
            adapter = GraphRequestAdapter(provider, http)
            adapter.base_url = f"{graph.origin}/v1.0"
            me = await GraphServiceClient(request_adapter=adapter).me.get()
            return me.display_name if me else None

    assert asyncio.run(go()) == "Alice Adams"
    assert [claims["scp"] for claims in graph.accepted] == ["User.Read"]
