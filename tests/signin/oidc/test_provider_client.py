from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

import nbauth
from nbauth import kernel
from nbauth.errors import ProviderUnavailable, SignInFailed, SignInTimeout
from nbauth.signin.flows.prompt import NullPrompt
from nbauth.signin.profile.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer

CACHE = Path(".nbauth/http_cache")
DISCOVERY = "*/openid-configuration"


class Stuck(NullPrompt):
    """Somebody at a page that is not there any more, who has nothing to paste."""

    def ask_redirect(self, url: str, *, channel: str | None = None) -> None: ...

    def wait(self, timeout_s: float) -> str | None:
        time.sleep(timeout_s)
        return None


def _add_lab(demo: DemoServer, **keys: Any) -> Profile:
    """Add a profile of the demo's plain OpenID provider."""
    profile = Profile(
        "lab",
        client_id=demo.client_id,
        apis={demo.api_origin: ["api://nbauth-demo/Data.Read"]},
        oidc_authority=demo.oidc_authority,
        ca_bundle=str(demo.ca_file),
        **keys,
    )
    kernel.add_profile(profile)
    return profile


def _serve(demo: DemoServer, url: str, *then: dict[str, Any], **changes: Any) -> None:
    """Serve a discovery document once as it was before the endpoints moved, or as it should not be; and then others."""
    document = requests.get(url, verify=str(demo.ca_file), timeout=10).json()
    for each in (changes, *then):
        demo.provider.faults.add(DISCOVERY, status=200, body=json.dumps(document | each))
    demo.provider.requests.clear()


def _entra(demo: DemoServer) -> str:
    return f"{demo.authority}/v2.0/.well-known/openid-configuration"


def _lab(demo: DemoServer) -> str:
    return f"{demo.oidc_authority}/.well-known/openid-configuration"


GONE: dict[str, dict[str, Any]] = {
    "404": {"status": 404, "body": "<h1>Not found</h1>"},
    "404 in JSON": {"status": 404, "body": '{"error": "not_found"}'},
    "405": {"status": 405, "body": "{}"},
    "410": {"status": 410, "body": "{}"},
    "HTML": {"html": True},
    "redirect": {"status": 308, "body": "", "headers": {"Location": "/elsewhere"}},
}
_gone = pytest.mark.parametrize("gone", GONE.values(), ids=GONE.keys())


@_gone
@pytest.mark.parametrize("profile", ["demo", "lab"])
def test_a_token_endpoint_that_moved(
    profile: str, gone: dict[str, Any], demo: DemoServer, person: Callable[..., Any]
) -> None:
    """A code is redeemed where the token endpoint is by now, and so are the refresh tokens; nobody is asked again."""
    _add_lab(demo)
    _serve(demo, _lab(demo) if profile == "lab" else _entra(demo), token_endpoint=f"{demo.provider.origin}/gone/token")
    demo.provider.faults.add("/gone/token", **gone, times=None)
    assert nbauth.login(profile, flow="paste", prompt=person(), timeout_s=20).username == "alice@contoso.example"
    assert demo.provider.requests.count(DISCOVERY) == 2
    scopes = kernel.config().profiles[profile].login_scopes
    credential = kernel.credential_of(kernel.config().profiles[profile], scopes)
    assert credential.token(scopes, rejected=credential.token(scopes))
    assert demo.provider.requests.count("/gone/token") <= 2  # once for the sign-in, once for the kernel's own client
    assert demo.provider.requests.count(DISCOVERY) == 2


@pytest.mark.parametrize("gone", [GONE["404"], GONE["405"]], ids=["404", "405"])
def test_an_application_whose_token_endpoint_moved(gone: dict[str, Any], demo: DemoServer, apart: Path) -> None:
    """A job asks where the endpoint is by now, with an assertion that is signed for there; the next kernel, too."""
    _serve(demo, _entra(demo), token_endpoint=f"{demo.provider.origin}/gone/token")
    demo.provider.faults.add("/gone/token", **gone, times=None)
    nbauth.login("nightly")
    assert demo.provider.requests.count("/gone/token") == 1
    kernel.reset()
    demo.provider.requests.clear()
    nbauth.login("nightly")
    assert [record.path.rpartition("/")[2] for record in demo.provider.requests] == ["token"]
    assert demo.provider.requests.count("/gone/token") == 0
    assert (apart / CACHE).is_file()


def test_endpoints_that_moved_while_a_kernel_was_down(demo: DemoServer, person: Callable[..., Any]) -> None:
    """A later kernel, which finds the old document in the folder, asks at the old endpoint once and then at the new."""
    _serve(demo, _entra(demo), token_endpoint=f"{demo.provider.origin}/gone/token")
    nbauth.client("demo")
    kernel.reset()
    demo.provider.requests.clear()
    assert nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    assert demo.provider.requests.count("/gone/token") == demo.provider.requests.count(DISCOVERY) == 1


