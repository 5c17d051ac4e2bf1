from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nbauth.signin.oidc import issuers
from nbauth.signin.profile.authority import CONSUMERS_ID
from nbauth.signin.profile.profile import Profile

if TYPE_CHECKING:
    from nbauth.signin.profile.authority import Authority

ONE = "11111111-2222-4333-8444-555555555555"
TWO = "22222222-2222-4333-8444-555555555555"
ENTRA = "https://login.microsoftonline.com"
PLACE = f"{ENTRA}/{{tenantid}}/v2.0"
CIAM = f"https://{ONE}.ciamlogin.com/{ONE}/v2.0"


def _at(url: str, *, oidc: bool = False, hosts: tuple[str, ...] = ()) -> Authority:
    keys: dict[str, Any] = {"oidc_authority" if oidc else "authority": url, "endpoint_hosts": hosts}
    return Profile("w", client_id="id", apis={"https://a.example": ["s"]}, **keys).resolved_authority


@pytest.mark.parametrize(
    ("authority", "issuer", "own"),
    [
        (_at(f"{ENTRA}/{ONE}"), f"{ENTRA}/{ONE}/v2.0", True),
        (_at(f"{ENTRA}/{ONE}"), f"https://sts.windows.net/{ONE}/", True),
        (_at(f"https://login.windows.net/{ONE}"), f"{ENTRA}/{ONE}/v2.0", True),
        (_at(f"{ENTRA}/{ONE}"), f"{ENTRA}/{TWO}/v2.0", False),
        (_at(f"{ENTRA}/{ONE}"), PLACE, False),
        (_at(f"{ENTRA}/{ONE}"), f"https://login.microsoftonline.us/{ONE}/v2.0", False),
        (_at(f"{ENTRA}/{ONE}"), f"http://login.microsoftonline.com/{ONE}/v2.0", False),
        (_at(f"{ENTRA}/{ONE}"), f"{ENTRA}.evil.example/{ONE}/v2.0", False),
        (_at(f"{ENTRA}/{ONE}"), f"https://evil.example/{ONE}/v2.0", False),
        (_at(f"{ENTRA}/{ONE}"), "", False),
        (_at(f"{ENTRA}/contoso.com"), f"{ENTRA}/{ONE}/v2.0", True),
        (_at(f"{ENTRA}/contoso.com"), PLACE, False),
        (_at(f"{ENTRA}/common"), PLACE, True),
        (_at(f"{ENTRA}/organizations"), PLACE, True),
        (_at(f"{ENTRA}/consumers"), f"{ENTRA}/{CONSUMERS_ID}/v2.0", True),
        (_at("https://x.example:8443/t"), "https://x.example:8443/t/v2.0", True),
        (_at("https://x.example:8443/t"), "https://x.example/t/v2.0", False),
        (_at("https://x.example/t"), "https://sts.x.example/t", False),
        (_at("https://x.example/t", hosts=("sts.x.example",)), "https://sts.x.example/t", True),
        (_at("https://x.b2clogin.com/t.example/b2c_1_p"), f"https://x.b2clogin.com/{ONE}/v2.0/", True),
        (_at("https://x.b2clogin.com/t.example/b2c_1_p"), f"https://x.b2clogin.com/tfp/{ONE}/b2c_1_p/v2.0/", True),
        (_at(f"https://x.b2clogin.com/{ONE}/b2c_1_p"), f"https://x.b2clogin.com/{TWO}/v2.0/", False),
        (_at("https://x.b2clogin.com/t.example/b2c_1_p"), f"https://y.b2clogin.com/{ONE}/v2.0/", False),
        (_at("https://x.ciamlogin.com"), CIAM, True),
        (_at(f"https://x.ciamlogin.com/{ONE}"), CIAM, True),
        (_at(f"https://x.ciamlogin.com/{TWO}"), CIAM, False),
        (_at("https://x.ciamlogin.com"), f"https://{ONE}.ciamlogin.com/{TWO}/v2.0", False),
        (_at(f"https://login.x.example/{ONE}"), CIAM, True),
        (_at(f"https://login.x.example/{ONE}/v2.0", oidc=True), CIAM, True),
        (_at(f"https://login.x.example/{TWO}/v2.0", oidc=True), CIAM, False),
        (_at("https://login.x.example/v2.0", oidc=True), CIAM, False),
        (_at("https://fs.example/adfs"), "https://fs.example/adfs", True),
        (_at("https://fs.example/adfs"), "https://fs.example/other", False),
        (_at("https://fs.example/adfs"), "http://fs.example/adfs/services/trust", False),
        (_at("https://x.example/realms/a", oidc=True), "https://x.example/realms/a", True),
        (_at("https://x.example/realms/a", oidc=True), "https://x.example/realms/a/", True),
        (_at("https://x.example/realms/a/", oidc=True), "https://x.example/realms/a", True),
        (_at("https://x.example/realms/a", oidc=True), "https://x.example/realms/b", False),
        (_at("https://x.example/realms/a", oidc=True), "https://x.example", False),
        (_at("https://x.example/", oidc=True), "https://x.example", True),
        (_at("https://x.example", oidc=True), "https://x.example/", True),
        (_at("https://x.example", oidc=True), "https://x.example//", False),
        (_at("https://x.example", oidc=True), "https://X.example", False),
        (_at("https://x.example", oidc=True), PLACE, False),
    ],
    ids=str,
)  # fmt: skip
def test_the_documents_issuer(authority: Authority, issuer: str, own: bool) -> None:  # noqa: FBT001 - a table's column
    """A discovery document counts only where its issuer is the authority's own."""
    assert own is issuers.is_own(authority, issuer)


