"""A sign-out beside a sign-in or a renewal of the same person: each profile's tokens are whole, or gone."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import nbauth
from nbauth import kernel
from nbauth.demo.check import PersonPrompt
from nbauth.demo.person import Person
from nbauth.errors import SignInRequired
from nbauth.signin.flows.prompt import NullPrompt
from nbauth.signin.remembered import location

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer
    from nbauth.signin.profile.account import Account
    from nbauth.signin.tokens.credential import Credential

SCOPES = ["api://nbauth-demo/Data.Read"]
KINDS = ("AccessToken", "RefreshToken", "IdToken", "Account")
# When something happens beside a sign-in: while the person is asked, and between its tokens and its account.
MOMENTS = ("begin", "end")


class _Meanwhile(PersonPrompt):
    """A person, and what happens at one moment of their sign-in."""

    def __init__(self, demo: DemoServer, moment: str, happens: Callable[[], Any]) -> None:
        super().__init__(Person("alice", ca_file=demo.ca_file), "alice")
        self._moment, self._happens = moment, happens

    def begin(self, request: Any) -> None:
        """Read who asks."""
        super().begin(request)
        if self._moment == "begin":
            self._happens()

    def end(self, outcome: Any) -> None:
        """Learn how it ended."""
        super().end(outcome)
        if self._moment == "end":
            self._happens()


@pytest.fixture(autouse=True)
def two(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two profiles of one application; remembered sign-ins need not be encrypted."""
    monkeypatch.setenv("NBAUTH_ALLOW_PLAINTEXT_CACHE", "1")
    _add(demo)


def _add(demo: DemoServer) -> None:
    nbauth.add_profile(
        nbauth.Profile(
            "second",
            client_id=demo.client_id,
            authority=demo.authority,
            ca_bundle=str(demo.ca_file),
            # Another API besides: what is remembered of one profile is not the other one's.
            apis={**kernel.config().profiles["demo"].apis, "https://b.example": SCOPES},
        )
    )


@pytest.fixture
def sign_in(demo: DemoServer) -> Callable[..., Account]:
    """Return what signs Alice in by hand, while something happens."""

    def login(profile: str, moment: str = "", happens: Callable[[], Any] = lambda: None, **options: Any) -> Account:
        options = {"select_account": True} | options
        prompt = _Meanwhile(demo, moment, happens)
        return nbauth.login(profile, flow="paste", prompt=prompt, timeout_s=20, **options)

    return login


def _credential(name: str) -> Credential:
    profile = kernel.config().profiles[name]
    return kernel.credential_of(profile, profile.login_scopes)


def _renew(credential: Credential) -> str:
    scopes = credential.profile.login_scopes
    present = credential.token(scopes)
    credential._memo.clear()  # a token that has just taken a refused one's place would not be renewed
    return credential.token(scopes, rejected=present)


def _held(name: str = "demo") -> list[int]:
    return [len(list(nbauth.client(name).token_cache.search(kind))) for kind in KINDS]


def _is_whole(name: str) -> None:
    """Check that a profile is signed in with tokens that can be renewed, again and again."""
    for _ in range(2):
        assert _renew(_credential(name))


@pytest.mark.parametrize("moment", MOMENTS)
def test_of_another_profile(sign_in: Callable[..., Account], moment: str) -> None:
    """A sign-out of one profile during the sign-in to another one leaves the new refresh token alone."""
    sign_in("second")
    sign_in("demo", moment, lambda: kernel.logout("second"))
    assert [account.profile for account in nbauth.accounts()] == ["demo"]
    _is_whole("demo")
    kernel.logout("demo")
    assert _held() == [0, 0, 0, 0]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("name", ["demo", None], ids=["of the profile", "of all"])
def test_of_the_same_profile(sign_in: Callable[..., Account], moment: str, name: str | None) -> None:
    """A sign-out during a sign-in ends what was there before it; the new sign-in is whole."""
    for profile in ("second", "demo"):
        sign_in(profile)
    before = _credential("demo")
    sign_in("demo", moment, lambda: kernel.logout(name))
    with pytest.raises(SignInRequired):
        before.token(before.profile.login_scopes)
    assert sorted(a.profile for a in nbauth.accounts()) == ["demo", *(["second"] if name else [])]
    _is_whole("demo")
    kernel.logout()
    assert _held() == [0, 0, 0, 0]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_reset(sign_in: Callable[..., Account], demo: DemoServer, moment: str) -> None:
    """A kernel that is reset during a sign-in has that one alone afterwards, whole, and can end it."""

    def reset() -> None:
        kernel.reset()
        _add(demo)

    sign_in("second")
    sign_in("demo", moment, reset)
    assert [account.profile for account in nbauth.accounts()] == ["demo"]
    _is_whole("demo")
    cache = nbauth.client("demo").token_cache
    kernel.logout()
    assert [len(list(cache.search(kind))) for kind in KINDS[:2]] == [0, 0]


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_same_account_twice_at_once(sign_in: Callable[..., Account], moment: str) -> None:
    """Two sign-ins of one account at once are both whole, and each ends by itself."""
    sign_in("demo", moment, lambda: sign_in("second"))
    for name in ("second", "demo", "second"):
        _is_whole(name)
    kernel.logout("demo")
    _is_whole("second")
    kernel.logout("second")
    assert _held() == [0, 0, 0, 0]


