"""Where a user's own files lie, and what holds where the user has no home at all, as in some containers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
import pytest

import nbauth
from nbauth import kernel
from nbauth.errors import ConfigError, NotRememberedWarning
from nbauth.files import tree
from nbauth.files.user_directories import config_directory, data_directory, state_directory
from nbauth.signin.flows import browser_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer

pwd = pytest.importorskip("pwd", reason="Windows knows every user's home")

_OF_HOME = ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "USER", "LOGNAME")


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no home, and no entry in the account database."""

    def unknown(*_: object) -> Any:
        raise KeyError("getpwuid(): uid not found: 4321")

    for name in _OF_HOME:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(pwd, "getpwnam", unknown)


def test_where_they_lie(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They are the platform's, below the home directory or where XDG's variables say."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "s"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
    assert (state_directory(), config_directory()) == (tmp_path / "s" / "nbauth", tmp_path / "c" / "nbauth")
    assert data_directory().name == "nbauth"


@pytest.mark.usefixtures("homeless")
def test_without_a_home_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no home is known the directories cannot be made, whichever release of platformdirs says so."""
    for found in (platformdirs.user_state_path, lambda *_, **__: Path("~/.local/state/nbauth")):
        monkeypatch.setattr(platformdirs, "user_state_path", found)
        assert not state_directory().exists()
        with pytest.raises(OSError, match="HOME-is-not-set"):
            state_directory().mkdir(parents=True)


@pytest.mark.usefixtures("homeless")
def test_a_user_without_a_home(
    demo: DemoServer, person: Callable[..., Any], apart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user without a home signs in, reads and signs out; what would be kept says why it is not; no ~ is made."""
    monkeypatch.setenv("NBAUTH_ALLOW_PLAINTEXT_CACHE", "1")
    with pytest.warns(NotRememberedWarning, match="HOME-is-not-set"):
        nbauth.login("demo", flow="paste", prompt=person(), remember=True, timeout_s=20)
    assert len(nbauth.read(f"{demo.api_url}/me")) == 1
    assert kernel.logout() == ("alice@contoso.example",)
    monkeypatch.delenv("NBAUTH_CONFIG")
    assert kernel.profile_names() == []
    assert kernel.logout() == ()
    assert not tree.is_home_or_above(apart)
    monkeypatch.setenv("NBAUTH_NOTEBOOK_DIR", "~/notebooks")
    assert kernel.profile_names() == []
    with pytest.raises(ConfigError, match=r"client_secret\.file: expected the path of a file"):
        nbauth.Profile("a", client_id="b", tenant="c.example", apis={}, client_secret={"file": "~/secret"})
    assert not (apart / "~").exists()


@pytest.mark.usefixtures("homeless")
def test_a_page_for_the_browser(apart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that a browser is to open from a file is not written where there is no place for it: the address is."""
    monkeypatch.setattr(browser_file, "is_text_browser", lambda: False)
    monkeypatch.setattr(browser_file, "_own_browser", lambda: None)
    with browser_file.opened("https://login.example") as is_open:
        assert not is_open
    assert list(apart.iterdir()) == []
