"""Every credential of an application, from the file and from code, proven to a provider that checks it."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import functools
import io
import json
import logging
import pickle
import traceback
from typing import TYPE_CHECKING, Any

import jwt
import keyring
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from keyring.backend import KeyringBackend

import nbauth
from nbauth import kernel
from nbauth.demo.check import PersonPrompt
from nbauth.demo.person import Person
from nbauth.demo.provider.registry import Federation
from nbauth.errors import ConfigError, SignInFailed, SignInRequired
from nbauth.signin.client import client_assertion
from nbauth.signin.profile import config
from nbauth.signin.profile.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from nbauth.demo.provider.registry import Client
    from nbauth.demo.server import DemoServer

Sign = "Callable[..., str]"
PASSPHRASE = "correct horse"


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _issued(subject: str, key: Any, issuer: str, issuer_key: Any, *, ca: bool = False) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


@dataclasses.dataclass(frozen=True)
class Certificates:
    """A key with its certificate, self-signed, and the chain of another certificate for it."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate
    root: x509.Certificate
    chain: tuple[x509.Certificate, ...]

    def pem(self, *, passphrase: str | None = None, chain: Any = (), key_last: bool = False) -> bytes:
        """The key and its certificate, or a chain, in one file."""
        kind = (
            serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
        )
        key = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, kind)
        shown = chain or (self.certificate,)
        certificates = b"".join(c.public_bytes(serialization.Encoding.PEM) for c in shown)
        return certificates + key if key_last else key + certificates

    def pfx(self, *, passphrase: str | None = None, chain: Any = ()) -> bytes:
        """The same as PKCS #12."""
        kind = (
            serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
        )
        own, *others = chain or (self.certificate,)
        return pkcs12.serialize_key_and_certificates(b"job", self.key, own, others or None, kind)


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """Certificates for the tests of this file."""
    key, root_key, upper_key, middle_key = (
        rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(4)
    )
    root = _issued("root", root_key, "root", root_key, ca=True)
    upper = _issued("upper", upper_key, "root", root_key, ca=True)
    middle = _issued("middle", middle_key, "upper", upper_key, ca=True)
    leaf = _issued("job.contoso.example", key, "middle", middle_key)
    return Certificates(key, _issued("job", key, "job", key), root, (leaf, middle, upper))


@pytest.fixture(params=["file", "code"])
def add(request: pytest.FixtureRequest, demo: DemoServer, apart: Path) -> Callable[..., Profile]:
    """Return what adds an application's profile with a credential, written in a file or in code."""

    def make(client_id: str | None = None, **keys: Any) -> Profile:
        common: dict[str, Any] = {
            "client_id": client_id or demo.confidential_client_id,
            "authority": demo.authority,
            "ca_bundle": str(demo.ca_file),
            "apis": {demo.api_origin: ["api://nbauth-demo/.default"]},
        }
        if request.param == "code":
            profile = Profile("job", **{**common, **keys})
        else:
            lines = [f"{key} = {_toml(value)}" for key, value in {**common, **keys}.items() if key != "apis"]
            apis = f"[profiles.job.apis]\n{json.dumps(demo.api_origin)} = {json.dumps(common['apis'][demo.api_origin])}"
            (apart / "nbauth.toml").write_text("\n".join(["[profiles.job]", *lines, apis]))
            profile = config.load(apart / "nbauth.toml").profiles["job"]
        kernel.add_profile(profile)
        return profile

    return make


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)


def _token(profile: Profile) -> str:
    scopes = profile.login_scopes
    return kernel.credential_of(profile, scopes).token(scopes)


def _how(token: str) -> str:
    """How the provider says that the application proved itself: "1" by a secret, "2" by a key."""
    return str(jwt.decode(token, options={"verify_signature": False})["azpacr"])


# Secrets


class Memory(KeyringBackend):
    """A keyring of its own."""

    priority = 1  # type: ignore[assignment]  # keyring takes a number

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def memory() -> Iterator[Memory]:
    """The keyring in force."""
    before = keyring.get_keyring()
    made = Memory()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