def test_a_device_endpoint_that_moved(demo: DemoServer, person: Callable[..., Any]) -> None:
    """A code to type comes from where that endpoint is by now."""
    _serve(demo, _entra(demo), device_authorization_endpoint=f"{demo.provider.origin}/gone/devicecode")
    assert nbauth.login("demo", flow="device_code", prompt=person(), timeout_s=20).username == "alice@contoso.example"


@_gone
def test_keys_that_moved(gone: dict[str, Any], demo: DemoServer, person: Callable[..., Any]) -> None:
    """The provider's keys are fetched from where they are by now."""
    _serve(demo, _entra(demo), jwks_uri=f"{demo.provider.origin}/gone/keys")
    demo.provider.faults.add("/gone/keys", **gone, times=None)
    assert nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20).username == "alice@contoso.example"


@_gone
def test_userinfo_that_moved(gone: dict[str, Any], demo: DemoServer, person: Callable[..., Any]) -> None:
    """Who somebody is comes from where userinfo is by now."""
    _add_lab(demo)
    nameless = dict.fromkeys(("preferred_username", "name", "email", "upn", "unique_name"))
    demo.provider.settings.id_token_claims = {"sub": "4711", **nameless}
    origin = demo.provider.origin
    _serve(demo, _lab(demo), {"userinfo_endpoint": f"{origin}/me"}, userinfo_endpoint=f"{origin}/gone/me")
    demo.provider.faults.add("/gone/me", **gone)
    demo.provider.faults.add("/me", status=200, body='{"sub": "4711", "preferred_username": "al@x.example"}')
    assert nbauth.login("lab", flow="paste", prompt=person(), timeout_s=20).username == "al@x.example"
    assert demo.provider.requests.count("/gone/me") == 1


def test_old_keys_that_stayed_where_they_were(demo: DemoServer, person: Callable[..., Any]) -> None:
    """Where the old address still serves the old keys, the document is fetched anew for where the new ones are."""
    old = requests.get(f"{demo.authority}/discovery/v2.0/keys", verify=str(demo.ca_file), timeout=10).text
    _serve(demo, _entra(demo), jwks_uri=f"{demo.provider.origin}/old/keys")
    demo.provider.faults.add("/old/keys", status=200, body=old, times=None)
    demo.provider.rotate_signing_key()
    assert nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20).username == "alice@contoso.example"


@_gone
def test_an_endpoint_that_stays_away(gone: dict[str, Any], demo: DemoServer, apart: Path) -> None:
    """Where the document says what it said, the error names the file that keeps it; it is asked for once a minute."""
    nbauth.client("nightly")
    demo.provider.faults.add("*/token", **gone, times=None)
    demo.provider.requests.clear()
    profile = kernel.config().profiles["nightly"]
    credential = kernel.credential_of(profile, profile.login_scopes)
    for _ in range(3):
        with pytest.raises(ProviderUnavailable, match=r"/token answered .*once a minute") as caught:
            credential.token(profile.login_scopes)
        assert str(apart / CACHE) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert demo.provider.requests.count(DISCOVERY) == 1


def test_an_error_of_oauths_own(demo: DemoServer) -> None:
    """An error that RFC 6749 knows was said by the endpoint, whatever its status: nothing is fetched anew."""
    nbauth.client("nightly")
    demo.provider.faults.add("*/token", status=404, body='{"error": "invalid_client"}')
    demo.provider.requests.clear()
    with pytest.raises(SignInFailed, match="invalid_client"):
        nbauth.login("nightly")
    assert demo.provider.requests.count(DISCOVERY) == 0


def test_a_document_that_cannot_be_had_anew(demo: DemoServer, person: Callable[..., Any]) -> None:
    """What is known of the provider is kept where it cannot be fetched anew, as behind a page of the network's."""
    profile = kernel.config().profiles["nightly"]
    nbauth.client("nightly")
    credential = kernel.credential_of(profile, profile.login_scopes)
    demo.provider.faults.add("*/token", html=True)
    demo.provider.faults.add(DISCOVERY, html=True)
    with pytest.raises(ProviderUnavailable, match=r"/token answered HTTP 200 with text/html"):
        credential.token(profile.login_scopes)
    demo.provider.requests.clear()
    assert credential.token(profile.login_scopes)
    assert demo.provider.requests.count(DISCOVERY) == 0


