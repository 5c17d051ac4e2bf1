"""One demo for all these tests; each finds it as if it were new."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from demo_client import Client

from nbauth.demo import DemoServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def shared_demo() -> Iterator[DemoServer]:
    """Start the demo once; 5,000 rows are enough here."""
    with DemoServer(rows=5_000) as demo:
        yield demo


@pytest.fixture
def demo(shared_demo: DemoServer) -> Iterator[DemoServer]:
    """The demo, with whatever the test turns turned back afterwards."""
    yield shared_demo
    shared_demo.reset()


@pytest.fixture
def client(demo: DemoServer) -> Client:
    """A client that reads what the demo really says."""
    return Client(demo)