@pytest.mark.parametrize(
    ("authority", "issuer", "claims", "reason"),
    [
        (_at(f"{ENTRA}/{ONE}"), f"{ENTRA}/{ONE}/v2.0", {"tid": ONE}, None),
        (_at(f"{ENTRA}/{ONE}"), f"{ENTRA}/{ONE}/v2.0", {}, None),
        (_at(f"{ENTRA}/{ONE}"), f"{ENTRA}/{ONE}/v2.0", {"tid": TWO}, f"of the tenant {TWO}, and {ONE} was expected"),
        (_at(f"{ENTRA}/x.com"), f"{ENTRA}/{ONE}/v2.0", {"tid": TWO}, f"{TWO}, and x.com, {ONE} was expected"),
        (_at(f"{ENTRA}/x.com"), f"{ENTRA}/{ONE}/v2.0", {"tid": ONE}, None),
        (_at(f"{ENTRA}/common"), PLACE, {"tid": TWO, "iss": f"{ENTRA}/{TWO}/v2.0"}, None),
        (_at(f"{ENTRA}/common"), PLACE, {"tid": CONSUMERS_ID, "iss": f"{ENTRA}/{CONSUMERS_ID}/v2.0"}, None),
        (_at(f"{ENTRA}/common"), PLACE, {"tid": TWO, "iss": f"{ENTRA}/{ONE}/v2.0"}, f"its issuer is .*{ONE}.*, not"),
        (_at(f"{ENTRA}/common"), PLACE, {"tid": "x", "iss": f"{ENTRA}/x/v2.0"}, "its tenant 'x' is no GUID"),
        (_at(f"{ENTRA}/common"), PLACE, {"iss": f"{ENTRA}//v2.0"}, "its tenant '' is no GUID"),
        (_at(f"{ENTRA}/common"), PLACE, {"tid": "{tenantid}", "iss": PLACE}, "is no GUID"),
        (_at(f"{ENTRA}/organizations"), PLACE, {"tid": TWO, "iss": f"{ENTRA}/{TWO}/v2.0"}, None),
        (
            _at(f"{ENTRA}/organizations"),
            PLACE,
            {"tid": CONSUMERS_ID, "iss": f"{ENTRA}/{CONSUMERS_ID}/v2.0"},
            r"personal accounts\), and an organisation's was expected",
        ),
        (_at(f"{ENTRA}/consumers"), f"{ENTRA}/{CONSUMERS_ID}/v2.0", {"tid": CONSUMERS_ID}, None),
        (_at(f"{ENTRA}/consumers"), f"{ENTRA}/{CONSUMERS_ID}/v2.0", {"tid": ONE}, f"{ONE}, and a personal account"),
        (_at("https://x.ciamlogin.com"), CIAM, {"tid": ONE}, None),
        (_at("https://x.ciamlogin.com"), CIAM, {"tid": TWO}, f"{TWO}, and x.onmicrosoft.com, {ONE} was expected"),
        (_at("https://x.b2clogin.com/t/b2c_1_p"), f"https://x.b2clogin.com/{ONE}/v2.0/", {"tfp": "B2C_1_P"}, None),
        (_at("https://x.b2clogin.com/t/b2c_1_p"), f"https://x.b2clogin.com/{ONE}/v2.0/", {}, None),
        (
            _at("https://x.b2clogin.com/t/b2c_1_p"),
            f"https://x.b2clogin.com/{ONE}/v2.0/",
            {"tfp": "b2c_1_reset"},
            "of the policy b2c_1_reset, not b2c_1_p",
        ),
        (_at("https://fs.example/adfs"), "https://fs.example/adfs", {}, None),
        (_at("https://fs.example/adfs"), "https://fs.example/adfs", {"iss": "https://fs.example/adfs/"}, "its issuer"),
        (_at("https://x.example", oidc=True), "https://x.example/", {"tid": "anything"}, None),
        (_at("https://x.example", oidc=True), "https://x.example/", {"iss": "https://x.example"}, "its issuer is"),
    ],
    ids=str,
)  # fmt: skip
def test_the_tokens_issuer_and_tenant(
    authority: Authority, issuer: str, claims: dict[str, Any], reason: str | None
) -> None:
    """An ID token names exactly the document's issuer, and a tenant that the authority serves."""
    claims = {"iss": issuer, **claims}
    if reason is None:
        issuers.check_claims(authority, issuer, claims)
        return
    with pytest.raises(ValueError, match=reason):
        issuers.check_claims(authority, issuer, claims)


