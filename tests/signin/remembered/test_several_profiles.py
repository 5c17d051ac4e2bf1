"""Several profiles and accounts of one application, remembered together."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import nbauth
from nbauth import kernel
from nbauth.demo.provider.provider import ALICE
from nbauth.errors import SignInCancelled, SignInRequired
from nbauth.signin.flows.prompt import NullPrompt
from nbauth.signin.remembered import location
from nbauth.signin.remembered.encryption import KeyedCodec
from nbauth.signin.tokens.credential import Credential, SignedIn

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nbauth.demo.server import DemoServer
    from nbauth.signin.profile.account import Account

_ALICE, _BOB = "alice@contoso.example", "bob@contoso.example"


@pytest.fixture(autouse=True)
def directory(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where remembered sign-ins lie; plain files are allowed."""
    monkeypatch.setenv("NBAUTH_ALLOW_PLAINTEXT_CACHE", "1")
    return location.directory()


@pytest.fixture
def both(demo: DemoServer, person: Callable[..., Any], apart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alice, remembered for two profiles of one application; this kernel is signed in to both."""
    profile = kernel.config().profiles["demo"]
    path = apart / "nbauth.toml"
    path.write_text(
        "\n".join(
            line
            for name, api in (("demo", demo.api_origin), ("other", "https://b.example"))
            for line in (
                f"[profiles.{name}]",
                f'client_id = "{profile.client_id}"',
                f'authority = "{demo.authority}"',
                f'ca_bundle = "{demo.ca_file}"',
                f"[profiles.{name}.apis]",
                f'"{api}" = {json.dumps(profile.login_scopes)}',
            )
        )
    )
    monkeypatch.setenv("NBAUTH_CONFIG", str(path))
    for profile in ("demo", "other"):
        _login(person(), profile)
    demo.provider.requests.clear()


def _login(prompt: Any, profile: str = "demo", **options: Any) -> Account:
    return nbauth.login(profile, flow="paste", prompt=prompt, remember=True, timeout_s=20, **options)


def _silent(profile: str = "demo", **options: Any) -> Account:
    """Sign in with nobody there: it works only where nobody is asked."""
    return nbauth.login(profile, flow="paste", prompt=NullPrompt(), timeout_s=20, **options)


def _renew(profile: str = "demo") -> str:
    credential = kernel.credential_of(kernel.config().profiles[profile], ())
    scopes = credential.profile.login_scopes
    rejected = credential.token(scopes)
    credential._memo.clear()  # a token that has just taken a refused one's place would not be renewed
    return credential.token(scopes, rejected=rejected)


def _as_other() -> SignedIn:
    """Return the kernel's sign-in as one of the other profile, as if it had been made beside it."""
    (here,) = kernel._state.visits.own.registry()
    profile = kernel.config().profiles["other"]
    assert here.credential.account is not None
    credential = Credential.of_person(kernel._state.visits.own.connection(profile), here.credential.account)
    return SignedIn(dataclasses.replace(here.account, profile="other"), credential)


def _elsewhere(demo: DemoServer, code: str) -> None:
    """Run code in another process, which has `login(who)`, a sign-in that is remembered."""
    before = """
import sys
import nbauth
from nbauth import kernel
from nbauth.demo.check import PersonPrompt
from nbauth.demo.person import Person
from nbauth.signin.flows.prompt import NullPrompt
def login(who):
    nbauth.login("demo", flow="paste", prompt=PersonPrompt(Person(who, ca_file=sys.argv[1]), who), remember=True)
def renew():
    nbauth.login("demo", flow="paste", prompt=NullPrompt())
    credential = kernel.credential_of(kernel.config().profiles["demo"], ())
    scopes = credential.profile.login_scopes
    credential.token(scopes, rejected=credential.token(scopes))
"""
    subprocess.run([sys.executable, "-c", before + code, str(demo.ca_file)], check=True, timeout=60)


# Several profiles


def test_profiles_share_a_refresh_token(both: None, directory: Path, demo: DemoServer) -> None:
    """Later kernels with one profile or the other renew in turn, and the provider never sees a spent refresh token."""
    for profile in ("demo", "other") * 2:
        kernel.reset()
        _silent(profile)
        _renew(profile)
    assert [record.status for record in demo.provider.requests.matching("*/token")] == [200] * 4
    assert len(list(directory.glob("*.bin"))) == 1


def test_signed_out_of_one(both: None) -> None:
    """A sign-out of one profile leaves the other signed in here, and remembered; the first one has to ask."""
    nbauth.logout("demo")
    _renew("other")
    kernel.reset()
    _silent("other")
    _renew("other")
    with pytest.raises(SignInCancelled):
        _silent()


def test_signed_out_of_what_is_remembered(both: None, person: Callable[..., Any]) -> None:
    """A profile that is not remembered, on the tokens of one that is, stays signed in when that one signs out."""
    nbauth.logout()
    _login(person())
    kernel._state.visits.own.registry().choose(_as_other())
    nbauth.logout("demo")
    assert _renew("other").count(".") == 2


def test_no_token_is_left(both: None, directory: Path, person: Callable[..., Any]) -> None:
    """The tokens of an account that no profile needs any more go from the file, and the others stay."""
    _login(person("bob"), account=_BOB)
    cache = nbauth.client("demo").token_cache
    tokens = {entry["home_account_id"]: entry["secret"] for entry in cache.search(cache.CredentialType.REFRESH_TOKEN)}
    (bob,) = [account.home_account_id for account in nbauth.accounts() if account.username == _BOB]
    nbauth.logout("demo")
    (file,) = directory.glob("*.bin")
    assert [bob] == [who for who, token in tokens.items() if token.encode() not in file.read_bytes()]


@pytest.mark.parametrize("later", [False, True], ids=["the same kernel", "a later one"])
def test_signed_out_of_one_elsewhere(both: None, demo: DemoServer, *, later: bool) -> None:
    """A kernel that is signed in to both notices which of them ended in another one."""
    if later:
        kernel.reset()
        for profile in ("demo", "other"):
            _silent(profile)
    _elsewhere(demo, "kernel.logout('demo')")
    with pytest.raises(SignInRequired, match="Nobody is signed in to profile 'demo'"):
        _renew()
    assert _renew("other").count(".") == 2
    assert demo.provider.requests.count("*/token") == 1


def test_signed_out_of_both(both: None, directory: Path) -> None:
    """With the last profile the file goes."""
    nbauth.logout("demo")
    nbauth.logout("other")
    assert list(directory.glob("*.bin")) == []


def test_what_cannot_be_read_goes_as_a_whole(
    both: None, directory: Path, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sign-out without the key takes the other profiles' sign-ins along rather than leaving its own."""

    class Keeper:
        text: str | None = None

        def load(self) -> str | None:
            return self.text

        def save(self, text: str) -> None:
            self.text = text

    keeper = Keeper()
    monkeypatch.setattr(location, "platform_codec", lambda: KeyedCodec("fake", keeper))
    nbauth.logout()
    for profile in ("demo", "other"):
        _login(person(), profile)
    (file,) = directory.glob("*.bin")
    assert file.read_bytes().split(b"\n")[1] == b"fake"
    kernel.reset()
    keeper.text = None
    nbauth.logout("demo")
    assert not file.exists()


@pytest.mark.parametrize(
    "change", [{"endpoint_hosts": ("login.elsewhere.example",)}, {"ca_bundle": "wider.pem"}, {"proxies": {}}, {}]
)
def test_wider_trust_asks_again(
    change: dict[str, Any], demo: DemoServer, person: Callable[..., Any], apart: Path
) -> None:
    """A profile that trusts another host, proxy or authority than it did does not take what was remembered."""
    for name in ("ca.pem", "wider.pem"):
        (apart / name).write_bytes(demo.ca_file.read_bytes())
    profile = dataclasses.replace(kernel.config().profiles["demo"], ca_bundle=str(apart / "ca.pem"), file=None)
    nbauth.add_profile(profile)
    _login(person())
    kernel.reset()
    nbauth.add_profile(profile)
    assert _silent().username == _ALICE
    kernel.reset()
    if not change:  # the same file, which holds one more authority
        (apart / "ca.pem").write_bytes(demo.ca_file.read_bytes() * 2)
    nbauth.add_profile(dataclasses.replace(profile, **change))
    with pytest.raises(SignInCancelled):
        _silent()


# Several accounts


@pytest.fixture
def two(demo: DemoServer, person: Callable[..., Any]) -> None:
    """Alice and then Bob, remembered for one profile; this kernel is a later one."""
    for who in ("alice", "bob"):
        _login(person(who), account=f"{who}@contoso.example")
    kernel.reset()
    demo.provider.requests.clear()


def test_both_accounts_are_remembered(two: None, demo: DemoServer) -> None:
    """Later kernels find both by name, and the last one without; each is renewed by a refresh token of its own."""
    for options, username in (({}, _BOB), ({"account": _ALICE}, _ALICE), ({"account": _BOB}, _BOB)):
        kernel.reset()
        assert username == _silent(**options).username
        _renew()
    assert [record.status for record in demo.provider.requests.matching("*/token")] == [200] * 3


def test_who_is_chosen_again_is_the_last(two: None) -> None:
    """Remembering an account again makes it the one that is taken without a name."""
    _silent(account=_ALICE, remember=True)
    kernel.reset()
    assert _silent().username == _ALICE


def test_nobody_takes_the_place_of_who_is_here(demo: DemoServer, person: Callable[..., Any]) -> None:
    """When Alice signed out and Bob signed in elsewhere, a kernel of Alice's asks, unless Bob is what is asked for."""
    _login(person())
    _elsewhere(demo, "kernel.logout('demo')\nlogin('bob')")
    with pytest.raises(SignInRequired):
        _renew()
    for credential in kernel._state.credentials():
        credential._memo.clear()
    with pytest.raises(SignInCancelled):
        _silent()
    assert [account.username for account in nbauth.accounts()] == [_ALICE]
    assert _silent(account=_BOB).username == _BOB


def test_remembering_again_writes_no_spent_token(demo: DemoServer, person: Callable[..., Any]) -> None:
    """`--remember` in a kernel that shares a sign-in leaves the refresh token as another kernel has renewed it."""
    _login(person())
    _elsewhere(demo, "renew()")
    _silent(remember=True)
    kernel.reset()
    _silent()
    _renew()
    assert [record.status for record in demo.provider.requests.matching("*/token")][-1] == 200


def test_a_write_that_fails_spares_others(
    two: None, demo: DemoServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """When a renewal of Alice's cannot be written, Bob is still remembered, and Alice's spent token is not."""
    _silent(account=_ALICE)
    real, calls = os.fsync, []

    def full_once(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 1:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full_once)
    _renew()
    assert "No space left on device" in caplog.text
    _renew()  # in memory
    kernel.reset()
    assert _silent().username == _BOB
    kernel.reset()
    with pytest.raises(SignInCancelled):
        _silent(account=_ALICE)


# A sign-in that the provider ended


def test_a_revoked_sign_in(demo: DemoServer, person: Callable[..., Any]) -> None:
    """A token that an API refuses and nothing renews is served to no later kernel: its next login asks the person."""
    _login(person())
    demo.provider.revoke(ALICE)
    with pytest.raises(SignInRequired, match=r'nbauth\.login\("demo"\)'):
        nbauth.read(f"{demo.api_url}/me")
    kernel.reset()
    with pytest.raises(SignInCancelled):
        _silent()
    _login(person())
    kernel.reset()
    _silent()
    assert len(nbauth.read(f"{demo.api_url}/me")) == 1


def test_a_revoked_sign_in_that_a_later_kernel_takes_up(demo: DemoServer, person: Callable[..., Any]) -> None:
    """A later kernel that finds out by itself asks at its next login, and so does the one after it."""
    _login(person())
    demo.provider.revoke(ALICE)
    kernel.reset()
    _silent()
    with pytest.raises(SignInRequired, match=r'nbauth\.login\("demo"\)'):
        nbauth.read(f"{demo.api_url}/me")
    for _ in range(2):
        with pytest.raises(SignInCancelled):
            _silent()
        kernel.reset()
