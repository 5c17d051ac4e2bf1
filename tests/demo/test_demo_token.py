"""The token endpoint: codes, refresh tokens, lifetimes and what the tokens say."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import jwt
import pytest
from demo_client import PROFILE, READ, claims_of

from nbauth.demo.provider.provider import ALICE

if TYPE_CHECKING:
    from demo_client import Client

    from nbauth.demo import DemoServer


def test_tokens_of_a_person(demo: DemoServer, client: Client):
    """A code brings an access token, a refresh token and an ID token that say who, for whom, where and how long."""
    tokens = client.tokens()
    access, identity = claims_of(tokens["access_token"]), claims_of(tokens["id_token"])
    assert tokens["token_type"] == "Bearer"
    assert f"{READ} {PROFILE}" == tokens["scope"]
    assert tokens["expires_in"] == 3600
    assert access["aud"] == "api://nbauth-demo"
    assert access["scp"] == "Data.Read Profile.Read"
    assert f"{demo.authority}/v2.0" == access["iss"] == identity["iss"]
    assert demo.provider.tenant_id == access["tid"] == identity["tid"]
    assert ALICE.object_id == access["oid"] == identity["oid"]
    assert demo.client_id == access["azp"] == identity["aud"]
    assert ALICE.username == access["preferred_username"] == identity["preferred_username"]
    assert access["sub"] == identity["sub"] != access["oid"]
    assert access["ver"] == "2.0"
    assert access["exp"] - access["iat"] == 3600
    assert identity["nonce"] == "the-nonce"
    assert identity["sid"]


def test_tokens_in_the_older_format(demo: DemoServer, client: Client):
    """A resource that wants tokens v1.0 gets them as Entra issues them, a person's and an application's."""
    demo.provider.register_resource(
        "https://old.example", scopes=["user_impersonation"], roles=["Read.All"], token_version=1
    )
    scope = "https://old.example/.default"
    secret = {"client_id": demo.confidential_client_id, "client_secret": demo.client_secret}
    person = claims_of(client.tokens(scope=scope)["access_token"])
    job = claims_of(client.token(grant_type="client_credentials", scope=scope, **secret).json["access_token"])
    for claims, client_id, authentication in ((person, demo.client_id, "0"), (job, secret["client_id"], "1")):
        assert claims["ver"] == "1.0"
        assert claims["iss"] == f"https://sts.windows.net/{demo.provider.tenant_id}/"
        assert claims["iss"] in demo.provider.issuers
        assert claims["aud"] == "https://old.example"
        assert (claims["appid"], claims["appidacr"]) == (client_id, authentication)
        assert {"azp", "azpacr", "preferred_username"}.isdisjoint(claims)
    assert ALICE.username == person["upn"] == person["unique_name"]
    assert person["scp"] == "user_impersonation"
    assert job["roles"] == ["Read.All"]


def test_tokens_verify_with_the_published_keys(demo: DemoServer, client: Client):
    """The signatures verify with `jwks_uri`, before and after the key was changed."""
    old = client.tokens()["id_token"]
    demo.provider.rotate_signing_key()
    new = client.tokens()["id_token"]
    keys = jwt.PyJWKSet.from_dict(client.send(client.configuration["jwks_uri"]).json)
    for token in (old, new):
        header = jwt.get_unverified_header(token)
        assert header["alg"] == "RS256"
        claims = jwt.decode(token, keys[header["kid"]].key, algorithms=["RS256"], audience=demo.client_id)
        assert claims["name"] == "Alice Adams"
    assert jwt.get_unverified_header(old)["kid"] != jwt.get_unverified_header(new)["kid"]


def test_only_what_was_asked(client: Client):
    """Without `offline_access` there is no refresh token, without `openid` no ID token."""
    assert {"refresh_token", "id_token"}.isdisjoint(client.tokens(scope=READ))
    assert "id_token" in client.tokens(scope=f"openid {READ}")


def test_default_scope_means_all(client: Client):
    """`/.default` asks for all of the API's scopes."""
    assert f"{READ} {PROFILE}" == client.tokens(scope="api://nbauth-demo/.default")["scope"]


def test_a_wrong_verifier(client: Client):
    """Without the verifier that belongs to the challenge a code is worth nothing, and it is used up."""
    response = client.sign_in()
    wrong = client.redeem(response, code_verifier="x" * 43)
    assert (wrong.status, wrong.json["error"], wrong.aadsts) == (400, "invalid_grant", 501481)
    assert client.redeem(response).aadsts == 54005
    assert client.redeem(client.sign_in(), code_verifier="").aadsts == 50148