def test_secret_from_the_environment(add: Any, demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret in a variable signs in."""
    monkeypatch.setenv("JOB_SECRET", demo.client_secret)
    assert _how(_token(add(client_secret={"env": "JOB_SECRET"}))) == "1"


def test_secret_from_a_file(add: Any, demo: DemoServer, apart: Path) -> None:
    """A secret in a file signs in, with the line break that an editor leaves."""
    (apart / "secret").write_text(demo.client_secret + "\n")
    assert _how(_token(add(client_secret={"file": "secret"}))) == "1"


def test_secret_from_the_keyring(add: Any, demo: DemoServer, memory: Memory) -> None:
    """A secret in the platform's keyring signs in."""
    memory.set_password("contoso", "job", demo.client_secret)
    assert _how(_token(add(client_secret={"keyring": "contoso/job"}))) == "1"


def test_a_literal_secret_is_refused(add: Any) -> None:
    """A secret that stands in the profile is refused, with the reason, and not repeated."""
    with pytest.raises(ConfigError, match="a literal secret is refused, because files and code are copied") as caught:
        add(client_secret="hunter2")
    assert "hunter2" not in str(caught.value)


def test_a_secret_that_was_renewed(add: Any, demo: DemoServer, apart: Path) -> None:
    """A secret that changes in its file is taken up at the next renewal, without a new kernel."""
    client = demo.provider.registry.client(demo.confidential_client_id)
    before = set(client.secrets)
    (apart / "secret").write_text(demo.client_secret)
    profile = add(client_secret={"file": "secret"})
    old = _token(profile)
    try:
        client.secrets.clear()
        client.secrets.add("the next secret")
        credential = kernel.credential_of(profile, profile.login_scopes)
        with pytest.raises(SignInFailed, match="AADSTS7000215"):
            credential.token(profile.login_scopes, rejected=old)
        (apart / "secret").write_text("the next secret")
        assert old != credential.token(profile.login_scopes, rejected=old)
    finally:
        client.secrets.clear()
        client.secrets.update(before)


def test_a_secret_that_cannot_be_read_just_now(add: Any, demo: DemoServer, apart: Path) -> None:
    """While a secret's file is away or empty the one read before is used; a sign-out works; a new kernel says so."""
    (apart / "secret").write_text(demo.client_secret)
    profile = add(client_secret={"file": "secret"})
    old = _token(profile)
    credential = kernel.credential_of(profile, profile.login_scopes)
    (apart / "secret").write_text("")
    new = credential.token(profile.login_scopes, rejected=old)
    assert old != new
    (apart / "secret").unlink()
    kernel.logout("job")
    assert new != _token(profile)
    kernel.reset()
    kernel.add_profile(profile)
    with pytest.raises(ConfigError, match="client_secret: cannot read the file"):
        _token(profile)


# Certificates


@pytest.fixture
def registered(demo: DemoServer, certificates: Certificates) -> Iterator[None]:
    """The provider knows the certificate."""
    client = demo.provider.registry.client(demo.confidential_client_id)
    before = dict(client.certificates)
    client.add_certificate(certificates.certificate)
    yield
    client.certificates.clear()
    client.certificates.update(before)


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE], ids=["open", "passphrase"])
@pytest.mark.parametrize("form", ["pem", "pem, key last", "pem, thumbprint", "pfx"])
@pytest.mark.usefixtures("registered")
def test_certificates_in_every_form(
    form: str, passphrase: str | None, add: Any, certificates: Certificates, apart: Path
) -> None:
    """A certificate signs in: PEM in either order, with a thumbprint or without, PFX; open or with a passphrase."""
    keys: dict[str, Any] = {"path": "job.pfx" if form == "pfx" else "job.pem"}
    made = certificates.pfx(passphrase=passphrase)
    if form != "pfx":
        made = certificates.pem(passphrase=passphrase, key_last=form == "pem, key last")
    (apart / keys["path"]).write_bytes(made)
    if form == "pem, thumbprint":
        keys["thumbprint"] = certificates.certificate.fingerprint(hashes.SHA1()).hex(":")  # noqa: S303 - x5t
    if passphrase:
        (apart / "passphrase").write_text(passphrase)
        keys["passphrase"] = {"file": "passphrase"}
    assert _how(_token(add(client_certificate=keys))) == "2"


