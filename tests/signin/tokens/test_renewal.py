"""What a renewal brings is about the person who signed in (OpenID Connect Core §12.2), or it is thrown away."""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

import nbauth
from nbauth import kernel
from nbauth.errors import SignInCancelled, SignInRequired
from nbauth.signin.flows.prompt import NullPrompt
from nbauth.signin.remembered import location

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer
    from nbauth.signin.tokens.credential import Credential

KINDS = ("AccessToken", "RefreshToken", "IdToken")


@pytest.fixture(autouse=True)
def plain_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow remembered sign-ins that are not encrypted."""
    monkeypatch.setenv("NBAUTH_ALLOW_PLAINTEXT_CACHE", "1")


@pytest.fixture(params=["demo", "lab"])
def alice(request: pytest.FixtureRequest, demo: DemoServer, person: Callable[..., Any]) -> Credential:
    """Return Alice's credential, at Entra's double and at a plain OpenID provider."""
    name = str(request.param)
    _add_lab(demo)
    nbauth.login(name, flow="paste", prompt=person(), timeout_s=20)
    demo.provider.requests.clear()
    return _credential(name)


def _add_lab(demo: DemoServer) -> None:
    nbauth.add_profile(
        nbauth.Profile(
            "lab",
            client_id=demo.client_id,
            oidc_authority=demo.oidc_authority,
            ca_bundle=str(demo.ca_file),
            apis=kernel.config().profiles["demo"].apis,
        )
    )


def _credential(name: str = "demo") -> Credential:
    profile = kernel.config().profiles[name]
    return kernel.credential_of(profile, profile.login_scopes)


def _renew(credential: Credential) -> str:
    scopes = credential.profile.login_scopes
    present = credential.token(scopes)
    credential._memo.clear()  # a token that has just taken a refused one's place would not be renewed
    return credential.token(scopes, rejected=present)


def _held(name: str) -> list[list[Any]]:
    return [list(nbauth.client(name).token_cache.search(kind)) for kind in KINDS]


def _is_over(credential: Credential, says: str) -> None:
    """Check that the sign-in was ended, and says why from then on, and that nothing of it is left."""
    name = credential.profile.name
    for _ in range(2):
        with pytest.raises(SignInRequired, match=rf"""(?s)Profile '{name}'.*{says}.*nbauth\.login\("{name}"\)"""):
            _renew(credential)
    with pytest.raises(SignInRequired, match=says):
        _credential(name)
    assert nbauth.accounts() == []
    assert _held(name) == [[], [], []]


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"sub": "somebody-else"}, "its subject is somebody else"),
        ({"iss": "https://elsewhere.example"}, "its issuer is https://elsewhere"),
        ({"aud": "another-application"}, "[Aa]udience"),
        ({"azp": "another-application"}, "issued to another application"),
        ({"iat": 1_700_000_000}, "older than the one before"),
        ({"exp": 1_700_000_000}, "it has expired"),
        ({"iat": 4_000_000_000}, "of a time to come"),
        ({"exp": "soon"}, "exp|times are no numbers"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_about_somebody_else(
    alice: Credential, demo: DemoServer, person: Callable[..., Any], claims: dict[str, Any], says: str
) -> None:
    """A renewal whose ID token is another one's, for another application or of another time ends the sign-in."""
    demo.provider.settings.id_token_claims = claims
    _is_over(alice, says)
    assert demo.provider.requests.count("*/token") == 1
    demo.provider.settings.id_token_claims = {}
    name = alice.profile.name
    assert nbauth.login(name, flow="paste", prompt=person(), timeout_s=20).username == "alice@contoso.example"
    assert _renew(_credential(name))


@pytest.mark.parametrize("name", ["tid", "oid"])
def test_of_another_tenant(demo: DemoServer, person: Callable[..., Any], name: str) -> None:
    """At Entra the tenant and the object stay the same; at a plain provider these words mean nothing."""
    _add_lab(demo)
    for profile in ("demo", "lab"):
        nbauth.login(profile, flow="paste", prompt=person(), timeout_s=20)
    demo.provider.settings.id_token_claims = {name: "44444444-4444-4444-8444-444444444444"}
    assert _renew(_credential("lab"))
    with pytest.raises(SignInRequired, match=r"its oid is another one|it is of the tenant 4444"):
        _renew(_credential("demo"))


def test_another_time_of_sign_in(alice: Credential, demo: DemoServer, person: Callable[..., Any]) -> None:
    """When the person signed in stays the same, where both ID tokens say it."""
    kernel.logout()
    settings, name = demo.provider.settings, alice.profile.name
    settings.id_token_claims = {"auth_time": 1_700_000_000}
    nbauth.login(name, flow="paste", prompt=person(), timeout_s=20)
    assert _renew(_credential(name))
    settings.id_token_claims = {"auth_time": 1_700_000_001}
    _is_over(_credential(name), "its auth_time is another one")


def test_another_nonce(alice: Credential, demo: DemoServer) -> None:
    """An ID token of another sign-in, which its nonce shows, is none of this one's."""
    demo.provider.settings.id_token_claims = {"nonce": "another"}
    _is_over(alice, "its nonce is another one")


