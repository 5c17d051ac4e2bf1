"""A client's secret reaches a provider in the way that it takes: in the body, or by HTTP Basic (RFC 6749 §2.3.1)."""

from __future__ import annotations

import base64
import json
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

import nbauth
from nbauth import kernel
from nbauth.errors import ProviderUnavailable, SignInFailed
from nbauth.signin.profile.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nbauth.demo.server import DemoServer

POST, BASIC = "client_secret_post", "client_secret_basic"
# What ends the id, what stands for itself in a form, and what has no byte of its own.
ODD_ID, ODD_SECRET = "job:of/the+night%1", "s3cr+t/with=signs&%20 ü:~*"


@pytest.fixture
def add(demo: DemoServer, apart: Path) -> Callable[..., Profile]:
    """Return what adds a profile with a secret, by default a job's at the plain OpenID realm."""

    def make(secret: str = demo.client_secret, **keys: Any) -> Profile:
        (apart / "secret").write_text(secret)
        common: dict[str, Any] = {
            "client_id": demo.confidential_client_id,
            "client_secret": {"file": "secret"},
            "ca_bundle": str(demo.ca_file),
            "apis": {demo.api_origin: ["api://nbauth-demo/.default"]},
        }
        if "authority" not in keys:
            common["oidc_authority"] = demo.oidc_authority
        profile = Profile("job", **{**common, **keys})
        kernel.add_profile(profile)
        return profile

    return make


def _asked(demo: DemoServer) -> list[tuple[bool, int]]:
    """Whether each token request so far had an Authorization header, and the status of its answer."""
    return [(each.authorization, each.status) for each in demo.provider.requests if each.path.endswith("/token")]


def _token(profile: Profile, **options: Any) -> str:
    return kernel.credential_of(profile, profile.login_scopes).token(profile.login_scopes, **options)


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({"secret_ways": (BASIC,)}, [(True, 200), (True, 200)]),
        ({"secret_ways": (BASIC,), "tell_secret_ways": False}, [(False, 401), (True, 200), (True, 200)]),
        ({"secret_ways": (POST,)}, [(False, 200), (False, 200)]),
        ({"secret_ways": (POST,), "tell_secret_ways": False}, [(False, 200), (False, 200)]),
        ({}, [(False, 200), (False, 200)]),
    ],
    ids=["basic", "basic, not told", "post", "post, not told", "both"],
)
def test_a_job(settings: dict[str, Any], asked: Any, add: Any, demo: DemoServer) -> None:
    """A job goes the way that the provider lists, or else finds the one that it takes, and stays with it."""
    for name, value in settings.items():
        setattr(demo.provider.settings, name, value)
    profile = add()
    old = _token(profile)
    assert old != _token(profile, rejected=old)
    assert asked == _asked(demo)


@pytest.mark.parametrize(("listed", "taken"), [((BASIC,), (POST,)), ((POST,), (BASIC,)), ((POST, BASIC), (BASIC,))])
def test_a_client_registered_for_one_way(listed: Any, taken: Any, add: Any, demo: DemoServer) -> None:
    """What the discovery document lists holds for the provider; a client may be registered for the other way."""
    demo.provider.settings.secret_ways = listed
    profile = add()
    nbauth.client("job")  # reads the discovery document
    demo.provider.settings.secret_ways = taken
    assert _token(profile)
    assert [status for _, status in _asked(demo)] == [401, 200]


def test_signs_in_id_and_secret(add: Any, demo: DemoServer) -> None:
    """Id and secret are form-urlencoded before they are put together, so that every sign in them arrives."""
    client = demo.provider.register_client(ODD_ID, confidential=True)
    client.secrets = {ODD_SECRET}
    demo.provider.settings.secret_ways = (BASIC,)
    try:
        assert _token(add(ODD_SECRET, client_id=client.client_id))
    finally:
        del demo.provider.registry.clients[client.client_id]


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("flow", ["loopback", "paste"])
def test_a_person(flow: Any, told: Any, add: Any, demo: DemoServer, person: Any) -> None:
    """A person beside a secret signs in, and the sign-in is refreshed, in the way that was found at its first step."""
    demo.provider.settings.secret_ways, demo.provider.settings.tell_secret_ways = (BASIC,), told
    profile = add(kind="person", apis={demo.api_origin: ["api://nbauth-demo/Data.Read"]})
    nbauth.login("job", flow=flow, prompt=person())
    old = _token(profile)
    assert old != _token(profile, rejected=old)
    found = [] if told else [(False, 401)]
    assert [*found, (True, 200), (True, 200)] == _asked(demo)