def test_during_a_sign_in_to_one_profile_twice(sign_in: Callable[..., Account]) -> None:
    """Of two sign-ins to one profile at once the last one stays, and its sign-out leaves nothing."""
    sign_in("demo", "end", lambda: sign_in("demo"))
    assert len(nbauth.accounts()) == 1
    _is_whole("demo")
    kernel.logout("demo")
    assert _held() == [0, 0, 0, 0]


def _during_a_renewal(demo: DemoServer, name: str, happens: Callable[[], Any]) -> BaseException | None:
    """Do something while a renewal is at the provider, and return what the renewal raised."""
    credential, raised, answer = _credential(name), list[BaseException](), threading.Event()
    fault = demo.provider.faults.add("*/token", until=answer)

    def renew() -> None:
        try:
            _renew(credential)
        except SignInRequired as error:
            raised.append(error)

    thread = threading.Thread(target=renew)
    thread.start()
    deadline = time.monotonic() + 20
    while not fault.hits:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    happens()
    answer.set()
    thread.join()
    return raised[0] if raised else None


def test_of_another_profile_during_a_renewal(sign_in: Callable[..., Account], demo: DemoServer) -> None:
    """A sign-out of one profile while another one renews leaves the renewed refresh token."""
    for name in ("second", "demo"):
        sign_in(name)
    assert _during_a_renewal(demo, "demo", lambda: kernel.logout("second")) is None
    _is_whole("demo")


def test_of_who_renews(sign_in: Callable[..., Account], demo: DemoServer) -> None:
    """A sign-out during the profile's own renewal wins, and no token of that renewal stays in the kernel."""
    sign_in("demo")
    raised = _during_a_renewal(demo, "demo", lambda: kernel.logout("demo"))
    assert isinstance(raised, SignInRequired)
    assert _held() == [0, 0, 0, 0]


def test_a_sign_in_during_a_renewal(sign_in: Callable[..., Account], demo: DemoServer) -> None:
    """A renewal of the tokens before does not take the place of what a new sign-in brought meanwhile."""
    sign_in("second")
    secrets: list[str] = []

    def again() -> None:
        sign_in("demo")
        secrets.extend(_refresh_tokens())

    _during_a_renewal(demo, "second", again)
    assert _refresh_tokens() == secrets
    _is_whole("demo")


def _refresh_tokens() -> list[str]:
    return [str(entry["secret"]) for entry in nbauth.client("demo").token_cache.search("RefreshToken")]


@pytest.mark.parametrize("moment", MOMENTS)
def test_in_another_kernel(sign_in: Callable[..., Account], demo: DemoServer, moment: str) -> None:
    """A sign-out in another kernel during a sign-in that is remembered leaves that one remembered, and whole."""
    sign_in("demo", remember=True)
    code = "from nbauth import kernel; kernel.logout('demo')"
    sign_in("demo", moment, lambda: subprocess.run([sys.executable, "-c", code], check=True, timeout=60), remember=True)
    _is_whole("demo")
    kernel.reset()
    nbauth.login("demo", flow="paste", prompt=NullPrompt(), timeout_s=20)
    _is_whole("demo")
    kernel.logout("demo")
    assert list(location.directory().glob("*.bin")) == []


@pytest.mark.parametrize("moment", MOMENTS)
def test_of_what_is_remembered(sign_in: Callable[..., Account], demo: DemoServer, moment: str) -> None:
    """A sign-out of a remembered profile during the sign-in to another one that is to be remembered leaves that."""
    sign_in("second", remember=True)
    sign_in("demo", moment, lambda: kernel.logout("second"), remember=True)
    _is_whole("demo")
    kernel.reset()
    _add(demo)
    assert nbauth.login("demo", flow="paste", prompt=NullPrompt(), timeout_s=20)
    _is_whole("demo")


def test_of_who_renews_for_others(sign_in: Callable[..., Account], demo: DemoServer) -> None:
    """A sign-out during a renewal leaves what it brought to the other profile that is remembered, and to it alone."""
    for name in ("second", "demo"):
        sign_in(name, remember=True)
    kernel.reset()
    _add(demo)
    nbauth.login("demo", flow="paste", prompt=NullPrompt(), timeout_s=20)
    raised = _during_a_renewal(demo, "demo", lambda: kernel.logout("demo"))
    assert isinstance(raised, SignInRequired)
    assert _held()[:3] == [0, 0, 0]
    kernel.reset()
    _add(demo)
    nbauth.login("second", flow="paste", prompt=NullPrompt(), timeout_s=20)
    _is_whole("second")
