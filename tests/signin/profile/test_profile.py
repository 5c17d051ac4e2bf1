from __future__ import annotations

import copy
import pickle

import pytest

import nbauth
from nbauth.errors import ConfigError
from nbauth.signin.profile.profile import Profile

APIS = {"https://api.example.com": ["scope"]}
WORK = {"client_id": "id", "apis": APIS, "tenant": "contoso.onmicrosoft.com"}


def _make(**changes: object) -> Profile:
    keys = {**WORK, **changes}
    return Profile("work", **{key: value for key, value in keys.items() if value is not None})


@pytest.mark.parametrize(
    ("keys", "authority"),
    [
        ({}, "https://login.microsoftonline.com/contoso.onmicrosoft.com"),
        ({"cloud": "us_government"}, "https://login.microsoftonline.us/contoso.onmicrosoft.com"),
        ({"cloud": "china"}, "https://login.partner.microsoftonline.cn/contoso.onmicrosoft.com"),
        ({"tenant": None, "audience": "organizations"}, "https://login.microsoftonline.com/organizations"),
        ({"instance": "https://login.example.com"}, "https://login.example.com/contoso.onmicrosoft.com"),
        ({"tenant": None, "authority": "https://fs.example.com/adfs/"}, "https://fs.example.com/adfs"),
        ({"tenant": None, "oidc_authority": "https://kc.example.com/realms/lab"}, "https://kc.example.com/realms/lab"),
    ],
)
def test_authority_from_its_parts(keys: dict[str, object], authority: str) -> None:
    """The authority comes from its parts, or as it is written out."""
    assert _make(**keys).authority_url == authority


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"client_id": ""}, "client_id: expected a text"),
        ({"client_id": 5}, "client_id: expected a text"),
        ({"tenant": None}, "nothing says where to sign in"),
        ({"audience": "common"}, "tenant: cannot stand beside audience"),
        ({"tenant": None, "audience": "everyone"}, "expected one of common, organizations, consumers"),
        ({"cloud": "mars"}, "cloud: expected one of public, us_government, china"),
        ({"cloud": "public", "instance": "https://x.example"}, "cloud: cannot stand beside instance"),
        ({"authority": "https://login.example.com/t"}, "authority: cannot stand beside tenant"),
        ({"tenant": None, "authority": "http://login.example.com/t"}, "authority: expected https"),
        ({"tenant": None, "authority": "http://localhost:8000/t"}, "authority: expected https"),
        ({"tenant": None, "authority": "https://login.example.com"}, "expected a tenant in the path"),
        ({"tenant": "a/b"}, "tenant: expected a GUID or a domain"),
        ({"apis": {"https://api.example.com/v1.0": ["s"]}}, r'Write it as "https://api\.example\.com"'),
        ({"apis": {"http://api.example.com": ["s"]}}, "http only on this machine"),
        ({"apis": {"https://api.example.com": "s"}}, "expected a list of texts"),
        ({"apis": {"https://a.example": ["s"], "https://A.example:443": ["s"]}}, "named twice"),
        ({"apis": ["https://a.example"]}, "apis: expected a table"),
        ({"client_secret": "s3cret"}, "a literal secret is refused"),
        ({"client_secret": {"environment": "X"}}, "expected { env"),
        ({"client_secret": {"env": "A", "file": "b"}}, "expected { env"),
        ({"client_secret": {"env": "A"}, "client_assertion": {"env": "B"}}, "one credential is enough"),
        ({"client_certificate": {"pfad": "x"}}, "client_certificate.pfad: unknown key"),
        ({"tenant": None, "audience": "common", "client_secret": {"env": "A"}}, "signs in to one tenant"),
        ({"ca_bundle": "nowhere.pem"}, "ca_bundle: there is no file"),
        ({"prompt": "always"}, "prompt: expected one of login"),
        ({"exclude_scopes": ["openid"]}, "exclude_scopes: 'openid' cannot be left out"),
        ({"redirect_uri": "http://hub.example/callback"}, "redirect_uri: expected https"),
    ],
)
def test_a_mistake_says_what_is_expected(keys: dict[str, object], message: str) -> None:
    """Every mistake names the profile, the key and what is expected."""
    with pytest.raises(ConfigError, match=message) as caught:
        _make(**keys)
    assert "work" in str(caught.value)