def _by_name(demo: DemoServer, trusted: x509.Certificate) -> Client:
    """Register an application that the provider knows by name and issuer alone."""
    client = demo.provider.registry.register_client(name="by name", confidential=True)
    client.trusted_issuer, client.trusted_subject = trusted, "CN=job.contoso.example"
    return client


@pytest.mark.parametrize("thumbprint", [False, True], ids=["PS256", "RS256"])
@pytest.mark.parametrize("form", ["pem", "pem, key last", "pem, leaf last", "pfx"])
def test_subject_name_and_issuer(
    form: str, *, thumbprint: bool, add: Any, demo: DemoServer, certificates: Certificates, apart: Path
) -> None:
    """With `send_chain` the provider knows the application by name, and by a root above the issuer, in any order."""
    client = _by_name(demo, certificates.root)
    chain = certificates.chain
    made = {
        "pem": certificates.pem(chain=chain),
        "pem, key last": certificates.pem(chain=chain, key_last=True),
        "pem, leaf last": certificates.pem(chain=(certificates.root, *reversed(chain))),
        "pfx": certificates.pfx(chain=(chain[0], certificates.root, chain[2], chain[1])),
    }
    (apart / "chain").write_bytes(made[form])
    keys: dict[str, Any] = {"path": "chain", "send_chain": True}
    if thumbprint:
        keys["thumbprint"] = chain[0].fingerprint(hashes.SHA1()).hex()  # noqa: S303 - x5t
    profile = add(client.client_id, client_certificate=keys)
    old = _token(profile)
    assert _how(old) == "2"
    client.trusted_subject = "CN=somebody.else"
    credential = kernel.credential_of(profile, profile.login_scopes)
    with pytest.raises(SignInFailed, match="AADSTS700027"):
        credential.token(profile.login_scopes, rejected=old)


@pytest.mark.parametrize("form", ["pem", "pfx"])
def test_no_chain_unasked(form: str, add: Any, demo: DemoServer, certificates: Certificates, apart: Path) -> None:
    """Without `send_chain` no certificate is sent, and who is known by name alone is not known."""
    client = _by_name(demo, certificates.chain[1])
    chain = certificates.chain
    (apart / "chain").write_bytes(certificates.pem(chain=chain) if form == "pem" else certificates.pfx(chain=chain))
    with pytest.raises(SignInFailed, match="AADSTS700027"):
        _token(add(client.client_id, client_certificate={"path": "chain"}))


def test_what_ad_fs_knows(demo: DemoServer, certificates: Certificates, apart: Path) -> None:
    """AD FS gets RS256 with `x5t`, without a thumbprint in the profile."""
    (apart / "job.pem").write_bytes(certificates.pem())
    keys = {"path": "job.pem"}
    made = Profile("job", client_id="x", authority="https://localhost/adfs", apis={}, client_certificate=keys)  # type: ignore[arg-type]
    assert made.client_certificate
    signed = client_assertion.assertion(made.client_certificate, client_id="x", token_endpoint="https://t", old=True)
    sha1 = certificates.certificate.fingerprint(hashes.SHA1())  # noqa: S303 - x5t
    header = jwt.get_unverified_header(signed)
    assert (header["alg"], header["x5t"]) == ("RS256", base64.urlsafe_b64encode(sha1).decode().rstrip("="))
    assert "x5c" not in header


@pytest.mark.usefixtures("registered")
def test_an_assertion_is_used_once(add: Any, demo: DemoServer, certificates: Certificates, apart: Path) -> None:
    """Each request has an assertion of its own, as providers want that take each one once (RFC 7523 §3, 7)."""
    demo.provider.settings.one_use_assertions = True
    (apart / "job.pem").write_bytes(certificates.pem())
    profile = add(client_certificate={"path": "job.pem"})
    old = _token(profile)
    assert old != kernel.credential_of(profile, profile.login_scopes).token(profile.login_scopes, rejected=old)


