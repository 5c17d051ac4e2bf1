"""A Jupyter server beside the demo, from its start to its end."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from nbauth.demo.server import DemoServer

__all__ = ["run_beside"]

_END_S = 10  # for a Jupyter server to end its kernels


def run_beside(demo: DemoServer, command: list[str], *, told: threading.Event, folder: Path | None = None) -> int:
    """Run a command whose kernels find the demo, until it ends or is to end.

    Args:
        demo: the provider and the API, which answer.
        command: a Jupyter server's command line.
        told: set once everything is to end.
        folder: its working directory; None for this process's.

    Returns:
        Its exit status; 0 where it was ended.
    """
    environment = {**os.environ, "NBAUTH_CONFIG": str(demo.config_path), "NBAUTH_DEMO_API": demo.api_url}
    # A session of its own: Ctrl-C reaches this process alone, which then ends the server without its question.
    process = subprocess.Popen(command, env=environment, cwd=folder, start_new_session=True)  # noqa: S603
    try:
        while process.poll() is None and not told.wait(0.2):
            pass
    finally:
        _end(process)
    return max(process.returncode, 0)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
