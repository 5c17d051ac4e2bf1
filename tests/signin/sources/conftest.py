"""A stand-in for `az` on PATH, tokens of the demo provider, and a profile that takes a sign-in that is there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from fake_az import FakeAz

import nbauth
from nbauth import kernel
from nbauth.demo.api.api import API_IDENTIFIER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nbauth.demo.server import DemoServer

SCOPES = (f"{API_IDENTIFIER}/Data.Read", f"{API_IDENTIFIER}/Profile.Read")


@pytest.fixture
def az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeAz:
    """An `az` on PATH that nobody is signed in to."""
    fake = FakeAz(tmp_path / "programs")
    monkeypatch.setenv("PATH", f"{fake.folder}{os.pathsep}{os.environ['PATH']}")
    return fake


@pytest.fixture
def token_of(demo: DemoServer, person: Callable[..., Any]) -> Callable[[str], str]:
    """Return what gives a token of somebody that the demo's API takes."""

    def make(who: str) -> str:
        nbauth.login("demo", prompt=person(who), flow="loopback")
        token = kernel.credential_of(kernel.config().profiles["demo"], SCOPES).token(SCOPES)
        kernel.reset()
        return str(token)

    return make


@pytest.fixture
def profile(demo: DemoServer) -> Callable[..., nbauth.Profile]:
    """Return what adds a profile `lab` with `source`, whose tokens go to the demo's API."""

    def add(source: Any, **keys: Any) -> nbauth.Profile:
        made = nbauth.Profile("lab", source=source, **{"apis": {demo.api_origin: SCOPES}, **keys})
        nbauth.add_profile(made)
        return made

    return add