def test_a_certificate_that_was_renewed(
    add: Any, demo: DemoServer, registered: None, certificates: Certificates, apart: Path
) -> None:
    """A certificate that changes in its file is taken up at the next renewal."""
    (apart / "job.pem").write_bytes(certificates.pem())
    profile = add(client_certificate={"path": "job.pem"})
    old = _token(profile)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    renewed = dataclasses.replace(certificates, key=key, certificate=_issued("job", key, "job", key))
    client = demo.provider.registry.client(demo.confidential_client_id)
    client.certificates.clear()
    client.add_certificate(renewed.certificate)
    (apart / "job.pem").write_bytes(renewed.pem())
    credential = kernel.credential_of(profile, profile.login_scopes)
    assert old != credential.token(profile.login_scopes, rejected=old)


def _bad(certificates: Certificates) -> dict[str, tuple[bytes, dict[str, Any], str]]:
    elliptic = ec.generate_private_key(ec.SECP256R1())
    of_curve = elliptic.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + _issued("ec", elliptic, "ec", elliptic).public_bytes(serialization.Encoding.PEM)
    locked = certificates.pem(passphrase=PASSPHRASE)
    return {
        "no key": (certificates.certificate.public_bytes(serialization.Encoding.PEM), {}, "holds no private key"),
        "no certificate": (certificates.pem().split(b"-----BEGIN CERT")[0], {}, "holds no certificate beside its key"),
        "garbage": (b"\x00\x01 garbage", {}, "cannot be used"),
        "garbled PEM": (certificates.pem().replace(b"MII", b"!!!"), {}, "cannot be used"),
        "wrong passphrase": (locked, {"passphrase": {"env": "WRONG"}}, "cannot be used"),
        "no passphrase": (locked, {}, "cannot be used"),
        "PFX, wrong passphrase": (
            certificates.pfx(passphrase=PASSPHRASE),
            {"passphrase": {"env": "WRONG"}},
            "cannot be used",
        ),
        "PFX, no passphrase": (certificates.pfx(passphrase=PASSPHRASE), {}, "cannot be used"),
        "elliptic curve": (of_curve, {}, "its key is not an RSA key"),
        "another's certificate": (certificates.pem(chain=(certificates.root,)), {}, "holds no certificate for its key"),
        "another's thumbprint": (certificates.pem(), {"thumbprint": "ab" * 20}, "thumbprint: .* is another one"),
        "larger than a key can be": (certificates.pem() + b"\n" * 300_000, {}, "is larger than 256 KiB"),
        "PFX, no certificate": (
            pkcs12.serialize_key_and_certificates(None, certificates.key, None, None, serialization.NoEncryption()),
            {},
            "holds no certificate beside its key",
        ),
        "needless passphrase": (certificates.pem(), {"passphrase": {"env": "WRONG"}}, "its key has no passphrase"),
    }