def test_a_literal_secret_is_not_repeated() -> None:
    """The message that refuses a literal secret does not show it."""
    with pytest.raises(ConfigError) as caught:
        _make(client_secret="s3cret-value")
    assert "s3cret-value" not in str(caught.value)


def test_a_profile_cannot_be_changed() -> None:
    """A profile cannot be changed once it is made, its apis included."""
    profile = _make()
    with pytest.raises(AttributeError):
        profile.client_id = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        profile.apis["https://evil.example"] = ("scope",)  # type: ignore[index]
    assert hash(profile) == hash(_make())


def test_scopes_by_origin() -> None:
    """The scopes of a URL are those of its origin, compared exactly."""
    profile = _make()
    assert profile.scopes_for("https://API.example.com:443/v1/x") == ("scope",)
    assert profile.scopes_for("https://api.example.com.evil.example/") is None
    assert profile.scopes_for("http://api.example.com/") is None
    assert profile.scopes_for("https://api.example.com:8443/") is None


def test_another_tenant() -> None:
    """A profile can be turned to another tenant of its instance, however its authority is given."""
    assert _make().with_tenant("other").authority_url == "https://login.microsoftonline.com/other"
    written = _make(tenant=None, authority="https://x.b2clogin.com/one/b2c_1_p")
    assert written.with_tenant("two").authority_url == "https://x.b2clogin.com/two/b2c_1_p"
    with pytest.raises(ConfigError, match="without tenants"):
        _make(tenant=None, oidc_authority="https://kc.example.com/realms/lab").with_tenant("x")


def test_public_names() -> None:
    """`nbauth.Profile` is this class, and every key but the name is a keyword."""
    assert nbauth.Profile is Profile
    with pytest.raises(TypeError):
        Profile("work", "id", APIS)  # type: ignore[misc]


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"client_secret": {"env": "SECRET"}, "proxies": {"https": "http://proxy.example:3128"}},
        {"client_certificate": {"path": "a.pem", "passphrase": {"keyring": "a/b"}}, "azure_region": "westeurope"},
        {"client_assertion": {"file": "token"}, "proxies": {}},
        {"tenant": None, "oidc_authority": "https://kc.example.com/realms/lab", "exclude_scopes": ["offline_access"]},
        {"tenant": None, "client_id": "", "managed_identity": {"client_id": "x"}},
    ],
    ids=["person", "secret", "certificate", "assertion", "oidc", "machine"],
)
def test_it_goes_to_worker_processes(keys: dict[str, object]) -> None:
    """A profile holds nothing secret: pickled or copied it is the same, and as frozen, also after it was used."""
    profile = _make(**keys)
    assert profile.scopes_for("https://api.example.com/rows") == ("scope",)
    for other in (pickle.loads(pickle.dumps(profile)), copy.deepcopy(profile), copy.copy(profile)):  # noqa: S301
        assert (other, hash(other), repr(other)) == (profile, hash(profile), repr(profile))
        assert other.scopes_for("https://api.example.com/rows") == ("scope",)
        assert other.with_tenant("b.example") == profile.with_tenant("b.example") if profile.tenant else True
        with pytest.raises(TypeError):
            other.apis["https://elsewhere.example"] = ("scope",)


def test_a_function_is_copied_with_it() -> None:
    """A profile whose assertion a function supplies is copied with that function."""
    profile = _make(client_assertion=lambda: "assertion")
    other = copy.deepcopy(profile)
    assert other == profile
    assert not isinstance(other.client_assertion, (str, type(None)))
    assert other.client_assertion.read() == "assertion"
