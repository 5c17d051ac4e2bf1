"""A stand-in for a Kusto cluster: its metadata, which need no token, and one table."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from loopback_api import as_json
from token_checking_server import serving_those_with_a_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopback_api import Reply, Seen
    from token_checking_server import TokenCheckingServer

    from nbauth.demo.server import DemoServer

__all__ = ["KUSTO", "METADATA", "issue_v1", "metadata", "serving_a_cluster"]

KUSTO = "https://kusto.kusto.windows.net"
METADATA = "/v1/rest/auth/metadata"
_FRAMES = [
    {"FrameType": "DataSetHeader", "IsProgressive": False, "Version": "v2.0"},
    {
        "FrameType": "DataTable",
        "TableId": 0,
        "TableKind": "PrimaryResult",
        "TableName": "PrimaryResult",
        "Columns": [{"ColumnName": "n", "ColumnType": "long"}],
        "Rows": [[1], [2]],
    },
    {"FrameType": "DataSetCompletion", "HasErrors": False, "Cancelled": False},
]


def metadata(resource: str) -> Reply:
    """Return what a cluster says of itself; its clients ask for a token of this resource."""
    keys = ("LoginEndpoint", "KustoClientAppId", "KustoClientRedirectUri", "FirstPartyAuthorityUrl")
    said = {**dict.fromkeys(keys, "https://login.microsoftonline.com"), "LoginMfaRequired": False}
    return as_json({"AzureAD": {**said, "KustoServiceResourceId": resource}})


def issue_v1(demo: DemoServer, server: TokenCheckingServer) -> None:
    """Issue tokens v1.0 for a server, as Entra does for Azure's older services."""
    scopes = server.scopes
    demo.provider.register_resource(server.resource, scopes=scopes, roles=[f"{scopes[0]}.All"], token_version=1)


@contextlib.contextmanager
def serving_a_cluster(demo: DemoServer) -> Iterator[TokenCheckingServer]:
    """Run a cluster that profile `kusto` names."""
    with serving_those_with_a_token(demo, resource=KUSTO, in_header=False) as server:

        def query(seen: Seen) -> Reply:
            server.check(seen.token or "")
            return as_json(_FRAMES)

        server.routes |= {"/v2/rest/query": query, METADATA: metadata(KUSTO)}
        issue_v1(demo, server)
        server.add_profile("kusto")
        yield server
