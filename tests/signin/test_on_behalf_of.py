"""An application that acts for a user who vouched for it (Entra's on-behalf-of flow, RFC 7523 §2.1)."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from nbauth import kernel, loading
from nbauth.demo.check import PersonPrompt
from nbauth.demo.person import Person
from nbauth.errors import ConfigError, SignInFailed
from nbauth.signin import config
from nbauth.signin.profiles import Profile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nbauth.demo.server import DemoServer

ARCHIVE = "api://nbauth-demo-archive/Archive.Read"


def _assertion(demo: DemoServer, who: str = "alice") -> str:
    """The token that a user holds for the middle tier, as a hub would hand it on."""
    kernel.reset()
    kernel.login("demo", flow="loopback", prompt=PersonPrompt(Person(who, ca_file=demo.ca_file), who))
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
    account = kernel.login("middle")
    assert (account.username, account.kind) == ("alice@contoso.example", "person")
    assert _who(_token(profile)) == ("alice@contoso.example", "api://nbauth-demo-archive")
    assert [account.username for account in kernel.accounts()] == ["alice@contoso.example"]


def test_needs_no_login(add: Any, demo: DemoServer, apart: Path) -> None:
    """A session works at once, as with every other credential of an application."""
    (apart / "assertion").write_text(_assertion(demo))
    add({"file": str(apart / "assertion")})
    with loading.session("middle") as session:
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


def test_renewed(add: Any, demo: DemoServer, apart: Path) -> None:
    """A token that an API refused is renewed with the assertion as it is then; one request while it is good."""
    (apart / "assertion").write_text(_assertion(demo))
    profile = add({"file": str(apart / "assertion")})
    old = _token(profile)
    before = len(demo.provider.requests)
    assert old == _token(profile)
    assert before == len(demo.provider.requests)
    assert old != kernel.credential_of(profile, profile.login_scopes).token(profile.login_scopes, rejected=old)


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
