"""Failures of applications: with a secret, a certificate, an assertion, for a user, and by the machine's identity."""

from __future__ import annotations

import base64
import datetime as dt
import functools
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

import nbauth
from nbauth import kernel
from nbauth.signin.profile.profile import Profile

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Watch

PASSPHRASE = "correct horse battery staple"
REFUSED = json.dumps({"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."})
FAULTS: dict[str, dict[str, Any]] = {
    "reset": {"reset": True},
    "503": {"status": 503},
    "a web page": {"html": True},
    "cut off": {"truncate_at": 60},
    "refused": {"status": 401, "body": REFUSED},
    "a token that is none": {"status": 200, "body": '{"access_token": 7}'},
}


def _key_file(path: Path, *, passphrase: str | None) -> set[str]:
    """Write a certificate with its key; return parts of the key as the file holds it, open and locked."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "job")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    locks = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    written = key.private_bytes(pem, pkcs8, locks)
    path.write_bytes(written + certificate.public_bytes(pem))
    plain = key.private_bytes(pem, pkcs8, serialization.NoEncryption())
    return {line.decode() for text in (written, plain) for line in text.splitlines()[1:-1]}


def _profile(watch: Watch, **keys: Any) -> Profile:
    demo = watch.demo
    common = {
        "client_id": demo.confidential_client_id,
        "authority": demo.authority,
        "ca_bundle": str(demo.ca_file),
        "apis": {demo.api_origin: ["api://nbauth-demo/.default"]},
    }
    profile = Profile("job", **{**common, **keys})
    kernel.add_profile(profile)
    return profile


def _token(profile: Profile, **options: Any) -> str:
    return kernel.credential_of(profile, profile.login_scopes).token(profile.login_scopes, **options)


def _assertion() -> str:
    parts = ({"alg": "RS256", "typ": "JWT"}, {"sub": "job", "iss": "https://issuer.example", "jti": "x" * 40})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in (*parts, {"s": "y" * 90}))


@pytest.mark.parametrize("kind", ["secret", "certificate", "assertion", "function"])
def test_credentials(kind: str, watch: Watch, apart: Path) -> None:
    """Neither the credential, nor what it is made of, nor the token is in what a failure shows."""
    demo, place = watch.demo, apart / "credential"
    assertion = _assertion()
    watch.known.add(assertion)
    if kind == "certificate":
        watch.known |= _key_file(place, passphrase=PASSPHRASE)
        (apart / "passphrase").write_text(PASSPHRASE)
        value: Any = {"path": str(place), "passphrase": {"file": str(apart / "passphrase")}}
    else:
        place.write_text(demo.client_secret if kind == "secret" else assertion)
        value = place.read_text if kind == "function" else {"file": str(place)}
    profile = _profile(watch, **{"client_assertion" if kind == "function" else f"client_{kind}": value})
    for fault, how in FAULTS.items():
        demo.provider.faults.add("*/token", **how, times=2)
        watch.fails(fault, functools.partial(_token, profile))
        watch.fails(f"{fault}, at login", lambda: nbauth.login("job"))
        demo.provider.faults.clear()
        kernel.reset()
        kernel.add_profile(profile)
    if kind in ("secret", "certificate"):
        if kind == "secret":
            present = _token(profile)
            demo.provider.faults.add("*/token", reset=True)
            watch.fails("refused by an API", lambda: _token(profile, rejected=present))
        kernel.reset()
        kernel.add_profile(profile)
        shutil.rmtree(apart / ".nbauth")  # the discovery document, as an earlier kernel kept it
        demo.provider.faults.add("*openid-configuration", reset=True)
        watch.fails("the provider is down at the first token", lambda: _token(profile))
    assert watch.seen == {}
    assert len(watch.errors) >= 12


def test_a_secret_by_basic(watch: Watch, apart: Path) -> None:
    """A secret that goes out in a header is in nothing that a failure shows, neither plain nor as the header has it."""
    demo, place = watch.demo, apart / "credential"
    demo.provider.settings.secret_ways = ("client_secret_basic",)
    place.write_text(demo.client_secret)
    keys = {"client_secret": {"file": str(place)}, "authority": None, "oidc_authority": demo.oidc_authority}
    profile = _profile(watch, **keys)
    assert _token(profile)  # the provider notes the header
    for fault, how in FAULTS.items():
        kernel.reset()
        kernel.add_profile(profile)
        demo.provider.faults.add("*/token", **how, times=2)
        watch.fails(fault, functools.partial(_token, profile))
        demo.provider.faults.clear()
    pair = base64.b64encode(f"{demo.confidential_client_id}:{demo.client_secret}".encode()).decode()
    assert pair in watch.secrets
    assert watch.seen == {}


def test_certificate_files(watch: Watch, apart: Path) -> None:
    """A file that cannot be used is told without what is in it, and without the passphrase."""
    place = apart / "credential"
    watch.known |= _key_file(place, passphrase=PASSPHRASE)
    for name, passphrase in {"wrong": "a wrong passphrase, all right", "none": None}.items():
        (apart / "passphrase").write_text(passphrase or "")
        watch.known.add(passphrase or PASSPHRASE)
        keys = {"path": str(place)} | ({"passphrase": {"file": str(apart / "passphrase")}} if passphrase else {})
        profile = _profile(watch, client_certificate=keys)
        watch.fails(name, functools.partial(_token, profile))
    place.write_bytes(place.read_bytes().replace(b"CERTIFICATE", b"NOTHING"))
    (apart / "passphrase").write_text(PASSPHRASE)
    keys = {"path": str(place), "passphrase": {"file": str(apart / "passphrase")}}
    watch.fails("no certificate", lambda: _token(_profile(watch, client_certificate=keys)))
    assert watch.seen == {}


def test_functions_that_raise(watch: Watch) -> None:
    """What a function of the notebook had in its variables when it raised stays there; its error is the cause."""
    assertion = _assertion()
    watch.known.add(assertion)

    def supply() -> str:
        mine = "".join(assertion)
        raise ValueError(f"{len(mine)} characters are too many")

    for name, keys in {
        "client": {"client_assertion": supply},
        "user": {"client_secret": {"env": "JOB_SECRET"}, "user_assertion": supply},
    }.items():
        kernel.reset()
        profile = _profile(watch, **keys)
        error = watch.fails(name, functools.partial(_token, profile))
        if name == "client":
            assert "characters are too many" in str(error.__cause__)
        watch.fails(f"{name}, at login", lambda: nbauth.login("job"))
    assert watch.seen == {}


def test_secrets_that_cannot_be_sent(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable whose bytes are no UTF-8, and half a character of a function's, is an error that quotes neither."""
    assertion = f"{_assertion()}\udce9"
    watch.known.add(assertion[:-1])
    monkeypatch.setenv("JOB_SECRET", assertion)
    given: dict[str, dict[str, Any]] = {
        "client_secret": {"client_secret": {"env": "JOB_SECRET"}},
        "client_assertion": {"client_assertion": lambda: assertion},
        "user_assertion": {"client_secret": {"env": "MIDDLE_SECRET"}, "user_assertion": lambda: assertion},
    }
    monkeypatch.setenv("MIDDLE_SECRET", watch.demo.middle_tier_secret)
    for name, keys in given.items():
        kernel.reset()
        profile = _profile(watch, **keys)
        for act in (functools.partial(_token, profile), functools.partial(nbauth.login, "job")):
            error = watch.fails(name, act)
            assert f"{name}: " in str(error)
            assert "is not UTF-8 text" in str(error)
    assert watch.seen == {}


