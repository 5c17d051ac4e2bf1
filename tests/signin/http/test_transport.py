from __future__ import annotations

import gzip
import json
import os
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
import requests

import nbauth
from nbauth import kernel
from nbauth.errors import ConfigError, ProviderUnavailable
from nbauth.net.tls import environment_bundle, trust_context
from nbauth.signin.http.transport import AnswerRefused, GuardedTransport, ProviderBusy, throttle_s
from nbauth.signin.profile.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nbauth.demo.server import DemoServer


@pytest.fixture
def transport(demo: DemoServer) -> Iterator[GuardedTransport]:
    """Return a transport to the demo provider alone."""
    made = GuardedTransport(kernel.config().profiles["demo"].allowed_hosts, trust_context(str(demo.ca_file)))
    yield made
    made.close()


def _discovery(demo: DemoServer) -> str:
    return f"{demo.authority}/v2.0/.well-known/openid-configuration"


def test_json_from_the_provider_itself(transport: GuardedTransport, demo: DemoServer) -> None:
    """A JSON object from the provider's own host comes through, without cookies."""
    answer = transport.get(_discovery(demo))
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("url", ["https://evil.example/", "http://localhost:1/", "https://localhost:1/", "file:///etc"])
def test_other_hosts(url: str, transport: GuardedTransport) -> None:
    """No request goes to a host that is not the provider's, or over http."""
    with pytest.raises(AnswerRefused, match="not one of the provider's own hosts"):
        transport.post(url, data={"refresh_token": "secret"})
    assert transport.requests_made == 0


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirects(status: int, transport: GuardedTransport, demo: DemoServer) -> None:
    """A redirect is refused: 307 and 308 would replay a refresh token elsewhere."""
    demo.provider.faults.add("*/token", status=status, headers={"Location": "https://evil.example/"}, body="{}")
    with pytest.raises(AnswerRefused, match="redirect"):
        transport.post(f"{demo.authority}/oauth2/v2.0/token", data={"refresh_token": "secret"})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 300, 304])
def test_body_of_a_redirect(status: int, transport: GuardedTransport, demo: DemoServer) -> None:
    """A redirect's own body is not read, however much would come out of it."""
    body = gzip.compress(bytes(64 * 1024 * 1024), 6)
    headers = {"Location": "/", "Content-Encoding": "gzip"}
    demo.provider.faults.add("*/token", status=status, headers=headers, body=body)
    tracemalloc.start()
    try:
        with pytest.raises(AnswerRefused, match="redirect"):
            transport.post(f"{demo.authority}/oauth2/v2.0/token", data={"refresh_token": "secret"})
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "fault",
    [
        {"html": True},
        {"status": 200, "body": ""},
        {"status": 200, "body": "[]"},
        {"status": 200, "body": '{"access_token": "eyJ'},
        {"status": 400, "body": "nonsense"},
        {"status": 200, "body": "{" + " " * 1_100_000 + "}"},
        {"truncate_at": 10},
        {"reset": True},
    ],
)
def test_what_is_no_json_object(fault: dict[str, Any], transport: GuardedTransport, demo: DemoServer) -> None:
    """What is no JSON object, too large or cut off is refused in the form on which MSAL keeps a valid token."""
    demo.provider.faults.add("*/openid-configuration", **fault)
    with pytest.raises(requests.RequestException):
        transport.get(_discovery(demo))


@pytest.mark.parametrize("nothing", ["null", '""', '" "'])
def test_a_member_that_says_nothing(nothing: str, transport: GuardedTransport, demo: DemoServer) -> None:
    """A member that is null or empty is not there for whoever reads the answer; an empty list is an answer."""
    body = f'{{"issuer": "i", "end_session_endpoint": {nothing}, "metadata": [], "count": 0, "secure": false}}'
    demo.provider.faults.add("*/openid-configuration", status=200, body=body)
    said = json.loads(transport.get(_discovery(demo)).text)
    assert said == {"issuer": "i", "metadata": [], "count": 0, "secure": False}


def test_a_busy_provider_is_left_alone(transport: GuardedTransport, demo: DemoServer) -> None:
    """After a 429 with Retry-After, that request is not sent again before its time."""
    fault = demo.provider.faults.add("*/openid-configuration", status=429, retry_after=60, times=None)
    for _ in range(3):
        with pytest.raises(ProviderBusy) as caught:
            transport.get(_discovery(demo))
        assert 50 < caught.value.retry_after_s <= 60
    assert fault.hits == 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, 5),
        ("7", 7),
        ("-5", 1),
        ("0", 1),
        ("999999", 3600),
        ("nonsense", 5),
        ("Fri, 31 Dec 2100 23:59:59 GMT", 3600),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 1),
    ],
)
def test_retry_after(value: str | None, seconds: float) -> None:
    """A busy provider is left alone as its Retry-After says, at least a second and at most an hour."""
    assert throttle_s(value) == seconds


