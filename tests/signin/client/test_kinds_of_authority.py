"""Every kind of authority, from a file and from code, against the demo provider under Microsoft's own host names."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import msal
import pytest

import nbauth
from nbauth import kernel
from nbauth.demo.check import PersonPrompt
from nbauth.demo.person import Person
from nbauth.demo.provider.provider import ALICE
from nbauth.demo.provider.realms import CONSUMERS_ID, TENANT_ID
from nbauth.errors import ProviderUnavailable, SignInFailed, SignInRequired
from nbauth.signin.profile.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nbauth.demo.server import DemoServer

TENANT_DOMAIN = "contoso.onmicrosoft.com"
OTHER_ID = "22222222-2222-4333-8444-555555555555"
PUBLIC = "login.microsoftonline.com"
OWN = "login.contoso.example"
SCOPE = "api://nbauth-demo/Data.Read"
B2C = f"https://contoso.b2clogin.com/{TENANT_DOMAIN}/b2c_1_signin"

# name: the keys, the host that is asked, the tenant of who signs in
PEOPLE: dict[str, tuple[dict[str, str], str, str]] = {
    "guid": ({"tenant": TENANT_ID}, PUBLIC, TENANT_ID),
    "domain": ({"tenant": TENANT_DOMAIN}, PUBLIC, TENANT_ID),
    "common": ({"audience": "common"}, PUBLIC, TENANT_ID),
    "organizations": ({"audience": "organizations"}, PUBLIC, TENANT_ID),
    "consumers": ({"audience": "consumers"}, PUBLIC, CONSUMERS_ID),
    "written_out": ({"authority": f"https://{PUBLIC}/{TENANT_DOMAIN}"}, PUBLIC, TENANT_ID),
    "alias": ({"authority": f"https://login.windows.net/{TENANT_ID}"}, "login.windows.net", TENANT_ID),
    "us_government": ({"cloud": "us_government", "tenant": TENANT_DOMAIN}, "login.microsoftonline.us", TENANT_ID),
    "china": ({"cloud": "china", "tenant": TENANT_ID}, "login.partner.microsoftonline.cn", TENANT_ID),
    "bleu": ({"cloud": "bleu", "tenant": TENANT_ID}, "login.sovcloud-identity.fr", TENANT_ID),
    "delos": ({"cloud": "delos", "audience": "organizations"}, "login.sovcloud-identity.de", TENANT_ID),
    "singapore": ({"cloud": "singapore_government", "tenant": TENANT_ID}, "login.sovcloud-identity.sg", TENANT_ID),
    "b2c": ({"authority": B2C}, "contoso.b2clogin.com", TENANT_ID),
    "b2c_own_host": ({"authority": f"https://{OWN}/{TENANT_ID}/b2c_1_signin"}, OWN, TENANT_ID),
    "ciam": ({"authority": "https://contoso.ciamlogin.com"}, "contoso.ciamlogin.com", TENANT_ID),
    "ciam_tenant": ({"authority": f"https://contoso.ciamlogin.com/{TENANT_ID}"}, "contoso.ciamlogin.com", TENANT_ID),
    "adfs": ({"authority": "https://adfs.contoso.example/adfs"}, "adfs.contoso.example", ""),
    "instance": ({"instance": f"https://{OWN}", "tenant": TENANT_DOMAIN}, OWN, TENANT_ID),
    "oidc_root": ({"oidc_authority": "https://id.contoso.example"}, "id.contoso.example", ""),
    "oidc_path": ({"oidc_authority": "https://id.contoso.example/realms/lab"}, "id.contoso.example", ""),
}  # fmt: skip
JOBS = [name for name in PEOPLE if name not in ("common", "organizations", "consumers", "delos")]


def _from_code(contoso: DemoServer, name: str = "work", **keys: Any) -> Profile:
    keys = {"client_id": contoso.client_id, "apis": {contoso.api_origin: [SCOPE]}, **keys}
    profile = Profile(name, ca_bundle=str(contoso.ca_file), **keys)
    kernel.add_profile(profile)
    return profile


def _from_file(contoso: DemoServer, directory: Path, **keys: Any) -> Profile:
    keys = {"client_id": contoso.client_id, "ca_bundle": str(contoso.ca_file), **keys}
    scope = keys.pop("apis", {contoso.api_origin: [SCOPE]})[contoso.api_origin][0]
    secret = keys.pop("client_secret", None)
    lines = ["[profiles.work]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
    if secret:
        lines.append(f'client_secret = {{ env = "{secret["env"]}" }}')
    lines += ["[profiles.work.apis]", f'"{contoso.api_origin}" = ["{scope}"]']
    path = directory / "nbauth.toml"
    path.write_text("\n".join(lines))
    os.environ["NBAUTH_CONFIG"] = str(path)
    return kernel.config().profiles["work"]


@pytest.fixture(params=["file", "code"])
def make(
    request: pytest.FixtureRequest, contoso: DemoServer, apart: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Profile]:
    """Return what makes the profile `work`, from the `nbauth.toml` that a person named or in code."""
    monkeypatch.setenv("NBAUTH_CONFIG", "")  # put back at the end

    def made(**keys: Any) -> Profile:
        return _from_file(contoso, apart, **keys) if request.param == "file" else _from_code(contoso, **keys)

    return made


def _sign_in(contoso: DemoServer, name: str = "work", *, flow: str = "paste", choose: str = "alice") -> Any:
    prompt = PersonPrompt(Person(choose, ca_file=contoso.ca_file), choose)
    return nbauth.login(name, flow=flow, prompt=prompt, timeout_s=30)


def _status(contoso: DemoServer, name: str = "work") -> int:
    import nbauth

    return nbauth.session(name).get(f"{contoso.api_url}/sunlight?$top=1").status_code


@pytest.mark.parametrize(("keys", "host", "tenant_id"), PEOPLE.values(), ids=PEOPLE)
def test_a_person(
    make: Callable[..., Profile], contoso: DemoServer, keys: dict[str, str], host: str, tenant_id: str
) -> None:
    """A person signs in, the API takes the token, and it is renewed silently; one host alone is asked."""
    profile = make(**keys)
    account = _sign_in(contoso)
    assert ("alice@contoso.example", tenant_id) == (account.username, account.tenant_id)
    assert _status(contoso) == 200
    credential = kernel.credential_of(profile, (SCOPE,))
    first = credential.token((SCOPE,))
    second = credential.token((SCOPE,), rejected=first)
    assert first != second
    assert contoso.provider.requests.count(grant_type="refresh_token", status=200) == 1
    assert _status(contoso) == 200
    assert {host} == {record.host for record in contoso.provider.requests}


@pytest.mark.parametrize("name", JOBS)
def test_an_application(
    make: Callable[..., Profile], contoso: DemoServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """An application gets a token with its secret, without instance discovery, and signs out with nothing to ask."""
    keys, host, tenant_id = PEOPLE[name]
    monkeypatch.setenv("JOB_SECRET", contoso.client_secret)
    make(
        client_id=contoso.confidential_client_id,
        client_secret={"env": "JOB_SECRET"},
        apis={contoso.api_origin: ["api://nbauth-demo/.default"]},
        **keys,
    )
    assert _status(contoso) == 200
    paths = [(record.host, record.method) for record in contoso.provider.requests]
    assert [(host, "GET"), (host, "POST")] == paths
    account = nbauth.login("work")
    assert bool(tenant_id) == bool(account.tenant_id)
    contoso.provider.requests.clear()
    kernel.logout("work")
    assert len(contoso.provider.requests) == 0


@pytest.mark.parametrize("flow", ["device_code", "loopback"])
@pytest.mark.parametrize("name", ["us_government", "adfs"])
def test_other_flows(contoso: DemoServer, monkeypatch: pytest.MonkeyPatch, name: str, flow: str) -> None:
    """The other flows work there, too; a code is typed on the authority's own host."""
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url, *_, **__: bool(opened.append(url)))
    _from_code(contoso, **PEOPLE[name][0])
    assert _sign_in(contoso, flow=flow).username == "alice@contoso.example"
    assert {PEOPLE[name][1]} == {record.host for record in contoso.provider.requests}