@pytest.mark.parametrize(
    "case",
    [
        "no key",
        "no certificate",
        "garbage",
        "garbled PEM",
        "wrong passphrase",
        "no passphrase",
        "PFX, wrong passphrase",
        "PFX, no passphrase",
        "elliptic curve",
        "another's certificate",
        "another's thumbprint",
        "larger than a key can be",
        "PFX, no certificate",
        "needless passphrase",
    ],
)
def test_certificates_that_cannot_be_used(
    case: str, add: Any, certificates: Certificates, apart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is no usable certificate is named with its key, in one line, and nothing of it is repeated."""
    content, keys, message = _bad(certificates)[case]
    monkeypatch.setenv("WRONG", "hunter2")
    (apart / "job.pem").write_bytes(content)
    profile = add(client_certificate={"path": "job.pem", **keys})
    with pytest.raises(ConfigError, match=message) as caught:
        _token(profile)
    text = str(caught.value)
    assert "job.pem" in text
    assert "client_certificate" in text
    assert "\n" not in text
    assert "hunter2" not in text
    assert "BEGIN" not in text


def test_a_certificate_that_is_not_there(add: Any) -> None:
    """A missing file is named."""
    with pytest.raises(ConfigError, match=r"client_certificate\.path: cannot read .*job\.pem: No such file"):
        _token(add(client_certificate={"path": "job.pem"}))


# Assertions of somebody else (workload identity federation)


@pytest.fixture
def sign(demo: DemoServer) -> Iterator[Any]:
    """Return what signs an assertion as the cluster whose word the provider takes."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    client = demo.provider.registry.client(demo.confidential_client_id)
    federation = Federation(
        issuer="https://cluster.example", subject="job", audience="api://AzureADTokenExchange", key=key.public_key()
    )
    client.federations.append(federation)
    made = 0

    def make(subject: str = "job") -> str:
        nonlocal made
        made += 1
        now = int(dt.datetime.now(dt.UTC).timestamp())
        claims = {"iss": "https://cluster.example", "sub": subject, "aud": "api://AzureADTokenExchange"}
        return jwt.encode({**claims, "iat": now, "exp": now + 600, "jti": str(made)}, key, algorithm="RS256")

    yield make
    client.federations.remove(federation)


def test_assertion_from_a_file(add: Any, sign: Any, apart: Path) -> None:
    """An assertion in a file signs in, and is read anew for each token."""
    (apart / "assertion").write_text(sign())
    profile = add(client_assertion={"file": "assertion"})
    old = _token(profile)
    (apart / "assertion").write_text(sign("somebody else"))
    credential = kernel.credential_of(profile, profile.login_scopes)
    with pytest.raises(SignInFailed, match="AADSTS700213"):
        credential.token(profile.login_scopes, rejected=old)
    (apart / "assertion").write_text(sign())
    assert old != credential.token(profile.login_scopes, rejected=old)


def test_assertion_from_the_environment(add: Any, sign: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An assertion in a variable signs in."""
    monkeypatch.setenv("JOB_ASSERTION", sign())
    assert _how(_token(add(client_assertion={"env": "JOB_ASSERTION"}))) == "2"


def _in_code(demo: DemoServer, function: Any, key: str = "client_assertion", **keys: Any) -> Profile:
    return Profile(
        "job",
        client_id=demo.confidential_client_id,
        authority=demo.authority,
        ca_bundle=str(demo.ca_file),
        apis={demo.api_origin: ["api://nbauth-demo/.default"]},
        **{key: function},
        **keys,
    )


def test_assertion_from_a_function(demo: DemoServer, sign: Any) -> None:
    """A function that supplies the assertion is called for each token, and leaves the profile what it is."""
    called: list[str] = []

    def supply() -> str:
        called.append(sign())
        return called[-1]

    profile = _in_code(demo, supply)
    kernel.add_profile(profile)
    old = _token(profile)
    kernel.credential_of(profile, profile.login_scopes).token(profile.login_scopes, rejected=old)
    assert len(called) == 2
    assert len(set(called)) == 2
    assert profile == _in_code(demo, supply)
    assert hash(profile) == hash(_in_code(demo, supply))
    assert "supply" not in repr(profile)
    assert profile.kind == "application"


def test_a_function_that_is_told_the_request(demo: DemoServer, sign: Any) -> None:
    """A function with an argument is told whom the assertion is for, as MSAL tells it."""
    told: list[dict[str, str]] = []

    def supply(request: dict[str, str]) -> str:
        told.append(request)
        return sign()

    profile = _in_code(demo, supply)
    kernel.add_profile(profile)
    assert _how(_token(profile)) == "2"
    assert told == [{"client_id": demo.confidential_client_id, "token_endpoint": f"{demo.authority}/oauth2/v2.0/token"}]


class _Vault:
    def supply(self) -> str:
        return ""

    def two(self, one: str, other: str) -> str:
        return one + other


@pytest.mark.parametrize(
    ("function", "accepted"),
    [
        (_Vault().supply, True),
        (functools.partial(_Vault().two, "a", other="b"), True),
        (lambda request, retries=3: "", True),
        (lambda *rest, **options: "", True),
        (str, True),
        (_Vault().two, False),
        (lambda *, vault: "", False),
    ],
    ids=["method", "partial", "default", "any", "type", "two", "keyword"],
)
def test_which_functions(function: Any, *, accepted: bool, demo: DemoServer) -> None:
    """A function that needs more than one argument is refused when the profile is made."""
    if accepted:
        assert _in_code(demo, function).kind == "application"
        return
    with pytest.raises(ConfigError, match="client_assertion: expected a function that takes nothing, or one dict"):
        _in_code(demo, function)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: 1 / 0, "client_assertion: the function raised ZeroDivisionError"),
        (lambda: None, "client_assertion: the function returned NoneType; expected a text"),
        (lambda: " ", "client_assertion: the function returned str; expected a text"),
    ],
    ids=["raises", "none", "blank"],
)
def test_a_function_that_fails(function: Any, message: str, demo: DemoServer) -> None:
    """A function that raises, or returns no text, is one clear error."""
    profile = _in_code(demo, function)
    kernel.add_profile(profile)
    with pytest.raises(ConfigError, match=message):
        _token(profile)


# A person beside a credential


@pytest.mark.parametrize("flow", ["loopback", "paste"])
def test_a_person_at_a_confidential_client(flow: str, add: Any, demo: DemoServer, apart: Path) -> None:
    """With `kind = "person"` the credential proves the application, and a person signs in to it."""
    (apart / "secret").write_text(demo.client_secret)
    profile = add(
        client_secret={"file": "secret"},
        kind="person",
    )
    prompt = PersonPrompt(Person("alice", ca_file=demo.ca_file), "alice")
    account = nbauth.login("job", flow=flow, scopes=["api://nbauth-demo/Data.Read"], prompt=prompt)
    assert account.username == "alice@contoso.example"
    assert account.kind == "person"
    credential = kernel.credential_of(profile, profile.login_scopes)
    old = credential.token(("api://nbauth-demo/Data.Read",))
    assert old != credential.token(("api://nbauth-demo/Data.Read",), rejected=old)


@pytest.mark.parametrize("kind", ["secret", "certificate", "assertion"])
def test_a_credential_that_was_renewed_beside_a_person(
    kind: str, *, add: Any, demo: DemoServer, certificates: Certificates, sign: Any, apart: Path
) -> None:
    """A person stays signed in when the application's credential is renewed, and the new one is used."""
    client = demo.provider.registry.client(demo.confidential_client_id)
    secrets, known = set(client.secrets), dict(client.certificates)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    renewed = dataclasses.replace(certificates, key=key, certificate=_issued("job", key, "job", key))
    client.add_certificate(certificates.certificate)
    value, present, following = {
        "secret": ({"file": "credential"}, demo.client_secret.encode(), b"the next secret"),
        "certificate": ({"path": "credential"}, certificates.pem(), renewed.pem()),
        "assertion": ({"file": "credential"}, sign().encode(), sign().encode()),
    }[kind]
    try:
        (apart / "credential").write_bytes(present)
        profile = add(**{f"client_{kind}": value}, kind="person")
        scopes = ("api://nbauth-demo/Data.Read",)
        prompt = PersonPrompt(Person("alice", ca_file=demo.ca_file), "alice")
        nbauth.login("job", flow="paste", scopes=scopes, prompt=prompt)
        credential = kernel.credential_of(profile, scopes)
        old = credential.token(scopes)
        client.secrets.clear()
        client.secrets.add("the next secret")
        client.certificates.clear()
        client.add_certificate(renewed.certificate)
        (apart / "credential").write_bytes(following)
        assert old != credential.token(scopes, rejected=old)
        assert demo.provider.requests[-1].grant_type == "refresh_token"
    finally:
        client.secrets.clear()
        client.secrets.update(secrets)
        client.certificates.clear()
        client.certificates.update(known)


def test_no_device_code_at_a_confidential_client(add: Any, demo: DemoServer, apart: Path) -> None:
    """Device codes are for public clients: the flow is never chosen, and named it says why."""
    (apart / "secret").write_text(demo.client_secret)
    add(client_secret={"file": "secret"}, kind="person")
    with pytest.raises(ConfigError, match="device codes to public clients only"):
        nbauth.login("job", flow="device_code")
    prompt = PersonPrompt(Person("alice", ca_file=demo.ca_file), "alice")
    assert nbauth.login("job", scopes=["api://nbauth-demo/Data.Read"], prompt=prompt).kind == "person"


def test_a_person_is_not_signed_in_by_the_secret(add: Any, demo: DemoServer, apart: Path) -> None:
    """A person's profile with a credential needs a person all the same."""
    (apart / "secret").write_text(demo.client_secret)
    profile = add(client_secret={"file": "secret"}, kind="person")
    with pytest.raises(SignInRequired):
        kernel.credential_of(profile, profile.login_scopes)


# What contradicts


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"kind": "robot", "client_secret": {"env": "X"}}, "kind: expected person or application, found 'robot'"),
        ({"kind": "application"}, "kind: an application needs a credential"),
        ({"user_assertion": {"env": "X"}}, "user_assertion: an application that acts for a user proves itself, too"),
        (
            {"client_secret": {"env": "X"}, "user_assertion": {"env": "Y"}, "kind": "person"},
            "kind: no person signs in to this profile",
        ),
        ({"client_secret": {"env": "X"}, "client_assertion": {"env": "Y"}}, "one credential is enough"),
        ({"client_secret": {"env": "X"}, "managed_identity": True}, "one credential is enough"),
        ({"managed_identity": True}, "authority: cannot stand beside managed_identity"),
        ({"client_certificate": {"path": "x", "thumbprint": "ab" * 32}}, "thumbprint: expected a SHA-1 thumbprint"),
        ({"managed_identity": "system"}, "managed_identity: expected true, or one of"),
        ({"managed_identity": {"client_id": "x", "object_id": "y"}}, "managed_identity: expected true, or one of"),
    ],
)
def test_keys_that_contradict_each_other(keys: Any, message: str, add: Any) -> None:
    """Keys that contradict each other are named, with what is expected."""
    with pytest.raises(ConfigError, match=message):
        add(**keys)


