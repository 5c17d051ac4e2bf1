from __future__ import annotations

import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import jwt
import pytest

import nbauth
from nbauth import kernel
from nbauth.errors import ProviderUnavailable, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer
    from nbauth.signin.tokens.credential import Credential


@pytest.fixture
def alice(demo: DemoServer, person: Callable[..., Any]) -> Credential:
    """Alice, signed in."""
    return _sign_in(demo, person)


def _sign_in(demo: DemoServer, person: Callable[..., Any]) -> Credential:
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    demo.provider.requests.clear()
    profile = kernel.config().profiles["demo"]
    return kernel.credential_of(profile, profile.login_scopes)


def _scopes(credential: Credential) -> tuple[str, ...]:
    return credential.profile.login_scopes


def test_a_good_token_costs_no_request(alice: Credential, demo: DemoServer) -> None:
    """While the token is good, it is handed out without a request."""
    assert alice.token(_scopes(alice)) == alice.token(_scopes(alice))
    assert len(demo.provider.requests) == 0


def test_other_scopes_come_silently(demo: DemoServer, person: Callable[..., Any]) -> None:
    """A token for other scopes than were signed in with is had by one refresh, without asking the person."""
    nbauth.login("demo", flow="paste", scopes=["api://nbauth-demo/Profile.Read"], prompt=person(), timeout_s=20)
    demo.provider.requests.clear()
    profile = kernel.config().profiles["demo"]
    token = kernel.credential_of(profile, ()).token(("api://nbauth-demo/Data.Read",))
    assert "Data.Read" in jwt.decode(token, options={"verify_signature": False})["scp"]
    assert [record.grant_type for record in demo.provider.requests] == ["refresh_token"]


def test_one_refresh_for_many_threads(alice: Credential, demo: DemoServer) -> None:
    """However many threads meet a rejected token, one refresh is made and the rotated family stays alive."""
    rejected = alice.token(_scopes(alice))
    barrier = threading.Barrier(32)

    def renew() -> str:
        barrier.wait()
        return alice.token(_scopes(alice), rejected=rejected)

    with ThreadPoolExecutor(32) as pool:
        tokens = {future.result() for future in [pool.submit(renew) for _ in range(32)]}
    assert len(tokens) == 1
    assert tokens != {rejected}
    assert demo.provider.requests.count("*/token") == 1


def test_one_refresh_for_different_reasons(
    alice: Credential, demo: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that has ended, and is refused by an API at the same time, is renewed once."""
    rejected = alice.token(_scopes(alice))
    real_time = time.time
    monkeypatch.setattr(time, "time", lambda: real_time() + 3600)
    barrier = threading.Barrier(32)

    def renew(reason: str | None) -> str:
        barrier.wait()
        return alice.token(_scopes(alice), rejected=reason)

    with ThreadPoolExecutor(32) as pool:
        tokens = {future.result() for future in [pool.submit(renew, r) for r in (rejected, None) * 16]}
    assert len(tokens) == 1
    assert demo.provider.requests.count("*/token") == 1


def test_an_api_that_refuses_everything(alice: Credential, demo: DemoServer) -> None:
    """A token that has just taken a refused one's place is not replaced at once: no storm of refreshes."""
    first = alice.token(_scopes(alice))
    second = alice.token(_scopes(alice), rejected=first)
    assert second != first
    for _ in range(20):
        assert second == alice.token(_scopes(alice), rejected=second)
    assert demo.provider.requests.count("*/token") == 1


def test_short_lives(demo: DemoServer, person: Callable[..., Any]) -> None:
    """A token that lives less than MSAL's five minutes is still used until shortly before its end."""
    demo.provider.settings.access_token_s = 60
    alice = _sign_in(demo, person)
    for _ in range(3):
        alice.token(_scopes(alice))
    assert len(demo.provider.requests) == 0


def test_expiry(demo: DemoServer, person: Callable[..., Any]) -> None:
    """A token that expired is renewed by one refresh."""
    demo.provider.settings.access_token_s = 1
    alice = _sign_in(demo, person)
    first = alice._memo[_scopes(alice)].secret
    time.sleep(1)
    demo.provider.settings.access_token_s = 3600
    assert alice.token(_scopes(alice)) != first
    assert demo.provider.requests.count("*/token", grant_type="refresh_token") == 1


def test_a_valid_token_outlives_a_provider_that_is_down(demo: DemoServer, person: Callable[..., Any]) -> None:
    """A refresh that fails leaves a token in use that is still valid; without one the error says what is wrong."""
    demo.provider.settings.access_token_s = 20
    alice = _sign_in(demo, person)
    token = alice._memo[_scopes(alice)]
    object.__setattr__(token, "margin_s", 30.0)  # as if its margin had begun
    demo.provider.faults.add("*/token", status=503, times=None)
    assert alice.token(_scopes(alice)) == token.secret
    with pytest.raises(ProviderUnavailable, match="HTTP 503"):
        alice.token(_scopes(alice), rejected=token.secret)


def test_a_revoked_sign_in(alice: Credential, demo: DemoServer) -> None:
    """A refresh token that the provider no longer takes means that the person has to sign in again."""
    body = '{"error": "invalid_grant", "error_description": "AADSTS700082: The refresh token has expired."}'
    demo.provider.faults.add("*/token", status=400, body=body)
    with pytest.raises(SignInRequired, match=r'AADSTS700082.*nbauth\.login\("demo"\)') as caught:
        alice.token(_scopes(alice), rejected=alice.token(_scopes(alice)))
    assert caught.value.profile == "demo"
    assert caught.value.scopes == _scopes(alice)


def test_sign_out_wins(alice: Credential, demo: DemoServer) -> None:
    """A sign-out while a refresh is on its way wins: the token that comes back is not handed out."""
    demo.provider.faults.add("*/token", delay_s=0.5)
    rejected = alice.token(_scopes(alice))
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(alice.token, _scopes(alice), rejected=rejected)
        time.sleep(0.1)
        kernel.logout("demo")
        with pytest.raises(SignInRequired):
            future.result()
    with pytest.raises(SignInRequired, match=r'nbauth\.login\("demo"\)'):
        alice.token(_scopes(alice))
    assert nbauth.client("demo").get_accounts() == []


def test_an_application_is_renewed_by_force(demo: DemoServer) -> None:
    """An application's rejected token is replaced by a new one."""
    nbauth.login("nightly")
    profile = kernel.config().profiles["nightly"]
    credential = kernel.credential_of(profile, profile.login_scopes)
    first = credential.token(profile.login_scopes)
    assert credential.token(profile.login_scopes, rejected=first) != first


def test_nothing_to_see(alice: Credential) -> None:
    """A credential shows no token, and cannot be pickled."""
    token = alice.token(_scopes(alice))
    assert token not in repr(alice) + repr(vars(alice)["_memo"])
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(alice)
