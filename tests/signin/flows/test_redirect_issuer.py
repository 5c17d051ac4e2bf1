"""A redirect says which provider it comes from, and that is held against ours (RFC 9207)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

import pytest
import requests

import nbauth
from nbauth import kernel
from nbauth.demo.check import PersonPrompt
from nbauth.demo.person import Person
from nbauth.demo.provider.realms import CONSUMERS_ID, TENANT_ID
from nbauth.errors import SignInFailed, SignInRefused
from nbauth.signin.profile.profile import Profile

if TYPE_CHECKING:
    from nbauth.demo.server import DemoServer

PUBLIC = "login.microsoftonline.com"
PLACES = {
    "guid": {"tenant": TENANT_ID},
    "organizations": {"audience": "organizations"},
    "b2c": {"authority": "https://contoso.b2clogin.com/contoso.onmicrosoft.com/b2c_1_signin"},
    "ciam": {"authority": "https://contoso.ciamlogin.com"},
    "adfs": {"authority": "https://adfs.contoso.example/adfs"},
    "oidc_root": {"oidc_authority": "https://id.contoso.example"},
}


def _add(contoso: DemoServer, **keys: str) -> None:
    apis = {contoso.api_origin: ["api://nbauth-demo/Data.Read"]}
    kernel.add_profile(
        Profile("work", client_id=contoso.client_id, apis=apis, ca_bundle=str(contoso.ca_file), **keys)  # type: ignore[arg-type]
    )


class _Altered(PersonPrompt):
    """A prompt whose pasted address was altered on the way."""

    def __init__(self, contoso: DemoServer, choose: str = "alice", **changes: str | None) -> None:
        super().__init__(Person(choose, ca_file=contoso.ca_file), choose)
        self._changes = changes

    def wait(self, timeout_s: float) -> str | None:
        pasted = super().wait(timeout_s)
        if pasted is None:
            return None
        address, _, query = pasted.partition("?")
        kept = {**dict(parse_qsl(query)), **self._changes}
        return f"{address}?{urlencode({key: value for key, value in kept.items() if value is not None})}"


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize(
    ("iss", "message"),
    [
        ("https://evil.example", "the redirect came from another provider"),
        (f"https://{PUBLIC}/{CONSUMERS_ID}/v2.0", "the redirect came from another provider"),
        ("", "which provider it came from"),
        (None, "which provider it came from"),
    ],
    ids=["evil", "consumers", "empty", "missing"],
)
def test_a_redirect_of_another_provider(contoso: DemoServer, name: str, iss: str | None, message: str) -> None:
    """A redirect that names another issuer, or none where the provider always names itself, is not redeemed."""
    _add(contoso, **PLACES[name])
    with pytest.raises(SignInFailed, match=message):
        nbauth.login("work", flow="paste", prompt=_Altered(contoso, iss=iss), timeout_s=30)
    assert contoso.provider.requests.count(grant_type="authorization_code") == 0


def test_an_error_of_another_provider(contoso: DemoServer) -> None:
    """An error that another provider sends is not taken for ours; ours is, with or without its name."""
    _add(contoso, tenant=TENANT_ID)
    altered = _Altered(contoso, "cancel", iss="https://evil.example", error_description="Call 555-0100 to sign in")
    with pytest.raises(SignInFailed, match="came from another provider") as caught:
        nbauth.login("work", flow="paste", prompt=altered, timeout_s=30)
    assert "555" not in str(caught.value)
    with pytest.raises(SignInRefused):
        nbauth.login("work", flow="paste", prompt=_Altered(contoso, "cancel", iss=None), timeout_s=30)


def test_a_redirect_without_a_name(contoso: DemoServer) -> None:
    """Where the document does not promise `iss`, as Entra's does not, a redirect without it is redeemed."""
    url = f"https://{PUBLIC}/{TENANT_ID}/v2.0/.well-known/openid-configuration"
    document = requests.get(url, verify=contoso.ca_file, timeout=10).json()
    del document["authorization_response_iss_parameter_supported"]
    contoso.provider.faults.add("*/openid-configuration", body=json.dumps(document), times=None)
    _add(contoso, tenant=TENANT_ID)
    account = nbauth.login("work", flow="paste", prompt=_Altered(contoso, iss=None), timeout_s=30)
    assert account.username == "alice@contoso.example"
