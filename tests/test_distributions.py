"""What is in the wheel and in the source distribution, and what a conda package would ask for."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
import yaml

import nbauth

ROOT = Path(__file__).parent.parent
NAME = f"nbauth-{nbauth.__version__}"
CALLBACK = f"{NAME}.data/data/share/jupyter/labextensions/nbauth/static/callback.html"


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build both; return the folder that they are in."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return folder


def _files(folder: Path) -> set[str]:
    """Return the files below a folder of the checkout, without what runs leave there."""
    files = (path for path in folder.rglob("*") if path.is_file())
    left = {"__pycache__", ".ipynb_checkpoints", ".nbauth"}
    return {path.relative_to(folder).as_posix() for path in files if not left & set(path.parts)}


def test_wheel(distributions: Path) -> None:
    """The wheel holds the package, the notebooks, the page of symptoms and that of Jupyter servers; nothing else."""
    with zipfile.ZipFile(distributions / f"{NAME}-py3-none-any.whl") as wheel:
        names = {name for name in wheel.namelist() if not name.startswith(f"{NAME}.dist-info/")}
        callback = wheel.read(CALLBACK)
        metadata = message_from_bytes(wheel.read(f"{NAME}.dist-info/METADATA"))
        assert f"{NAME}.dist-info/licenses/LICENSE" in wheel.namelist()
    package = {f"nbauth/{name}" for name in _files(ROOT / "nbauth")}
    notebooks = {f"nbauth/demo/notebooks/{name}" for name in _files(ROOT / "notebooks")}
    assert names == package | notebooks | {CALLBACK, "nbauth/doctor/wrong.md"}
    assert {"nbauth/py.typed", "nbauth/frontend/panel/panel.js", "nbauth/demo/notebooks/quickstart.ipynb"} <= names
    assert callback == (ROOT / "nbauth" / "frontend" / "callback.html").read_bytes()
    assert metadata["Version"] == nbauth.__version__
    assert "nbauth.toml" in str(metadata.get_payload())  # the README


def test_source_distribution(distributions: Path) -> None:
    """The source distribution holds what its own tests read."""
    with tarfile.open(distributions / f"{NAME}.tar.gz") as archive:
        names = {name.removeprefix(f"{NAME}/") for name in archive.getnames()}
    for folder in ("nbauth", "tests", "notebooks", "benchmarks", "binder", "conda", ".ci", ".github"):
        assert {f"{folder}/{name}" for name in _files(ROOT / folder)} <= names
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")} <= names
    assert {
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "LICENSE",
        "pyproject.toml",
        "PKG-INFO",
    } <= names
    assert not [name for name in names if name.startswith((".venv", ".git/", "dist", "uv.lock"))]


def test_conda_recipe() -> None:
    """The recipe has the version, and each requirement of pyproject.toml by its name at conda."""
    recipe = yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [f"python {project['requires-python']}"]
    for requirement in project["dependencies"]:
        name, floor = re.fullmatch(r"([\w-]+)(?:\[\w+\])?(>=[\d.]+)", requirement).groups()
        asked.append(f"{name.lower().replace('msal-extensions', 'msal_extensions')} {floor}")
    assert recipe["requirements"]["run"] == asked
    assert recipe["context"]["version"] == project["version"] == nbauth.__version__
