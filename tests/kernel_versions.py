"""Kernels of other versions of ipykernel, each in a virtual environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["VERSIONS", "python_with"]

# The oldest that is supported; the first with subshells; the last before replies went another way; the newest.
VERSIONS = ("6.29.5", "7.0.1", "7.3.0", "")
_ROOT = Path(__file__).parents[1]
_NEEDED = ("anywidget", "filelock", "ipywidgets", "msal", "platformdirs", "PyJWT[crypto]", "requests")


def python_with(version: str, directory: Path) -> Path:
    """Return a Python whose kernel is ipykernel of this version, with nbauth from this checkout.

    Args:
        version: of ipykernel; the newest when empty.
        directory: where environments are made; one that is there already is used again.
    """
    place = directory / f"ipykernel-{version or 'newest'}"
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    done = place / "done"
    if not done.exists():
        uv = os.environ.get("UV") or shutil.which("uv")
        wanted = [f"ipykernel=={version}" if version else "ipykernel", *_NEEDED]
        if uv:
            _run(uv, "venv", "-q", "--clear", "--python", sys.executable, str(place))
            _run(uv, "pip", "install", "-q", "--python", str(python), *wanted)
        else:
            _run(sys.executable, "-m", "venv", "--clear", str(place))
            _run(str(python), "-m", "pip", "install", "-q", *wanted)
        (place / next(place.glob("lib/python*/site-packages")) / "nbauth_checkout.pth").write_text(str(_ROOT))
        done.touch()
    return python


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=300)
