"""MLflow's client with its plug-in ``nbauth``, against a server that checks each token."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from loopback_api import redirect, serving
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from service_answers import GET_RUN, as_mlflow
from token_checking_server import serving_those_with_a_token

import nbauth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from token_checking_server import TokenCheckingServer

    from nbauth.demo.server import DemoServer


@pytest.fixture
def server(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenCheckingServer]:
    """A tracking server's stand-in, which a job's profile names."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(demo.ca_file))
    monkeypatch.setenv("MLFLOW_TRACKING_AUTH", "nbauth")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with serving_those_with_a_token(demo, resource="api://mlflow") as server:
        as_mlflow(server)
        server.add_profile(like="nightly")
        yield server


def test_a_run(server: TokenCheckingServer) -> None:
    """What is read and what is logged carries the row's token."""
    client = MlflowClient(tracking_uri=server.origin)
    assert client.get_run("r1").info.run_id == "r1"
    client.log_metric("r1", "loss", 0.5)
    assert (len(server.accepted), server.refused) == (2, [])


def test_a_token_that_is_refused(server: TokenCheckingServer, demo: DemoServer) -> None:
    """A token that the server takes no more is renewed, and the request is sent once more."""
    client = MlflowClient(tracking_uri=server.origin)
    client.get_run("r1")
    demo.provider.keys.rotate(forget_old=True)
    client.log_metric("r1", "loss", 0.5)
    assert (len(server.accepted), len(server.refused), len(server.tokens)) == (2, 1, 2)


def test_a_stranger(server: TokenCheckingServer) -> None:
    """A tracking server that no profile names is sent nothing, and one that redirects takes no token there."""
    with serving() as stranger:
        with pytest.raises(MlflowException, match="No profile"):
            MlflowClient(tracking_uri=stranger.origin).get_run("r1")
        assert stranger.seen == []
        server.routes[GET_RUN] = redirect(f"{stranger.origin}/run", status=307)
        with pytest.raises(MlflowException):
            MlflowClient(tracking_uri=server.origin).get_run("r1")
        assert [seen.token for seen in stranger.seen if seen.token] == []


def test_a_person_who_signs_out(server: TokenCheckingServer, person: Callable[..., Any]) -> None:
    """Nothing is sent before a person signs in, nor after the sign-out; MLflow's own error says what to type."""
    server.add_profile(like="demo")
    client = MlflowClient(tracking_uri=server.origin)
    with pytest.raises(MlflowException, match=r"nbauth\.login\(\"stub\"\)"):
        client.get_run("r1")
    nbauth.login("stub", flow="paste", prompt=person(), timeout_s=20)
    client.get_run("r1")
    nbauth.logout("stub")
    with pytest.raises(MlflowException, match=r"nbauth\.login\(\"stub\"\)"):
        client.get_run("r1")
    assert [claims["name"] for claims in server.accepted] == ["Alice Adams"]
    assert len(server.seen) == 1


def test_the_plug_in_is_light() -> None:
    """MLflow's import makes the plug-in, and loads no HTTP adapter of nbauth's for it."""
    code = (
        "import sys; from nbauth.adapters.mlflow import RequestAuthProvider as P; P(); print('requests' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
