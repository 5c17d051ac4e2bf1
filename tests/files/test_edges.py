"""The edges of texts that people and tools write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.files.edges import trimmed, variable
from nbauth.files.tree import is_in_tree

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_what_stands_within_stays() -> None:
    """Blanks and marks go from the edges in any order, and stay within a text."""
    assert trimmed("\ufeff \r\n\u200b a\u00a0\ufeffb \0\n") == "a\u00a0\ufeffb"
    assert variable("X", {"X": "\n"}) == variable("X", {}) == ""


def test_a_bundle_whose_variable_ends_in_a_line_break(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line break at a variable's end hides from nobody that the notebook's own .env set it."""
    folder = tmp_path / "clone" / "notebooks"
    folder.mkdir(parents=True)
    (folder / ".env").write_text("REQUESTS_CA_BUNDLE=../certificates/ca.pem\n")
    monkeypatch.chdir(folder)
    bundle = str(tmp_path / "clone" / "certificates" / "ca.pem")
    assert is_in_tree(bundle, {"REQUESTS_CA_BUNDLE": bundle + "\n"})
    assert not is_in_tree(bundle, {})
