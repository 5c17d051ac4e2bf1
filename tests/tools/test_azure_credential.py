"""`nbauth.credential`: azure-core's protocol, without a service behind it."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
import pickle
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.credentials import AccessToken, AccessTokenInfo, SupportsTokenInfo, TokenCredential
from azure.core.credentials_async import AsyncSupportsTokenInfo, AsyncTokenCredential

import nbauth
from nbauth import kernel
from nbauth.adapters import azure
from nbauth.adapters.azure import credential
from nbauth.errors import ConfigError, OriginNotAllowed, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.adapters.azure import RowCredential
    from nbauth.demo.server import DemoServer

    SignIn = Callable[..., nbauth.Account]

SCOPE = "api://nbauth-demo/.default"


@pytest.fixture
def lent(demo: DemoServer) -> RowCredential:
    """A credential for the demo's API, made before anybody is signed in."""
    return credential(demo.api_url, profile="demo")


def _own_token(demo: DemoServer) -> str:
    profile = kernel.config().profiles["demo"]
    scopes = profile.scopes_for(demo.api_url)
    return kernel.credential_of(profile, scopes).token(scopes)


def test_what_it_returns(demo: DemoServer, lent: RowCredential, sign_in: SignIn):
    """It keeps both of azure-core's protocols, and returns its types: the row's token, asked for at each request."""
    for protocol in (TokenCredential, SupportsTokenInfo, AsyncTokenCredential, AsyncSupportsTokenInfo):
        assert isinstance(lent, protocol)
    sign_in("demo")
    token, info = lent.get_token(SCOPE), lent.get_token_info(SCOPE, options={"enable_cae": True})
    assert type(token) is AccessToken
    assert isinstance(info, AccessTokenInfo)
    assert _own_token(demo) == token.token == info.token
    assert time.time() + 3500 < token.expires_on == info.expires_on < time.time() + 3700
    assert info.refresh_on == 1
    assert info.token_type == "Bearer"


@pytest.mark.parametrize(
    "asked",
    [
        ("api://nbauth-demo/.default",),
        ("api://nbauth-demo//.default",),
        ("api://nbauth-demo/Data.Read",),
        ("api://nbauth-demo/Data.Read", "offline_access"),
        (),
    ],
)
def test_scopes_of_the_row(lent: RowCredential, asked: tuple[str, ...], sign_in: SignIn):
    """Whatever a scope of the row's resource is called, the row's own token is lent."""
    sign_in("demo")
    assert lent.get_token(*asked).token == lent.get_token().token


@pytest.mark.parametrize(
    "asked", ["https://graph.microsoft.com/.default", "User.Read", "api://nbauth-demo-archive/.default"]
)
def test_scopes_of_another_resource(demo: DemoServer, lent: RowCredential, asked: str, sign_in: SignIn):
    """A server that names another resource, as Storage's and Kusto's SDKs let it, gets nothing, nor is it asked for."""
    sign_in("demo")
    lent.get_token(SCOPE)
    demo.provider.requests.clear()
    for ask in (lent.get_token, lent.get_token_info):
        with pytest.raises(OriginNotAllowed, match=r"was asked for a token of .* so it gives none"):
            ask(asked)
        with pytest.raises(OriginNotAllowed):
            ask(SCOPE, asked)
    assert len(demo.provider.requests) == 0


def test_tenants(demo: DemoServer, lent: RowCredential, sign_in: SignIn):
    """A tool may name the sign-in's own tenant, and no other."""
    sign_in("demo")
    own = demo.provider.tenant_id
    assert lent.get_token(SCOPE, tenant_id=own).token == lent.get_token(SCOPE).token
    assert lent.get_token_info(SCOPE, options={"tenant_id": own.upper()}).token
    other = "99999999-2222-4333-8444-555555555555"
    with pytest.raises(OriginNotAllowed, match=other):
        lent.get_token(SCOPE, tenant_id=other)
    with pytest.raises(OriginNotAllowed, match=other):
        lent.get_token_info(SCOPE, options={"tenant_id": other})