def test_a_code_is_good_once(client: Client):
    """A second redemption is an error, and takes back what the first one gave."""
    response = client.sign_in()
    tokens = client.redeem(response).json
    assert client.api("/me", tokens["access_token"]).status == 200
    again = client.redeem(response)
    assert (again.status, again.json["error"], again.aadsts) == (400, "invalid_grant", 54005)
    assert client.api("/me", tokens["access_token"]).status == 401
    assert client.refresh(tokens["refresh_token"]).aadsts == 50173


def test_a_code_lives_a_minute(demo: DemoServer, client: Client):
    """After sixty seconds a code has expired."""
    response = client.sign_in()
    demo.provider.clock.advance(61)
    assert client.redeem(response).aadsts == 70008


def test_a_code_belongs_to_its_client_and_address(demo: DemoServer, client: Client):
    """Neither another client nor another redirect URI can use a code; the client's own attempt still works."""
    response = client.sign_in()
    other = demo.provider.register_client()
    assert client.redeem(response, client_id=other.client_id).aadsts == 70000
    assert client.redeem(response).status == 200
    assert client.redeem(client.sign_in(), redirect_uri="http://localhost:51235").aadsts == 500112
    assert client.redeem(client.sign_in(), redirect_uri="").aadsts == 500112


def test_a_code_belongs_to_its_tenant(client: Client):
    """A code of the tenant is no good under another issuer."""
    assert client.redeem(client.sign_in(), tenant="consumers").aadsts == 70000


def test_a_made_up_grant(client: Client):
    """What was never issued is `invalid_grant`."""
    for answer in (client.redeem({**client.sign_in(), "code": "made-up"}), client.refresh("made-up")):
        assert (answer.status, answer.json["error"]) == (400, "invalid_grant")


def test_refresh_tokens_rotate(client: Client):
    """Each use gives a new refresh token, and the new one works."""
    first = client.tokens()
    second = client.refresh(first["refresh_token"]).json
    third = client.refresh(second["refresh_token"]).json
    assert len({first["refresh_token"], second["refresh_token"], third["refresh_token"]}) == 3
    assert client.api("/sunlight?$top=1", third["access_token"]).status == 200
    assert "nonce" not in claims_of(second["id_token"])


def test_reuse_revokes_the_family(client: Client):
    """A refresh token that is used twice ends the whole sign-in, its newest tokens included."""
    first = client.tokens()
    second = client.refresh(first["refresh_token"]).json
    reused = client.refresh(first["refresh_token"])
    assert (reused.status, reused.json["error"], reused.aadsts) == (400, "invalid_grant", 50173)
    assert client.refresh(second["refresh_token"]).aadsts == 50173
    assert client.api("/sunlight", second["access_token"]).status == 401


def test_a_race_has_one_winner(client: Client):
    """Of eight that refresh at once one succeeds; and the family is revoked."""
    token = client.tokens()["refresh_token"]
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(client.refresh(token))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status for answer in answers) == [200] + [400] * 7
    winner = next(answer for answer in answers if answer.status == 200)
    assert client.refresh(winner.json["refresh_token"]).aadsts == 50173


def test_rotation_can_be_turned_off(demo: DemoServer, client: Client):
    """Without rotation the same refresh token comes back and works again."""
    demo.provider.settings.rotate_refresh_tokens = False
    token = client.tokens()["refresh_token"]
    assert token == client.refresh(token).json["refresh_token"] == client.refresh(token).json["refresh_token"]


def test_refresh_for_other_scopes(client: Client):
    """A refresh token gets the same person's other scopes, and no unknown ones; a refusal does not use it up."""
    token = client.tokens(scope=f"openid offline_access {READ}")["refresh_token"]
    assert client.refresh(token, scope="api://nbauth-demo/Data.Write").aadsts == 70011
    archive = client.refresh(token, scope="openid offline_access api://nbauth-demo-archive/Archive.Read").json
    assert claims_of(archive["access_token"])["aud"] == "api://nbauth-demo-archive"
    assert claims_of(archive["access_token"])["oid"] == ALICE.object_id


def test_refresh_always_leaves_a_refresh_token(client: Client):
    """A refresh for nothing but an API's scope does not strand the client without a refresh token."""
    assert "refresh_token" in client.refresh(client.tokens()["refresh_token"], scope=READ).json


def test_a_refresh_token_belongs_to_its_client_and_tenant(demo: DemoServer, client: Client):
    """Another client or another tenant cannot use a refresh token."""
    token = client.tokens()["refresh_token"]
    other = demo.provider.register_client()
    assert client.refresh(token, client_id=other.client_id).aadsts == 70000
    assert client.refresh(token, tenant="consumers").aadsts == 70000
    assert client.refresh(token).status == 200


