"""The pages that a person starts with: what they show runs, and what they list is whole."""

from __future__ import annotations

import atexit
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from IPython.core.interactiveshell import InteractiveShell

import nbauth
from nbauth import errors
from nbauth.__main__ import main
from nbauth.doctor.symptoms import symptoms
from nbauth.signin.profile.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.demo.server import DemoServer

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [DOCS / f"{name}.md" for name in ("start", "entra", "environment", "kept", "wrong")]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"^    (\w.*?)(?:\s+#.*)?$", re.MULTILINE)
GRAPH = "https://graph.microsoft.com/v1.0/me"  # in whose place the demo's API stands
# Lines that are run elsewhere: by test_command_line.py and test_notebooks.py.
ELSEWHERE = re.compile(r"pip install |uvx --from \"\.\[demo\]\" nbauth demo(?: --check)?$")
VARIABLE = re.compile(r"\"((?:NBAUTH|AZURE)_[A-Z_]*[A-Z])\"")
NOT_OF_A_PERSON = {"AZURE_CORE_NO_COLOR", "AZURE_CORE_ONLY_SHOW_ERRORS"}  # what the Azure CLI is started with


def blocks(*languages: str) -> list[tuple[str, str]]:
    """Return the code in these languages, each with its page's name."""
    return [
        (page.name, code)
        for page in PAGES
        for language, code in BLOCK.findall(page.read_text("utf-8"))
        if language in languages
    ]


def commands() -> list[str]:
    """Return each line for a shell, once."""
    texts = [BLOCK.sub("", page.read_text("utf-8")) for page in PAGES]
    return list(dict.fromkeys(line for text in texts for line in LINE.findall(text)))


@pytest.fixture
def shell(apart: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """Return a shell of IPython's."""
    shell = InteractiveShell()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    yield shell
    atexit.unregister(shell.atexit_operations)
    shell.atexit_operations()


@pytest.fixture
def job(demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> DemoServer:
    """The demo, where a call that names no profile is the job's, which asks nobody."""
    monkeypatch.setenv("NBAUTH_PROFILE", "nightly")
    return demo


@pytest.mark.parametrize(("page", "code"), blocks("toml"))
def test_profiles(page: str, code: str) -> None:
    """Each `nbauth.toml` that is shown makes its profiles."""
    document = tomllib.loads(code)
    assert [Profile(name, **keys).name for name, keys in document["profiles"].items()], page


def test_cells(job: DemoServer, shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    """The cells of one page after the other run, and the last frame has the demo's rows."""
    for _, code in blocks("ipython", "python"):
        shell.run_cell(code.replace(GRAPH, f"{job.api_url}/cities")).raise_error()
    assert f"Signed in to nightly as {job.confidential_client_id}" in capsys.readouterr().out
    assert len(shell.user_ns["df"]) == 10
    nbauth.logout()


@pytest.mark.parametrize("line", [line for line in commands() if not ELSEWHERE.match(line)])
def test_commands(line: str, job: DemoServer, apart: Path) -> None:
    """Each line for a shell does what it is there for."""
    program, *arguments = line.split()
    assert program == "nbauth"
    assert main(arguments) == 0


def test_variables() -> None:
    """Each environment variable of nbauth's and Azure's that the code reads is on its page."""
    read = {name for module in (ROOT / "nbauth").rglob("*.py") for name in VARIABLE.findall(module.read_text("utf-8"))}
    named = set(re.findall(r"`([A-Z][A-Z_]+)`", (DOCS / "environment.md").read_text("utf-8")))
    assert sorted(read - named - NOT_OF_A_PERSON) == []


def test_every_error() -> None:
    """Each error and warning that a person may meet is on the page of symptoms, and read from there as plain text."""
    not_met = {"NbauthError", "ProviderAnswer"}  # the base of all, and a part of one
    for name in sorted(set(errors.__all__) - not_met):
        rows = symptoms(name)
        assert rows, name
        assert all(name in row.seen for row in rows)
        assert not re.search(r"[`*]|\]\(", "".join(f"{row.seen}{row.why}{row.cure}" for row in rows)), name
