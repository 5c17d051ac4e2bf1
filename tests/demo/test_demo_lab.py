"""`nbauth demo`: what a person saved outlives it."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbauth.demo import lab
from nbauth.demo.saved import keep, saved_in

if TYPE_CHECKING:
    import pytest

# What JupyterLab and a person do in the folder: a notebook run and saved, a file of theirs, and what programs leave.
WORK = """
import pathlib
notebook = pathlib.Path("quickstart.ipynb")
notebook.write_text(notebook.read_text() + "\\n")
pathlib.Path("mine").mkdir()
pathlib.Path("mine/cities.csv").write_text("city")
pathlib.Path(".ipynb_checkpoints").mkdir()
pathlib.Path(".ipynb_checkpoints/quickstart-checkpoint.ipynb").write_text("{}")
"""


def test_what_was_saved_is_kept(
    apart: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """When the demo ends, what was changed or made is in a folder of the working directory, and that is said."""
    monkeypatch.setattr(lab, "_command", lambda _folder: [sys.executable, "-c", WORK])
    for name in ("nbauth-demo", "nbauth-demo-2"):
        assert lab.run() == 0
        place = apart / name
        files = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
        assert files == {"quickstart.ipynb", "mine/cities.csv"}
        said = capsys.readouterr().out.splitlines()[-1]
        assert said == f"What you saved is in {place}: mine/cities.csv, quickstart.ipynb."


def test_nothing_was_saved(apart: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Who only looked finds no folder afterwards."""
    monkeypatch.setattr(lab, "_command", lambda _folder: [sys.executable, "-c", ""])
    assert lab.run() == 0
    assert list(apart.iterdir()) == []
    assert "What you saved" not in capsys.readouterr().out


def test_a_directory_that_cannot_be_written(apart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the working directory cannot be written, what was saved is in the home directory, or a temporary one."""
    (tmp_path / "mine.csv").write_text("city")
    files = saved_in(tmp_path, apart)
    written = Path.mkdir

    def mkdir(path: Path, *arguments: Any, **options: Any) -> None:
        if path.parent in refused:
            raise PermissionError(13, "Permission denied")
        written(path, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    refused = {apart}
    assert keep(tmp_path, files) == Path.home() / "nbauth-demo"
    refused = {apart, Path.home()}
    place = keep(tmp_path, files)
    assert place is not None
    assert (place / "mine.csv").read_text() == "city"
    (place / "mine.csv").unlink()
    place.rmdir()


def test_a_full_disk(apart: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be copied stays where it is, and that is said."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lab, "_command", lambda _folder: [sys.executable, "-c", WORK])
    monkeypatch.setattr(shutil, "copy2", full)
    with monkeypatch.context() as context:
        context.setattr(tempfile, "tempdir", str(apart))
        assert lab.run() == 0
    [stays] = apart.glob("nbauth-demo-*/notebooks")
    assert (stays / "mine/cities.csv").read_text() == "city"
    assert f"What you saved stays in {stays}, since it could not be copied" in capsys.readouterr().out
