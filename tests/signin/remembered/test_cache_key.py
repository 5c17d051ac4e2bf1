"""A key from a server's administrator: sign-ins are remembered where the platform keeps no key."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

import nbauth
from nbauth import kernel
from nbauth.errors import SignInRequired
from nbauth.signin.remembered import location
from nbauth.signin.remembered.encryption import platform_codec

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nbauth.demo.server import DemoServer

KEY = bytes(range(32))
ALICE = "alice@contoso.example"


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], nbauth.Account]:
    """Return what signs in as a later kernel does in which nobody can be asked."""

    def sign_in() -> nbauth.Account:
        kernel.reset()
        monkeypatch.setenv("NBAUTH_NONINTERACTIVE", "1")
        return nbauth.login("demo")

    return sign_in


@pytest.mark.parametrize("text", [KEY.hex(), base64.b64encode(KEY).decode(), base64.urlsafe_b64encode(KEY).decode()])
def test_a_restart_asks_nobody(
    text: str, demo: DemoServer, person: Any, later: Callable[[], nbauth.Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a key in either spelling a later kernel takes the sign-in up, and the file shows nothing of it."""
    monkeypatch.setenv("NBAUTH_CACHE_KEY", text)
    nbauth.login("demo", prompt=person(), timeout_s=20, remember=True)
    (file,) = location.directory().glob("*.bin")
    assert b"alice" not in file.read_bytes()
    assert later().username == ALICE


def test_another_key(
    demo: DemoServer, person: Any, later: Callable[[], nbauth.Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another key opens nothing: somebody has to sign in."""
    monkeypatch.setenv("NBAUTH_CACHE_KEY", KEY.hex())
    nbauth.login("demo", prompt=person(), timeout_s=20, remember=True)
    monkeypatch.setenv("NBAUTH_CACHE_KEY", KEY[::-1].hex())
    with pytest.raises(SignInRequired):
        later()


@pytest.mark.parametrize("text", ["let-me-in", "00" * 16, "é" * 32])
def test_what_is_no_key(text: str, demo: DemoServer, person: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no key is said, without its text, and nothing is kept in a weaker way."""
    monkeypatch.setenv("NBAUTH_CACHE_KEY", text)
    monkeypatch.setenv("NBAUTH_ALLOW_PLAINTEXT_CACHE", "1")
    with pytest.warns(nbauth.errors.NotRememberedWarning, match="NBAUTH_CACHE_KEY is no key") as caught:
        nbauth.login("demo", prompt=person(), timeout_s=20, remember=True)
    assert text not in str(caught[0].message)
    assert list(location.directory().glob("*.bin")) == []


def test_a_dotenv(apart: Path) -> None:
    """A .env of the notebook's folder sets no key: whoever wrote it would have it."""
    (apart / ".env").write_text(f"NBAUTH_CACHE_KEY={KEY.hex()}\n")

    class NoKeeper:
        def load(self) -> str | None:
            raise OSError

        def save(self, text: str) -> None:
            raise OSError

    assert platform_codec({"NBAUTH_CACHE_KEY": KEY.hex()}, platform="linux", keeper=NoKeeper()) is None
