from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nbauth.errors import ConfigError
from nbauth.signin.profile.authority import CLOUDS
from nbauth.signin.profile.profile import Profile

if TYPE_CHECKING:
    from nbauth.signin.profile.authority import Authority

GUID = "11111111-2222-4333-8444-555555555555"
APIS = {"https://api.example.com": ["scope"]}


def _make(**keys: str) -> Authority:
    return Profile("work", client_id="id", apis=APIS, **keys).resolved_authority  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("keys", "kind", "tenant", "document"),
    [
        ({"tenant": GUID}, "entra", GUID, f"https://login.microsoftonline.com/{GUID}/v2.0"),
        ({"audience": "common"}, "entra", "common", "https://login.microsoftonline.com/common/v2.0"),
        ({"tenant": "a.example", "cloud": "bleu"}, "entra", "a.example", "https://login.sovcloud-identity.fr/a.example/v2.0"),
        ({"tenant": "t", "instance": "https://x.example:8443/"}, "entra", "t", "https://x.example:8443/t/v2.0"),
        ({"authority": "https://x.b2clogin.com/t/p"}, "b2c", "t", "https://x.b2clogin.com/t/p/v2.0"),
        ({"authority": "https://x.b2clogin.com/tfp/t/p"}, "b2c", "t", "https://x.b2clogin.com/tfp/t/p/v2.0"),
        ({"authority": "https://x.example/t/B2C_1A_p"}, "b2c", "t", "https://x.example/t/B2C_1A_p/v2.0"),
        ({"authority": "https://x.ciamlogin.com"}, "ciam", "x.onmicrosoft.com", "https://x.ciamlogin.com/x.onmicrosoft.com/v2.0"),
        ({"authority": "https://x.ciamlogin.com/t/"}, "ciam", "t", "https://x.ciamlogin.com/t/v2.0"),
        ({"tenant": "t", "instance": "https://x.ciamlogin.com"}, "ciam", "t", "https://x.ciamlogin.com/t/v2.0"),
        ({"authority": "https://fs.example/adfs/"}, "adfs", None, "https://fs.example/adfs"),
        ({"oidc_authority": "https://x.example/realms/lab"}, "oidc", None, "https://x.example/realms/lab"),
        ({"oidc_authority": "https://x.example/"}, "oidc", None, "https://x.example/."),
        ({"oidc_authority": "https://x.example:8443"}, "oidc", None, "https://x.example:8443/."),
    ],
    ids=str,
)  # fmt: skip
def test_kinds_of_authority(keys: dict[str, str], kind: str, tenant: str | None, document: str) -> None:
    """What is written decides the kind, the tenant, and where the discovery document is."""
    made = _make(**keys)
    assert (kind, tenant, f"{document}/.well-known/openid-configuration") == (
        made.kind,
        made.tenant,
        made.discovery_url,
    )


ENTRA = f"https://login.microsoftonline.com/{GUID}"


@pytest.mark.parametrize(
    ("pasted", "meant"),
    [
        ({"authority": f"{ENTRA}/v2.0"}, {"tenant": GUID}),
        ({"authority": f"{ENTRA}/v2.0/"}, {"tenant": GUID}),
        ({"authority": f"{ENTRA}/v2.0/.well-known/openid-configuration"}, {"tenant": GUID}),
        ({"authority": f"{ENTRA}/.well-known/openid-configuration"}, {"tenant": GUID}),
        ({"authority": f"{ENTRA}/oauth2/v2.0/authorize"}, {"tenant": GUID}),
        ({"authority": f"{ENTRA}/oauth2/v2.0/token"}, {"tenant": GUID}),
        ({"authority": f"{ENTRA}/oauth2/token"}, {"tenant": GUID}),
        ({"authority": f"{ENTRA}/oauth2/v2.0/devicecode"}, {"tenant": GUID}),
        ({"authority": "https://login.microsoftonline.com/common/v2.0"}, {"audience": "common"}),
        ({"authority": "https://x.b2clogin.com/t/p/v2.0/.well-known/openid-configuration"}, {"authority": "https://x.b2clogin.com/t/p"}),
        ({"authority": "https://x.b2clogin.com/t/p/oauth2/v2.0/authorize"}, {"authority": "https://x.b2clogin.com/t/p"}),
        ({"authority": "https://x.ciamlogin.com/t/v2.0"}, {"authority": "https://x.ciamlogin.com/t"}),
        ({"authority": "https://fs.example/adfs/.well-known/openid-configuration"}, {"authority": "https://fs.example/adfs"}),
        ({"authority": "https://fs.example/adfs/oauth2/authorize"}, {"authority": "https://fs.example/adfs"}),
        ({"oidc_authority": "https://x.example/a/.well-known/openid-configuration"}, {"oidc_authority": "https://x.example/a"}),
        ({"oidc_authority": "https://x.example/a/.well-known/openid-configuration/"}, {"oidc_authority": "https://x.example/a"}),
        ({"oidc_authority": "https://x.example/.well-known/openid-configuration"}, {"oidc_authority": "https://x.example"}),
        ({"oidc_authority": "https://x.example/a/.well-known/oauth-authorization-server"}, {"oidc_authority": "https://x.example/a"}),
        ({"oidc_authority": "https://x.example/.well-known/oauth-authorization-server/a"}, {"oidc_authority": "https://x.example/a"}),
    ],
    ids=str,
)  # fmt: skip
def test_what_a_portal_shows(pasted: dict[str, str], meant: dict[str, str]) -> None:
    """The address of a discovery document, of an endpoint or of Entra's v2.0 stands for the authority it belongs to."""
    assert _make(**pasted) == _make(**meant)