def test_secrets_are_not_pickled(demo: DemoServer, sign: Any) -> None:
    """A profile whose function cannot be pickled says so; one with a place of a secret holds the place alone."""
    profile = Profile(
        "job",
        client_id="x",
        authority=demo.authority,
        apis={demo.api_origin: ["s"]},
        client_secret={"env": "JOB_SECRET"},  # type: ignore[arg-type]  # as in the file
    )
    assert repr(profile).count("JOB_SECRET") == 1
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        pickle.dumps(_in_code(demo, lambda: ""))


@pytest.mark.parametrize("refused", [False, True], ids=["granted", "refused"])
@pytest.mark.parametrize("kind", ["secret", "certificate", "assertion"])
@pytest.mark.usefixtures("registered")
def test_nothing_secret_in_the_log(
    kind: str, *, refused: bool, add: Any, demo: DemoServer, certificates: Certificates, sign: Any, apart: Path
) -> None:
    """No secret, key, passphrase, assertion or token is in a log at any level, a repr, or an exception's text."""
    content, value = {
        "secret": (demo.client_secret.encode(), {"file": "credential"}),
        "certificate": (
            certificates.pem(passphrase=PASSPHRASE),
            {"path": "credential", "passphrase": {"file": "passphrase"}, "send_chain": True},
        ),
        "assertion": (sign().encode(), {"file": "credential"}),
    }[kind]
    (apart / "credential").write_bytes(content)
    (apart / "passphrase").write_text(PASSPHRASE)
    before = set(demo.provider.issued_secrets)
    if refused:
        body = json.dumps({"error": "invalid_client", "error_description": "AADSTS7000215: no."})
        demo.provider.faults.add("*/token", status=401, body=body)
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        profile = add(**{f"client_{kind}": value})
        said = repr(profile)
        try:
            said += repr(kernel.credential_of(profile, profile.login_scopes)) + str(_token(profile) and "")
        except SignInFailed:
            said += traceback.format_exc()
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    said += log.getvalue()
    assert "POST" in said
    secrets = {demo.client_secret, PASSPHRASE, *(set(demo.provider.issued_secrets) - before)}
    if kind != "secret" and not refused:
        assert len(secrets) == 4  # the assertion and the token among them
    assert [secret for secret in secrets if secret in said] == []
    assert "PRIVATE KEY" not in said
