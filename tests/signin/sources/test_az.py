"""`source = "az"`: what is asked of az, what its answers become, and what is refused; az itself is a stand-in here."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from fake_az import CONTOSO, FakeAz, token_with

import nbauth
from nbauth import kernel
from nbauth.errors import ApprovalRequired, ConfigError, ProviderUnavailable, SignInFailed, SignInRequired
from nbauth.net import base64url

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nbauth.demo.server import DemoServer


def test_a_load(az: FakeAz, demo: DemoServer, profile: Any, token_of: Callable[[str], str]) -> None:
    """A load works with no sign-in by nbauth: az gives the token, and the account says by whom and whose it is."""
    az.gives(token_of("alice"), tenant=None)
    profile("az")
    assert len(nbauth.read(f"{demo.api_url}/me", profile="lab")) == 1
    (account,) = nbauth.accounts()
    assert (account.source, account.username, account.kind) == ("az", "alice@contoso.example", "person")


def test_what_is_asked(az: FakeAz, profile: Any) -> None:
    """What az is asked for are the row's scopes, in the profile's tenant, in no directory of the notebook's."""
    az.gives(token_with())
    profile("az", tenant="11111111-2222-4333-8444-555555555555")
    nbauth.login("lab")
    asked = "--scope api://nbauth-demo/Data.Read api://nbauth-demo/Profile.Read"
    tenant = "--tenant 11111111-2222-4333-8444-555555555555"
    assert az.calls == [f"/|account get-access-token {asked} {tenant} --output json"]


def test_a_whole_resource(az: FakeAz, profile: Any) -> None:
    """A row of all that a resource has is asked for by the resource."""
    az.gives(token_with(aud="https://storage.azure.com"))
    profile("az", apis={"https://contoso.blob.core.windows.net": ["https://storage.azure.com/.default"]})
    nbauth.login("lab")
    assert az.calls == ["/|account get-access-token --resource https://storage.azure.com --output json"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("Please run 'az login' to setup account.", "nobody is signed in to it"),
        ("AADSTS700082: The refresh token has expired due to inactivity.", "it wants the person to sign in again"),
    ],
)
def test_nobody_is_signed_in(words: str, reason: str, az: FakeAz, profile: Any, demo: DemoServer) -> None:
    """Where az has nobody, the error says so and the line to type; nothing is sent."""
    az.fails(words)
    profile("az", tenant="contoso.onmicrosoft.com")
    with pytest.raises(SignInRequired, match=reason) as raised:
        nbauth.read(demo.api_url, profile="lab")
    assert "az login --tenant contoso.onmicrosoft.com" in str(raised.value)
    assert list(demo.api.requests) == []


