"""An API of the test's own, and a session for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from loopback_api import FakeAuthorizer, serving

from nbauth.data.fetch.retry import Retries
from nbauth.data.fetch.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopback_api import Server


@pytest.fixture
def api() -> Iterator[Server]:
    """An API whose origin is listed."""
    with serving() as server:
        yield server


@pytest.fixture
def stranger() -> Iterator[Server]:
    """A server whose origin is not listed."""
    with serving() as server:
        yield server


@pytest.fixture
def authorizer(api: Server) -> FakeAuthorizer:
    """An authorizer that lists the API."""
    return FakeAuthorizer(api.origin)


@pytest.fixture
def session(authorizer: FakeAuthorizer) -> Iterator[Session]:
    """A session for the API."""
    with Session(authorizer) as session:
        yield session


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once where the API names no time; how long the pauses are has a test of its own."""
    monkeypatch.setattr(Retries, "pause", lambda self, attempt: 0.001)
