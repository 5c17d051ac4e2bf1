"""Snowflake's connector with `nbauth.token_provider`, against a server that checks the token of each connection."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import pytest
import snowflake.connector
from service_answers import SNOWFLAKE_LOGIN, as_snowflake, text_of
from token_checking_server import serving_those_with_a_token

import nbauth
from nbauth.errors import SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from token_checking_server import TokenCheckingServer

    from nbauth.demo.server import DemoServer


@pytest.fixture
def server(demo: DemoServer) -> Iterator[TokenCheckingServer]:
    """An account's stand-in, which a job's profile names."""
    with serving_those_with_a_token(
        demo, resource="api://snowflake", scopes=("session:role-any",), in_header=False
    ) as server:
        as_snowflake(server)
        server.add_profile(like="nightly")
        yield server


@pytest.fixture
def connect(server: TokenCheckingServer, demo: DemoServer) -> Callable[[Callable[[], str]], Any]:
    """Return what makes a connection with what a function returns."""

    def make(provide: Callable[[], str]) -> Any:
        return snowflake.connector.connect(
            account="contoso",
            user="alice",
            host="localhost",
            port=server.server_address[1],
            authenticator="oauth",
            token=provide(),
            custom_root_store_path=str(demo.ca_file),
            login_timeout=20,
            enable_server_session_keep_alive_auto_detection=False,  # it warns where nobody says
        )

    return make


def test_a_connection(
    server: TokenCheckingServer, connect: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The login carries the row's token, and nothing else does: no later request, no telemetry and no DEBUG log."""
    with caplog.at_level(logging.DEBUG), connect(nbauth.token_provider(server.origin)) as connection:
        assert connection.cursor().execute("select 1").fetchall() == [(1,)]
    (token,) = server.tokens
    assert server.refused == []
    assert [seen.path.partition("?")[0] for seen in server.seen if token in text_of(seen)] == [SNOWFLAKE_LOGIN]
    assert [name for seen in server.seen for name, value in seen.headers.items() if token in value] == []
    assert any("snowflake" in record.name for record in caplog.records)
    assert token not in caplog.text


def test_later_connections(server: TokenCheckingServer, connect: Callable[..., Any], demo: DemoServer) -> None:
    """Each connection asks for a token that is good just then, as a pool's do."""
    demo.provider.settings.access_token_s = 3
    server.bearer.skew_s = 1.0  # `exp` is in whole seconds, and they are cut off
    provide = nbauth.token_provider(server.origin)
    for _ in range(2):
        connect(provide).close()
        time.sleep(2)
    assert len(server.tokens) == 2
    assert server.refused == []


def test_a_token_that_is_refused(server: TokenCheckingServer, connect: Callable[..., Any], demo: DemoServer) -> None:
    """Snowflake's own error says what is wrong with a token, and does not show it."""
    provide = nbauth.token_provider(server.origin)
    token = provide().reveal()
    demo.provider.keys.rotate(forget_old=True)
    with pytest.raises(snowflake.connector.errors.DatabaseError, match="unknown key") as caught:
        connect(provide)
    assert token not in str(caught.value)


def test_a_person_who_signs_out(
    server: TokenCheckingServer, connect: Callable[..., Any], person: Callable[..., Any]
) -> None:
    """No connection is made after a sign-out, nor before a sign-in."""
    server.add_profile(like="demo")
    provide = nbauth.token_provider(server.origin)
    with pytest.raises(SignInRequired):
        connect(provide)
    nbauth.login("stub", flow="paste", prompt=person(), timeout_s=20)
    connect(provide).close()
    nbauth.logout("stub")
    seen = len(server.seen)
    with pytest.raises(SignInRequired):
        connect(provide)
    assert len(server.seen) == seen
    assert [claims["scp"] for claims in server.accepted] == ["session:role-any"]
