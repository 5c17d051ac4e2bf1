"""The ID token of a job in a pipeline, with stand-ins for the services that give it."""

from __future__ import annotations

import datetime as dt
import json
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from loopback_api import Reply, as_json, redirect, serving

from nbauth import kernel
from nbauth.demo.certificates import make_server_tls
from nbauth.demo.provider.registry import Federation
from nbauth.errors import ConfigError, NbauthError, ProviderUnavailable
from nbauth.signin.profile import config, trust

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from loopback_api import Seen, Server

    from nbauth.demo.server import DemoServer
    from nbauth.signin.profile.profile import Profile

SECRET = "the secret of this job alone"
GITHUB, AZURE = "{ github_actions = true }", '{ azure_pipelines = "connection-7" }'


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """What gives jobs their ID tokens: GitHub's, as a GET, and Azure DevOps', as a POST."""
    tls = make_server_tls(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls.ca_file))
    with serving(tls.context) as server:
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{server.origin}/github?api-version=2.0")
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", SECRET)
        monkeypatch.setenv("SYSTEM_OIDCREQUESTURI", f"{server.origin}/azure/")
        monkeypatch.setenv("SYSTEM_ACCESSTOKEN", SECRET)
        yield server


@pytest.fixture
def issued(demo: DemoServer, service: Server) -> Iterator[list[str]]:
    """The ID tokens that were given out; the provider takes this service's word for the job."""
    key, issuer, given = rsa.generate_private_key(public_exponent=65537, key_size=2048), "https://ci.example", []
    audience = "api://AzureADTokenExchange"
    federation = Federation(issuer=issuer, subject="job", audience=audience, key=key.public_key())
    client = demo.provider.registry.client(demo.confidential_client_id)
    client.federations.append(federation)

    def give(member: str) -> Callable[[Seen], Reply]:
        def answer(seen: Seen) -> Reply:
            query = dict(parse_qsl(urlsplit(seen.path).query))
            now = int(dt.datetime.now(dt.UTC).timestamp())
            claims = {"iss": issuer, "sub": "job", "aud": query.get("audience", audience), "iat": now, "exp": now + 600}
            given.append(jwt.encode({**claims, "jti": str(len(given))}, key, algorithm="RS256"))
            return as_json({member: given[-1]}) if seen.token == SECRET else Reply(b"{}", 401)

        return answer

    service.routes["/github"], service.routes["/azure"] = give("value"), give("oidcToken")
    yield given
    client.federations.remove(federation)


def _profile(demo: DemoServer, folder: Path, assertion: str, authority: str | None = None) -> Profile:
    path = folder / "nbauth.toml"
    where = authority or f"authority = {json.dumps(demo.authority)}\nca_bundle = {json.dumps(str(demo.ca_file))}"
    path.write_text(
        f'[profiles.job]\nclient_id = "{demo.confidential_client_id}"\n{where}\nclient_assertion = {assertion}\n'
        f'[profiles.job.apis]\n{json.dumps(demo.api_origin)} = ["api://nbauth-demo/.default"]\n'
    )
    return config.load(path).profiles["job"]


@pytest.fixture
def job(demo: DemoServer, apart: Path) -> Callable[[str], Profile]:
    """Return what makes the profile of a job that a person approved of, or made in code."""

    def make(assertion: str) -> Profile:
        profile = _profile(demo, apart, assertion)
        kernel.add_profile(profile)
        return profile

    return make


def _token(profile: Profile, **options: Any) -> str:
    return kernel.credential_of(profile, profile.login_scopes).token(profile.login_scopes, **options)