def test_for_a_user(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the user's token nor what it is traded for is in what a failure shows."""
    demo = watch.demo
    credential = watch.sign_in()
    assertion = credential.token(credential.profile.login_scopes)
    monkeypatch.setenv("MIDDLE_SECRET", demo.middle_tier_secret)
    monkeypatch.setenv("USER_TOKEN", assertion)
    keys: dict[str, Any] = {
        "client_id": demo.middle_tier_client_id,
        "client_secret": {"env": "MIDDLE_SECRET"},
        "apis": {demo.api_origin: ["api://nbauth-demo-archive/Archive.Read"]},
    }
    for given in ({"env": "USER_TOKEN"}, lambda: assertion):
        for fault, how in FAULTS.items():
            kernel.reset()
            profile = _profile(watch, **keys, user_assertion=given)
            demo.provider.faults.add("*/token", **how, times=2)
            watch.fails(f"{fault}, {type(given).__name__}", functools.partial(_token, profile))
            watch.fails(f"{fault}, {type(given).__name__}, at login", lambda: nbauth.login("job"))
            demo.provider.faults.clear()
    assert watch.seen == {}
    assert len(watch.errors) >= 24


def test_managed_identity(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the machine's secret for its endpoint nor a token is in what a failure shows."""
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{watch.demo.api_url}/identity")
    monkeypatch.setenv("IDENTITY_HEADER", "the-secret-of-this-machine")
    watch.known |= {"the-secret-of-this-machine", "a-token-that-comes-in-pieces"}
    token = {"access_token": "a-token-that-comes-in-pieces", "expires_on": "soon", "expires_in": "x"}
    faults = {**FAULTS, "times that are none": {"status": 200, "body": json.dumps(token)}}
    for fault, how in faults.items():
        kernel.reset()
        profile = Profile(
            "machine", managed_identity=True, apis={watch.demo.api_origin: ["https://a.example/.default"]}
        )
        kernel.add_profile(profile)
        watch.demo.api.faults.add("*/identity", **how, times=2)
        watch.fails(fault, functools.partial(_token, profile))
        watch.fails(f"{fault}, at login", lambda: nbauth.login("machine"))
        watch.demo.api.faults.clear()
    assert watch.seen == {}