# Instance discovery


def _instance_requests(contoso: DemoServer) -> list[str]:
    return [record.host for record in contoso.provider.requests.matching("/common/discovery/instance")]


@pytest.mark.parametrize("cloud", ["public", "us_government", "china", "bleu", "delos", "singapore_government"])
def test_instance_discovery_of_a_cloud(contoso: DemoServer, cloud: str) -> None:
    """Looking for accounts asks the cloud itself once which hosts are one; the folder's next kernel asks nothing."""
    profile = _from_code(contoso, tenant=TENANT_ID, cloud=cloud)
    assert nbauth.client("work").get_accounts() == []
    # MSAL 1.35 would ask the public cloud about every one, so with it only that one is asked.
    asks = cloud == "public" or not msal.__version__.startswith("1.35.")
    assert [profile.authority_host] * asks == _instance_requests(contoso)
    contoso.provider.requests.clear()
    kernel.reset()
    kernel.add_profile(profile)
    assert nbauth.client("work").get_accounts() == []
    assert len(contoso.provider.requests) == 0


@pytest.mark.parametrize("name", ["b2c", "b2c_own_host", "ciam", "adfs", "instance", "oidc_root", "oidc_path"])
def test_no_instance_discovery_elsewhere(contoso: DemoServer, name: str) -> None:
    """A host that is not one of Entra's clouds is nobody's to vouch for: nothing beside its document is asked."""
    keys, host, _ = PEOPLE[name]
    _from_code(contoso, **keys)
    assert nbauth.client("work").get_accounts() == []
    assert [(host, "GET")] == [(record.host, record.method) for record in contoso.provider.requests]


