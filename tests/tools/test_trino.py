"""trino's client with `http_session=nbauth.session()`, against a server that checks each token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import sqlalchemy as sa
import trino.dbapi
from loopback_api import serving
from service_answers import TRINO_PAGES, as_trino
from token_checking_server import serving_those_with_a_token

import nbauth
from nbauth.errors import OriginNotAllowed, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from token_checking_server import TokenCheckingServer

    from nbauth.demo.server import DemoServer


@pytest.fixture
def server(demo: DemoServer) -> Iterator[TokenCheckingServer]:
    """A Trino coordinator's stand-in, which a job's profile names."""
    with serving_those_with_a_token(demo, resource="api://trino") as server:
        as_trino(server)
        server.add_profile(like="nightly")
        yield server


def _connect(server: TokenCheckingServer) -> trino.dbapi.Connection:
    return trino.dbapi.connect(
        host="localhost", port=server.server_address[1], http_scheme="https", http_session=nbauth.session()
    )


def test_aas_trino(server: TokenCheckingServer) -> None:
    """Each request of a statement carries the row's token, in trino's own API and in SQLAlchemy's dialect."""
    with _connect(server) as connection:
        assert connection.cursor().execute("select id from t").fetchall() == [[1], [2], [3], [4]]
    engine = sa.create_engine(
        f"trino://localhost:{server.server_address[1]}/memory",
        connect_args={"http_scheme": "https", "http_session": nbauth.session()},
    )
    for _ in range(2):  # the second one after the first one's connection was closed
        with engine.connect() as connected:
            assert pd.read_sql(sa.text("select id from t"), connected)["id"].to_list() == [1, 2, 3, 4]
        engine.dispose()
    assert server.refused == []
    assert len(server.accepted) >= 3 * (TRINO_PAGES + 1)


def test_a_statement_that_outlives_a_token(server: TokenCheckingServer, demo: DemoServer) -> None:
    """A token that expires between two pages is renewed."""
    demo.provider.settings.access_token_s = 2
    as_trino(server, pause_s=1)
    with _connect(server) as connection:
        assert connection.cursor().execute("select id from t").fetchall() == [[1], [2], [3], [4]]
    assert len(server.tokens) >= 2


def test_a_page_elsewhere(server: TokenCheckingServer) -> None:
    """A coordinator that names another host for the next page is not followed there."""
    with serving() as stranger, _connect(server) as connection:
        as_trino(server, elsewhere=stranger.origin)
        with pytest.raises(OriginNotAllowed):
            connection.cursor().execute("select id from t").fetchall()
        assert stranger.seen == []


def test_a_person_who_signs_out(server: TokenCheckingServer, person: Callable[..., Any]) -> None:
    """A connection that a person made sends nothing more after the sign-out."""
    server.add_profile(like="demo")
    nbauth.login("stub", flow="paste", prompt=person(), timeout_s=20)
    with _connect(server) as connection:
        connection.cursor().execute("select id from t").fetchall()
        nbauth.logout("stub")
        seen = len(server.seen)
        with pytest.raises(SignInRequired):
            connection.cursor().execute("select id from t")
    assert len(server.seen) == seen