def test_claims(demo: DemoServer, lent: RowCredential, sign_in: SignIn):
    """Claims go to the refresh; asked for again they bring a token that is newer still."""
    profile = dataclasses.replace(kernel.config().profiles["demo"], file=None, client_capabilities=("CP1",))
    kernel.add_profile(profile)
    lent = credential(demo.api_url, profile="demo")
    sign_in("demo")
    claims = json.dumps({"access_token": {"acrs": {"essential": True, "value": "c1"}}})
    first = lent.get_token(SCOPE)
    second = lent.get_token(SCOPE, claims=claims, enable_cae=True)
    assert "c1" in _claims(second.token)["acrs"]
    assert first.token != second.token == lent.get_token_info(SCOPE).token
    assert demo.provider.requests.count("*/token") == 2


def test_claims_that_a_person_has_to_meet(demo: DemoServer, lent: RowCredential, sign_in: SignIn):
    """They are asked for by the next `login`, and the error says so."""
    sign_in("demo")
    lent.get_token(SCOPE)
    demo.provider.settings.claims_need_person = True
    claims = json.dumps({"access_token": {"acrs": {"essential": True, "value": "c1"}}})
    with pytest.raises(SignInRequired, match="login"):
        lent.get_token_info(SCOPE, options={"claims": claims})


def test_who_is_signed_in(demo: DemoServer, lent: RowCredential, sign_in: SignIn):
    """Nobody, somebody else, and nobody any more: each is an error before anything is sent."""
    with pytest.raises(SignInRequired):
        lent.get_token(SCOPE)
    assert len(demo.provider.requests) == 0
    sign_in("demo")
    lent = credential(demo.api_url, profile="demo")
    assert lent.get_token(SCOPE).token
    sign_in("demo", "bob")
    with pytest.raises(SignInRequired, match="another sign-in"):
        lent.get_token_info(SCOPE)
    sign_in("demo")
    assert lent.get_token_info(SCOPE).token
    nbauth.logout("demo")
    with pytest.raises(SignInRequired):
        lent.get_token_info(SCOPE)


def test_a_url_without_a_row(demo: DemoServer):
    """What no profile names gets no credential."""
    with pytest.raises(OriginNotAllowed):
        credential("https://contoso.blob.core.windows.net")


def test_a_token_is_good_for_a_while(demo: DemoServer, sign_in: SignIn):
    """A token that is about to expire is not lent: azure-core does not send a request again after a 401."""
    demo.provider.settings.access_token_s = 2
    sign_in("demo")
    lent = credential(demo.api_url, profile="demo")
    for _ in range(8):
        asked_at = time.time()
        assert lent.get_token(SCOPE).expires_on >= int(asked_at + 1.5)
        time.sleep(0.15)


def test_closed(lent: RowCredential, sign_in: SignIn):
    """Kusto's client closes what it was given, and an async one awaits that; other clients go on."""
    sign_in("demo")

    async def close() -> None:
        async with lent as same:
            assert same is lent
        assert await lent.close() is None

    with lent as same:
        assert same is lent
    asyncio.run(close())
    assert lent.get_token(SCOPE).token


def test_no_secret_is_shown(lent: RowCredential, sign_in: SignIn):
    """Neither the credential nor what it returns shows the token in a repr, or can be pickled; a copy is the same."""
    sign_in("demo")
    token, info = lent.get_token(SCOPE), lent.get_token_info(SCOPE)
    assert str(token.token) not in f"{lent!r} {lent} {token!r} {token} {info!r} {info}"
    for each in (lent, token, info):
        with pytest.raises(TypeError):
            pickle.dumps(each)
    assert copy.copy(lent) is copy.deepcopy(lent) is lent


def test_it_is_told_of(demo: DemoServer, lent: RowCredential, sign_in: SignIn):
    """`%whoami` can tell what the sign-in is lent to, as long as somebody holds it."""
    sign_in("demo")
    assert [(loan.profile, loan.tool, loan.place) for loan in kernel.loans()] == [
        ("demo", "Azure credential", demo.api_origin)
    ]


def test_without_azure_core(demo: DemoServer, monkeypatch: pytest.MonkeyPatch):
    """Where azure-core is missing the error names the extra."""
    azure._types.cache_clear()
    monkeypatch.setitem(sys.modules, "azure.core.credentials", None)
    with pytest.raises(ConfigError, match=r"azure-core(.|\n)*nbauth\[azure\]"):
        credential(demo.api_url, profile="demo")


def _claims(token: str) -> dict[str, Any]:
    import jwt

    return jwt.decode(token, options={"verify_signature": False})
