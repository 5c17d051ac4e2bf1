"""databricks-sdk with the kernel's sign-in, against a server that checks each token."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import pytest
from databricks.sdk import WorkspaceClient
from loopback_api import as_json, redirect, serving
from service_answers import ME, as_databricks
from token_checking_server import serving_those_with_a_token

import nbauth
from nbauth.adapters.databricks import credentials_strategy
from nbauth.errors import OriginNotAllowed, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from token_checking_server import TokenCheckingServer

    from nbauth.demo.server import DemoServer

# Azure Databricks' application id, which its scopes are of.
AZURE_DATABRICKS = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"


@pytest.fixture
def server(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenCheckingServer]:
    """A workspace's stand-in, which a job's profile names."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(demo.ca_file))
    with serving_those_with_a_token(demo, resource=AZURE_DATABRICKS) as server:
        as_databricks(server)
        server.add_profile(like="nightly")
        yield server


def _refused(server: TokenCheckingServer) -> list[str]:
    """Return what was wrong with tokens; the SDK may ask without any what a host is, before its client is made."""
    return [why for why in server.refused if why != "Access token is empty."]


def test_a_client(server: TokenCheckingServer) -> None:
    """Each request of a client carries the row's token, pages, too; and the SDK has its token with its times."""
    client = WorkspaceClient(host=server.origin, credentials_strategy=credentials_strategy())
    assert client.current_user.me().user_name == "alice@contoso.example"
    assert [cluster.cluster_id for cluster in client.clusters.list()] == ["c1", "c2", "c3"]
    token = client.config.oauth_token()
    assert token.valid
    assert token.access_token == server.tokens[0]
    assert server.tokens[0] not in repr(token)
    assert (client.config.auth_type, len(server.accepted), _refused(server)) == ("nbauth", 4, [])


def test_a_copied_configuration(server: TokenCheckingServer) -> None:
    """What the SDK copies deeply, as for a workspace of an account, has the sign-in, too."""
    config = WorkspaceClient(host=server.origin, credentials_strategy=credentials_strategy("stub")).config.deep_copy()
    config.init_auth()
    assert WorkspaceClient(config=config).current_user.me().user_name == "alice@contoso.example"


def test_a_host_that_no_profile_names(server: TokenCheckingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host from the environment is refused like one that is named, and no token goes there."""
    with serving() as stranger:
        monkeypatch.setenv("DATABRICKS_HOST", stranger.origin)
        with pytest.raises(OriginNotAllowed):
            WorkspaceClient(credentials_strategy=credentials_strategy())
        assert [seen.token for seen in stranger.seen if seen.token] == []


def test_a_redirect_to_a_stranger(server: TokenCheckingServer) -> None:
    """A request that the host sends on to another origin arrives there without a token."""
    with serving() as stranger:
        server.routes[ME] = redirect(f"{stranger.origin}/Me", status=307)
        stranger.routes["/Me"] = as_json({"userName": "nobody"})
        WorkspaceClient(host=server.origin, credentials_strategy=credentials_strategy()).current_user.me()
        assert [seen.token for seen in stranger.seen] == [None]


def test_tokens_that_expire_soon(server: TokenCheckingServer, demo: DemoServer) -> None:
    """A token that Azure Databricks would refuse for its last seconds is renewed before."""
    demo.provider.settings.access_token_s = 42
    client = WorkspaceClient(host=server.origin, credentials_strategy=credentials_strategy())
    until = time.monotonic() + 3
    while time.monotonic() < until:
        client.current_user.me()
        time.sleep(0.05)
    assert len(server.tokens) >= 2
    assert _refused(server) == []


def test_a_person_who_signs_out(
    server: TokenCheckingServer, person: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A client that a person made sends nothing more after the sign-out; DEBUG logs hold no token."""
    server.add_profile(like="demo")
    client = WorkspaceClient(host=server.origin, credentials_strategy=credentials_strategy(), debug_headers=True)
    with caplog.at_level(logging.DEBUG):
        with pytest.raises(SignInRequired):
            client.current_user.me()
        nbauth.login("stub", flow="paste", prompt=person(), timeout_s=20)
        client.current_user.me()
        nbauth.logout("stub")
        seen = len(server.seen)
        with pytest.raises(SignInRequired):
            client.current_user.me()
    assert len(server.seen) == seen
    assert server.accepted[0]["name"] == "Alice Adams"
    assert any("databricks" in record.name for record in caplog.records)
    assert server.tokens[0] not in caplog.text
