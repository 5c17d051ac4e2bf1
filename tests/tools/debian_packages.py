"""What the tests need of Debian itself, where the machine does not have it yet."""

from __future__ import annotations

import os
import subprocess


def install(package: str) -> None:
    """Install a package, as root or by sudo."""
    as_root = [] if os.getuid() == 0 else ["sudo", "--non-interactive"]
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-qq", "--yes", "--no-install-recommends", package]):
        done = subprocess.run(
            [*as_root, "apt-get", *command], check=False, env=environ, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{package} is needed and could not be installed:\n{done.stdout}{done.stderr}"
