"""A real JupyterHub with oauthenticator, whose people sign in at the demo provider; and their servers' sign-in."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest
import requests
from installed_programs import python_environment
from jupyter_servers import free_port

import nbauth
from nbauth import kernel
from nbauth.demo.api.api import API_IDENTIFIER
from nbauth.demo.person import Person
from nbauth.demo.server import ARCHIVE_IDENTIFIER
from nbauth.errors import SignInFailed, SignInRequired
from nbauth.signin.oidc.identity import read_claims

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.demo.server import DemoServer

pytestmark = pytest.mark.timeout(300)  # what is not installed yet takes a while

HERE = Path(__file__).parent / "hub"
SCOPES = [f"{API_IDENTIFIER}/Data.Read", f"{API_IDENTIFIER}/Profile.Read"]


@dataclass
class Hub:
    """A hub that runs.

    Attributes:
        origin: where it answers.
        directory: its own.
        api_token: of its administrator.
        client_id, client_secret: those that it has at the provider.
        demo: where its people sign in.
    """

    origin: str
    directory: Path
    api_token: str
    client_id: str
    client_secret: str
    demo: DemoServer

    def start_server_of(self, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Sign somebody in to the hub in a browser, start their server, and be in it: with its variables."""
        person = Person(user, ca_file=self.demo.ca_file)
        start = f"{self.origin}/hub/oauth_login"
        person.open(urljoin(start, person._get(start).location))
        if not self.ask("GET", f"users/{user}").get("server"):
            self.ask("POST", f"users/{user}/server")
        told, until = self.directory / user / f"{user}.json", time.monotonic() + 60
        while not self.ask("GET", f"users/{user}").get("server"):
            assert time.monotonic() < until
            time.sleep(0.1)
        for name, value in json.loads(told.read_text()).items():
            monkeypatch.setenv(name, value)

    def ask(self, method: str, path: str) -> dict[str, Any]:
        """Ask its REST API as an administrator."""
        answer = requests.request(
            method,
            f"{self.origin}/hub/api/{path}",
            headers={"Authorization": f"token {self.api_token}"},
            proxies={"http": ""},
            timeout=30,
        )
        answer.raise_for_status()
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found


@pytest.fixture(scope="module")
def hub(running_demo: DemoServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """The hub, started once."""
    program = python_environment(HERE / "requirements.txt") / "bin"
    directory, port = tmp_path_factory.mktemp("hub"), free_port()
    client = running_demo.provider.register_client(
        name="A hub", redirect_uris=[f"http://127.0.0.1:{port}/hub/oauth_callback"], confidential=True
    )
    document = requests.get(
        f"{running_demo.oidc_authority}/.well-known/openid-configuration", verify=running_demo.ca_file, timeout=10
    ).json()
    told = {
        "port": port,
        "unused_port": free_port(),
        "api_token": os.urandom(16).hex(),
        "client_id": client.client_id,
        "client_secret": next(iter(client.secrets)),
        "authorization_endpoint": document["authorization_endpoint"],
        "token_endpoint": document["token_endpoint"],
        "userdata_url": f"{running_demo.api_url}/me",
        "scopes": ["openid", "profile", "offline_access", *SCOPES],
        "ca_file": str(running_demo.ca_file),
    }
    found = Hub(
        origin=f"http://127.0.0.1:{port}",
        directory=directory,
        api_token=told["api_token"],
        client_id=told["client_id"],
        client_secret=told["client_secret"],
        demo=running_demo,
    )
    with (directory / "hub.log").open("wb") as log:
        process = subprocess.Popen(
            [program / "jupyterhub", "-f", HERE / "jupyterhub_config.py"],
            cwd=directory,
            env={**os.environ, "TOLD": json.dumps(told), "JUPYTERHUB_CRYPT_KEY": os.urandom(32).hex()},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            until = time.monotonic() + 60
            while True:
                with contextlib.suppress(requests.RequestException):
                    if requests.get(f"{found.origin}/hub/health", timeout=5).ok:
                        break
                assert process.poll() is None, (directory / "hub.log").read_text()
                assert time.monotonic() < until, (directory / "hub.log").read_text()
                time.sleep(0.1)
            yield found
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)


def _add(hub: Hub, **keys: Any) -> nbauth.Profile:
    apis = {hub.demo.api_origin: SCOPES}
    where = {"oidc_authority": hub.demo.oidc_authority, "ca_bundle": hub.demo.ca_file}
    made = nbauth.Profile("lab", **{"source": "hub", "apis": apis, **where, **keys})
    nbauth.add_profile(made)
    return made


def test_a_load(hub: Hub, demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a server of the hub a load works with no further sign-in, as the person who signed in to the hub."""
    hub.start_server_of("alice", monkeypatch)
    _add(hub)
    assert len(nbauth.read(f"{demo.api_url}/me", profile="lab")) == 1
    (account,) = nbauth.accounts()
    assert (account.source, account.username, account.kind) == ("hub", "alice@contoso.example", "person")


def test_tokens_that_end(hub: Hub, demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the hub's token has ended, the hub renews it, and a load goes on with the new one."""
    demo.provider.settings.access_token_s = 5
    hub.start_server_of("alice", monkeypatch)
    made = _add(hub)
    before = kernel.credential_of(made, made.login_scopes).access_token(made.login_scopes)
    time.sleep(max(0.0, before.expires_at - time.time()) + 1)
    assert len(nbauth.read(f"{demo.api_url}/me", profile="lab")) == 1
    after = kernel.credential_of(made, made.login_scopes).access_token(made.login_scopes)
    assert before.secret != after.secret


def test_a_server_without_the_scope(hub: Hub, demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the administrator has not set the scope, the error says which one is missing."""
    hub.start_server_of("bob", monkeypatch)
    _add(hub)
    with pytest.raises(SignInRequired, match="hub: this server's token lacks the scope admin:auth_state!user"):
        nbauth.login("lab")


def test_another_api(hub: Hub, demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token for one API is not sent to another one; with a client credential it is exchanged (RFC 8693)."""
    hub.start_server_of("alice", monkeypatch)
    row = {"https://archive.example": [f"{ARCHIVE_IDENTIFIER}/Archive.Read"]}
    _add(hub, apis=row)
    with pytest.raises(SignInFailed, match="gave a token for 'api://nbauth-demo', and api://nbauth-demo-archive/Arch"):
        nbauth.login("lab")
    monkeypatch.setenv("SECRET_OF_HUB", hub.client_secret)
    made = _add(hub, apis=row, client_id=hub.client_id, client_secret={"env": "SECRET_OF_HUB"})
    assert nbauth.login("lab").username == "alice@contoso.example"
    token = kernel.credential_of(made, made.login_scopes).access_token(made.login_scopes)
    claims = read_claims(token.secret)
    assert (claims["aud"], claims["preferred_username"]) == (ARCHIVE_IDENTIFIER, "alice@contoso.example")


def test_another_provider(hub: Hub, demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile of another provider gets no token of the hub's."""
    hub.start_server_of("alice", monkeypatch)
    nbauth.add_profile(dataclasses.replace(_add(hub), oidc_authority="https://login.example.org/realms/lab"))
    with pytest.raises(SignInFailed, match=r"and the profile's provider is https://login\.example\.org/realms/lab"):
        nbauth.login("lab")
