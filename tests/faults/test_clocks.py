"""A wall clock that is set while a kernel runs, and one that was wrong from the start."""

from __future__ import annotations

import dataclasses
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import nbauth
from nbauth import kernel
from nbauth.errors import SignInFailed
from nbauth.signin.http.clock_skew import ahead_s, what_is_off
from nbauth.signin.tokens import credential
from nbauth.signin.tokens.access_token import AccessToken

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer


def _refreshes(demo: DemoServer) -> int:
    return demo.provider.requests.count("*/token", grant_type="refresh_token")


@pytest.mark.parametrize(
    ("seconds", "refreshes"),
    [(-7200, 0), (50 * 60, 0), (59 * 60, 1), (7200, 1)],
    ids=["-2 h", "+50 min", "+59 min", "+2 h"],
)
def test_the_clock_is_set_once(seconds: float, refreshes: int, kernel_process: Any, demo: DemoServer) -> None:
    """After the clock was set, requests go on, with one refresh where the token looks ended and none elsewhere."""
    kernel_process.do("set_clock", seconds=seconds)
    url = f"{demo.api_url}/me"
    assert [kernel_process.do("get", url=url) for _ in range(20)] == [200] * 20
    kernel_process.do("state")  # waits for a renewal that is on its way
    assert _refreshes(demo) == refreshes
    assert demo.api.requests.count(status=401) == 0


def test_the_clock_is_set_back_and_forth(kernel_process: Any, demo: DemoServer) -> None:
    """A clock that jumps to and fro costs one refresh a jump at most, and never an error."""
    url = f"{demo.api_url}/me"
    jumps = [-7200, 7200, 50 * 60, -50 * 60, 7200, -7200, -7200, 7200]
    for seconds in jumps:
        kernel_process.do("set_clock", seconds=seconds)
        assert [kernel_process.do("get", url=url) for _ in range(3)] == [200] * 3
    kernel_process.do("state")
    assert _refreshes(demo) <= len(jumps) / 2
    assert {record.status for record in demo.provider.requests.matching("*/token")} <= {200}


