"""The file that a browser on this machine is given in place of an address."""

from __future__ import annotations

import html
import os
import stat
import sys
import time
import webbrowser
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pytest

from nbauth.signin.flows import browser_file

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = 'https://login.example/authorize?state=s&nonce=n"><script>'


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what browsers are started with."""
    started: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url, *_, **__: not started.append(url))
    return started


def test_leads_to_the_address(given: list[str], apart: Path) -> None:
    """The browser gets a file, not the address; the file lies in the user's own folder, and goes at the end."""
    with browser_file.opened(ADDRESS) as started:
        assert started
        path = type(apart)(unquote(urlsplit(given[0]).path))
        text = path.read_text()
        assert text.count(html.escape(ADDRESS)) == 2
        assert "<script>" not in text
        assert apart.parent in path.parents
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()
    assert not list(path.parent.glob("nbauth-*"))


def test_a_browser_of_ones_own(given: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser that is an object of Python's own gets the address itself: it need not read files."""
    seen: list[str] = []

    class Own:
        name = "own"

        def open(self, url: str) -> bool:
            seen.append(url)
            return True

    monkeypatch.setattr(webbrowser, "get", Own)
    with browser_file.opened(ADDRESS) as started:
        assert started
    assert (seen, given) == ([ADDRESS], [])


@pytest.mark.parametrize("trouble", [webbrowser.Error("none"), OSError("no"), None])
def test_no_browser(trouble: Exception | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser that cannot be started is told, and leaves nothing behind."""

    def fail(url: str) -> bool:
        if trouble is not None:
            raise trouble
        return False

    monkeypatch.setattr(webbrowser, "open", fail)
    with browser_file.opened(ADDRESS) as started:
        assert not started
    assert not list(browser_file._folder().glob("nbauth-*"))


def test_no_folder(given: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where no such file can be written no browser is started: the address does not go into a command line."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "file" / "folder"))
    with browser_file.opened(ADDRESS) as started:
        assert not started
    assert given == []


def test_without_jupyter(given: list[str], apart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no Jupyter is installed the file lies in nbauth's own folder of the user's home."""
    monkeypatch.setitem(sys.modules, "jupyter_core.paths", None)
    monkeypatch.setenv("XDG_DATA_HOME", str(apart / "data"))
    with browser_file.opened(ADDRESS) as started:
        assert started
        assert "/data/nbauth/runtime/nbauth-" in given[0]


def test_somebody_elses_folder(given: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder that others may write to is not used: they could put another file in place of this one."""
    tmp_path.chmod(0o777)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    with browser_file.opened(ADDRESS) as started:
        assert not started
    assert given == []


def test_what_a_killed_kernel_left(given: list[str], apart: Path) -> None:
    """A file that is older than any sign-in is removed, and nobody else's."""
    folder = browser_file._folder()
    folder.mkdir(parents=True)
    names = ("nbauth-old-open.html", "nbauth-new-open.html", "jpserver-1-open.html")
    for name in names:
        (folder / name).write_text("")
        long_ago: Any = time.time() - (0 if "new" in name else 7200)
        os.utime(folder / name, (long_ago, long_ago))
    with browser_file.opened(ADDRESS):
        pass
    assert sorted(path.name for path in folder.iterdir()) == ["jpserver-1-open.html", "nbauth-new-open.html"]
