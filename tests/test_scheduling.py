"""What a scheduler starts, with nobody there: notebooks and scripts, and the exit status that it sees."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import nbformat
import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nbauth.demo.server import DemoServer

RUNNERS = [
    "papermill --no-progress-bar job.ipynb result.ipynb",
    "jupyter nbconvert --to notebook --execute job.ipynb --output result",
    "jupyter execute job.ipynb --output result",
]
JOB = """
import os, nbauth
print(len(nbauth.read(os.environ["NBAUTH_DEMO_API"] + "/cities")), "cities")
"""


def _start(command: str, environ: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", *shlex.split(command)],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    said, _ = process.communicate(timeout=100)
    return process.returncode, said


@pytest.fixture
def notebook(apart: Path) -> Path:
    """A notebook that signs in and shows who that is."""
    made = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    made.cells = [nbformat.v4.new_code_cell(cell) for cell in ("%load_ext nbauth", "%login", "%whoami")]
    nbformat.write(made, apart / "job.ipynb")
    return apart / "job.ipynb"


@pytest.mark.parametrize("command", RUNNERS)
def test_a_sign_in_that_fails(command: str, demo: DemoServer, notebook: Path) -> None:
    """The scheduler sees 1, and the last lines say what to do."""
    status, said = _ended(_start(f"-m {command}", os.environ))
    assert status == 1
    assert "SignInRequired: Profile 'demo' needs a person to sign in, and this notebook runs unattended." in said


def test_a_job_that_signs_in(demo: DemoServer, notebook: Path) -> None:
    """The same notebook ends with 0 where the environment names the job's profile."""
    status, said = _ended(_start(f"-m {RUNNERS[-1]}", {**os.environ, "NBAUTH_PROFILE": "nightly"}))
    assert status == 0, said
    assert demo.confidential_client_id in notebook.with_name("result.ipynb").read_text()


def test_cron(demo: DemoServer, apart: Path) -> None:
    """Without a terminal, and with a person's profile and a job's, the job's has to be named; the error says so."""
    (apart / "job.py").write_text(JOB)
    # cron gives a job these, and the home directory to begin in.
    environ = {"HOME": str(apart.parent), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LOGNAME": "nobody"}
    environ |= {"NBAUTH_CONFIG": str(demo.config_path), "NBAUTH_DEMO_API": demo.api_url}
    unnamed, *named = (
        _start("job.py", {**environ, **further})
        for further in ({}, {"NBAUTH_PROFILE": "nightly"}, {"NBAUTH_NONINTERACTIVE": "1"})
    )
    status, said = _ended(unnamed)
    assert status == 1
    assert said.endswith(
        "SignInRequired: Nobody is signed in to profile 'demo'. Run: nbauth.login(\"demo\"); or, for a job, set "
        "NBAUTH_PROFILE=nightly where it starts.\n"
    )
    for process in named:
        status, said = _ended(process)
        assert (status, said.splitlines()[0]) == (0, "10 cities")
