from __future__ import annotations

import base64
import hashlib
import json
import shutil
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

import nbauth
from nbauth import kernel
from nbauth.errors import SignInFailed
from nbauth.signin.http import transport
from nbauth.signin.oidc import id_token
from nbauth.signin.profile import config as configuration

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer


@pytest.fixture
def genuine(demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the ID token of a sign-in."""
    seen: list[str] = []
    validate = id_token.validate

    def keep(token: str, **options: Any) -> Any:
        seen.append(token)
        return validate(token, **options)

    with monkeypatch.context() as patch:
        patch.setattr(id_token, "validate", keep)
        nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    return seen[0]


def _validate(token: str, access_token: str | None = None) -> dict[str, Any]:
    profile = kernel.config().profiles["demo"]
    connection = kernel._state.visits.own.connection(profile)
    return id_token.validate(
        token,
        profile=profile,
        application=connection.application,
        http_cache=connection.http_cache,
        access_token=access_token,
    )


def _changed(token: str, **claims: Any) -> str:
    head, body, signature = token.split(".")
    document = json.loads(base64.urlsafe_b64decode(body + "==")) | claims
    return f"{head}.{base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip('=')}.{signature}"


def test_a_genuine_token(genuine: str, demo: DemoServer) -> None:
    """A genuine token's claims come out."""
    assert _validate(genuine)["preferred_username"] == "alice@contoso.example"


@pytest.mark.parametrize(
    "forged",
    [
        lambda token: _changed(token, preferred_username="bob@contoso.example"),
        lambda token: token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"),
        lambda token: "eyJhbGciOiJub25lIn0." + token.split(".")[1] + ".",
        lambda _: "nonsense",
        lambda _: "",
    ],
)
def test_a_forged_signature(forged: Callable[[str], str], genuine: str) -> None:
    """A token whose signature is wrong, missing or of another algorithm is refused."""
    with pytest.raises(SignInFailed, match=r"is not valid.*Nothing was kept") as caught:
        _validate(forged(genuine))
    assert genuine not in str(caught.value)


def test_for_somebody_else(genuine: str, demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token for another application, or of another issuer, is refused, whoever signed it."""
    profile = kernel.config().profiles["demo"]
    connection = kernel._state.visits.own.connection(profile)
    other = configuration.Profile(
        "demo", client_id="another", apis=profile.apis, authority=profile.authority, ca_bundle=profile.ca_bundle
    )
    with pytest.raises(SignInFailed, match=r"[Aa]udience"):
        id_token.validate(genuine, profile=other, application=connection.application, http_cache=connection.http_cache)
    document = id_token.discover(profile, connection.application)
    monkeypatch.setattr(id_token, "discover", lambda *_: document | {"issuer": "https://other.example"})
    with pytest.raises(SignInFailed, match=r"its issuer is .*, not https://other\.example"):
        _validate(genuine)


def test_an_expired_token(demo: DemoServer, person: Callable[..., Any]) -> None:
    """A token whose time is over by more than clocks differ is refused."""
    demo.provider.settings.id_token_s = -1_000
    with pytest.raises(SignInFailed, match="expired"):
        nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)


def test_rotated_keys(demo: DemoServer, person: Callable[..., Any]) -> None:
    """When the provider signs with a new key, its keys are fetched again and the sign-in goes on."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    demo.provider.rotate_signing_key()
    demo.provider.requests.clear()
    account = nbauth.login("demo", flow="paste", account="bob@contoso.example", prompt=person("bob"), timeout_s=20)
    assert account.username == "bob@contoso.example"
    assert demo.provider.requests.count("*/keys") == 1


def test_a_forged_sign_in_leaves_nothing(
    demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the token endpoint's answer holds a forged ID token, no token of that answer is kept."""
    accept = transport.GuardedTransport._accept

    def forge(self: Any, response: Any, body: bytes, url: str, **asked: bool) -> Any:
        if url.endswith("/token"):
            document = json.loads(body)
            document["id_token"] = _changed(document["id_token"], name="Somebody else")
            body = json.dumps(document).encode()
        return accept(self, response, body, url, **asked)

    monkeypatch.setattr(transport.GuardedTransport, "_accept", forge)
    with pytest.raises(SignInFailed, match="is not valid"):
        nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    assert kernel.accounts() == []
    assert nbauth.client("demo").get_accounts() == []


# Tokens that a provider's own key signed, and that are wrong all the same


def _signed(demo: DemoServer, **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": f"{demo.authority}/v2.0",
        "aud": demo.client_id,
        "sub": "somebody",
        "tid": demo.provider.tenant_id,
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
        **changes,
    }
    return demo.provider.keys.sign({key: value for key, value in claims.items() if value is not None})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": "another"}, "Audience"),
        ({"aud": ["another", "a third"]}, "Audience"),
        ({"aud": ["another", "CLIENT"]}, r"it is for others, too \(another\).*azp.*or name it in them as azp"),
        ({"aud": ["another", "CLIENT"], "azp": "another"}, "issued to another application"),
        ({"azp": "another"}, "issued to another application"),
        ({"azp": ""}, "issued to another application"),
        ({"iat": 4_000}, "not yet valid"),
        ({"nbf": 4_000}, "not yet valid"),
        ({"exp": -4_000}, "expired"),
        ({"exp": None}, "exp"),
        ({"iat": None}, "iat"),
        ({"sub": None}, "sub"),
        ({"iss": None}, "iss"),
        ({"iss": "https://evil.example"}, r"its issuer is https://evil\.example, not"),
        ({"tid": "22222222-2222-4333-8444-555555555555"}, "of the tenant 22222222-.*, and 11111111-.* was expected"),
        ({"tid": "evil\nline"}, "is no GUID"),
    ],
    ids=str,
)
def test_one_claim_is_wrong(demo: DemoServer, changes: dict[str, Any], reason: str) -> None:
    """A token that the provider signed is refused where one claim of it is wrong; the error is one line."""
    for name in ("iat", "nbf", "exp"):
        if isinstance(changes.get(name), int):
            changes = {**changes, name: int(time.time()) + changes[name]}
    if isinstance(changes.get("aud"), list):
        changes = {**changes, "aud": [demo.client_id if a == "CLIENT" else a for a in changes["aud"]]}
    with pytest.raises(SignInFailed, match=reason) as caught:
        _validate(_signed(demo, **changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [{}, {"azp": "CLIENT"}, {"aud": ["another", "CLIENT"], "azp": "CLIENT"}, {"iat": 200, "nbf": 200}, {"exp": -200}],
    ids=str,
)
def test_several_audiences_and_clocks_that_differ(demo: DemoServer, changes: dict[str, Any]) -> None:
    """For several audiences it counts where it was issued to us, and clocks may differ by five minutes."""
    now = int(time.time())
    filled: dict[str, Any] = {}
    for name, value in changes.items():
        if isinstance(value, list):
            filled[name] = [demo.client_id if a == "CLIENT" else a for a in value]
        else:
            filled[name] = demo.client_id if value == "CLIENT" else now + value
    assert _validate(_signed(demo, **filled))["sub"] == "somebody"


@pytest.mark.parametrize("name", ["azp", "nbf", "jti", "at_hash", "nonce", "oid", "tfp", "acr", "name"])
def test_a_claim_that_is_null(demo: DemoServer, name: str) -> None:
    """A claim that is null is not there (OpenID Connect Core §5.3.2), neither for the checks nor for whoever asks."""
    claims = {"iss": f"{demo.authority}/v2.0", "aud": demo.client_id, "sub": "somebody", "tid": demo.provider.tenant_id}
    now = int(time.time())
    token = demo.provider.keys.sign({**claims, "iat": now, "exp": now + 3600, name: None})
    assert _validate(token, access_token="an-access-token").keys() == {*claims, "iat", "exp"}


def test_the_access_tokens_hash(demo: DemoServer) -> None:
    """Where an ID token has `at_hash`, it is that of the access token that came with it."""
    half = hashlib.sha256(b"an-access-token").digest()[:16]
    at_hash = base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    token = _signed(demo, at_hash=at_hash)
    assert _validate(token, access_token="an-access-token")["at_hash"] == at_hash
    for wrong in (token, _signed(demo, at_hash=""), _signed(demo, at_hash=5), _signed(demo, at_hash="ä")):
        with pytest.raises(SignInFailed, match="another access token"):
            _validate(wrong, access_token="another")


def test_an_exchanged_access_token(
    demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sign-in whose access token was exchanged on the way leaves nothing, where the ID token says its hash."""
    apis = {demo.api_origin: ["api://nbauth-demo/Data.Read"]}
    kernel.add_profile(
        configuration.Profile(
            "lab", client_id=demo.client_id, apis=apis, oidc_authority=demo.oidc_authority, ca_bundle=str(demo.ca_file)
        )
    )
    accept = transport.GuardedTransport._accept

    def exchange(self: Any, response: Any, body: bytes, url: str, **asked: bool) -> Any:
        if url.endswith("/token"):
            body = json.dumps({**json.loads(body), "access_token": "another"}).encode()
        return accept(self, response, body, url, **asked)

    with monkeypatch.context() as patch:
        patch.setattr(transport.GuardedTransport, "_accept", exchange)
        with pytest.raises(SignInFailed, match="it came with another access token"):
            nbauth.login("lab", flow="paste", prompt=person(), timeout_s=20)
    assert kernel.accounts() == []
    assert nbauth.login("lab", flow="paste", prompt=person(), timeout_s=20).username == "alice@contoso.example"


# Keys


class _Keys:
    """A key set of one's own in place of the demo's, and tokens signed with it."""

    def __init__(self, demo: DemoServer) -> None:
        self.demo = demo

    def serve(self, *entries: dict[str, Any]) -> None:
        """Publish these keys alone, to a kernel that knows no others."""
        kernel.reset()
        shutil.rmtree(".nbauth", ignore_errors=True)
        self.demo.provider.faults.clear()
        self.demo.provider.faults.add("*/keys", body=json.dumps({"keys": entries}), times=None)

    def sign(self, key: Any, algorithm: str, kid: str | None = "k") -> str:
        now = int(time.time())
        claims = {
            "iss": f"{self.demo.authority}/v2.0",
            "aud": self.demo.client_id,
            "sub": "somebody",
            "tid": self.demo.provider.tenant_id,
            "iat": now,
            "exp": now + 3600,
        }
        return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid} if kid else {})


@pytest.fixture
def keys(demo: DemoServer) -> _Keys:
    """Return what serves other keys than the demo's."""
    return _Keys(demo)


RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KINDS = {
    "RS256": RSA_KEY,
    "RS512": RSA_KEY,
    "PS256": RSA_KEY,
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def _jwk(algorithm: str, **others: Any) -> dict[str, Any]:
    to_jwk = get_default_algorithms()[algorithm].to_jwk
    return {**to_jwk(KINDS[algorithm].public_key(), as_dict=True), "kid": "k", **others}  # type: ignore[attr-defined]


@pytest.mark.parametrize("algorithm", KINDS)
def test_every_asymmetric_algorithm(keys: _Keys, algorithm: str) -> None:
    """Every asymmetric algorithm counts with a key of its type, with or without `alg` beside the key."""
    token = keys.sign(KINDS[algorithm], algorithm)
    keys.serve(_jwk(algorithm))
    assert _validate(token)["sub"] == "somebody"
    keys.serve(_jwk(algorithm, alg=algorithm, use="sig"))
    assert _validate(token)["sub"] == "somebody"


@pytest.mark.parametrize(
    ("algorithm", "entry"),
    [
        ("PS256", {"alg": "RS256"}),
        ("RS256", {"alg": "RS512"}),
        ("RS256", {"use": "enc"}),
        ("RS256", {"kty": "oct", "k": "c2VjcmV0"}),
        ("RS256", {"kty": "EC", "crv": "P-256"}),
        ("RS256", {"n": 5}),
        ("RS256", {"n": "!"}),
        ("RS256", {"kid": "another"}),
        ("ES256", {"crv": "P-384"}),
        ("ES384", {"crv": "secp256k1"}),
    ],
    ids=str,
)
def test_keys_that_do_not_fit(keys: _Keys, algorithm: str, entry: dict[str, Any]) -> None:
    """A key of another type, curve, use, algorithm or id, or one that cannot be read, verifies nothing."""
    keys.serve(_jwk(algorithm, **entry))
    with pytest.raises(SignInFailed, match="is not valid"):
        _validate(keys.sign(KINDS[algorithm], algorithm))


def test_a_secret_signs_nothing(keys: _Keys) -> None:
    """A token signed with a shared secret is refused, even where the key set holds that secret."""
    keys.serve({"kty": "oct", "k": base64.urlsafe_b64encode(b"s" * 64).decode(), "kid": "k", "alg": "HS256"})
    with pytest.raises(
        SignInFailed,
        match=r"the algorithm HS256 is not that of the provider's key.*sign the application's ID tokens with",
    ):
        _validate(keys.sign(b"s" * 64, "HS256"))


OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _other(**others: Any) -> dict[str, Any]:
    return {**jwt.algorithms.RSAAlgorithm.to_jwk(OTHER_KEY.public_key(), as_dict=True), "kid": "k", **others}


@pytest.mark.parametrize(
    "entries",
    [
        [_other(use="enc"), _jwk("RS256", use="sig")],
        [_other(alg="RSA-OAEP"), _jwk("RS256")],
        [_other(key_ops=["encrypt"]), _jwk("RS256", key_ops=["verify"])],
        [_jwk("ES256"), _jwk("RS256", alg="RS256")],
        [_jwk("ES256", use="sig", alg="ES256"), _jwk("EdDSA"), _jwk("RS256")],
        [_other(alg="RS512"), _jwk("RS256", alg="RS256")],
        [_other(), _jwk("RS256")],
        [_jwk("RS256"), _other()],
        [_other(n="!"), _jwk("RS256")],
        [_jwk("RS256", use=None, alg="", key_ops=None)],
        [_jwk("RS256", kid=None)],
        [_other(kid=None), _jwk("ES256"), _jwk("RS256", kid="")],
    ],
    ids=range(12),
)
def test_several_keys_of_one_id(keys: _Keys, entries: list[dict[str, Any]]) -> None:
    """The key is chosen by id, use, type and algorithm; of those that fit, the one counts that signed it."""
    keys.serve(*entries)
    assert _validate(keys.sign(RSA_KEY, "RS256"))["sub"] == "somebody"


def test_the_name_of_a_curve(keys: _Keys) -> None:
    """A key may say Ed25519 where a token says EdDSA (RFC 9864 §2.2)."""
    keys.serve(_jwk("EdDSA", alg="Ed25519"))
    assert _validate(keys.sign(KINDS["EdDSA"], "EdDSA"))["sub"] == "somebody"


def test_another_algorithm_under_the_old_id(keys: _Keys) -> None:
    """A provider that signs with a key of another type under the old id is asked for its keys again."""
    keys.demo.provider.faults.clear()
    keys.demo.provider.faults.add("*/keys", body=json.dumps({"keys": [_jwk("RS256")]}), times=1)
    keys.demo.provider.faults.add("*/keys", body=json.dumps({"keys": [_jwk("ES256")]}), times=None)
    assert _validate(keys.sign(KINDS["ES256"], "ES256"))["sub"] == "somebody"


@pytest.mark.parametrize("kid", [None, ""], ids=repr)
def test_without_a_key_id(keys: _Keys, kid: str | None) -> None:
    """A token that names no key counts where a key of the provider signed it."""
    token = keys.sign(RSA_KEY, "RS256", kid)
    keys.serve(_jwk("RS256"))
    assert _validate(token)["sub"] == "somebody"
    keys.serve(_jwk("ES256", kid="other"), _other(kid="third"), _jwk("RS256"))
    assert _validate(token)["sub"] == "somebody"
    keys.serve(_jwk("ES256", kid="other"), _other(kid="third"))
    with pytest.raises(SignInFailed, match="Signature verification failed"):
        _validate(token)


@pytest.mark.parametrize(("issuer", "good"), [("{origin}/{{tenantid}}/v2.0", True), ("{origin}/other/v2.0", False)])
def test_a_key_of_another_issuer(keys: _Keys, issuer: str, good: bool) -> None:  # noqa: FBT001 - a table's column
    """Entra says beside each key whose tokens it signs; others' are refused."""
    keys.serve(_jwk("RS256", issuer=issuer.format(origin=keys.demo.provider.origin)))
    token = keys.sign(RSA_KEY, "RS256")
    if good:
        assert _validate(token)["sub"] == "somebody"
        return
    with pytest.raises(SignInFailed, match="the key that signed it is for another issuer"):
        _validate(token)


@pytest.mark.parametrize("body", ['{"keys": 5}', '{"keys": [5, null, {}]}', "{}", '{"keys": []}'])
def test_key_sets_that_are_none(demo: DemoServer, body: str) -> None:
    """A key set of another shape holds no key."""
    demo.provider.faults.add("*/keys", body=body, times=None)
    with pytest.raises(SignInFailed, match="no key of the provider"):
        _validate(_signed(demo))


def test_a_forged_key_id_does_not_hammer(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens with unknown key ids fetch the keys once more, and again only after a minute."""
    forged = jwt.encode({"sub": "x"}, RSA_KEY, algorithm="RS256", headers={"kid": "forged"})

    def attempts(times: int) -> int:
        demo.provider.requests.clear()
        for _ in range(times):
            with pytest.raises(SignInFailed, match="no key of the provider"):
                _validate(forged)
        return demo.provider.requests.count("*/keys")

    assert attempts(1) == 2
    assert attempts(5) == 0
    later = time.monotonic() + 61
    monkeypatch.setattr("nbauth.signin.http.http_cache.time.monotonic", lambda: later)
    assert attempts(5) == 1
