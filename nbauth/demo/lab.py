"""``nbauth demo``: JupyterLab on a copy of the notebooks, signed in to nothing yet; what is saved there is kept."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nbauth.demo.saved import keep, saved_in
from nbauth.errors import ConfigError
from nbauth.next_step import Install, to_run

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["notebooks_directory", "run"]


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
    """Serve, open JupyterLab, and end everything at Ctrl-C. What a person saved is kept, and where is said.

    Args:
        port: port of the provider; 0 takes any.

    Returns:
        JupyterLab's exit status.

    Raises:
        ConfigError: JupyterLab is not installed.
    """
    from nbauth.demo.beside import run_beside
    from nbauth.demo.serve import told_to_end
    from nbauth.demo.server import DemoServer

    if importlib.util.find_spec("jupyterlab") is None:
        raise ConfigError("JupyterLab is not installed.", next_step=to_run(Install("nbauth[demo]")))
    with (
        DemoServer(port=port) as demo,
        _folder() as folder,
        told_to_end() as told,
    ):
        shutil.copytree(
            notebooks_directory(), folder, ignore=shutil.ignore_patterns(".ipynb_checkpoints", ".nbauth", ".*")
        )
        print(
            f"A provider and an API run on this machine:\n  {demo.authority}\n  {demo.api_url}\n"
            f"JupyterLab opens on a copy of the notebooks in\n  {folder}\n"
            "There, open quickstart.ipynb and choose Run > Run All Cells. Where it asks you\n"
            "to sign in, press Sign in, then Alice or Bob. Ctrl-C here ends everything, and\n"
            "keeps what you saved.",
            flush=True,
        )
        return run_beside(demo, _command(folder), told=told, folder=folder)


def _command(folder: Path) -> list[str]:
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}"]
    command += [
        "--LabApp.default_url=/lab/tree/quickstart.ipynb",
        "--LabApp.news_url=None",
        "--Application.log_level=WARN",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # as in a container; it listens on loopback only
    return command


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for a person to work in; it stays if what was saved there cannot be kept elsewhere."""
    directory = Path(tempfile.mkdtemp(prefix="nbauth-demo-"))
    folder = directory / "notebooks"
    try:
        yield folder
    finally:
        files = saved_in(folder, notebooks_directory())
        try:
            place = keep(folder, files)
        except OSError as error:  # a full disk, for one
            print(f"What you saved stays in {folder}, since it could not be copied: {error}", flush=True)
        else:
            shutil.rmtree(directory, ignore_errors=True)
            if place is not None:
                print(f"What you saved is in {place}: {', '.join(map(str, files))}.", flush=True)