def test_an_issuer_is_taken_to_the_letter() -> None:
    """As `oidc_authority` a path that ends as Entra's do is the issuer's own, and is kept."""
    assert _make(oidc_authority=f"{ENTRA}/v2.0").url == f"{ENTRA}/v2.0"
    assert _make(oidc_authority="https://x.example/oauth2").url == "https://x.example/oauth2"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"authority": "https://login.microsoftonline.com/v2.0"}, "expected a tenant in the path"),
        ({"authority": f"{ENTRA}/v2.0/.well-known/openid-configuration?p=b2c_1_x"}, "an address without a query"),
        ({"authority": "https://x.b2clogin.com/t"}, r"a tenant and a policy in the path, as in https://x\.b2clogin"),
        ({"tenant": "t", "instance": "https://x.b2clogin.com"}, "a tenant and a policy"),
        ({"authority": "https://login.example.com/"}, "expected a tenant in the path"),
        ({"authority": "https://login.example.com/t/../adfs"}, "expected a path without . and .."),
        ({"oidc_authority": "https://login.example.com/%2e%2E/realms/x"}, "expected a path without . and .."),
        ({"tenant": ".."}, "expected a GUID or a domain"),
        ({"authority": "https://login.example.com/t?p=b2c_1_x"}, "expected an address without a query"),
        ({"oidc_authority": "https://login.example.com/#x"}, "expected an address without a query"),
        ({"tenant": "t", "instance": "https://login.example.com/path"}, "expected https://host without a path"),
        ({"tenant": "t", "instance": "http://login.example.com"}, "expected https"),
        ({"tenant": "t", "cloud": "germany"}, "expected one of public, us_government, china, bleu, delos, sing"),
    ],
    ids=str,
)
def test_what_cannot_be_an_authority(keys: dict[str, str], message: str) -> None:
    """An authority that cannot be one is refused when the profile is made."""
    with pytest.raises(ConfigError, match=message):
        _make(**keys)


@pytest.mark.parametrize("key", ["audience", "tenant", "authority"])
def test_an_application_signs_in_to_one_tenant(key: str) -> None:
    """A profile with a credential names one tenant, however its authority is written."""
    value = "https://login.microsoftonline.com/common" if key == "authority" else "common"
    with pytest.raises(ConfigError, match=rf"{key}: an application signs in to one tenant"):
        Profile("job", client_id="id", apis=APIS, client_secret={"env": "S"}, **{key: value})  # type: ignore[arg-type]


def test_clouds_trust_their_own_aliases_only() -> None:
    """A cloud's hosts are those that are one cloud, and no cloud trusts another's."""
    seen: set[str] = set()
    for cloud, host in CLOUDS.items():
        made = _make(tenant=GUID, cloud=cloud)
        assert made.is_known_to_microsoft
        assert f"{host}:443" in made.allowed_hosts
        assert not seen & made.allowed_hosts
        seen |= made.allowed_hosts
    assert _make(authority="https://login.windows.net/t").allowed_hosts == _make(tenant="t").allowed_hosts
    assert {"x.example:443"} == _make(tenant="t", instance="https://x.example").allowed_hosts
    assert {"x.b2clogin.com:443"} == _make(authority="https://x.b2clogin.com/t/p").verification_hosts


def test_what_shares_a_token_cache() -> None:
    """The names of one cloud share a token cache; tenants, policies, providers and realms do not."""
    same = [
        _make(tenant="t"),
        _make(authority="https://LOGIN.microsoftonline.com:443/t/"),
        _make(authority="https://login.windows.net/t"),
    ]
    assert len({made.cache_key for made in same}) == 1
    different = [
        same[0],
        _make(tenant="u"),
        _make(tenant="t", cloud="china"),
        _make(tenant="t", instance="https://login.microsoftonline.com:8443"),
        _make(authority="https://x.b2clogin.com/t/p"),
        _make(authority="https://x.b2clogin.com/t/q"),
        _make(oidc_authority="https://x.example"),
        _make(oidc_authority="https://x.example/realms/a"),
        _make(oidc_authority="https://x.example/realms/b"),
        _make(authority="https://x.example/adfs"),
        _make(authority="https://x.example/t"),
        _make(oidc_authority="https://x.example/t"),
    ]
    assert len(different) == len({made.cache_key for made in different})


def test_another_tenant() -> None:
    """Every kind that has tenants can be turned to another one; only the tenant changes."""
    for keys, url in (
        ({"authority": "https://x.b2clogin.com/t/p"}, "https://x.b2clogin.com/other/p"),
        ({"authority": "https://x.ciamlogin.com"}, "https://x.ciamlogin.com/other"),
        ({"tenant": "t", "instance": "https://x.example"}, "https://x.example/other"),
    ):
        profile = Profile("work", client_id="id", apis=APIS, **keys)  # type: ignore[arg-type]
        turned = profile.with_tenant("other").resolved_authority
        assert url == turned.url
        assert profile.resolved_authority.instance_key == turned.instance_key
    for keys in ({"authority": "https://x.example/adfs"}, {"oidc_authority": "https://x.example"}):
        with pytest.raises(ConfigError, match="without tenants"):
            Profile("work", client_id="id", apis=APIS, **keys).with_tenant("other")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="expected a GUID or a domain"):
        Profile("work", client_id="id", apis=APIS, authority="https://x.example/t").with_tenant("../x")
