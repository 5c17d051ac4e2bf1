"""The modules, classes, files and flags that the documentation names are there."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import nbauth
from nbauth.magics.parsers import parser_of

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "nbauth"
TEXTS = [
    *(
        ROOT / name
        for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "pyproject.toml", ".ci/run", "benchmarks/README.md")
    ),
    *sorted((ROOT / "docs").rglob("*.md")),
]
DOTTED = re.compile(r"(?<![\w/.@-])nbauth(?:\.[A-Za-z_]\w*)+(?![\w/])")
IMPORTED = re.compile(r"^from (nbauth[\w.]*) import ([\w, ]+)$", re.MULTILINE)
FILE = re.compile(r"(?<![\w/.~-])(?:nbauth|tests|docs|benchmarks)/[\w./-]*\.(?:py|md|txt|ini|html|toml)\b")
FOLDER = re.compile(r"(?<![\w/.~-])(?:nbauth|tests)/[\w/]+(?=[`/ ,;:\n])(?!/nbauth)")
NEW_FILE = re.compile(r"^# (nbauth/\S+\.py)$", re.MULTILINE)  # what an example adds
COMMAND = re.compile(r"%(login|logout|whoami|read)\b([^`\n%]*)")
# What a person has, what a Jupyter server has, what a wheel has.
NOT_OURS = ("nbauth.toml", "nbauth/nbauth.toml", "nbauth/static", "nbauth/doctor/wrong.md")


def is_there(dotted: str) -> bool:
    """Tell whether a dotted name is a module, or a member of one."""
    at: object = nbauth
    path = "nbauth"
    for name in dotted.split(".")[1:]:
        path = f"{path}.{name}"
        if not hasattr(at, name):
            try:
                importlib.import_module(path)
            except ModuleNotFoundError:
                return False
        at = getattr(at, name)
    return True


def missing_names(text: Path) -> list[str]:
    """Return the dotted names of a text that nothing has."""
    content = text.read_text(encoding="utf-8")
    names = set(DOTTED.findall(content))
    names |= {
        f"{module}.{name.split()[0]}" for module, members in IMPORTED.findall(content) for name in members.split(",")
    }
    return [name for name in sorted(names) if not is_there(name) and name not in NOT_OURS]


def missing_files(text: Path) -> list[str]:
    """Return the files and folders of the repository that a text names, and that are not there."""
    content = text.read_text(encoding="utf-8")
    names = {*FILE.findall(content), *FOLDER.findall(content)} - set(NEW_FILE.findall(content))
    return [name for name in sorted(names) if not (ROOT / name).exists() and not name.startswith(NOT_OURS)]


def headings(text: Path) -> set[str]:
    """Return the anchors of a text's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", text.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_names(text: Path) -> None:
    """Each dotted name that begins with the package's is a module or a member of one, and each import works."""
    assert missing_names(text) == []


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_files(text: Path) -> None:
    """Each file and folder of the repository that is named is there."""
    assert missing_files(text) == []


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_tests(text: Path) -> None:
    """Each test file that is named in code font is there, by its whole path or the end of it."""
    tests = [f"/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "tests").rglob("test_*.py")]
    named = re.findall(r"`([\w/]*test_\w+\.py)`", text.read_text(encoding="utf-8"))
    assert [name for name in named if not any(path.endswith(f"/{name}") for path in tests)] == []


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_links(text: Path) -> None:
    """Each link of a text to a file of the repository leads to one, and to a heading that is there."""
    content = re.sub(r"^```.*?^```$", "", text.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", content):
        name, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (text.parent / name).resolve() if name else text
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link


def test_comments() -> None:
    """The files that the code's comments name are there, too."""
    for path in PACKAGE.rglob("*.py"):
        assert (path.name, missing_files(path)) == (path.name, [])


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_options(text: Path) -> None:
    """Each option that a magic is written with is one of its own."""
    for name, line in COMMAND.findall(text.read_text(encoding="utf-8")):
        assert set(re.findall(r"--[a-z-]+", line)) <= set(parser_of(name)._option_string_actions), f"%{name}{line}"


def test_map() -> None:
    """What the map in CONTRIBUTING.md names is there, and each folder and module at the top has its place in it."""
    content = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = content.partition("## The house")[2].partition("\n\n## ")[0]
    rows = [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| `")]
    named = [name.rstrip("/") for row in rows for name in re.findall(r"`([\w./]+)`", row)]
    folders = (PACKAGE, PACKAGE / "signin")
    assert [name for name in named if not any((folder / name).exists() for folder in folders)] == []
    tops = {path.name for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert sorted(tops - set(named)) == ["__init__.py"]


def test_every_page_has_its_place() -> None:
    """Each page stands in a list of docs/index.md, which makes the site's contents, by its name or by a pattern."""
    docs = ROOT / "docs"
    listed = re.findall(r"^[\w./*\[\]-]+$", (docs / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    pages = [page.relative_to(docs).with_suffix("") for page in docs.rglob("*.md")]
    assert [str(page) for page in pages if page.name != "index" and not any(map(page.match, listed))] == []
