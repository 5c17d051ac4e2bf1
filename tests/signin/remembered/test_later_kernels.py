from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import re
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from fake_front_end import FakeFrontEnd
from jupyter_client.manager import KernelManager

import nbauth
from nbauth import kernel
from nbauth.demo.person import Person
from nbauth.demo.provider.realms import PARTNER_ID, TENANT_ID
from nbauth.errors import ConfigError, NotRememberedWarning, ProviderUnavailable, SignInCancelled, SignInRequired
from nbauth.frontend import front_end as prompts
from nbauth.signin.flows.prompt import NullPrompt
from nbauth.signin.remembered import location, service
from nbauth.signin.remembered.encryption import KeyedCodec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from nbauth.demo.server import DemoServer
    from nbauth.signin.profile.account import Account


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where files that are not encrypted are allowed, and lie."""
    monkeypatch.setenv("NBAUTH_ALLOW_PLAINTEXT_CACHE", "1")
    return location.directory()


@pytest.fixture
def remembered(plain: Path, demo: DemoServer, person: Callable[..., Any]) -> Path:
    """Return the file that remembers Alice; this kernel is signed in."""
    nbauth.login("demo", flow="paste", prompt=person(), remember=True, timeout_s=20)
    demo.provider.requests.clear()
    return _file(plain)


def _file(directory: Path) -> Path:
    (file,) = directory.glob("*.bin")
    return file


def _silent(profile: str = "demo", **options: Any) -> Account:
    """Sign in with nobody there: it works only where nobody is asked."""
    return nbauth.login(profile, flow="paste", prompt=NullPrompt(), timeout_s=20, **options)


def _expire() -> None:
    """Let the tokens that this kernel holds come to their end."""
    for credential in kernel._state.credentials():
        credential._memo.clear()


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _refresh_tokens() -> list[str]:
    cache = nbauth.client("demo").token_cache
    return [entry["secret"] for entry in cache.search(cache.CredentialType.REFRESH_TOKEN)]


def _pasting(demo: DemoServer) -> Callable[[Any], str | None]:
    person = Person("alice", ca_file=demo.ca_file)

    def paste(outcome: Any) -> str | None:
        address = re.search(r"http://localhost:\d+/\S+/authorize\?\S+", outcome.shown)
        return person.address_after(address.group()) if address else None

    return paste


def _login_elsewhere(demo: DemoServer) -> dict[str, str]:
    """Sign Alice in anew in another process, to be remembered; return its token."""
    code = """
import json, sys
import nbauth
from nbauth import kernel
from nbauth.demo.check import PersonPrompt
from nbauth.demo.person import Person
from nbauth.demo.provider.realms import PARTNER_ID, TENANT_ID
from nbauth.signin.remembered import service
prompt = PersonPrompt(Person("alice", ca_file=sys.argv[1]), "alice")
service.take = lambda *_, **__: None  # as if it had been asked for something that only a person can give
nbauth.login("demo", flow="paste", prompt=prompt, remember=True, timeout_s=20)
profile = kernel.config().profiles["demo"]
print(json.dumps({"token": kernel.credential_of(profile, ()).token(profile.login_scopes)}))
"""
    ran = subprocess.run([sys.executable, "-c", code, str(demo.ca_file)], capture_output=True, text=True, check=True)
    answer: dict[str, str] = json.loads(ran.stdout)
    return answer


# One kernel after the other


@pytest.mark.parametrize("remember", [False, True], ids=["plain login", "remember again"])
def test_a_later_kernel_is_signed_in(remembered: Path, demo: DemoServer, *, remember: bool) -> None:
    """A later kernel's `%login`, with the option or without, asks nobody, and the token endpoint nothing."""
    (first,) = nbauth.accounts()
    kernel.reset()
    again = _silent(remember=remember)
    assert abs(first.expires_at - again.expires_at) <= timedelta(seconds=1)  # whole seconds left, and a moment later
    assert first == dataclasses.replace(again, expires_at=first.expires_at)
    assert demo.provider.requests.count("*/token") == 0
    assert len(nbauth.read(f"{demo.api_url}/cities")) > 0


def test_nothing_signs_in_by_surprise(remembered: Path, demo: DemoServer) -> None:
    """A read in a later kernel raises before its first `%login`."""
    kernel.reset()
    with pytest.raises(SignInRequired, match=r'nbauth\.login\("demo"\)'):
        nbauth.read(f"{demo.api_url}/cities")


