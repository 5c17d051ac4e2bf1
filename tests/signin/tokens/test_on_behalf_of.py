"""An application that acts for a user who vouched for it (Entra's on-behalf-of flow, RFC 7523 §2.1)."""

from __future__ import annotations

import contextvars
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import jwt
import msal
import pytest

import nbauth
from nbauth import api, kernel
from nbauth.demo.check import PersonPrompt
from nbauth.demo.person import Person
from nbauth.errors import ConfigError, SignInFailed, SignInRequired
from nbauth.signin.profile import config
from nbauth.signin.profile.profile import Profile
from nbauth.signin.tokens.on_behalf_of import UserCredential

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nbauth.demo.server import DemoServer

ARCHIVE = "api://nbauth-demo-archive/Archive.Read"


def _assertion(demo: DemoServer, who: str = "alice") -> str:
    """The token that a user holds for the middle tier, as a hub would hand it on."""
    kernel.reset()
    nbauth.login("demo", flow="loopback", prompt=PersonPrompt(Person(who, ca_file=demo.ca_file), who))
    profile = kernel.config().profiles["demo"]
    token = kernel.credential_of(profile, profile.login_scopes).token(profile.login_scopes)
    kernel.reset()
    return token


@pytest.fixture(params=["file", "code"])
def add(request: pytest.FixtureRequest, demo: DemoServer, apart: Path) -> Callable[..., Profile]:
    """Return what adds the middle tier's profile, written in a file or in code."""
    (apart / "secret").write_text(demo.middle_tier_secret)

    def make(assertion: Any) -> Profile:
        keys: dict[str, Any] = {
            "client_id": demo.middle_tier_client_id,
            "authority": demo.authority,
            "ca_bundle": str(demo.ca_file),
            "client_secret": {"file": str(apart / "secret")},
            "user_assertion": assertion,
        }
        if request.param == "code" or callable(assertion):
            profile = Profile("middle", apis={demo.api_origin: [ARCHIVE]}, **keys)
        else:
            lines = [f"{key} = {_toml(value)}" for key, value in keys.items()]
            lines += ["[profiles.middle.apis]", f"{json.dumps(demo.api_origin)} = [{json.dumps(ARCHIVE)}]"]
            (apart / "nbauth.toml").write_text("\n".join(["[profiles.middle]", *lines]))
            profile = config.load(apart / "nbauth.toml").profiles["middle"]
        kernel.add_profile(profile)
        return profile

    return make


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)


def _who(token: str) -> tuple[str, str]:
    claims = jwt.decode(token, options={"verify_signature": False})
    return claims["preferred_username"], claims["aud"]


def _token(profile: Profile) -> str:
    return kernel.credential_of(profile, profile.login_scopes).token(profile.login_scopes)


def test_acts_for_the_user(add: Any, demo: DemoServer, apart: Path) -> None:
    """The token is the user's, for another API, without anybody being asked; the account is the user."""
    assertion = _assertion(demo)
    (apart / "assertion").write_text(assertion)
    profile = add({"file": str(apart / "assertion")})
    account = nbauth.login("middle")
    assert (account.username, account.kind) == ("alice@contoso.example", "person")
    assert _who(_token(profile)) == ("alice@contoso.example", "api://nbauth-demo-archive")
    assert [account.username for account in kernel.accounts()] == ["alice@contoso.example"]


def test_needs_no_login(add: Any, demo: DemoServer, apart: Path) -> None:
    """A session works at once, as with every other credential of an application."""
    (apart / "assertion").write_text(_assertion(demo))
    add({"file": str(apart / "assertion")})
    with api.session("middle") as session:
        session.get(f"{demo.api_url}/archive")
    # The demo's API takes tokens for itself alone; that one was sent is what matters here.
    assert demo.api.requests[0].authorization


def test_another_user(add: Any, demo: DemoServer, apart: Path) -> None:
    """Another user's assertion is never served the former user's token."""
    (apart / "assertion").write_text(_assertion(demo))
    alices, bobs = (apart / "assertion").read_text(), _assertion(demo, "bob")
    profile = add({"file": str(apart / "assertion")})
    assert _who(_token(profile))[0] == "alice@contoso.example"
    (apart / "assertion").write_text(bobs)
    assert _who(_token(profile))[0] == "bob@contoso.example"
    (apart / "assertion").write_text(alices)
    assert _who(_token(profile))[0] == "alice@contoso.example"


