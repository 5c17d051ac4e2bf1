"""Where a credential's tokens come from is its source's to know; what a credential does with them holds for each."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from nbauth import Profile
from nbauth.errors import ProviderUnavailable, SignInRequired
from nbauth.net.secrecy import HiddenMapping
from nbauth.signin.tokens.access_token import AccessToken
from nbauth.signin.tokens.credential import Credential
from nbauth.signin.tokens.fork_channel import ForkSource
from nbauth.signin.tokens.refresh_lock import RefreshLock

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.signin.tokens.token_sources import ParentKernel, TokenRequest, TokenSource

SCOPES = ("api://a/.default",)
PROFILE = Profile("a", client_id="b", authority="https://login.example/c", apis={"https://api.example": SCOPES})


class Counting:
    """A source that numbers its tokens."""

    def __init__(self) -> None:
        self.refresh_lock = RefreshLock()
        self.ended: SignInRequired | None = None
        self.requests: list[TokenRequest] = []
        self.signed_out: list[object] = []
        self.life_s = 3600
        self.act: Callable[[], None] = lambda: None

    def renew(self, request: TokenRequest, present: AccessToken | None) -> AccessToken | None:
        """Return the next token."""
        assert self.refresh_lock.locked()
        self.requests.append(request)
        self.act()
        del present
        answer = HiddenMapping({"access_token": f"token {len(self.requests)}", "expires_in": self.life_s})
        return AccessToken.of(answer, claims=request.claims) if self.life_s else None

    def sign_out(self, holder: object) -> None:
        """Note who signs out."""
        self.signed_out.append(holder)

    def connect_by(self, connect: object) -> None:
        """Need no client application."""

    def in_child(self, key: str, parent: ParentKernel | None, connect: object) -> TokenSource:
        """Ask the parent."""
        del connect
        return ForkSource(PROFILE, key, parent)


@pytest.fixture
def source() -> Counting:
    """Return a source."""
    return Counting()


@pytest.fixture
def credential(source: Counting) -> Credential:
    """Return a credential of somebody who has tokens of that source."""
    return Credential(PROFILE, source, account={"home_account_id": "alice"})


def test_one_renewal_for_all(credential: Credential, source: Counting) -> None:
    """Many threads that need a token at once cost one renewal, and a good token none."""
    source.act = lambda: time.sleep(0.05)
    barrier = threading.Barrier(16)

    def get() -> str:
        barrier.wait()
        return credential.token(SCOPES)

    with ThreadPoolExecutor(16) as pool:
        tokens = {future.result() for future in [pool.submit(get) for _ in range(16)]}
    assert (tokens, len(source.requests)) == ({"token 1"}, 1)
    assert credential.token(SCOPES) == "token 1"


def test_times(credential: Credential) -> None:
    """A token says when it ends and from when on it is renewed, within its life."""
    token = credential.access_token(SCOPES)
    assert time.time() < token.refresh_at < token.expires_at <= time.time() + 3600
    assert token.refresh_at == token.expires_at - 120


def test_no_token(credential: Credential, source: Counting) -> None:
    """A source that has no token without the person leads to a sign-in; for claims the next one asks for them."""
    source.life_s = 0
    with pytest.raises(SignInRequired, match="gave no refresh token"):
        credential.token(SCOPES)
    with pytest.raises(SignInRequired, match="asks for more") as caught:
        credential.token(SCOPES, claims="{}")
    assert (caught.value.claims, credential.unmet_claims) == ("{}", "{}")


def test_an_ended_sign_in(credential: Credential, source: Counting) -> None:
    """When a source ends the sign-in, the credential hands out no token from then on, and says why."""
    credential.token(SCOPES)

    def end() -> None:
        source.ended = SignInRequired("It was ended.", profile="a")
        raise source.ended

    source.act = end
    for rejected in ("token 1", None):
        with pytest.raises(SignInRequired, match="It was ended"):
            credential.token(SCOPES, rejected=rejected)
    assert credential.ended is source.ended
    assert (len(source.requests), credential.expires_at()) == (2, None)


def test_a_sign_out_wins(credential: Credential, source: Counting) -> None:
    """A sign-out during a renewal wins, and its source is told again to remove what came since."""
    source.act = credential.sign_out
    with pytest.raises(SignInRequired, match="Nobody is signed in"):
        credential.token(SCOPES)
    assert source.signed_out == [credential, credential]
    assert credential.expires_at() is None


def test_a_source_that_fails(credential: Credential, source: Counting) -> None:
    """An error of the source is the caller's, and the next request asks it again."""

    def fail() -> None:
        raise ProviderUnavailable("It is down.")

    source.act = fail
    with pytest.raises(ProviderUnavailable, match="It is down"):
        credential.token(SCOPES)
    source.act = lambda: None
    assert credential.token(SCOPES) == "token 2"


def test_a_fork(credential: Credential, source: Counting) -> None:
    """A child whose parent cannot be asked has the tokens that are good, and never asks the source itself."""
    assert credential.token(SCOPES) == "token 1"
    credential.after_fork(None, lambda _: None)
    assert credential.is_forked
    assert credential.token(SCOPES) == "token 1"
    with pytest.raises(SignInRequired, match="forked from"):
        credential.token(SCOPES, rejected="token 1")
    credential.sign_out()
    assert (len(source.requests), source.signed_out) == (1, [])
