"""A stand-in for `az`, and tokens that only say something."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import jwt

from nbauth.demo.api.api import API_IDENTIFIER

if TYPE_CHECKING:
    from pathlib import Path

CONTOSO = "11111111-2222-4333-8444-555555555555"
KEY = "of nobody, and long enough for HS256"


def token_with(**claims: Any) -> str:
    """Return a token that says this, and that no API takes."""
    said = {"aud": API_IDENTIFIER, "oid": "of-alice", "tid": CONTOSO, "upn": "alice@contoso.example"}
    return jwt.encode({**said, "exp": int(time.time()) + 3600, **claims}, KEY)


class FakeAz:
    """A program that answers as `az` does: what it is told to, with whatever arguments.

    Args:
        folder: where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "az"
        folder.mkdir(parents=True)
        self.program.write_text(
            f'#!/bin/sh\necho "$PWD|$@" >> "{folder}/calls"\nenv > "{folder}/environment"\n'
            f'cat "{folder}/stderr" >&2\nsleep "$(cat "{folder}/seconds")"\n'
            f'cat "{folder}/$2"\nexit "$(cat "{folder}/status")"\n'
        )
        self.program.chmod(0o755)
        (folder / "seconds").write_text("0")
        self.fails("Please run 'az login' to setup account.")

    def gives(self, token: str, **members: Any) -> None:
        """Answer with a token."""
        answer = {"accessToken": token, "expires_on": int(time.time()) + 3600, "tenant": CONTOSO, **members}
        self.says(json.dumps({name: value for name, value in answer.items() if value is not None}))

    def says(self, text: str) -> None:
        """Answer with a text."""
        self._write(text, "", 0)

    def fails(self, words: str) -> None:
        """End with an error."""
        self._write("", f"ERROR: {words}\n", 1)

    def shows(self, username: str) -> None:
        """Say who is signed in, where the token does not."""
        (self.folder / "show").write_text(json.dumps({"user": {"name": username, "type": "user"}}))

    def _write(self, stdout: str, stderr: str, status: int) -> None:
        for name, text in (("get-access-token", stdout), ("stderr", stderr), ("status", str(status))):
            (self.folder / name).write_text(text)

    @property
    def calls(self) -> list[str]:
        """The working directory and the arguments of each call, as in `/|account get-access-token`."""
        file = self.folder / "calls"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of the last call."""
        lines = (self.folder / "environment").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)