def test_for_a_user(add: Any, demo: DemoServer, apart: Path) -> None:
    """An application that acts for a user proves itself by Basic, too: what is refused is what it brought."""
    demo.provider.settings.secret_ways = (BASIC,)
    other = add(demo.middle_tier_secret, client_id=demo.middle_tier_client_id)
    (apart / "assertion").write_text(_token(other))
    middle = add(
        demo.middle_tier_secret,
        client_id=demo.middle_tier_client_id,
        user_assertion={"file": "assertion"},
        apis={demo.api_origin: ["api://nbauth-demo-archive/Archive.Read"]},
    )
    with pytest.raises(SignInFailed, match="Assertion audience does not match"):
        _token(middle)
    assert _asked(demo) == [(True, 200), (True, 400)]


@pytest.mark.parametrize("ways", [(BASIC,), (POST,), (POST, BASIC)])
@pytest.mark.parametrize("told", [True, False])
def test_a_wrong_secret(ways: Any, told: Any, add: Any, demo: DemoServer) -> None:
    """A secret that is wrong is tried once in each way; the message has the provider's words about it."""
    demo.provider.settings.secret_ways, demo.provider.settings.tell_secret_ways = ways, told
    with pytest.raises(SignInFailed, match="Invalid client secret provided"):
        _token(add("a wrong secret"))
    assert {(True, 401), (False, 401)} == set(_asked(demo))
    assert len(_asked(demo)) == 2


@pytest.mark.parametrize(
    ("status", "error"), [(400, "invalid_client"), (401, "access_denied"), (403, "unauthorized_client")]
)
def test_how_providers_refuse_a_client(status: int, error: str, add: Any, demo: DemoServer) -> None:
    """By whatever name and status a provider refuses the client, the other way is tried."""
    demo.provider.faults.add("*/token", status=status, body=json.dumps({"error": error}))
    assert _token(add())
    assert _asked(demo) == [(False, status), (True, 200)]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_without_a_body(status: int, add: Any, demo: DemoServer) -> None:
    """A provider that refuses the client by the status alone, as Glewlwyd does, is asked in the other way, too."""
    demo.provider.faults.add("*/token", status=status, body="")
    assert _token(add())
    assert _asked(demo) == [(False, status), (True, 200)]


def test_a_refusal_without_an_error(add: Any, demo: DemoServer) -> None:
    """A server before the token endpoint may ask for Basic with no error of OAuth's; refused twice, that is told."""
    header = {"WWW-Authenticate": 'Basic realm="tokens"', "Content-Type": "text/html"}
    demo.provider.faults.add("*/token", status=401, body="<h1>Who are you?</h1>", headers=header)
    profile = add()
    old = _token(profile)
    assert _asked(demo) == [(False, 401), (True, 200)]
    demo.provider.faults.add("*/token", status=401, body="", headers=header, times=2)
    with pytest.raises((SignInFailed, ProviderUnavailable), match="401"):
        _token(profile, rejected=old)
    assert _asked(demo)[2:] == [(True, 401), (False, 401)]


def test_at_entra(add: Any, demo: DemoServer) -> None:
    """Entra takes what MSAL sends: a wrong secret is tried there once."""
    with pytest.raises(SignInFailed, match="AADSTS7000215"):
        _token(add("a wrong secret", authority=demo.authority))
    assert _asked(demo) == [(False, 401)]


def test_other_refusals(add: Any, demo: DemoServer) -> None:
    """What is not about the client is not asked twice."""
    demo.provider.settings.tell_secret_ways = False
    with pytest.raises(SignInFailed, match="invalid_scope"):
        _token(add(apis={demo.api_origin: ["api://nbauth-demo/Data.Read"]}))
    demo.provider.faults.add("*/token", status=503)
    with pytest.raises(ProviderUnavailable):
        _token(add())
    assert _asked(demo) == [(False, 400), (False, 503)]


def test_nothing_shows_the_secret(add: Any, demo: DemoServer, caplog: pytest.LogCaptureFixture) -> None:
    """Neither logs nor the message nor a repr show the secret, plain or in its header."""
    demo.provider.settings.secret_ways = (BASIC,)
    secret = "a-wrong-secret-of-some-length"
    profile = add(secret)
    encoded = base64.b64encode(f"{quote(profile.client_id)}:{secret}".encode()).decode()
    with caplog.at_level(logging.DEBUG), pytest.raises(SignInFailed) as caught:
        _token(profile)
    transport = nbauth.client("job").http_client.http_client
    for text in (caplog.text, repr(profile), repr(transport), repr(vars(transport)), str(caught.value)):
        assert secret not in text
        assert encoded[8:40] not in text