def test_a_sign_in_costs_no_instance_discovery(contoso: DemoServer) -> None:
    """A sign-in and its first token need the document, the code's token and the keys; a later kernel's the token."""
    profile = _from_code(contoso, tenant=TENANT_ID)
    _sign_in(contoso)
    kinds = [record.path.rpartition("/")[2] for record in contoso.provider.requests]
    assert kinds == ["openid-configuration", "authorize", "login", "token", "keys"]
    kernel.reset()
    kernel.add_profile(profile)
    contoso.provider.requests.clear()
    _sign_in(contoso)
    kinds = [record.path.rpartition("/")[2] for record in contoso.provider.requests]
    assert kinds == ["authorize", "login", "token"]


def test_aliases_share_a_cache(contoso: DemoServer) -> None:
    """Who signed in under one name of a cloud is found under the others, and a token comes silently."""
    _from_code(contoso, "old", authority=f"https://login.windows.net/{TENANT_ID}")
    _from_code(contoso, "new", tenant=TENANT_ID)
    _from_code(contoso, "government", tenant=TENANT_ID, cloud="us_government")
    _sign_in(contoso, "old")
    application = nbauth.client("new")
    (account,) = application.get_accounts()
    contoso.provider.requests.clear()
    assert "access_token" in application.acquire_token_silent([SCOPE], account)
    assert nbauth.client("government").get_accounts() == []
    with pytest.raises(SignInRequired):
        kernel.credential_of(kernel.config().profiles["government"], (SCOPE,))


def test_a_hostile_alias_is_never_asked(contoso: DemoServer, apart: Path) -> None:
    """What instance discovery says makes no host trusted: an alias of another's gets no request, and no token."""
    profile = _from_code(contoso, tenant=TENANT_ID)
    _sign_in(contoso)
    document = {
        "tenant_discovery_endpoint": f"https://{PUBLIC}/common/v2.0/.well-known/openid-configuration",
        "metadata": [{"preferred_network": PUBLIC, "preferred_cache": PUBLIC, "aliases": [PUBLIC, "evil.example"]}],
    }
    contoso.provider.faults.add("/common/discovery/instance", body=json.dumps(document), times=None)
    cache = nbauth.client("work").token_cache
    (token,) = cache.search(cache.CredentialType.REFRESH_TOKEN)
    with cache._lock:  # MSAL tries an alias that it holds a refresh token for
        cache.modify(cache.CredentialType.REFRESH_TOKEN, token, {**token, "environment": "evil.example"})
    credential = kernel.credential_of(profile, (SCOPE,))
    with pytest.raises(ProviderUnavailable, match=r"evil\.example/.* is not one of the provider's own hosts"):
        credential.token((SCOPE,), rejected=credential.token((SCOPE,)))
    assert _instance_requests(contoso) == [PUBLIC]
    assert "evil.example" not in (apart / ".nbauth" / "http_cache").read_text()


@pytest.mark.parametrize("status", [200, 403, 404, 500, 503])
def test_instance_discovery_that_fails(contoso: DemoServer, apart: Path, status: int) -> None:
    """Where only instance discovery fails, a refresh that is refused still says that a person has to sign in."""
    profile = _from_code(contoso, tenant=TENANT_ID)
    _sign_in(contoso)
    contoso.provider.faults.add("/common/discovery/instance", status=status, body="<html>no</html>", times=None)
    contoso.provider.revoke(ALICE)
    credential = kernel.credential_of(profile, (SCOPE,))
    with pytest.raises(SignInRequired, match="AADSTS50173"):
        credential.token((SCOPE,), rejected=credential.token((SCOPE,)))
    assert _instance_requests(contoso) == [PUBLIC]
    assert "discovery/instance" not in (apart / ".nbauth" / "http_cache").read_text()
    assert _sign_in(contoso).username == "alice@contoso.example"


# Whose tokens


