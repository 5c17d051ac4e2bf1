"""Applications that prove themselves: secrets, certificates, federation; client credentials and on-behalf-of."""

from __future__ import annotations

import base64
import time
import uuid
from typing import TYPE_CHECKING

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from demo_client import JWT_BEARER, ON_BEHALF_OF, READ, claims_of

from nbauth.demo.provider.registry import Federation

if TYPE_CHECKING:
    from demo_client import Client

    from nbauth.demo import DemoServer

ARCHIVE = "api://nbauth-demo-archive/Archive.Read"


def for_itself(client: Client, **form: str):
    """Ask for a token by client credentials; the confidential client with its secret unless told otherwise."""
    form.setdefault("client_id", client.demo.confidential_client_id)
    return client.token(grant_type="client_credentials", **{"scope": "api://nbauth-demo/.default", **form})


def assertion(demo: DemoServer, *, algorithm: str = "PS256", headers: dict | None = None, **replaced) -> str:
    """Return a client assertion with the demo's certificate; claims that are None are left out."""
    pem = demo.certificate_path.read_bytes()
    certificate = x509.load_pem_x509_certificate(pem)
    thumbprint = {
        "RS256": {"x5t": b64(certificate.fingerprint(hashes.SHA1()))},  # noqa: S303  (x5t is SHA-1)
        "PS256": {"x5t#S256": b64(certificate.fingerprint(hashes.SHA256()))},
    }[algorithm]
    now = int(time.time())
    claims = {
        "iss": demo.confidential_client_id,
        "sub": demo.confidential_client_id,
        "aud": f"{demo.authority}/oauth2/v2.0/token",
        "jti": str(uuid.uuid4()),
        "iat": now,
        "exp": now + 600,
        **replaced,
    }
    key = serialization.load_pem_private_key(pem, None)
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key, algorithm=algorithm, headers=thumbprint if headers is None else headers)


