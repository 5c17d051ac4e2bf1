from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest

import nbauth
from nbauth import kernel
from nbauth.errors import ConfigError, NotRememberedWarning, SignInCancelled, SignInRequired
from nbauth.signin.flows.prompt import NobodyPrompt
from nbauth.signin.remembered import places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kernel_player import Player

    from nbauth.demo.server import DemoServer


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return where files that are not encrypted are allowed, and lie."""
    monkeypatch.setenv("NBAUTH_ALLOW_PLAINTEXT_CACHE", "1")
    return places.directory()


def _next_kernel() -> None:
    """As if the kernel had been restarted."""
    kernel.reset()


def _files(directory: Path) -> list[str]:
    return sorted(path.suffix for path in directory.iterdir() if path.suffix != ".lock" and path.suffix != ".renewal")


def test_a_later_kernel_is_signed_in(plain: Path, demo: DemoServer, person: Callable[..., Any]) -> None:
    """`%login --remember` asks once; a later kernel's `%login`, with the option or without, asks nobody and nothing."""
    first = kernel.login("demo", flow="paste", prompt=person(), remember=True, timeout_s=20)
    for remember in (False, True):
        _next_kernel()
        demo.provider.requests.clear()
        again = kernel.login("demo", flow="paste", prompt=NobodyPrompt(), remember=remember, timeout_s=20)
        assert (again.username, again.name, again.tenant_id, again.home_account_id) == (
            first.username,
            first.name,
            first.tenant_id,
            first.home_account_id,
        )
        assert demo.provider.requests.count("*/token") == 0
        assert len(nbauth.read(f"{demo.api_url}/cities")) > 0