def test_forged(alice: Credential, demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A renewal whose ID token nobody of the provider signed ends the sign-in."""
    stranger = rsa.generate_private_key(65537, 2048)
    keys = demo.provider.keys
    kid = str(keys.jwks()["keys"][-1]["kid"])

    def sign(claims: dict[str, Any]) -> str:
        return jwt.encode(claims, stranger, "RS256", headers={"kid": kid})

    monkeypatch.setattr(keys, "sign", sign)
    _is_over(alice, "Signature")


def test_other_scopes_and_claims(alice: Credential, demo: DemoServer) -> None:
    """A token for another resource is looked at, too, and so is a step-up."""
    demo.provider.settings.id_token_claims = {"sub": "somebody-else"}
    with pytest.raises(SignInRequired, match="somebody else"):
        alice.token(("api://nbauth-demo-archive/Archive.Read",))
    _is_over(alice, "somebody else")


def test_a_claims_challenge(alice: Credential, demo: DemoServer) -> None:
    """A token that meets a claims challenge is looked at, too."""
    demo.provider.settings.id_token_claims = {"sub": "somebody-else"}
    with pytest.raises(SignInRequired, match="somebody else"):
        alice.token(alice.profile.login_scopes, claims='{"access_token": {"acrs": {"value": "c1"}}}')
    _is_over(alice, "somebody else")


def test_ahead_of_time(alice: Credential, demo: DemoServer) -> None:
    """A renewal in the background ends the sign-in as well, and whoever asks next learns why."""
    demo.provider.settings.id_token_claims = {"sub": "somebody-else"}
    scopes = alice.profile.login_scopes
    token = alice._memo[scopes]
    alice._memo[scopes] = dataclasses.replace(token, margin_s=3600.0)  # within its margin
    assert alice.token(scopes) == token.secret
    alice.settle(time.monotonic() + 20)
    assert demo.provider.requests.count("*/token") == 1
    _is_over(alice, "somebody else")


def test_a_new_key(alice: Credential, demo: DemoServer) -> None:
    """A renewal signed with a new key costs one look at the keys; a further one costs none."""
    demo.provider.rotate_signing_key()
    assert _renew(alice)
    assert _renew(alice)
    assert demo.provider.requests.count("*/keys") == 1
    assert demo.provider.requests.count("*/token") == 2


def test_no_keys(alice: Credential, demo: DemoServer) -> None:
    """Where the keys cannot be had, TLS stands for the signature (§3.1.3.7, 6): the spent refresh token is replaced."""
    demo.provider.rotate_signing_key()
    demo.provider.faults.add("*keys", status=503, times=None)
    assert _renew(alice)
    demo.provider.settings.id_token_claims = {"sub": "somebody-else"}
    _is_over(alice, "somebody else")


def test_remembered(demo: DemoServer, person: Callable[..., Any]) -> None:
    """Of a sign-in that is remembered nothing is written, and no later kernel takes it up."""
    nbauth.login("demo", flow="paste", prompt=person(), remember=True, timeout_s=20)
    assert _renew(_credential())
    demo.provider.settings.id_token_claims = {"sub": "somebody-else"}
    _is_over(_credential(), "somebody else")
    assert list(location.directory().glob("*.bin")) == []
    demo.provider.settings.id_token_claims = {}
    for _ in range(2):
        with pytest.raises(SignInCancelled):
            nbauth.login("demo", flow="paste", prompt=NullPrompt(), timeout_s=20)
        kernel.reset()


def test_taken_up_by_a_later_kernel(demo: DemoServer, person: Callable[..., Any]) -> None:
    """A later kernel whose first renewal is another one's asks, and keeps nothing."""
    demo.provider.settings.access_token_s = 0
    nbauth.login("demo", flow="paste", prompt=person(), remember=True, timeout_s=20)
    kernel.reset()
    demo.provider.settings.id_token_claims = {"sub": "somebody-else"}
    with pytest.raises(SignInCancelled):
        nbauth.login("demo", flow="paste", prompt=NullPrompt(), timeout_s=20)
    assert nbauth.accounts() == []
    assert _held("demo") == [[], [], []]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this platform")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_in_a_child(demo: DemoServer, person: Callable[..., Any]) -> None:
    """A forked child gets no token of somebody else either, and is told what the kernel is told."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    demo.provider.settings.id_token_claims = {"sub": "somebody-else"}
    credential = _credential()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = _renew(credential)
        except SignInRequired as error:
            said = f"SignInRequired {error}"
        os.write(write, said.encode())
        os._exit(0)
    os.waitpid(child, 0)
    said = os.read(read, 65536).decode()
    os.close(read)
    os.close(write)
    assert said.startswith("SignInRequired")
    assert "its subject is somebody else" in said
    _is_over(credential, "somebody else")


def test_all_at_once(alice: Credential, demo: DemoServer) -> None:
    """Of many threads that wait for a renewal none gets a token of it."""
    demo.provider.settings.id_token_claims = {"sub": "somebody-else"}
    barrier, said = threading.Barrier(8), list[str]()

    def ask() -> None:
        barrier.wait()
        try:
            said.append(alice.token(alice.profile.login_scopes, rejected=first))
        except SignInRequired as error:
            said.append(type(error).__name__)

    first = alice.token(alice.profile.login_scopes)
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == ["SignInRequired"] * 8
    assert demo.provider.requests.count("*/token") == 1