def test_no_az(profile: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without az says that."""
    monkeypatch.setenv("PATH", str(tmp_path))
    profile("az")
    with pytest.raises(SignInRequired, match="az: there is no az on PATH"):
        nbauth.login("lab")


def test_a_path_in_the_notebook_s_folder(apart: Path, profile: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An az that lies in the notebook's folder, or is found by a relative entry of PATH, is not run."""
    fake = FakeAz(apart / "bin")
    fake.gives(token_with())
    monkeypatch.setenv("PATH", f"{fake.folder}:bin:.")
    profile("az")
    with pytest.raises(SignInRequired, match="there is no az on PATH"):
        nbauth.login("lab")
    assert fake.calls == []


def test_what_a_dotenv_sets(
    az: FakeAz, apart: Path, tmp_path: Path, profile: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Authorities, sign-ins and settings that the notebook's folder names do not reach az; the person's own do."""
    of_folder = {
        "REQUESTS_CA_BUNDLE": str(apart / "ca.pem"),
        "SSL_CERT_FILE": "ca.pem",
        "SSL_CERT_DIR": f"/etc/ssl/certs:{apart}",
        "AZURE_CONFIG_DIR": str(apart / "azure"),
        "AZURE_CLI_DISABLE_CONNECTION_VERIFICATION": "1",
    }
    (apart / ".env").write_text("".join(f"{name}={value}\n" for name, value in of_folder.items()))
    own = {"AZURE_EXTENSION_DIR": str(tmp_path / "extensions"), "CURL_CA_BUNDLE": str(tmp_path / "ca.pem")}
    for name, value in {**of_folder, **own}.items():
        monkeypatch.setenv(name, value)
    az.gives(token_with())
    profile("az")
    nbauth.login("lab")
    assert {name for name in (*of_folder, *own) if name in az.environment} == set(own)


@pytest.mark.parametrize(
    ("claims", "members", "problem"),
    [
        ({"aud": "https://vault.azure.net"}, {}, "gave a token for 'https://vault.azure.net'"),
        ({"tid": "99999999-2222-4333-8444-555555555555"}, {}, "gave a token of tenant 99999999"),
        ({}, {"tenant": "99999999-2222-4333-8444-555555555555"}, "gave a token of tenant"),
        ({"exp": 1}, {}, "gave a token that has ended"),
    ],
)
def test_what_does_not_fit(claims: dict[str, Any], members: Any, problem: str, az: FakeAz, profile: Any) -> None:
    """A token for another API, of another tenant, or that has ended is an error, and no other source is tried."""
    az.gives(token_with(**claims), **members)
    profile(["az", "login"], client_id="c", tenant="11111111-2222-4333-8444-555555555555")
    with pytest.raises(SignInFailed, match=problem):
        nbauth.login("lab")
    assert nbauth.accounts() == []


@pytest.mark.parametrize("exp", [10**15, 10**400, float("inf"), float("nan"), "soon", True])
def test_times_that_are_none(exp: Any, az: FakeAz, profile: Any) -> None:
    """An end that is no moment in time, of a token or of az's answer, is one that is not said."""
    az.gives(token_with(exp=0).replace(*_payloads(exp)), expires_on=exp)
    profile("az")
    with pytest.raises(SignInFailed, match=r"does not say how long its token is good|gave a token that has ended"):
        nbauth.login("lab")


def _payloads(exp: Any) -> tuple[str, str]:
    """Return the payload of a token that has ended, and the same with another end; PyJWT makes no such token."""
    payload = token_with(exp=0).split(".")[1]
    claims = json.loads(base64url.decode(payload))
    return payload, base64url.encode(json.dumps({**claims, "exp": exp}).encode())


def test_a_deep_token(az: FakeAz, profile: Any) -> None:
    """A token whose payload nobody can parse is one that cannot be read."""
    az.gives(f"e30.{base64url.encode(b'[' * 100_000)}.c2ln")
    az.shows("alice@contoso.example")
    profile("az")
    assert nbauth.login("lab").username == "alice@contoso.example"


def test_names_that_move_the_cursor(
    az: FakeAz, profile: Any, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a source says of names and tenants is shown on one line, in the log, errors and tables alike."""
    caplog.set_level("INFO", logger="nbauth")
    profile("az", tenant=CONTOSO)
    az.gives(token_with(upn="al\x1b[2Jice\n%logout", name="A\u202el"))
    account = nbauth.login("lab")
    assert (account.username, account.name) == ("al\ufffd[2Jice\ufffd%logout", "A\ufffdl")
    with pytest.raises(SignInFailed) as raised:
        nbauth.login("lab", account="bob", select_account=True)
    assert "is signed in as al\ufffd[2Jice\ufffd%logout" in str(raised.value)
    az.gives(token_with(tid="\x1b[31m\nred"))
    with pytest.raises(SignInFailed) as raised:
        nbauth.login("lab", select_account=True)
    assert "of tenant \ufffd[31m\ufffdred" in str(raised.value)
    assert not {"\x1b", "\u202e"} & {*caplog.text, *capsys.readouterr().out}


def test_version_2_tokens(az: FakeAz, profile: Any) -> None:
    """A token for the id of an application whose address was asked for is taken; one for another known id is not."""
    az.gives(token_with(aud="33333333-2222-4333-8444-555555555555"))
    profile("az")
    assert nbauth.login("lab").username == "alice@contoso.example"
    az.gives(token_with(aud="33333333-2222-4333-8444-555555555555"))
    profile("az", apis={"https://graph.microsoft.com": ["User.Read"]})
    with pytest.raises(SignInFailed, match=r"33333333.* and User.Read is of https://graph.microsoft.com"):
        nbauth.login("lab")


@pytest.mark.parametrize("answer", ["", "[]", "{", '{"tokenType": "Bearer"}', '{"accessToken": 7}'])
def test_answers_that_are_none(answer: str, az: FakeAz, profile: Any) -> None:
    """What is no answer of az's is an error in one line."""
    az.says(answer)
    profile("az")
    with pytest.raises(SignInFailed, match="az answered with"):
        nbauth.login("lab")


def test_warnings_before_the_answer(az: FakeAz, profile: Any) -> None:
    """What extensions print before the JSON is passed over."""
    az.gives(token_with())
    file = az.folder / "get-access-token"
    file.write_text(f"A new version is available.\n{file.read_text()}")
    profile("az")
    assert nbauth.login("lab").source == "az"


def test_local_time(az: FakeAz, profile: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where az says the end in local time only, it is taken as that, whatever the zone."""
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    try:
        ends = time.time() + 1800
        text = datetime.fromtimestamp(ends).strftime("%Y-%m-%d %H:%M:%S.%f")  # noqa: DTZ006 - as az writes it
        az.gives(token_with(), expires_on=None, expiresOn=text)
        profile("az")
        assert abs(nbauth.login("lab").expires_at.timestamp() - ends) < 5
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_token_that_cannot_be_read(az: FakeAz, profile: Any) -> None:
    """Of a personal account's token, which is no JWT, az says whose it is."""
    az.gives("opaque-and-long-enough", tenant=None)
    az.shows("alice@outlook.example")
    profile("az", apis={"https://graph.microsoft.com": ["User.Read"]})
    account = nbauth.login("lab")
    assert (account.username, account.home_account_id) == ("alice@outlook.example", "alice@outlook.example")


def test_another_person_in_mid_kernel(az: FakeAz, profile: Any) -> None:
    """When somebody else runs `az login`, a running kernel goes on as nobody: no switch, until the next `login`."""
    made = profile("az")
    az.gives(token_with())
    nbauth.login("lab")
    az.gives(token_with(oid="of-bob", upn="bob@contoso.example"))
    credential = kernel.credential_of(made, made.login_scopes)
    rejected = credential.token(made.login_scopes)
    with pytest.raises(SignInRequired, match=r"now signed in as bob@contoso.example, and was as alice@contoso.example"):
        credential.token(made.login_scopes, rejected=rejected)
    for _ in range(2):
        with pytest.raises(SignInRequired, match="bob@contoso"):
            nbauth.session("lab")
    assert nbauth.login("lab").username == "bob@contoso.example"


def test_an_account_that_is_asked_for(az: FakeAz, profile: Any) -> None:
    """Somebody else at the source than who was asked for is an error."""
    az.gives(token_with())
    profile("az")
    with pytest.raises(SignInFailed, match=r"is signed in as alice@contoso.example, and bob@contoso.example was asked"):
        nbauth.login("lab", account="bob@contoso.example")
    assert nbauth.login("lab", account="Alice@contoso.example").source == "az"


def test_sign_out(az: FakeAz, profile: Any) -> None:
    """A sign-out forgets the tokens, and nothing takes the sign-in again until the next `login`."""
    az.gives(token_with())
    made = profile("az")
    nbauth.session("lab")
    credential = kernel.credential_of(made, made.login_scopes)
    assert nbauth.logout("lab") == ("alice@contoso.example",)
    with pytest.raises(SignInRequired, match="Nobody is signed in to profile 'lab'"):
        credential.token(made.login_scopes)
    with pytest.raises(SignInRequired, match="Nobody is signed in to profile 'lab'"):
        nbauth.session("lab")
    nbauth.login("lab")
    nbauth.session("lab")


def test_a_service_principal(az: FakeAz, profile: Any) -> None:
    """An application that is signed in to az is shown as one."""
    az.gives(token_with(upn=None, idtyp="app", appid="44444444-2222-4333-8444-555555555555"))
    profile("az")
    account = nbauth.login("lab")
    assert (account.kind, account.username) == ("application", "44444444-2222-4333-8444-555555555555")


def test_an_az_that_hangs(az: FakeAz, profile: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An az that does not answer is given up after its time, and nobody else is signed in in its place."""
    monkeypatch.setattr("nbauth.signin.sources.az._TIMEOUT_S", 0.2)
    (az.folder / "seconds").write_text("3600")  # the stand-in starts a process for that, as az does
    profile(["az", "login"], client_id="c", tenant="contoso.onmicrosoft.com")
    with pytest.raises(ProviderUnavailable, match="did not answer within"):
        nbauth.login("lab")


def test_an_error_of_its_own(az: FakeAz, profile: Any) -> None:
    """Any other error of az is told in its own words, with no secret in them."""
    az.fails("AADSTS500011: The resource principal was not found. token=abcdefghijklmnop")
    profile("az")
    with pytest.raises(ProviderUnavailable, match="AADSTS500011: The resource principal") as raised:
        nbauth.login("lab")
    assert "abcdefghijklmnop" not in str(raised.value)


@pytest.mark.parametrize("scopes", [["api://x/read&calc"], ["api://x/read", "--tenant", "elsewhere"], ["--debug"]])
def test_scopes_that_are_none_of_entra_s(scopes: list[str], az: FakeAz, profile: Any) -> None:
    """What az or a command processor could read as something else than a scope is not handed to az."""
    profile("az", apis={"https://api.example.com": scopes})
    with pytest.raises(SignInFailed, match="is not asked for"):
        nbauth.login("lab")
    assert az.calls == []


def test_a_cloned_folder(az: FakeAz, apart: Path) -> None:
    """A configuration that came with a folder runs no az and gets no token until a person approves of where they go."""
    az.gives(token_with())
    (apart / "nbauth.toml").write_text(
        '[profiles.lab]\nsource = "az"\n[profiles.lab.apis]\n"https://evil.example" = ["https://x/.default"]\n'
    )
    with pytest.raises(ApprovalRequired, match="takes your sign-in of az by running that program and sends its tokens"):
        nbauth.read("https://evil.example/rows")
    assert az.calls == []


def test_nothing_is_remembered(az: FakeAz, profile: Any) -> None:
    """To remember is refused with the reason: a later kernel finds the sign-in where it is."""
    az.gives(token_with())
    profile("az")
    with pytest.warns(nbauth.errors.NotRememberedWarning, match="nothing to remember: the sign-in is that of az"):
        nbauth.login("lab", remember=True)


def test_a_flow_where_nobody_is_asked(az: FakeAz, profile: Any) -> None:
    """A flow for a profile that asks nobody is an error, not passed over."""
    profile("az")
    with pytest.raises(ConfigError, match="takes the sign-in of az and asks nobody"):
        nbauth.login("lab", flow="paste")