def test_a_page_that_moved(demo: DemoServer, person: Callable[..., Any]) -> None:
    """After a sign-in that did not come back, the next one asks where the provider's page is, in a new kernel, too."""
    _serve(demo, _entra(demo), authorization_endpoint=f"{demo.provider.page_origin}/gone/authorize")
    with pytest.raises(SignInTimeout):
        nbauth.login("demo", flow="paste", prompt=Stuck(), timeout_s=0.3)
    kernel.reset()
    assert nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20).username == "alice@contoso.example"


def test_a_key_that_changed_twice(
    demo: DemoServer, apart: Path, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys are fetched anew once a minute; till then the error names the file that keeps them."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    for _ in range(2):
        demo.provider.rotate_signing_key()
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20, select_account=True)
    for _ in range(2):
        demo.provider.rotate_signing_key()
    with pytest.raises(SignInFailed, match="no key of the provider signed it") as caught:
        nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20, select_account=True)
    assert str(apart / CACHE) in str(caught.value)
    later = time.monotonic() + 61
    monkeypatch.setattr("nbauth.signin.http.http_cache.time.monotonic", lambda: later)
    assert nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20, select_account=True)


# What a document may not say


def test_endpoints_on_other_hosts(demo: DemoServer) -> None:
    """The error names each foreign host and what to write, with the hosts that are written already."""
    _add_lab(demo, endpoint_hosts=("known.example",))
    _serve(
        demo,
        _lab(demo),
        token_endpoint="https://oauth2.example.net/token",
        jwks_uri="https://www.example.net:8443/keys",
        userinfo_endpoint="https://known.example/me",
    )
    with pytest.raises(ProviderUnavailable) as caught:
        nbauth.client("lab")
    said = str(caught.value)
    assert "other hosts: oauth2.example.net (token_endpoint), www.example.net:8443 (jwks_uri)." in said
    assert 'endpoint_hosts = ["known.example", "oauth2.example.net", "www.example.net:8443"]' in said


def test_what_to_write_is_enough(demo: DemoServer) -> None:
    """With the hosts that the error names the document is taken: userinfo's is named with the others."""
    foreign = {"jwks_uri": "https://keys.example.net/k", "userinfo_endpoint": "https://me.example.net/me"}
    _add_lab(demo)
    _serve(demo, _lab(demo), **foreign)
    with pytest.raises(ProviderUnavailable, match=r'\["keys\.example\.net", "me\.example\.net"\]'):
        nbauth.client("lab")
    kernel.reset()
    _add_lab(demo, endpoint_hosts=("keys.example.net", "me.example.net"))
    _serve(demo, _lab(demo), **foreign)
    assert nbauth.client("lab")


@pytest.mark.parametrize("profile", ["demo", "lab"])
@pytest.mark.parametrize("names", [("token_endpoint",), ("jwks_uri", "issuer"), ("issuer",)], ids=str)
def test_addresses_over_http(profile: str, names: tuple[str, ...], demo: DemoServer) -> None:
    """A document that names http:// addresses, as behind a proxy that ends TLS, is refused with these and the cure."""
    _add_lab(demo)
    url = _lab(demo) if profile == "lab" else _entra(demo)
    document = requests.get(url, verify=str(demo.ca_file), timeout=10).json()
    changes = {name: document[name].replace("https://", "http://") for name in names}
    _serve(demo, url, **changes)
    with pytest.raises(ProviderUnavailable, match="X-Forwarded-Proto") as caught:
        nbauth.client(profile)
    assert all(f"{name} http://" in str(caught.value) for name in names)


def test_a_document_that_was_refused_is_not_kept(demo: DemoServer, person: Callable[..., Any]) -> None:
    """Once the provider is mended the next sign-in goes on, in the same folder."""
    _add_lab(demo)
    _serve(demo, _lab(demo), issuer="https://another.example")
    with pytest.raises(ProviderUnavailable, match=r"another issuer, https://another\.example"):
        nbauth.client("lab")
    kernel.reset()
    _add_lab(demo)
    assert nbauth.login("lab", flow="paste", prompt=person(), timeout_s=20).username == "alice@contoso.example"


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("https://new.example/r/.well-known/openid-configuration", 'oidc_authority = "https://new.example/r"'),
        ("/login?user=alice&sig=s3cr3t", r"/login\?user=…&sig=….* Check the authority"),
        ("https://[", "to a URL that cannot be read"),
        (None, "to nowhere"),
    ],
)
def test_a_document_that_is_elsewhere(location: str | None, said: str, demo: DemoServer) -> None:
    """A redirect is not followed, and the error says where it leads, without what its query holds."""
    _add_lab(demo)
    headers = {} if location is None else {"Location": location}
    demo.provider.faults.add(DISCOVERY, status=301, body="", headers=headers)
    with pytest.raises(ProviderUnavailable, match=said) as caught:
        nbauth.client("lab")
    assert "s3cr3t" not in str(caught.value)