def test_a_file_is_private(remembered: Path) -> None:
    """The file is its owner's alone, and so is the directory."""
    assert stat.S_IMODE(remembered.stat().st_mode) == 0o600
    assert stat.S_IMODE(remembered.parent.stat().st_mode) == 0o700


def test_an_encrypted_file_shows_nothing(
    demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the platform keeps a key, no secret stands in the file or the log, and a later kernel is signed in."""
    keeper: dict[str, str] = {}

    class Keeper:
        def load(self) -> str | None:
            return keeper.get("key")

        def save(self, text: str) -> None:
            keeper["key"] = text

    monkeypatch.setattr(location, "platform_codec", lambda: KeyedCodec("fake", Keeper()))
    caplog.set_level("DEBUG")
    nbauth.login("demo", flow="paste", prompt=person(), remember=True, timeout_s=20)
    kernel.reset()
    _silent()
    written = _file(location.directory()).read_bytes().decode("latin-1") + caplog.text
    secrets = [secret for secret in demo.provider.issued_secrets if len(secret) > 20]
    assert len(secrets) > 3
    assert [secret for secret in (*secrets, keeper["key"]) if secret in written] == []
    keeper.clear()
    kernel.reset()
    with pytest.raises(SignInCancelled):  # without the key the file is worth nothing
        _silent()


def test_remember_while_signed_in(plain: Path, demo: DemoServer, person: Callable[..., Any]) -> None:
    """`%login --remember` of somebody who is signed in persists without asking again, and without a new token."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    assert not plain.exists()
    demo.provider.requests.clear()
    _silent(remember=True)
    assert len(demo.provider.requests) == 0
    kernel.reset()
    assert _silent().username == "alice@contoso.example"


def test_without_the_option_nothing_is_written(plain: Path, demo: DemoServer, person: Callable[..., Any]) -> None:
    """A sign-in without the option leaves no file, and a later kernel has to ask."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    kernel.reset()
    with pytest.raises(SignInCancelled):
        _silent()
    assert not plain.exists()


def test_another_account_is_not_taken(remembered: Path) -> None:
    """`--account` with another name than the remembered one asks the person."""
    kernel.reset()
    with pytest.raises(SignInCancelled):
        _silent(account="bob@contoso.example")
    assert _silent(account="Alice@contoso.example").username == "alice@contoso.example"


def test_it_belongs_to_the_profile_as_it_was(remembered: Path, demo: DemoServer) -> None:
    """A profile whose APIs were edited since does not take what was remembered; the old one still does."""
    profile = kernel.config().profiles["demo"]
    kernel.reset()
    other = nbauth.Profile(
        "demo",
        client_id=profile.client_id,
        authority=profile.authority,
        ca_bundle=profile.ca_bundle,
        apis={**profile.apis, "https://elsewhere.example": ["api://elsewhere/.default"]},
    )
    nbauth.add_profile(other)
    with pytest.raises(SignInCancelled):
        _silent()
    kernel.reset()
    assert _silent().profile == "demo"


def test_an_edited_profile_moves(remembered: Path, demo: DemoServer) -> None:
    """Remembering an edited profile moves the sign-in: the profile as it was finds nobody."""
    profile = kernel.config().profiles["demo"]
    more = {**profile.apis, "https://elsewhere.example": ["api://elsewhere/.default"]}
    nbauth.add_profile(
        nbauth.Profile(
            "demo",
            client_id=profile.client_id,
            authority=profile.authority,
            ca_bundle=profile.ca_bundle,
            apis=more,
        )
    )
    _silent(remember=True)
    assert [remembered] == list(remembered.parent.glob("*.bin"))
    kernel.reset()
    with pytest.raises(SignInCancelled):
        _silent()


def test_an_application_is_not_remembered(demo: DemoServer) -> None:
    """An application signs in by itself: there is nothing to remember."""
    with pytest.raises(ConfigError, match=r'nothing to remember.*nbauth\.login\("nightly"\)'):
        nbauth.login("nightly", remember=True)


@pytest.fixture
def expired(plain: Path, demo: DemoServer, person: Callable[..., Any]) -> Path:
    """Return the file that remembers Alice with an access token that has ended; this kernel is a later one."""
    demo.provider.settings.access_token_s = 1
    account = nbauth.login("demo", flow="paste", prompt=person(), remember=True, timeout_s=20)
    _until(lambda: time.time() > account.expires_at.timestamp())
    demo.provider.settings.access_token_s = 3600
    demo.provider.requests.clear()
    kernel.reset()
    return _file(plain)


def test_an_expired_token_is_renewed(expired: Path, demo: DemoServer) -> None:
    """A later kernel renews an access token that has ended, and the one after it finds the new one."""
    _silent()
    assert demo.provider.requests.count("*/token", grant_type="refresh_token") == 1
    kernel.reset()
    _silent()
    assert demo.provider.requests.count("*/token") == 1


def test_a_new_sign_in_takes_the_place(expired: Path, demo: DemoServer, person: Callable[..., Any]) -> None:
    """When the provider ends a remembered sign-in, the person signs in once and is remembered as before."""
    body = '{"error": "invalid_grant", "error_description": "AADSTS700082: The refresh token has expired."}'
    demo.provider.faults.add("*/token", status=400, body=body)
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    assert [record.grant_type for record in demo.provider.requests.matching("*/token")] == [
        "refresh_token",
        "authorization_code",
    ]
    kernel.reset()
    _silent()
    assert demo.provider.requests.count("*/token") == 2


def test_somebody_else_takes_no_place(expired: Path, demo: DemoServer, person: Callable[..., Any]) -> None:
    """Another account's sign-in without the option is not remembered, and what is remembered stays."""
    before = expired.read_bytes()
    account = nbauth.login("demo", flow="paste", account="bob@contoso.example", prompt=person("bob"), timeout_s=20)
    assert account.username == "bob@contoso.example"
    assert before == expired.read_bytes()


def test_a_provider_that_is_down_keeps_it(expired: Path, demo: DemoServer) -> None:
    """A provider that is down when a later kernel needs it ends nothing: it is said, and the next try succeeds."""
    demo.provider.faults.add("*/token", status=503, times=None)
    with pytest.raises(ProviderUnavailable):
        _silent()
    demo.provider.faults.clear()
    assert _silent().username == "alice@contoso.example"


def test_a_second_sign_in_of_one_kernel(remembered: Path, demo: DemoServer, person: Callable[..., Any]) -> None:
    """When a person has to sign in again in a kernel that shares a sign-in, the new one is shared from then on."""
    credential = kernel.credential_of(kernel.config().profiles["demo"], ())
    credential.unmet_claims = '{"access_token": {"nbf": {"essential": true}}}'  # the person has to come
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    first = kernel.credential_of(kernel.config().profiles["demo"], ())
    token = first.token(first.profile.login_scopes)
    kernel.reset()
    _silent()
    again = kernel.credential_of(first.profile, ())
    assert token == again.token(first.profile.login_scopes)


def test_a_sign_in_waits_for_a_renewal(remembered: Path, demo: DemoServer, person: Callable[..., Any]) -> None:
    """A sign-in lets a renewal of the shared one end first, which would put the old tokens in place of the new ones."""
    credential = kernel.credential_of(kernel.config().profiles["demo"], ())
    before = _refresh_tokens()
    credential.unmet_claims = '{"access_token": {"acrs": {"essential": true, "value": "c1"}}}'
    with ThreadPoolExecutor(1) as pool:
        with credential.refresh_lock:
            sign_in = pool.submit(nbauth.login, "demo", flow="paste", prompt=person(), timeout_s=20)
            _until(lambda: demo.provider.requests.count("*/token") == 1)
            with pytest.raises(TimeoutError):
                sign_in.result(timeout=0.5)
            assert before == _refresh_tokens()
        assert sign_in.result().username == "alice@contoso.example"
    assert before != _refresh_tokens()


def test_tenants_have_their_own_tokens(remembered: Path, demo: DemoServer) -> None:
    """Another tenant's token is asked for, and not the first one's taken, though the sign-in is shared by both."""
    kernel.reset()
    _silent()
    there = _silent(tenant=PARTNER_ID)
    assert there.tenant_id == PARTNER_ID
    profile = kernel.config().profiles["demo"]
    token = kernel.credential_of(profile, ()).token(profile.login_scopes)
    assert jwt.decode(token, options={"verify_signature": False})["tid"] == PARTNER_ID
    kernel.reset()
    demo.provider.requests.clear()
    assert _silent().tenant_id == TENANT_ID
    assert demo.provider.requests.count("*/token") == 0


# Where it cannot be kept


def test_a_script_is_warned(demo: DemoServer, person: Callable[..., Any]) -> None:
    """Where the platform encrypts nothing, a script is warned once, with what to set, and is signed in."""
    step = r'NBAUTH_ALLOW_PLAINTEXT_CACHE=1 and run: nbauth\.login\("demo", remember=True\)$'
    with pytest.warns(NotRememberedWarning, match=rf"encrypt.*{step}") as seen:
        nbauth.login("demo", flow="paste", prompt=person(), remember=True, timeout_s=20)
    assert [__file__] == [str(warning.filename) for warning in seen]
    assert [account.username for account in nbauth.accounts()] == ["alice@contoso.example"]
    assert list(location.directory().glob("*.bin")) == []


def test_a_script_that_awaits_is_warned(
    demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The warning of `login_async` names the line that awaits it."""
    monkeypatch.setattr(prompts, "prompt", person)

    async def main() -> None:
        await nbauth.login_async("demo", flow="paste", remember=True, timeout_s=20)

    with pytest.warns(NotRememberedWarning) as seen:
        asyncio.run(main())
    assert [__file__] == [str(warning.filename) for warning in seen]


def test_a_person_is_told(demo: DemoServer, front_end: FakeFrontEnd) -> None:
    """At `%login --remember` a person reads in one line that nothing is remembered, and how to allow it."""
    front_end.run("%load_ext nbauth")
    outcome = front_end.run("%login --flow paste --remember", answer=_pasting(demo))
    assert outcome.status == "ok"
    (line,) = [line for line in outcome.text.splitlines() if "remember" in line]
    assert re.search(r"not remembered.*NBAUTH_ALLOW_PLAINTEXT_CACHE=1 and run: %login demo --remember$", line)
    assert "Signed in to demo" in outcome.text
    assert "Warning" not in outcome.text


def test_only_one_word_allows_plain_files(
    demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anything but `1` in the variable allows nothing."""
    monkeypatch.setenv("NBAUTH_ALLOW_PLAINTEXT_CACHE", "true")
    with pytest.warns(NotRememberedWarning):
        nbauth.login("demo", flow="paste", prompt=person(), remember=True, timeout_s=20)


def test_a_plain_file_needs_the_variable(remembered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain file is not taken where plain files are not allowed (any more); it stays where it is."""
    kernel.reset()
    monkeypatch.delenv("NBAUTH_ALLOW_PLAINTEXT_CACHE")
    with pytest.raises(SignInCancelled):
        _silent()
    assert remembered.exists()


def test_a_directory_that_cannot_be_made(
    plain: Path, demo: DemoServer, person: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A save that fails does not fail the sign-in, and is said once."""
    plain.parent.mkdir(parents=True, exist_ok=True)
    plain.write_text("in the way")
    with pytest.warns(NotRememberedWarning, match="not remembered, because .*remembered cannot be used") as seen:
        nbauth.login("demo", flow="paste", prompt=person(), remember=True, timeout_s=20)
    assert len(seen) == 1
    assert len(nbauth.read(f"{demo.api_url}/cities")) > 0


# Ending it


def test_logout_forgets(remembered: Path) -> None:
    """`%logout` deletes what is remembered of the profiles that this kernel is signed in to."""
    assert nbauth.logout() == ("alice@contoso.example",)
    assert not remembered.exists()
    with pytest.raises(SignInCancelled):
        _silent()


@pytest.mark.parametrize("name", ["demo", None])
def test_logout_forgets_in_a_fresh_kernel(name: str | None, remembered: Path) -> None:
    """`%logout`, with a name or alone, forgets what this kernel never took up."""
    kernel.reset()
    assert nbauth.logout(name) == ()
    assert not remembered.exists()


def test_logout_beside_a_broken_file(remembered: Path, apart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a configuration that cannot be read `%logout` still signs out, and says what it does not know."""
    (apart / "nbauth.toml").write_text("[profiles")
    monkeypatch.setenv("NBAUTH_CONFIG", str(apart / "nbauth.toml"))
    with pytest.raises(ConfigError, match=r"Signed out here, but .* not known: .*nbauth\.toml"):
        nbauth.logout()
    assert nbauth.accounts() == []
    assert not remembered.exists()


def test_logout_leaves_others(remembered: Path) -> None:
    """Signing out of one profile leaves what is remembered for another one."""
    nbauth.logout("nightly")
    assert remembered.exists()


def test_ended_in_another_kernel(remembered: Path, demo: DemoServer) -> None:
    """A sign-out in one kernel ends the others' at their next renewal, and nothing is asked of the provider."""
    service.forget([kernel.config().profiles["demo"]])  # what another kernel does
    _expire()
    with pytest.raises(SignInRequired, match=r'Nobody is signed in.*nbauth\.login\("demo"\)'):
        nbauth.read(f"{demo.api_url}/cities")
    assert demo.provider.requests.count("*/token") == 0
    assert not remembered.exists()


def test_a_sign_out_elsewhere_wins_over_a_renewal(remembered: Path, demo: DemoServer) -> None:
    """What a renewal brings is neither written nor used when another kernel has signed out meanwhile."""
    profile = kernel.config().profiles["demo"]
    credential = kernel.credential_of(profile, ())
    rejected = credential.token(profile.login_scopes)
    fault = demo.provider.faults.add("*/token", delay_s=1.0)
    with ThreadPoolExecutor(1) as pool:
        renewal = pool.submit(credential.token, profile.login_scopes, rejected=rejected)
        _until(lambda: fault.hits == 1)
        service.forget([profile])
        with pytest.raises(SignInRequired):
            renewal.result()
    assert not remembered.exists()
    cache = nbauth.client("demo").token_cache
    assert list(cache.search(cache.CredentialType.REFRESH_TOKEN)) == []


def test_a_sign_in_elsewhere_wins_over_a_renewal(remembered: Path, demo: DemoServer) -> None:
    """What a renewal brings is not written over a sign-in that was made anew meanwhile; the next one follows that."""
    profile = kernel.config().profiles["demo"]
    credential = kernel.credential_of(profile, ())
    rejected = credential.token(profile.login_scopes)
    fault = demo.provider.faults.add("*/token", delay_s=1.0)
    with ThreadPoolExecutor(1) as pool:
        renewal = pool.submit(credential.token, profile.login_scopes, rejected=rejected)
        _until(lambda: fault.hits == 1)
        script = _login_elsewhere(demo)
        renewed = renewal.result()
    anew = remembered.read_bytes()
    assert renewed not in anew.decode("latin-1")
    _expire()
    assert script["token"] == credential.token(profile.login_scopes)
    assert demo.provider.requests.count("*/token", grant_type="refresh_token") == 1


def test_logout_that_cannot_delete(remembered: Path) -> None:
    """When the file cannot be deleted the person is told which one, and is signed out in this kernel."""
    directory = remembered.parent
    moved = directory.rename(directory.with_name("aside"))
    directory.mkdir(mode=0o700)
    (directory / remembered.name).mkdir()
    with pytest.raises(ConfigError, match=rf"{re.escape(str(remembered))} cannot be deleted.*Delete that file"):
        nbauth.logout("demo")
    assert nbauth.accounts() == []
    assert moved.exists()


# Real kernels


@pytest.fixture
def later_player(apart: Path) -> Iterator[Callable[[], FakeFrontEnd]]:
    """Return what starts another kernel in the same directory and environment."""
    playing: list[FakeFrontEnd] = []

    def start() -> FakeFrontEnd:
        manager = KernelManager(kernel_name="python3")
        manager.kernel_spec.argv[0] = sys.executable
        manager.start_kernel(cwd=str(apart), env=dict(os.environ))
        playing.append(FakeFrontEnd(manager))
        playing[-1].run("%load_ext nbauth")
        return playing[-1]

    yield start
    for front_end in playing:
        front_end.close()


def test_real_kernels(plain: Path, demo: DemoServer, later_player: Callable[[], FakeFrontEnd]) -> None:
    """A later kernel is signed in by `%login` alone, with nobody there; after its `%logout` the next one has to ask."""
    first = later_player().run("%login --flow paste --remember", answer=_pasting(demo))
    assert "Signed in to demo as Alice" in first.text
    demo.provider.requests.clear()
    second = later_player()
    assert "Signed in to demo as Alice" in second.run("%login", allow_stdin=False).text
    assert demo.provider.requests.count("*/token") == 0
    assert "(" in second.run(f"df = %read {demo.api_url}/cities\ndf.shape").text
    assert "Signed out: alice" in second.run("%logout").text
    refused = later_player().run("%login", allow_stdin=False)
    assert refused.error is not None
    assert refused.error["ename"] == "SignInRequired"