@pytest.mark.parametrize(
    ("key_issuer", "good"),
    [(None, True), (PLACE, True), (f"{ENTRA}/{ONE}/v2.0", True), (f"{ENTRA}/{CONSUMERS_ID}/v2.0", False)],
)
def test_the_keys_issuer(key_issuer: str | None, good: bool) -> None:  # noqa: FBT001
    """A key that Entra publishes for one issuer signs no other's tokens."""
    claims = {"iss": f"{ENTRA}/{ONE}/v2.0", "tid": ONE}
    if good:
        issuers.check_claims(_at(f"{ENTRA}/common"), PLACE, claims, key_issuer=key_issuer)
        return
    with pytest.raises(ValueError, match="the key that signed it is for another issuer"):
        issuers.check_claims(_at(f"{ENTRA}/common"), PLACE, claims, key_issuer=key_issuer)


@pytest.mark.parametrize(
    ("authority", "issuer", "iss", "good"),
    [
        (_at("https://x.example", oidc=True), "https://x.example", "https://x.example", True),
        (_at("https://x.example", oidc=True), "https://x.example", "https://x.example/", False),
        (_at("https://x.example", oidc=True), "https://x.example", "", False),
        (_at(f"{ENTRA}/common"), PLACE, f"{ENTRA}/{ONE}/v2.0", True),
        (_at(f"{ENTRA}/common"), PLACE, PLACE, False),
        (_at(f"{ENTRA}/common"), PLACE, f"{ENTRA}/x/v2.0", False),
        (_at(f"{ENTRA}/common"), PLACE, f"https://evil.example/{ONE}/v2.0", False),
        (_at(f"{ENTRA}/common"), PLACE, f"{ENTRA}/{ONE}/v2.0/", False),
        (_at(f"{ENTRA}/common"), PLACE, "", False),
        (_at(f"{ENTRA}/organizations"), PLACE, f"{ENTRA}/{CONSUMERS_ID}/v2.0", False),
    ],
    ids=str,
)
def test_the_redirects_issuer(authority: Authority, issuer: str, iss: str, good: bool) -> None:  # noqa: FBT001
    """A redirect's `iss` is compared exactly; where the document has a place for the tenant, a GUID fills it."""
    assert good is issuers.is_answer_of(authority, issuer, iss)


@pytest.mark.parametrize("text", ["http://[::1", "https://[", "//[", "https://localhost:99999/"])
@pytest.mark.parametrize("oidc", [True, False])
def test_an_issuer_that_is_no_url(text: str, *, oidc: bool) -> None:
    """An issuer that is no URL is another's."""
    url = "https://login.example.org/realms/lab" if oidc else "https://login.microsoftonline.com/organizations"
    authority = _at(url, oidc=oidc)
    assert not issuers.is_own(authority, text)
    assert not issuers.is_answer_of(authority, authority.url, text)
