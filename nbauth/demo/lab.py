"""``nbauth demo``: JupyterLab on a copy of the notebooks, signed in to nothing yet."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from nbauth.errors import ConfigError
from nbauth.next_step import Install, to_run

if TYPE_CHECKING:
    from nbauth.demo.server import DemoServer

__all__ = ["notebooks_directory", "run"]

_END_S = 10  # for JupyterLab to end its kernels


def notebooks_directory() -> Path:
    """Return the notebooks: a wheel's own copy, or the checkout's.

    Raises:
        ConfigError: neither is there.
    """
    package = Path(__file__).parent
    for folder in (package / "notebooks", package.parent.parent / "notebooks"):
        if any(folder.glob("*.ipynb")):
            return folder
    raise ConfigError("The notebooks are missing from this installation.", next_step="Reinstall nbauth.")


def run(*, port: int = 0) -> int:
    """Serve, open JupyterLab, and end everything at Ctrl-C.

    Args:
        port: port of the provider; 0 takes any.

    Returns:
        JupyterLab's exit status.

    Raises:
        ConfigError: JupyterLab is not installed.
    """
    from nbauth.demo.serve import told_to_end
    from nbauth.demo.server import DemoServer

    if importlib.util.find_spec("jupyterlab") is None:
        raise ConfigError("JupyterLab is not installed.", next_step=to_run(Install("nbauth[demo]")))
    with (
        DemoServer(port=port) as demo,
        tempfile.TemporaryDirectory(prefix="nbauth-demo-") as directory,
        told_to_end() as told,
    ):
        folder = Path(directory) / "notebooks"
        shutil.copytree(
            notebooks_directory(), folder, ignore=shutil.ignore_patterns(".ipynb_checkpoints", ".nbauth", ".*")
        )
        print(
            f"A provider and an API run at {demo.authority} and {demo.api_url}.\n"
            f"JupyterLab opens on a copy of the notebooks in {folder}.\n"
            "There, open quickstart.ipynb and choose Run > Run All Cells. Where it asks you to sign in,\n"
            "press Sign in, then Alice or Bob. Ctrl-C here ends everything.",
            flush=True,
        )
        lab = _start(demo, folder)
        try:
            while lab.poll() is None and not told.wait(0.2):
                pass
        finally:
            _end(lab)
        return lab.returncode if lab.returncode and lab.returncode > 0 else 0


def _start(demo: DemoServer, folder: Path) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "NBAUTH_CONFIG": str(demo.config_path),
        "NBAUTH_DEMO_API": demo.api_url,
    }
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}"]
    command += [
        "--LabApp.default_url=/lab/tree/quickstart.ipynb",
        "--LabApp.news_url=None",
        "--Application.log_level=WARN",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # as in a container; it listens on loopback only
    # A session of its own: Ctrl-C reaches this process alone, which then ends JupyterLab without its question.
    return subprocess.Popen(command, env=environment, cwd=folder, start_new_session=True)  # noqa: S603


def _end(lab: subprocess.Popen[bytes]) -> None:
    if lab.poll() is None:
        lab.terminate()
    try:
        lab.wait(_END_S)
    except subprocess.TimeoutExpired:
        lab.kill()
        lab.wait()