def test_from_a_function(add: Any, demo: DemoServer) -> None:
    """A function supplies the assertion of whoever is there just now."""
    tokens = {who: _assertion(demo, who) for who in ("alice", "bob")}
    present = "alice"
    profile = add(lambda: tokens[present])
    assert _who(_token(profile))[0] == "alice@contoso.example"
    present = "bob"
    assert _who(_token(profile))[0] == "bob@contoso.example"


def test_two_users_at_once(demo: DemoServer, apart: Path) -> None:
    """Users who ask at the same moment each get their own token, though they share the profile."""
    tokens = {who: _assertion(demo, who) for who in ("alice", "bob")}
    here = threading.local()
    (apart / "secret").write_text(demo.middle_tier_secret)
    profile = Profile(
        "middle",
        client_id=demo.middle_tier_client_id,
        authority=demo.authority,
        ca_bundle=str(demo.ca_file),
        client_secret={"file": str(apart / "secret")},  # type: ignore[arg-type]  # as in the file
        user_assertion=lambda: tokens[here.who],  # type: ignore[arg-type]  # as people write it
        apis={demo.api_origin: [ARCHIVE]},
    )
    kernel.add_profile(profile)
    demo.provider.faults.add("*/token", delay_s=0.3, times=None)
    seen: list[tuple[str, str]] = []

    def ask(who: str) -> None:
        here.who = who
        seen.append((who, _who(_token(profile))[0]))

    threads = [threading.Thread(target=ask, args=(who,)) for who in ("alice", "bob") * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {("alice", "alice@contoso.example"), ("bob", "bob@contoso.example")} == set(seen)


def test_a_function_with_arguments(add: Any) -> None:
    """A function that supplies a user's assertion takes nothing."""
    with pytest.raises(ConfigError, match=r"user_assertion: expected a function that takes nothing\."):
        add(lambda request: "")


def test_renewed(add: Any, demo: DemoServer, apart: Path) -> None:
    """A token that an API refused is renewed with the assertion as it is then; one request while it is good."""
    (apart / "assertion").write_text(_assertion(demo))
    profile = add({"file": str(apart / "assertion")})
    old = _token(profile)
    before = len(demo.provider.requests)
    assert old == _token(profile)
    assert before == len(demo.provider.requests)
    assert old != kernel.credential_of(profile, profile.login_scopes).token(profile.login_scopes, rejected=old)


def test_another_user_meanwhile(add: Any, demo: DemoServer) -> None:
    """Who comes while another user's token is on its way waits for their own, and nobody is served the other's."""
    tokens = {who: _assertion(demo, who) for who in ("alice", "bob")}
    here = contextvars.ContextVar[str]("here")
    profile = add(lambda: tokens[here.get()])
    demo.provider.requests.clear()
    demo.provider.faults.add("*/token", delay_s=0.5, times=2)
    both_asked = threading.Barrier(2)

    def ask(who: str) -> list[str]:
        here.set(who)
        both_asked.wait(10)
        return [_who(_token(profile))[0] for _ in range(2)]

    with ThreadPoolExecutor(2) as pool:
        alice, bob = pool.map(ask, ("alice", "bob"))
    assert alice == ["alice@contoso.example"] * 2
    assert bob == ["bob@contoso.example"] * 2
    assert demo.provider.requests.count("*/token") == 2


def test_a_change_meanwhile(add: Any, demo: DemoServer) -> None:
    """An assertion that changes while it is traded leaves no token of one user in the place of another's."""
    tokens = {who: _assertion(demo, who) for who in ("alice", "bob")}
    present, was_read = "alice", threading.Event()

    def supply() -> str:
        token = tokens[present]
        was_read.set()
        return token

    profile = add(supply)
    demo.provider.faults.add("*/token", delay_s=0.5)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(_token, profile)
        assert was_read.wait(10)
        present = "bob"
        assert _who(_token(profile))[0] == "bob@contoso.example"
    assert _who(first.result())[0] == "alice@contoso.example"
    present = "alice"
    assert _who(_token(profile))[0] == "alice@contoso.example"


def test_signed_out(add: Any, demo: DemoServer, apart: Path) -> None:
    """Signing out leaves nothing of the user, in MSAL's cache neither; the next request trades the assertion again."""
    (apart / "assertion").write_text(_assertion(demo))
    profile = add({"file": str(apart / "assertion")})
    nbauth.login("middle")
    credential = kernel.credential_of(profile, profile.login_scopes)
    old = _token(profile)
    application = nbauth.client("middle")
    assert kernel.logout("middle") == ("alice@contoso.example",)
    kinds = msal.TokenCache.CredentialType
    cache = application.token_cache
    assert [e for kind in (kinds.ACCESS_TOKEN, kinds.REFRESH_TOKEN, kinds.ACCOUNT) for e in cache.search(kind)] == []
    with pytest.raises(SignInRequired):
        credential.token(profile.login_scopes)
    assert old != _token(profile)


def test_nothing_secret_in_the_log(add: Any, demo: DemoServer, apart: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the assertion nor what it was traded for is in a log at any level, or in a repr."""
    assertion = _assertion(demo)
    (apart / "assertion").write_text(assertion)
    profile = add({"file": str(apart / "assertion")})
    caplog.set_level("DEBUG")
    account = nbauth.login("middle")
    token = _token(profile)
    credential = kernel.credential_of(profile, profile.login_scopes)
    said = caplog.text + repr(profile) + repr(credential) + repr(account) + repr(vars(credential))
    assert "POST" in said
    assert [secret for secret in (assertion, token, demo.middle_tier_secret) if secret in said] == []


def test_no_id_token(add: Any, demo: DemoServer, apart: Path) -> None:
    """Without an ID token, the account is who the assertion says: the provider has just accepted it."""
    (apart / "assertion").write_text(_assertion(demo, "bob"))
    add({"file": str(apart / "assertion")})
    body = json.dumps({"token_type": "Bearer", "access_token": "opaque", "expires_in": 3600})
    demo.provider.faults.add("*/token", status=200, body=body)
    account = nbauth.login("middle")
    assert (account.username, account.kind) == ("bob@contoso.example", "person")


def test_nobody_says_who(add: Any, demo: DemoServer, apart: Path) -> None:
    """Where neither an ID token nor the assertion says who it is, the account is the application's."""
    (apart / "assertion").write_text("opaque")
    profile = add({"file": str(apart / "assertion")})
    body = json.dumps({"token_type": "Bearer", "access_token": "opaque token", "expires_in": 3600})
    demo.provider.faults.add("*/token", status=200, body=body)
    account = nbauth.login("middle")
    assert (account.username, account.kind) == (demo.middle_tier_client_id, "application")
    assert _token(profile) == "opaque token"


def test_many_users(add: Any, demo: DemoServer) -> None:
    """A kernel that serves many users keeps the tokens of the last ones."""
    present = 0
    profile = add(lambda: f"assertion {present}")
    body = json.dumps({"token_type": "Bearer", "access_token": "opaque", "expires_in": 3600})
    demo.provider.faults.add("*/token", status=200, body=body, times=None)
    for present in range(70):  # noqa: B007 - the function reads it
        _token(profile)
    credential = kernel.credential_of(profile, profile.login_scopes)
    assert isinstance(credential, UserCredential)
    assert len(credential._users) == 64
    before = len(demo.provider.requests)
    _token(profile)
    assert before == len(demo.provider.requests)


def test_an_assertion_that_is_not_accepted(add: Any, demo: DemoServer, apart: Path) -> None:
    """An assertion that the provider does not take is one clear error; it is not repeated."""
    (apart / "assertion").write_text("eyJhbGciOiJub25lIn0.e30.")
    profile = add({"file": str(apart / "assertion")})
    with pytest.raises(SignInFailed) as caught:
        _token(profile)
    assert "eyJ" not in str(caught.value)


def test_no_assertion(add: Any) -> None:
    """A variable that is not set is named."""
    profile = add({"env": "USER_ASSERTION"})
    with pytest.raises(ConfigError, match="user_assertion: the environment variable USER_ASSERTION is not set"):
        _token(profile)