def test_lifetimes_can_be_set(demo: DemoServer, client: Client):
    """Lifetimes hold as set while it runs."""
    demo.provider.settings.access_token_s = 302
    demo.provider.settings.refresh_in_s = 100
    demo.provider.settings.refresh_token_s = 50
    tokens = client.tokens()
    assert (tokens["expires_in"], tokens["refresh_in"]) == (302, 100)
    demo.provider.clock.advance(51)
    assert client.refresh(tokens["refresh_token"]).aadsts == 700082
    assert client.api("/me", tokens["access_token"]).status == 200
    demo.provider.clock.advance(252)
    assert client.api("/me", tokens["access_token"]).status == 401


def test_an_administrator_revokes(demo: DemoServer, client: Client):
    """Revoking a person ends their tokens and nobody else's."""
    alice, bob = client.tokens(), client.tokens(choose="bob")
    demo.provider.revoke(ALICE)
    assert client.api("/me", alice["access_token"]).status == 401
    assert client.refresh(alice["refresh_token"]).aadsts == 50173
    assert client.api("/me", bob["access_token"]).status == 200


def test_claims_are_answered(demo: DemoServer, client: Client):
    """A claims request puts the claim into the token, or sends the client back for a person."""
    wanted = '{"access_token": {"acrs": {"essential": true, "value": "c1"}, "xms_cc": {"values": ["cp1"]}}}'
    refreshed = client.refresh(client.tokens()["refresh_token"], claims=wanted).json
    assert claims_of(refreshed["access_token"])["acrs"] == ["c1"]
    assert claims_of(refreshed["access_token"])["xms_cc"] == ["cp1"]
    assert claims_of(client.tokens(claims=wanted)["access_token"])["acrs"] == ["c1"]
    demo.provider.settings.claims_need_person = True
    refused = client.refresh(refreshed["refresh_token"], claims=wanted)
    assert (
        refused.json["error"],
        refused.json["suberror"],
        refused.aadsts,
    ) == ("interaction_required", "basic_action", 50076)
    assert "acrs" in refused.json["claims"]
    assert client.refresh(refreshed["refresh_token"]).status == 200


@pytest.mark.parametrize(
    ("form", "error", "number"),
    [
        ({}, "invalid_request", 900144),
        ({"grant_type": "password"}, "unsupported_grant_type", 70003),
        ({"grant_type": "authorization_code"}, "invalid_request", 900144),
        ({"grant_type": "refresh_token"}, "invalid_request", 900144),
        ({"grant_type": "refresh_token", "client_id": "nobody"}, "unauthorized_client", 700016),
        ({"grant_type": "refresh_token", "refresh_token": "x", "claims": "not json"}, "invalid_request", 9002313),
    ],
)
def test_malformed_requests(client: Client, form: dict[str, str], error: str, number: int):
    """A malformed request is refused with the number that says how."""
    answer = client.token(**form)
    assert (400, error, number) == (answer.status, answer.json["error"], answer.aadsts)


def test_an_error_is_entras(client: Client):
    """An error has Entra's members, echoes the correlation id, and is not to be cached."""
    correlation = "12345678-1234-4234-8234-123456789abc"
    answer = client.token(grant_type="password", headers={"client_request_id": correlation})
    assert {
        "error", "error_description", "error_codes", "timestamp", "trace_id", "correlation_id", "error_uri",
    } == set(answer.json)  # fmt: skip
    assert correlation == answer.json["correlation_id"]
    assert f"Correlation ID: {correlation}" in answer.json["error_description"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_repeated_parameter_is_refused(demo: DemoServer, client: Client):
    """A token request with a parameter twice is refused."""
    url = f"{demo.authority}/oauth2/v2.0/token"
    answer = client.send(url, form="grant_type=refresh_token&grant_type=refresh_token")
    assert answer.status == 400


def test_get_is_refused(demo: DemoServer, client: Client):
    """The token endpoint takes POST alone, so that no secret stands in an address."""
    assert client.send(f"{demo.authority}/oauth2/v2.0/token?grant_type=refresh_token").status == 405


def test_secrets_are_remembered_for_canaries(demo: DemoServer, client: Client):
    """Every secret that a sign-in touched can be looked for afterwards."""
    response = client.sign_in()
    tokens = client.redeem(response).json
    secrets = {response["code"], response["code_verifier"], tokens["access_token"]}
    secrets |= {tokens["refresh_token"], tokens["id_token"], demo.client_secret}
    assert secrets <= demo.provider.issued_secrets
    assert all(len(secret) >= 9 for secret in demo.provider.issued_secrets)