def test_an_untrusted_certificate(demo: DemoServer) -> None:
    """A certificate that is not trusted is said to be so, with what to do."""
    profile = Profile("demo", client_id="id", authority=demo.authority, apis={"https://api.example.com": ["scope"]})
    kernel.add_profile(profile)
    with pytest.raises(ProviderUnavailable, match=r"is not trusted.*ca_bundle"):
        nbauth.client("demo")


@pytest.mark.parametrize(
    ("authority", "message"),
    [
        ("https://localhost:9/tenant", "cannot be reached"),
        ("https://nobody.invalid/tenant", "cannot be reached"),
    ],
)
def test_a_provider_that_is_down(authority: str, message: str) -> None:
    """A provider that is down, or whose name does not exist, is said to be so in one line."""
    profile = Profile("gone", client_id="id", authority=authority, apis={"https://api.example.com": ["scope"]})
    kernel.add_profile(profile)
    with pytest.raises(ProviderUnavailable, match=message) as caught:
        nbauth.client("gone")
    assert "\n" not in str(caught.value)


def test_a_captive_portal(demo: DemoServer) -> None:
    """A captive portal's page in place of discovery is said to be no answer of a provider."""
    demo.provider.faults.add("*/openid-configuration", html=True)
    with pytest.raises(ProviderUnavailable, match=r"text/html.*no JSON object"):
        nbauth.client("demo")


@pytest.mark.parametrize("nothing", [None, ""], ids=repr)
def test_endpoints_that_the_provider_does_not_have(demo: DemoServer, nothing: str | None) -> None:
    """A discovery document may write null or nothing for an endpoint that there is none of."""
    document = requests.get(_discovery(demo), verify=str(demo.ca_file), timeout=10).json()
    optional = dict.fromkeys(("device_authorization_endpoint", "end_session_endpoint", "userinfo_endpoint"), nothing)
    demo.provider.faults.add("*/openid-configuration", status=200, body=json.dumps(document | optional))
    assert nbauth.client("demo").authority.device_authorization_endpoint is None


def test_unknown_tenant(demo: DemoServer) -> None:
    """A tenant that the provider does not know is a mistake in the profile, and says so."""
    profile = kernel.config().profiles["demo"].with_tenant("nowhere.example")
    kernel.add_profile(profile)
    with pytest.raises(ConfigError, match=r"does not know https://localhost:\d+/nowhere\.example"):
        nbauth.client("demo")


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("authority", r"write its issuer as oidc_authority\."),
        ("oidc_authority", r"looked for at https://localhost:\d+/nowhere/\.well-known/openid-configuration\."),
    ],
)
def test_an_address_without_a_document(key: str, says: str, demo: DemoServer) -> None:
    """Where there is no discovery document, the error says where it was looked for, and by which key it might be."""
    address: dict[str, Any] = {key: f"{demo.provider.origin}/nowhere"}
    kernel.add_profile(Profile("gone", client_id="id", apis={}, ca_bundle=str(demo.ca_file), **address))
    demo.provider.faults.add("*/openid-configuration", status=404, body="{}")
    with pytest.raises(ConfigError, match=rf"does not know https://localhost:\d+/nowhere\..*{says}"):
        nbauth.client("gone")


def test_trust_from_the_environment(tmp_path: Path, demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """REQUESTS_CA_BUNDLE adds to a profile's trust and takes none away; one in the notebook's tree is refused."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", os.environ.get("SSL_CERT_FILE", "") or str(demo.ca_file))
    nbauth.client("demo")
    inside = tmp_path / "evil.pem"
    inside.write_bytes(demo.ca_file.read_bytes())
    assert environment_bundle({"REQUESTS_CA_BUNDLE": str(inside)}) == str(inside)
    with pytest.raises(ConfigError, match=r"REQUESTS_CA_BUNDLE names .*evil\.pem, which lies in the notebook's own"):
        environment_bundle({"REQUESTS_CA_BUNDLE": str(inside)}, untrusted=tmp_path)


def test_no_key_log(tmp_path: Path, demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSLKEYLOGFILE, which a cloned folder's .env can set, gets no keys of sign-in connections."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    nbauth.client("demo")
    assert not (tmp_path / "keys").exists()