@pytest.mark.parametrize(
    ("name", "issued", "message"),
    [
        ("guid", CONSUMERS_ID, rf"{CONSUMERS_ID} \(Microsoft's personal accounts\), and {TENANT_ID} was expected"),
        ("domain", OTHER_ID, rf"of the tenant {OTHER_ID}, and {TENANT_DOMAIN}, {TENANT_ID} was expected"),
        ("organizations", CONSUMERS_ID, r"personal accounts\), and an organisation's was expected"),
        ("consumers", OTHER_ID, rf"of the tenant {OTHER_ID}, and a personal account \({CONSUMERS_ID}\) was expected"),
        ("ciam", OTHER_ID, rf"of the tenant {OTHER_ID}, and {TENANT_DOMAIN}, {TENANT_ID} was expected"),
        ("b2c", OTHER_ID, rf"its issuer is https://contoso.b2clogin.com/{OTHER_ID}/v2.0/, not .*{TENANT_ID}"),
    ],
)
def test_another_tenants_token(contoso: DemoServer, name: str, issued: str, message: str) -> None:
    """An ID token of another tenant than the authority's is refused, and the error says which tenant was expected."""
    _from_code(contoso, **PEOPLE[name][0])
    contoso.provider.settings.misissued_tenant_id = issued
    with pytest.raises(SignInFailed, match=message):
        _sign_in(contoso)
    assert kernel.accounts() == []
    assert nbauth.client("work").get_accounts() == []


def test_common_serves_every_tenant(contoso: DemoServer) -> None:
    """At `common` the tenant is that of whoever signs in."""
    _from_code(contoso, audience="common")
    contoso.provider.settings.misissued_tenant_id = OTHER_ID
    assert _sign_in(contoso).tenant_id == OTHER_ID


def test_two_providers_on_one_host(contoso: DemoServer) -> None:
    """Providers on one host share no token, though host and client id are the same; nor do two policies."""
    places = [
        {"oidc_authority": "https://id.contoso.example/realms/lab"},
        {"oidc_authority": "https://id.contoso.example/realms/other"},
        {"oidc_authority": "https://id.contoso.example"},
        {"authority": "https://id.contoso.example/adfs"},
        {"tenant": TENANT_ID, "instance": "https://id.contoso.example"},
        {"authority": f"https://id.contoso.example/{TENANT_ID}/b2c_1_signin"},
        {"authority": f"https://id.contoso.example/{TENANT_ID}/b2c_1_edit"},
    ]
    first, *others = [_from_code(contoso, f"p{number}", **place) for number, place in enumerate(places)]
    _sign_in(contoso, first.name)
    assert len(nbauth.client(first.name).get_accounts()) == 1
    for other in others:
        assert nbauth.client(other.name).get_accounts() == []
        assert other.name not in {account.profile for account in kernel.accounts()}
        with pytest.raises(SignInRequired):
            kernel.credential_of(other, (SCOPE,))
    # Edited to another provider of the host while the kernel runs, a profile is signed in to nothing.
    edited = _from_code(contoso, first.name, **places[1])
    with pytest.raises(SignInRequired):
        kernel.credential_of(edited, (SCOPE,))


def test_a_tenant_by_argument(contoso: DemoServer) -> None:
    """`login(tenant=…)` signs in to another tenant of the same cloud, and its token serves the profile's APIs."""
    _from_code(contoso, audience="organizations")
    prompt = PersonPrompt(Person("alice", ca_file=contoso.ca_file), "alice")
    account = nbauth.login("work", tenant=TENANT_DOMAIN, flow="paste", prompt=prompt, timeout_s=30)
    assert account.tenant_id == TENANT_ID
    assert _status(contoso) == 200


# Whose documents


@pytest.mark.parametrize(
    "name", ["guid", "domain", "common", "b2c", "ciam", "adfs", "instance", "oidc_root", "oidc_path"]
)
def test_a_document_of_another_issuer(contoso: DemoServer, name: str) -> None:
    """A discovery document whose issuer is not the authority's own is refused before anybody is asked."""
    host = PEOPLE[name][1]
    document = {
        "issuer": "https://evil.example/t",
        **{key: f"https://{host}/t/{key}" for key in ("authorization_endpoint", "token_endpoint", "jwks_uri")},
    }
    _from_code(contoso, **PEOPLE[name][0])
    contoso.provider.faults.add("*/openid-configuration", body=json.dumps(document), times=None)
    with pytest.raises(ProviderUnavailable, match="is that of another issuer"):
        _sign_in(contoso)


def test_a_document_of_another_tenant(contoso: DemoServer) -> None:
    """The document of another tenant at the right host is refused, too."""
    _from_code(contoso, tenant=OTHER_ID)
    document = {
        "issuer": f"https://{PUBLIC}/{TENANT_ID}/v2.0",
        **{key: f"https://{PUBLIC}/t/{key}" for key in ("authorization_endpoint", "token_endpoint", "jwks_uri")},
    }
    contoso.provider.faults.add("*/openid-configuration", body=json.dumps(document), times=None)
    with pytest.raises(ProviderUnavailable, match=rf"another issuer, https://{PUBLIC}/{TENANT_ID}"):
        _sign_in(contoso)