def test_set_back_before_the_end(demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A token whose time is over by the monotonic clock is renewed, though MSAL's cache goes by the wall clock."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    profile = kernel.config().profiles["demo"]
    credential = kernel.credential_of(profile, profile.login_scopes)
    first = credential.token(profile.login_scopes)
    real_time, real_monotonic = time.time, time.monotonic
    # An hour passes, and in it the clock is set back by two.
    monkeypatch.setattr(time, "time", lambda: real_time() + 3600 - 7200)
    monkeypatch.setattr(time, "monotonic", lambda: real_monotonic() + 3600)
    demo.provider.requests.clear()
    second = credential.token(profile.login_scopes)
    assert second != first
    assert [credential.token(profile.login_scopes) for _ in range(5)] == [second] * 5
    assert _refreshes(demo) == 1


def test_the_api_knows_better(kernel_process: Any, demo: DemoServer) -> None:
    """A token that has ended for the API alone costs one 401, one refresh and one retry."""
    url = f"{demo.api_url}/me"
    demo.api.faults.add("*/me", status=401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
    assert [kernel_process.do("get", url=url) for _ in range(5)] == [200] * 5
    assert [record.status for record in demo.api.requests] == [401, *[200] * 5]
    assert _refreshes(demo) == 1


def test_the_api_refuses_everything(kernel_process: Any, demo: DemoServer) -> None:
    """An API for which even fresh tokens have ended gets one more, once: no refresh at every request."""
    url = f"{demo.api_url}/me"
    demo.api.faults.add("*/me", status=401, headers={"WWW-Authenticate": "Bearer"}, times=None)
    assert [kernel_process.do("get", url=url) for _ in range(20)] == [401] * 20
    assert len(demo.api.requests) == 21
    assert _refreshes(demo) == 1
    demo.api.faults.clear()
    assert kernel_process.do("get", url=url) == 200


@pytest.mark.parametrize(
    ("ahead", "says"),
    [
        (7200, "this machine's clock is about 2 h behind the provider's"),
        (-7200, "this machine's clock is about 2 h ahead of the provider's"),
        (-3 * 86_400, "this machine's clock is about 3 days ahead of the provider's"),
    ],
    ids=["2 h behind", "2 h ahead", "3 days ahead"],
)
def test_a_sign_in_with_a_wrong_clock(ahead: float, says: str, demo: DemoServer, person: Callable[..., Any]) -> None:
    """A sign-in whose ID token cannot be valid by this machine's clock says how far that is off; nothing is kept."""
    demo.provider.clock.advance(ahead)
    try:
        with pytest.raises(SignInFailed, match=says) as caught:
            nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    finally:
        demo.provider.clock.reset()
    assert str(caught.value).endswith('Set the clock, then run: nbauth.login("demo")')
    assert nbauth.accounts() == []
    assert nbauth.client("demo").get_accounts() == []


@pytest.mark.parametrize("ahead", [240, -240])
def test_login_with_a_clock_that_is_minutes_off(ahead: float, demo: DemoServer, person: Callable[..., Any]) -> None:
    """A clock that is four minutes off is no reason to refuse a sign-in, or to send a token that has ended."""
    demo.provider.clock.advance(ahead)
    try:
        nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
        with nbauth.session("demo") as session:
            assert session.get(f"{demo.api_url}/me").status_code == 200
    finally:
        demo.provider.clock.reset()


@pytest.mark.parametrize("date", [None, "", "yesterday", "Mon, 99 Nov 2026 17:00:00 GMT"])
def test_a_provider_without_a_date(date: str | None) -> None:
    """A provider that does not say what time it is has the same as this machine."""
    assert ahead_s(date) == 0.0


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        (59.0, None),
        (-61.0, "about 1 min behind"),
        (600.0, "about 10 min ahead of"),
        (-7000.0, "about 2 h behind"),
        (200_000.0, "about 2 days ahead of"),
    ],
)
def test_what_is_off(seconds: float, says: str | None) -> None:
    """How far the clock is off is said in the unit that fits."""

    class Application:
        class http_client:  # noqa: N801 - as MSAL nests it
            class http_client:  # noqa: N801
                clock_ahead_s = seconds

    text = what_is_off(Application)
    assert (text is None) == (says is None)
    assert says is None or says in (text or "")


@pytest.mark.parametrize("life_s", [60, 120, 299])
def test_short_lived_tokens(life_s: int, kernel_process: Any, demo: DemoServer) -> None:
    """A token that lives less than MSAL's margin of 5 minutes costs one request a lifetime, not one a call."""
    demo.provider.settings.access_token_s = life_s
    kernel_process.do("refresh")
    demo.provider.requests.clear()
    for lifetimes in (1, 2, 3):
        for _ in range(17):  # the life, in steps, up to shortly before its margin
            assert kernel_process.do("get", url=f"{demo.api_url}/me") == 200
            kernel_process.do("set_clock", seconds=life_s * 0.88 / 17)
        assert _refreshes(demo) == lifetimes - 1
        kernel_process.do("set_clock", seconds=life_s * 0.04)  # into the margin
        assert kernel_process.do("get", url=f"{demo.api_url}/me") == 200
        kernel_process.do("state")
        assert _refreshes(demo) == lifetimes
    assert demo.api.requests.count(status=401) == 0


def _token(**result: Any) -> AccessToken:
    return AccessToken.of({"access_token": "x", **result})


@pytest.mark.parametrize(
    ("result", "life_s", "margin_s"),
    [
        ({"expires_in": 3600}, 3600, 120),
        ({"expires_in": "3599"}, 3599, 120),
        ({"expires_in": 299}, 299, 29.9),
        ({"expires_in": 60}, 60, 6),
        ({"expires_in": 86_400, "refresh_in": 43_200}, 86_400, 43_200),
        ({"expires_in": 86_400, "refresh_in": 1}, 86_400, 43_200),
        ({"expires_in": 3600, "refresh_in": 3590}, 3600, 120),
        ({"expires_in": 3600, "refresh_in": 7200}, 3600, 120),
        ({"expires_in": 3600, "refresh_in": "soon"}, 3600, 120),
        ({"expires_in": 3600, "ext_expires_in": 86_400}, 3600, 120),
        ({}, 600, 60),
        ({"expires_in": None}, 600, 60),
        ({"expires_in": 0}, 0, 0),
        ({"expires_in": -5}, 0, 0),
    ],
    ids=str,
)
def test_life_and_margin_of_a_token(result: dict[str, Any], life_s: float, margin_s: float) -> None:
    """The life and the margin of a token follow from what the provider says, whatever it leaves out."""
    token = _token(**result)
    assert token.expires_at - time.time() == pytest.approx(life_s, abs=1)
    assert token.expires_monotonic - time.monotonic() == pytest.approx(life_s, abs=1)
    assert token.margin_s == pytest.approx(margin_s)


