"""The demo provider under Microsoft's own host names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pinned_hosts import HOSTS, pinned_to

from nbauth.demo.server import DemoServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def running_contoso() -> Iterator[DemoServer]:
    """The demo, answering for `HOSTS`."""
    with DemoServer(rows=10, hosts=HOSTS) as running:
        yield running


@pytest.fixture
def contoso(running_contoso: DemoServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoServer]:
    """The demo, pinned for the time of a test; nothing else was looked up in it, nor could be reached."""
    with pinned_to(running_contoso, monkeypatch) as asked:
        running_contoso.reset()
        yield running_contoso
        running_contoso.reset()
    assert asked <= {*HOSTS, "localhost", "127.0.0.1"}
