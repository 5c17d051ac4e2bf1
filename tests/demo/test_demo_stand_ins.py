"""The demo API's stand-ins for three services, asked as nbauth's own pages of the documentation ask the services."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import nbauth
from nbauth.demo.api.stand_ins import DAX, KQL, REPORT
from nbauth.errors import ApiError

if TYPE_CHECKING:
    from demo_client import Client

    from nbauth.demo.server import DemoServer


@pytest.fixture
def api(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """The API's address, for an application."""
    monkeypatch.setenv("NBAUTH_CONFIG", str(demo.config_path))
    monkeypatch.setenv("NBAUTH_PROFILE", "nightly")
    return demo.api_url


def test_log_analytics(api: str, demo: DemoServer) -> None:
    """A table's columns stand beside its rows, with their types; a `dynamic` value is text, as the service sends it."""
    df = nbauth.read(f"{api}/workspaces/0/query", json={"query": KQL})
    assert list(df) == ["TimeGenerated", "City", "Location", "DayLengthMin"]
    assert df["TimeGenerated"].nunique() == demo.rows // 240
    assert df["TimeGenerated"].dtype.kind == "M"
    assert df["DayLengthMin"].dtype == "int64"
    assert json.loads(df["Location"][0])["country"] == "Ecuador"


def test_power_bi(api: str) -> None:
    """A DAX query's columns are called as the service calls them."""
    df = nbauth.read(f"{api}/myorg/datasets/0/executeQueries", json={"queries": [{"query": DAX}]})
    assert list(df) == ["Cities[Country]", "[Cities]", "[Northernmost]"]
    assert df.set_index("Cities[Country]").loc["Norway", "[Cities]"] == 2


def test_graph_report(api: str, client: Client) -> None:
    """A report is a redirect to a CSV file, which is there without a token for whoever knows its address."""
    df = nbauth.read(f"{api}/{REPORT}")
    assert df["Send Count"].tolist() == [42, 17, 8, 0, 3]
    assert df["Report Refresh Date"].dtype.kind == "M"
    led = client.api(f"/{REPORT}", client.tokens()["access_token"])
    assert led.status == 302
    assert client.api(led.headers["Location"], None).status == 200
    assert client.api(f"/{REPORT}", None).status == 401


@pytest.mark.parametrize(
    ("path", "body"),
    [("workspaces/0/query", {"query": "Heartbeat"}), ("myorg/datasets/0/executeQueries", {"queries": []})],
)
def test_another_question(api: str, path: str, body: dict[str, object]) -> None:
    """Any other question is refused, and the error says which one is known."""
    with pytest.raises(ApiError, match="knows one query"):
        nbauth.read(f"{api}/{path}", json=body)


@pytest.mark.parametrize(("method", "body"), [("GET", None), ("POST", "[]"), ("POST", "{")])
def test_what_is_not_a_question(client: Client, method: str, body: str | None) -> None:
    """A stand-in takes a JSON object by POST, and nothing else."""
    token = client.tokens()["access_token"]
    answer = client.send(
        f"{client.demo.api_url}/workspaces/0/query", method=method, form=body, Authorization=f"Bearer {token}"
    )
    assert answer.status in {400, 405}
    assert json.loads(answer.body)["error"]["code"] in {"BadRequest", "MethodNotAllowed"}