def test_an_untold_life(kernel_process: Any, demo: DemoServer) -> None:
    """Where the provider does not say how long a token lives, it is used for ten minutes, not for one call."""
    demo.provider.settings.tell_lifetime = False
    kernel_process.do("refresh")
    demo.provider.requests.clear()
    assert [kernel_process.do("get", url=f"{demo.api_url}/me") for _ in range(20)] == [200] * 20
    assert _refreshes(demo) == 0
    kernel_process.do("set_clock", seconds=600)
    assert kernel_process.do("get", url=f"{demo.api_url}/me") == 200
    assert _refreshes(demo) == 1


def test_renewed_from_refresh_in_on(kernel_process: Any, demo: DemoServer) -> None:
    """From `refresh_in` on a token is renewed while requests go on with it; one request, and nobody waits."""
    demo.provider.settings.access_token_s, demo.provider.settings.refresh_in_s = 86_400, 43_200
    kernel_process.do("set_clock", seconds=0)
    kernel_process.do("refresh")
    demo.provider.requests.clear()
    old = kernel_process.do("token")
    kernel_process.do("set_clock", seconds=43_100)
    assert kernel_process.do("token") == old
    kernel_process.do("set_clock", seconds=200)
    demo.provider.faults.add("*/token", delay_s=0.3)
    assert kernel_process.do("token") == old
    kernel_process.do("state")
    assert kernel_process.do("token") != old
    assert _refreshes(demo) == 1


def test_a_provider_that_is_down_ahead_of_time(
    demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a renewal ahead of time fails, the token goes on being used, and the provider is asked now and then."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    profile = kernel.config().profiles["demo"]
    held, scopes = kernel.credential_of(profile, profile.login_scopes), profile.login_scopes
    old = held.token(scopes)
    held._memo[scopes] = dataclasses.replace(held._memo[scopes], expires_at=time.time() + 100)  # within the margin
    # The pause between two attempts is told from the machine's own time, which passes fast where it is busy.
    now = [time.monotonic()]
    monkeypatch.setattr(credential, "time", SimpleNamespace(time=time.time, monotonic=lambda: now[0]))
    demo.provider.requests.clear()
    demo.provider.faults.add("*/token", status=503, times=None)
    for attempts in (1, 2):
        for _ in range(20):
            assert held.token(scopes) == old
            held.settle(time.monotonic() + 20)
        assert demo.provider.requests.count("*/token") == attempts
        now[0] += held._memo[scopes].margin_s * 0.25
    demo.provider.faults.clear()
    held._memo[scopes] = dataclasses.replace(held._memo[scopes], expires_at=time.time())  # at the end
    assert held.token(scopes) != old


def test_nobody_waits_ahead_of_time(demo: DemoServer, person: Callable[..., Any]) -> None:
    """Within the margin a token is handed out while a slow provider renews it; many threads start one renewal."""
    demo.provider.settings.access_token_s = 100
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    profile = kernel.config().profiles["demo"]
    credential = kernel.credential_of(profile, profile.login_scopes)
    token = credential._memo[profile.login_scopes]
    object.__setattr__(token, "margin_s", 100.0)
    demo.provider.requests.clear()
    answer = threading.Event()  # a slow provider: it answers when everybody has got a token
    demo.provider.faults.add("*/token", until=answer)
    got: set[str] = set()
    threads = [threading.Thread(target=lambda: got.add(credential.token(profile.login_scopes))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == {token.secret}
    answer.set()
    credential.settle(time.monotonic() + 10)
    assert _refreshes(demo) == 1
    assert credential.token(profile.login_scopes) != token.secret
