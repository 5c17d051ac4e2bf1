"""Programs that nobody here wrote: installed beside nbauth's environment, once, for the tests that run them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

if TYPE_CHECKING:
    from collections.abc import Iterator

_INSTALL_S = 300
_NODE = Path(__file__).parent / "openid" / "node_provider" / "requirements.txt"


def python_environment(wanted: Path) -> Path:
    """Return a Python environment with what a requirements file names."""
    with _installed(wanted) as (directory, there):
        if not there:
            uv = os.environ.get("UV") or shutil.which("uv")
            assert uv, f"{wanted} needs uv on PATH"
            _install([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(directory)])
            _install([uv, "pip", "install", "--quiet", "--python", str(directory), "--requirement", str(wanted)])
    return directory


def node_packages(wanted: Path) -> tuple[str, Path]:
    """Return the program `node`, and the directory of the packages that a package.json names.

    What stands beside the package.json is copied there, since packages are looked for beside the file that imports
    them.
    """
    path = os.environ["PATH"]
    if not (shutil.which("node") and shutil.which("npm")):
        path = f"{python_environment(_NODE) / 'bin'}{os.pathsep}{path}"
    with _installed(wanted) as (directory, there):
        if not there:
            shutil.copy(wanted, directory)
            quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--prefer-offline", "--silent"]
            npm = str(shutil.which("npm", path=path))
            _install([npm, "install", *quiet], cwd=directory, environ={**os.environ, "PATH": path})
        for beside in wanted.parent.iterdir():
            if beside.is_file() and beside != wanted:
                shutil.copy(beside, directory)
    return str(shutil.which("node", path=path)), directory


@contextmanager
def _installed(wanted: Path) -> Iterator[tuple[Path, bool]]:
    """Give the directory of what a file names, inside this environment, and tell whether it is there already."""
    name = hashlib.sha256(wanted.read_bytes()).hexdigest()[:12]
    directory = Path(sys.prefix) / "test-servers" / f"{wanted.parent.name}-{wanted.stem}-{name}"
    directory.mkdir(parents=True, exist_ok=True)
    finished = directory / "installed"
    with FileLock(f"{directory}.lock"):  # two files of tests may want the same, each in a process of its own
        yield directory, finished.exists()
        finished.touch()


def _install(command: list[str], *, cwd: Path | None = None, environ: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command, cwd=cwd, env=environ, check=False, capture_output=True, text=True, timeout=_INSTALL_S
    )
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}"