def b64(raw: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def with_assertion(client: Client, signed: str, **form: str):
    """Ask for a token with a client assertion."""
    return for_itself(client, client_assertion=signed, client_assertion_type=JWT_BEARER, **form)


def test_a_secret(demo: DemoServer, client: Client):
    """A job with the secret gets a token for itself: roles, no scope, no refresh token, nobody's name."""
    answer = for_itself(client, client_secret=demo.client_secret).json
    claims = claims_of(answer["access_token"])
    assert {"token_type", "expires_in", "ext_expires_in", "access_token"} == set(answer)
    assert claims["roles"] == ["Data.Read.All"]
    assert ("app", "1", demo.confidential_client_id) == (claims["idtyp"], claims["azpacr"], claims["azp"])
    assert {"scp", "name", "preferred_username"}.isdisjoint(claims)
    assert client.api("/sunlight?$top=1", answer["access_token"]).status == 200
    assert client.api("/me", answer["access_token"]).status == 403


def test_a_secret_by_basic_authentication(demo: DemoServer, client: Client):
    """The secret may come in the header, but not in two places at once."""
    pair = f"{demo.confidential_client_id}:{demo.client_secret}"
    headers = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    assert for_itself(client, headers=headers).status == 200
    twice = for_itself(client, headers=headers, client_secret=demo.client_secret)
    assert (twice.status, twice.aadsts) == (400, 9002313)


@pytest.mark.parametrize("way", ["client_secret_basic", "client_secret_post"])
def test_a_provider_that_takes_secrets_one_way(demo: DemoServer, client: Client, way: str):
    """The provider may demand that a secret comes in the header, or in the body, and lists what it demands."""
    demo.provider.settings.secret_ways = (way,)
    assert [way, "private_key_jwt"] == client.configuration["token_endpoint_auth_methods_supported"]
    pair = f"{demo.confidential_client_id}:{demo.client_secret}"
    header = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    by_basic = for_itself(client, headers=header)
    by_post = for_itself(client, client_secret=demo.client_secret)
    taken, refused = (by_basic, by_post) if way == "client_secret_basic" else (by_post, by_basic)
    assert (taken.status, refused.status, refused.json["error"]) == (200, 401, "invalid_client")
    demo.provider.settings.tell_secret_ways = False
    assert "token_endpoint_auth_methods_supported" not in client.configuration


def test_wrong_and_missing_secrets(demo: DemoServer, client: Client):
    """A wrong secret, a missing one, and one from a public client are three different refusals."""
    wrong, missing = for_itself(client, client_secret="guess"), for_itself(client)
    assert (wrong.status, wrong.json["error"], wrong.aadsts) == (401, "invalid_client", 7000215)
    assert (missing.status, missing.json["error"], missing.aadsts) == (401, "invalid_client", 7000218)
    assert for_itself(client, client_id=demo.client_id, client_secret="guess").aadsts == 700025
    assert for_itself(client, client_id=demo.client_id).aadsts == 7000218


def test_a_confidential_client_needs_its_secret_for_codes(demo: DemoServer, client: Client):
    """A code of a confidential client wants the secret and the verifier."""
    response = client.sign_in(client_id=demo.confidential_client_id)
    assert client.redeem(response, client_id=demo.confidential_client_id).aadsts == 7000218
    answer = client.redeem(response, client_id=demo.confidential_client_id, client_secret=demo.client_secret)
    assert answer.status == 200


@pytest.mark.parametrize(
    "scope", [READ, "api://nbauth-demo/.default openid", "openid", "https://graph.example/.default"]
)
def test_jobs_ask_for_default(demo: DemoServer, client: Client, scope: str):
    """Client credentials take one `/.default` scope of a known API and nothing else."""
    answer = for_itself(client, client_secret=demo.client_secret, scope=scope)
    assert answer.aadsts in {1002012, 500011}
    assert answer.status == 400


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_a_certificate(demo: DemoServer, client: Client, algorithm: str):
    """An assertion by the registered certificate's key is taken, RS256 with x5t and PS256 with x5t#S256."""
    answer = with_assertion(client, assertion(demo, algorithm=algorithm))
    assert answer.status == 200
    assert claims_of(answer.json["access_token"])["azpacr"] == "2"


def test_the_issuer_is_an_audience_too(demo: DemoServer, client: Client):
    """An assertion may be addressed to the issuer instead of the token endpoint."""
    assert with_assertion(client, assertion(demo, aud=f"{demo.authority}/v2.0")).status == 200


@pytest.mark.parametrize(
    ("replaced", "number"),
    [
        ({"aud": "https://elsewhere.example/token"}, 700023),
        ({"exp": int(time.time()) - 10}, 700024),
        ({"exp": None}, 700024),
        ({"nbf": int(time.time()) + 3600}, 700024),
        ({"iss": "somebody-else"}, 700021),
        ({"sub": "somebody-else"}, 700021),
        ({"jti": None}, 700027),
        ({"headers": {}}, 700027),
        ({"headers": {"x5t#S256": "unknown"}}, 700027),
    ],
)
def test_bad_assertions(demo: DemoServer, client: Client, replaced: dict, number: int):
    """Each claim and header of an assertion is checked."""
    answer = with_assertion(client, assertion(demo, **replaced))
    assert (401, "invalid_client", number) == (answer.status, answer.json["error"], answer.aadsts)


def test_a_forged_assertion(demo: DemoServer, client: Client):
    """A signature by another key, a symmetric one and none at all are refused."""
    good = assertion(demo)
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    headers = {"x5t#S256": jwt.get_unverified_header(good)["x5t#S256"]}
    claims = claims_of(good)
    forged = [
        jwt.encode(claims, stranger, algorithm="PS256", headers=headers),
        jwt.encode(claims, "k" * 32, algorithm="HS256", headers=headers),
        jwt.encode(claims, None, algorithm="none", headers=headers),
        "not.a.jwt",
    ]
    for each in forged:
        answer = with_assertion(client, each)
        assert (answer.status, answer.aadsts) == (401, 700027)
    assert for_itself(client, client_assertion=good).aadsts == 9002313


def test_assertions_can_be_one_use(demo: DemoServer, client: Client):
    """Where that is asked for, an assertion is good once; as a rule it is not, because MSAL repeats it."""
    demo.provider.settings.one_use_assertions = True
    signed = assertion(demo)
    assert with_assertion(client, signed).status == 200
    assert with_assertion(client, signed).aadsts == 700027


def test_somebody_elses_word(demo: DemoServer, client: Client):
    """A federated token stands for the client, if issuer, subject, audience and signature are the registered ones."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    workload = demo.provider.register_client(confidential=True)
    workload.federations.append(Federation(issuer="https://ci.example", subject="repo:main", key=key.public_key()))
    good = {
        "iss": "https://ci.example",
        "sub": "repo:main",
        "aud": "api://AzureADTokenExchange",
        "exp": int(time.time()) + 300,
    }

    def ask(signing_key: rsa.RSAPrivateKey = key, **replaced: str):
        signed = jwt.encode({**good, **replaced}, signing_key, algorithm="RS256")
        return with_assertion(client, signed, client_id=workload.client_id)

    assert ask().status == 200
    assert ask(iss="https://other.example").aadsts == 700211
    assert ask(sub="repo:fork").aadsts == 700213
    assert ask(aud="api://other").aadsts == 700212
    assert ask(rsa.generate_private_key(public_exponent=65537, key_size=2048)).aadsts == 700027


def on_behalf(client: Client, token: str, **form: str):
    """Exchange a person's token, as the demo API's own application."""
    demo = client.demo
    return client.token(
        grant_type=ON_BEHALF_OF,
        assertion=token,
        **{
            "client_id": demo.middle_tier_client_id,
            "client_secret": demo.middle_tier_secret,
            "requested_token_use": "on_behalf_of",
            "scope": f"offline_access {ARCHIVE}",
            **form,
        },
    )


def test_on_behalf_of(client: Client):
    """The API may exchange a token for itself for one of an API behind it, for the same person."""
    answer = on_behalf(client, client.tokens()["access_token"]).json
    claims = claims_of(answer["access_token"])
    assert (claims["aud"], claims["scp"]) == ("api://nbauth-demo-archive", "Archive.Read")
    assert ("alice@contoso.example", client.demo.middle_tier_client_id) == (claims["preferred_username"], claims["azp"])
    assert "refresh_token" in answer


def test_on_behalf_of_is_checked(demo: DemoServer, client: Client):
    """Only the API that a good token is for may exchange it."""
    token = client.tokens()["access_token"]
    own = {"client_id": demo.confidential_client_id, "client_secret": demo.client_secret}
    assert on_behalf(client, token, **own).aadsts == 500131
    assert on_behalf(client, token, requested_token_use="other").aadsts == 900144
    assert on_behalf(client, token, client_secret="guess").aadsts == 7000215
    assert on_behalf(client, token[:-8] + "AAAAAAAA").aadsts == 50013
    job = for_itself(client, client_secret=demo.client_secret).json["access_token"]
    assert on_behalf(client, job).aadsts == 500131
    demo.provider.clock.advance(3601)
    assert on_behalf(client, token).aadsts == 500133
