from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from nbauth.environment import detect, notebook_directory

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return a shell that IPython answers with; with a kernel that may ask."""
    made = SimpleNamespace(kernel=SimpleNamespace(_allow_stdin=True), user_ns={})
    module: Any = SimpleNamespace(get_ipython=lambda: made)
    monkeypatch.setitem(sys.modules, "IPython.core.getipython", module)
    return made


def test_notebook(shell: SimpleNamespace) -> None:
    """A kernel whose front end answers questions may ask; under nbclient and papermill it may not."""
    assert (detect({}).front_end, detect({}).interactive) == ("notebook", True)
    shell.kernel._allow_stdin = False
    assert (detect({}).can_ask, detect({}).why_not) == (False, "this notebook runs unattended")


def test_voila(shell: SimpleNamespace) -> None:
    """In Voila a named flow may run, and auto chooses none, because the page shows after the cell."""
    shell.kernel._allow_stdin = False
    seen = detect({"VOILA_BASE_URL": "/"})
    assert (seen.front_end, seen.can_ask, seen.interactive) == ("voila", True, False)


def test_voila_ahead_of_its_visitor(shell: SimpleNamespace) -> None:
    """A cell that Voila runs before its visitor comes can ask nobody; what the visitor presses later can."""
    for running, can_ask in (("execute_request", False), ("comm_msg", True)):
        shell.kernel.get_parent = lambda _channel, kind=running: {"header": {"msg_type": kind}}
        assert detect({"VOILA_BASE_URL": "/", "VOILA_PREHEAT": "True"}).can_ask is can_ask
        assert detect({"VOILA_BASE_URL": "/", "VOILA_PREHEAT": "False"}).can_ask


def test_a_shell_that_is_made_up(shell: SimpleNamespace, apart: Path) -> None:
    """Where a server's shell has no list of directories, the working directory is the notebook's."""
    shell.user_ns = {"_dh": SimpleNamespace()}
    assert notebook_directory({}) == apart


def test_nobody_by_request(shell: SimpleNamespace) -> None:
    """NBAUTH_NONINTERACTIVE holds wherever it is set; 0 unsets it."""
    assert not detect({"NBAUTH_NONINTERACTIVE": "1"}).can_ask
    assert detect({"NBAUTH_NONINTERACTIVE": "0"}).can_ask


@pytest.mark.parametrize(
    ("environ", "remote"),
    [
        ({"SSH_CONNECTION": "1"}, "SSH"),
        ({"JUPYTERHUB_USER": "jo"}, "JupyterHub"),
        ({"BINDER_SERVICE_HOST": "x"}, "Binder"),
        ({"KUBERNETES_SERVICE_HOST": "x"}, "Kubernetes"),
    ],
)
def test_remote(environ: dict[str, str], remote: str) -> None:
    """Where the browser is elsewhere, a browser opened here is in front of nobody."""
    seen = detect(environ | {"BROWSER": "firefox %s"})
    assert seen.remote == remote
    assert not seen.is_local


def test_directory_of_the_notebook(shell: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order: the option, VS Code's variable, the session's path, IPython's first directory, the working one."""
    folders = {name: tmp_path / name for name in ("option", "code", "session", "first", "working")}
    for folder in folders.values():
        folder.mkdir()
    monkeypatch.chdir(folders["working"])
    assert notebook_directory({}) == folders["working"]
    shell.user_ns["_dh"] = [folders["first"], folders["working"]]
    assert notebook_directory({}) == folders["first"]
    session = {"JPY_SESSION_NAME": str(folders["session"] / "a.ipynb")}
    assert notebook_directory(session) == folders["session"]
    assert notebook_directory({"JPY_SESSION_NAME": str(tmp_path / "gone/a.ipynb")}) == folders["first"]
    assert notebook_directory({"JPY_SESSION_NAME": "a.ipynb"}) == folders["first"]
    shell.user_ns["__vsc_ipynb_file__"] = str(folders["code"] / "a.ipynb")
    assert notebook_directory(session) == folders["code"]
    assert notebook_directory({"NBAUTH_NOTEBOOK_DIR": str(folders["option"])}) == folders["option"]


def test_script() -> None:
    """A script may run a named flow; without a terminal auto has nobody to ask."""
    seen = detect(dict(os.environ))
    assert (seen.front_end, seen.can_ask, seen.interactive) == ("script", True, False)