@pytest.mark.parametrize("assertion", [GITHUB, AZURE])
def test_a_job_of_a_pipeline(
    assertion: str, job: Callable[[str], Profile], issued: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """It signs in with the ID token of its service, which is asked for anew for each token."""
    caplog.set_level(logging.DEBUG)
    profile = job(assertion)
    old = _token(profile)
    assert old != _token(profile, rejected=old)
    assert len(set(issued)) == 2
    assert profile.kind == "application"
    said = f"{profile!r} {caplog.text}"
    assert not [secret for secret in (SECRET, old, *issued) if secret in said]


def test_what_they_are_asked(job: Callable[[str], Profile], issued: list[str], service: Server) -> None:
    """GitHub is told the audience, Azure DevOps the service connection; each in its own way."""
    _token(job(GITHUB))
    kernel.reset()
    _token(job(AZURE))
    github, azure = service.seen
    assert (github.method, github.path) == ("GET", "/github?api-version=2.0&audience=api%3A%2F%2FAzureADTokenExchange")
    assert (azure.method, azure.path) == ("POST", "/azure?api-version=7.1&serviceConnectionId=connection-7")


@pytest.mark.parametrize(
    ("assertion", "name", "step"),
    [
        (GITHUB, "ACTIONS_ID_TOKEN_REQUEST_URL", "permissions: id-token: write"),
        (GITHUB, "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "permissions: id-token: write"),
        (AZURE, "SYSTEM_OIDCREQUESTURI", "env: SYSTEM_ACCESSTOKEN"),
        (AZURE, "SYSTEM_ACCESSTOKEN", "env: SYSTEM_ACCESSTOKEN"),
    ],
)
def test_no_such_job(
    *, assertion: str, name: str, step: str, job: Callable[[str], Profile], service: Server, monkeypatch: Any
) -> None:
    """Elsewhere the error names the variable that is missing, and what gives it."""
    monkeypatch.delenv(name)
    with pytest.raises(ConfigError, match=rf"client_assertion: {name} is not set.*{step}"):
        _token(job(assertion))
    assert service.seen == []


@pytest.mark.parametrize("name", ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
def test_an_address_of_the_clone(name: str, job: Callable[[str], Profile], service: Server, apart: Path) -> None:
    """The job's secret goes nowhere that a .env of a cloned folder may have named."""
    profile = job(GITHUB)
    (apart / ".env").write_text(f"{name}=x\n")
    with pytest.raises(ConfigError, match=rf"a \.env file in the notebook's tree sets {name}"):
        _token(profile)
    assert service.seen == []


@pytest.mark.parametrize("address", ["http://localhost:1/x", "https://alice:secret@localhost:1/x", "file:///etc"])
def test_an_address_that_gets_no_secret(
    address: str, job: Callable[[str], Profile], service: Server, monkeypatch: Any
) -> None:
    """It is asked over https alone, and its error shows no password."""
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", address)
    with pytest.raises(ConfigError, match="expected https://") as caught:
        _token(job(GITHUB))
    assert "alice:secret" not in str(caught.value)


def test_a_secret_that_cannot_be_sent(job: Callable[[str], Profile], service: Server, monkeypatch: Any) -> None:
    """A variable that holds something else than a token is named, and not quoted."""
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", f"{SECRET}…")
    with pytest.raises(ConfigError, match="ACTIONS_ID_TOKEN_REQUEST_TOKEN holds what no request can carry") as caught:
        _token(job(GITHUB))
    assert SECRET not in str(caught.value)
    assert service.seen == []


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Reply(b'{"message": "no such connection"}', 404), "HTTP 404 without .*no such connection"),
        (Reply(b"<html>", content_type="text/html"), "HTTP 200 without the ID token of this job"),
        (Reply(b'{"value": 7}'), "HTTP 200 without"),
        (Reply(b"[" * 100_000), "HTTP 200 without"),
        (Reply(reset=True), "does not answer"),
    ],
)
def test_a_service_that_refuses(answer: Reply, says: str, job: Callable[[str], Profile], service: Server) -> None:
    """The error says what it answered, in one line."""
    service.routes["/github"] = answer
    with pytest.raises(ProviderUnavailable, match=says) as caught:
        _token(job(GITHUB))
    assert "\n" not in str(caught.value)


def test_a_redirect(job: Callable[[str], Profile], service: Server) -> None:
    """None is followed: the job's secret would go along, or be lost on the way."""
    service.routes["/github"] = redirect(f"{service.origin}/elsewhere")
    with pytest.raises(ProviderUnavailable, match="HTTP 302"):
        _token(job(GITHUB))
    assert [seen.path.partition("?")[0] for seen in service.seen] == ["/github"]


@pytest.mark.parametrize("assertion", [GITHUB, AZURE])
def test_a_provider_of_the_clone(
    assertion: str, demo: DemoServer, apart: Path, issued: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cloned folder's own provider gets no job's ID token without approval; Microsoft's clouds do."""
    monkeypatch.delenv("NBAUTH_CONFIG")
    profile = _profile(demo, apart, assertion)
    assert any("sends the ID token of this job in" in reason for reason in trust.reasons(profile))
    with pytest.raises(NbauthError, match="nbauth trust"):
        _token(kernel.config().profiles["job"])
    assert issued == []
    assert trust.reasons(_profile(demo, apart, assertion, authority='tenant = "contoso.example"')) == ()


@pytest.mark.parametrize(
    "assertion",
    [
        "{ github_actions = false }",
        "{ azure_pipelines = true }",
        '{ azure_pipelines = " " }',
        '{ github_actions = true, env = "A" }',
    ],
)
def test_what_cannot_be_meant(assertion: str, demo: DemoServer, apart: Path) -> None:
    """Another form is a ConfigError that names the key and what is expected."""
    with pytest.raises(ConfigError, match=r"client_assertion: expected \{ github_actions = true \} or"):
        _profile(demo, apart, assertion)
