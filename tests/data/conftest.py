"""Servers, authorizers and sessions for tests of the data room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from engines import using
from loopback_api import FakeAuthorizer, serving

from nbauth.data.fetch.retry import Retries
from nbauth.data.fetch.session import Session
from nbauth.demo.certificates import make_server_tls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engines import Engine
    from loopback_api import Server

    from nbauth.demo.certificates import ServerTls


@pytest.fixture
def api() -> Iterator[Server]:
    """An API whose origin is listed."""
    with serving() as server:
        yield server


@pytest.fixture
def stranger() -> Iterator[Server]:
    """A server on http whose origin is not listed."""
    with serving() as server:
        yield server


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ServerTls:
    """A certificate for localhost and its authority."""
    return make_server_tls(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure_stranger(tls: ServerTls) -> Iterator[Server]:
    """A server on https whose origin is not listed."""
    with serving(tls.context) as server:
        yield server


@pytest.fixture
def authorizer(api: Server) -> FakeAuthorizer:
    """An authorizer that lists the API."""
    return FakeAuthorizer(api.origin)


@pytest.fixture
def session(authorizer: FakeAuthorizer, tls: ServerTls) -> Iterator[Session]:
    """A session for the API, which trusts the stranger's authority."""
    authorizer.bundles = (str(tls.ca_file),)
    with Session(authorizer) as made:
        yield made


@pytest.fixture(params=["fast", "plain"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Both ways through the code: with the extra `fast`, and as if it were not installed."""
    with using(request.param):
        yield request.param


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once where the API names no time; how long the pauses are has a test of its own."""
    monkeypatch.setattr(Retries, "pause", lambda self, attempt: 0.001)
