"""What belongs to the notebook's tree: repositories, archives, home directories, Binder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from nbauth.files import tree

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the home directory of this account, with a project; a kernel runs in the project's notebooks."""
    home = tmp_path / "people/me"
    (home / "work/project/notebooks").mkdir(parents=True)
    (home / ".local/state").mkdir(parents=True)
    monkeypatch.setattr(tree, "_account_home", lambda: home)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home / "work/project/notebooks")
    return home


@pytest.mark.parametrize("mark", [".git", ".hg", ".env", "nbauth.toml"])
def test_the_outermost_mark(mark: str, home: Path) -> None:
    """The tree reaches up to the outermost folder that is a repository's root or holds a `.env` or a configuration."""
    for folder in (home / "work/project/notebooks", home / "work/project"):
        (folder / mark).touch()
    assert tree.is_in_tree("ca.pem")
    assert tree.is_in_tree("../ca.pem")
    assert tree.is_in_tree(home / "work/project/certificates/not-there/ca.pem")
    assert not tree.is_in_tree("../../ca.pem")
    assert not tree.is_in_tree(home / ".local/state")


def test_without_a_mark(home: Path) -> None:
    """Where nothing tells how far an archive reaches, the notebook's directory is the tree."""
    assert tree.is_in_tree("ca.pem")
    assert not tree.is_in_tree("../ca.pem")


@pytest.mark.parametrize("folder", ["", ".."])
def test_a_kernel_in_the_home_directory(folder: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home directory, and what is above it, is no tree: a person's own state lies there."""
    monkeypatch.chdir(home / folder)
    assert not tree.is_in_tree(home / ".local/state")


def test_a_home_under_version_control(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who keeps their home in a repository trusts it, unless the notebook is at its root: then it may be the clone."""
    (home / ".git").mkdir()
    assert not tree.is_in_tree(home / ".local/state")
    assert tree.is_in_tree("ca.pem")
    monkeypatch.chdir(home)
    assert tree.is_in_tree(home / ".local/state")


def test_on_binder(home: Path) -> None:
    """On Binder the home directory is the clone."""
    assert tree.is_in_tree(home / ".local/state", {**os.environ, "BINDER_SERVICE_HOST": "10.0.0.1"})


def test_a_home_that_the_environment_names(home: Path) -> None:
    """A HOME in the clone makes nothing of the clone a person's own."""
    (home / "work/project/.git").mkdir()
    for name in ("project", "project/notebooks", "project/notebooks/home"):
        environ = {"HOME": str(home / "work" / name)}
        assert tree.is_in_tree(home / "work" / name / ".local/state", environ)
    assert not tree.is_in_tree(home / ".local/state", {"HOME": str(home / "work/project")})


def test_every_directory_of_the_notebook(home: Path, tmp_path: Path) -> None:
    """What the variables name adds to the tree, and takes nothing from it; `/` names nothing."""
    (tmp_path / "elsewhere").mkdir()
    for variables in (
        {"NBAUTH_NOTEBOOK_DIR": str(tmp_path / "elsewhere")},
        {"JPY_SESSION_NAME": str(tmp_path / "elsewhere/a.ipynb")},
    ):
        assert tree.is_in_tree("ca.pem", variables)
        assert tree.is_in_tree(tmp_path / "elsewhere/ca.pem", variables)
    assert not tree.is_in_tree(tmp_path / "ca.pem", {"NBAUTH_NOTEBOOK_DIR": "/"})


@pytest.mark.parametrize(
    ("text", "is_set"),
    [
        ("NAME=x", True),
        ("OTHER=y\r\n  export  NAME = 'x'\r\n", True),
        ("A=1\rNAME=", True),
        ('\ufeff"NAME"=x', True),
        ("A=1; NAME=x", True),
        ("export A=1 NAME=x", True),
        ("NAME: x", True),
        ("name=x", True),
        ("A=1\nNAME=x", True),
        ("#NAME=x\n # NAME=x\nMY_NAME=x\nNAME_2=x\nOTHER=NAME", False),
    ],
)
def test_a_line_of_a_dotenv(text: str, is_set: bool, home: Path) -> None:  # noqa: FBT001 - the expected value
    """A variable counts as the tree's where a `.env` from the notebook up to the tree's root has a line for it."""
    for encoding in ("utf-8", "utf-16"):
        (home / "work/project/.env").write_bytes(text.encode(encoding))
        assert is_set == tree.is_set_in_dotenv("NAME")
    (home / "work/project/.env").rename(home / ".env")
    assert not tree.is_set_in_dotenv("NAME")


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "HOME"])
def test_an_archive_without_a_mark(variable: str, home: Path) -> None:
    """What a `.env` names lies in the tree wherever the archive may have put it, and not elsewhere on the machine."""
    beside, elsewhere = home / "work/project/beside", home / "certificates"
    for place, may_be in ((beside, True), (elsewhere, False)):
        environ = {variable: f"{home}/work/project/notebooks/../../../{place.relative_to(home)}"}
        (home / "work/project/notebooks/.env").write_text("")
        assert not tree.is_in_tree(place / "x", environ)
        (home / "work/project/notebooks/.env").write_text(f"{variable}=${{PWD}}/../x")
        assert tree.is_in_tree(place / "x", environ) is may_be


def test_whose_file_it_is(home: Path) -> None:
    """A file in a project's folder is not the project's where it is another project's, or a person's settings."""
    folder = home / "work"
    for name in ("secret", "sub/secret", "project/secret", ".GIT/config", ".Env.prod", "sub/.git/config"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    (folder / "nbauth.toml").touch()
    (folder / "project/.git").mkdir()
    own = [path.name for path in sorted(folder.rglob("*")) if path.is_file() and tree.is_own_file(path, folder)]
    assert own == ["nbauth.toml", "secret"]
    (folder / "sub/.git/config").unlink()
    (folder / "sub/.git").rmdir()
    assert tree.is_own_file(folder / "sub/secret", folder)
    assert not tree.is_own_file(home / "secret", home)


@pytest.mark.parametrize("name", [".env.development", "job.env", ".flaskenv", ".envrc", ".ENV"])
def test_other_files_of_variables(name: str, home: Path) -> None:
    """Tools read variables from files that are called otherwise, too."""
    (home / "work/project/nbauth.toml").touch()
    (home / "work/project" / name).write_text("NAME=x")
    assert tree.is_set_in_dotenv("NAME")
