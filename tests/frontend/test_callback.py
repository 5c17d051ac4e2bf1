"""The callback page as a file."""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from pathlib import Path

import pytest

from nbauth.errors import ConfigError
from nbauth.frontend import callback
from nbauth.frontend.callback import callback_directory, install_callback_page

PAGE = Path(callback.__file__).parent / "callback.html"


def test_policy_allows_its_own_script_and_style_alone() -> None:
    """The policy names the digests of the page's one script and one style, and nothing else may load."""
    text = PAGE.read_text()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    expected = ["default-src 'none'"]
    for tag in ("script", "style"):
        bodies = re.findall(rf"<{tag}\b[^>]*>(.*?)</{tag}>", text, re.DOTALL)
        assert len(bodies) == 1
        digest = base64.b64encode(hashlib.sha256(bodies[0].encode()).digest()).decode()
        expected.append(f"{tag}-src 'sha256-{digest}'")
    assert [*expected, "base-uri 'none'", "form-action 'none'"] == policy.group(1).split("; ")


def test_loads_nothing_from_elsewhere() -> None:
    """Neither the page nor the panel's script names another host."""
    for path in (PAGE, PAGE.parent / "panel" / "panel.js", PAGE.parent / "panel" / "panel.css"):
        assert re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", path.read_text()) == []


def test_lies_where_servers_look() -> None:
    """Installing nbauth puts the page among the data files from which every Jupyter server serves."""
    served = Path(sys.prefix) / "share" / "jupyter" / "labextensions" / "nbauth" / "static" / "callback.html"
    assert PAGE.read_bytes() == served.read_bytes()


def test_put_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is put whole into the user's Jupyter folder, a second time as well, and can be read by a server."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    for _ in range(2):
        path = install_callback_page(callback_directory())
    assert tmp_path / "data" / "labextensions" / "nbauth" / "static" / "callback.html" == path
    assert PAGE.read_bytes() == path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o644
    assert [path.name] == [entry.name for entry in path.parent.iterdir()]


def test_cannot_be_put_in_place(tmp_path: Path) -> None:
    """A folder that cannot be written is named, with whom to ask."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written") as caught:
        install_callback_page(tmp_path / "file" / "static")
    assert "install nbauth there" in str(caught.value)
