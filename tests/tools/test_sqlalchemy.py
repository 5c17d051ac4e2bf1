"""SQLAlchemy's engines on a real PostgreSQL over TLS that takes the sign-in's tokens as passwords."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import logging
import pickle
import socket
import ssl
import threading
import traceback
from typing import TYPE_CHECKING, Any

import jwt
import pandas as pd
import polars as pl
import postgres_server
import pytest
import sqlalchemy as sa
from forked_children import in_child
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

import nbauth
from nbauth import kernel
from nbauth.adapters.sqlalchemy import give_tokens
from nbauth.errors import ConfigError, OriginNotAllowed, SignInRequired
from nbauth.process import visitors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from postgres_server import Postgres
    from sqlalchemy.engine import Engine

    from nbauth.demo.server import DemoServer

USER = "alice%40contoso.example"
UNCHECKED = ssl.create_default_context()  # it checks that some authority vouches, and not for whom
UNCHECKED.check_hostname = False
DRIVERS = ("psycopg", "psycopg2")
ROWS = "SELECT id, name FROM cities ORDER BY id"


@pytest.fixture
def make_engine(postgres: Postgres) -> Iterator[Callable[..., Engine]]:
    """Return what makes an engine; each is closed at the end."""
    made = []

    def make_engine(
        driver: str = "psycopg",
        host: str = "localhost",
        user: str = USER,
        sslmode: str | None = "verify-full",
        **options: Any,
    ) -> Engine:
        query = f"sslrootcert={postgres.ca_file}" + ("" if sslmode is None else f"&sslmode={sslmode}")
        made.append(sa.create_engine(f"postgresql+{driver}://{user}@{host}:{postgres.port}/sales?{query}", **options))
        return made[-1]

    yield make_engine
    for engine in made:
        engine.dispose()


@pytest.mark.parametrize("driver", DRIVERS)
def test_reads_with_a_token(
    driver: str, postgres: Postgres, make_engine: Callable[..., Engine], sign_in: Callable[..., nbauth.Account]
) -> None:
    """Tables come by pandas and Polars with an engine, whose connection signs in with the row's token."""
    sign_in("sql")
    engine = make_engine(driver)
    give_tokens(engine)
    assert len(pd.read_sql(ROWS, engine)) == 1000
    assert pl.read_database(ROWS, engine)["name"][-1] == "city 1000"
    profile = kernel.config().profiles["sql"]
    scopes = profile.apis[postgres.origin]
    assert postgres.check.seen == [kernel.credential_of(profile, scopes).token(scopes)]
    assert postgres.check.refused == []


def test_an_application(postgres: Postgres, demo: DemoServer, make_engine: Callable[..., Engine]) -> None:
    """A job's engine signs in as the job. Where two profiles name the server, one has to be named."""
    apis = {postgres.origin: (f"{postgres_server.RESOURCE}/.default",)}
    kernel.add_profile(dataclasses.replace(kernel.config().profiles["nightly"], name="job", apis=apis, file=None))
    engine = make_engine(user=demo.confidential_client_id)
    with pytest.raises(ConfigError, match="job"):
        give_tokens(engine)
    give_tokens(engine, "job")
    for _ in range(2):
        with engine.connect() as connection:
            assert connection.scalar(sa.text("SELECT session_user")) == demo.confidential_client_id
    assert len(postgres.check.seen) == 1


def test_async_engines(
    postgres: Postgres, sign_in: Callable[..., nbauth.Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Engines for an event loop sign in, too, by psycopg and asyncpg; a sign-out holds for what lies in the pool."""
    monkeypatch.setenv("PGSSLROOTCERT", str(postgres.ca_file))  # asyncpg has no other place for it in a URL
    context = ssl.create_default_context(cafile=str(postgres.ca_file))
    base = f"{USER}@localhost:{postgres.port}/sales"

    async def read(url: str, **connect_args: Any) -> None:
        sign_in("sql")
        engine = create_async_engine(url, connect_args=connect_args)
        give_tokens(engine)
        try:
            for _ in range(2):
                async with engine.connect() as connection:
                    rows = (await connection.execute(sa.text(ROWS))).all()
                    assert len(rows) == 1000
            nbauth.logout("sql")
            with pytest.raises(SignInRequired):
                await engine.connect()
        finally:
            await engine.dispose()

    asyncio.run(read(f"postgresql+psycopg_async://{base}?sslmode=verify-full"))
    asyncio.run(read(f"postgresql+asyncpg://{base}?ssl=verify-full"))
    asyncio.run(read(f"postgresql+asyncpg://{base}", ssl=context))
    assert len(postgres.check.seen) == 3
    assert postgres.check.refused == []


def test_a_pool_outlives_its_tokens(
    postgres: Postgres,
    demo: DemoServer,
    make_engine: Callable[..., Engine],
    sign_in: Callable[..., nbauth.Account],
) -> None:
    """A connection stays when its token expires, and a further one signs in with a new token."""
    demo.provider.settings.access_token_s = 3  # a busy machine takes a second for a connection
    sign_in("sql")
    engine = make_engine()
    give_tokens(engine)
    with engine.connect() as first:
        [token] = postgres.check.seen
        while jwt.decode(token, options={"verify_signature": False})["exp"] > demo.provider.clock():
            assert first.scalar(sa.text("SELECT count(*) FROM cities")) == 1000
        assert not postgres.check("alice@contoso.example", token)
        with engine.connect() as second:
            assert [each.scalar(sa.text("SELECT 1")) for each in (first, second)] == [1, 1]
    with engine.connect() as again:
        assert again.scalar(sa.text("SELECT 1")) == 1
    assert len(set(postgres.check.seen)) == 2
    assert postgres.check.refused == ["expired"]


def test_nobody_is_signed_in(postgres: Postgres, make_engine: Callable[..., Engine]) -> None:
    """The server hears nothing."""
    engine = make_engine()
    give_tokens(engine)
    before = postgres.connections
    with pytest.raises(SignInRequired, match=r'nbauth\.login\("sql"\)'):
        engine.connect()
    assert postgres.connections == before


def test_a_sign_out(
    postgres: Postgres, make_engine: Callable[..., Engine], sign_in: Callable[..., nbauth.Account]
) -> None:
    """It closes what lies in the pool. What is in use then is not handed out again."""
    sign_in("sql")
    engine = make_engine()
    give_tokens(engine)
    held = engine.connect()
    with engine.connect() as idle:
        driver_connection = idle.connection.driver_connection
    nbauth.logout("sql")
    assert driver_connection.closed
    assert held.scalar(sa.text("SELECT 1")) == 1
    held_connection = held.connection.driver_connection
    held.close()
    assert held_connection.closed
    with pytest.raises(SignInRequired):
        engine.connect()
    sign_in("sql")
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT session_user")) == "alice@contoso.example"
    assert len(postgres.check.seen) == 3


def test_another_person(
    postgres: Postgres, make_engine: Callable[..., Engine], sign_in: Callable[..., nbauth.Account]
) -> None:
    """An engine stays with whoever it was given tokens of, until it is given tokens again."""
    sign_in("sql")
    engine = make_engine()
    give_tokens(engine)
    engine.connect().close()
    sign_in("sql", "bob")
    with pytest.raises(SignInRequired, match=r"was made for another sign-in"):
        engine.connect()
    give_tokens(engine)
    with pytest.raises(OperationalError, match="authentication failed"):  # the role in its URL is still Alice
        engine.connect()
    assert postgres.check.refused == ["somebody else's"]
    assert [loan.tool for loan in kernel.loans()] == ["SQLAlchemy engine"]


def test_a_forked_child(
    postgres: Postgres, make_engine: Callable[..., Engine], sign_in: Callable[..., nbauth.Account]
) -> None:
    """It signs in by itself, and a sign-out there leaves the parent's connections alone."""
    sign_in("sql")
    engine = make_engine()
    give_tokens(engine)
    engine.connect().close()

    def work() -> Any:
        nbauth.logout("sql")  # the parent's connection lies in the child's pool, too
        with pytest.raises(SignInRequired):
            engine.connect()
        return True

    assert in_child(work)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1

    def read() -> Any:
        with engine.connect() as connection:
            return connection.scalar(sa.text("SELECT session_user"))

    assert in_child(read) == "alice@contoso.example"
    assert len(postgres.check.seen) == 2


def test_another_visitor(
    postgres: Postgres, make_engine: Callable[..., Engine], sign_in: Callable[..., nbauth.Account]
) -> None:
    """A visitor of a server with several gets no connection out of an engine that is somebody else's."""
    sign_in("sql")
    engine = make_engine()
    give_tokens(engine)
    engine.connect().close()
    before = postgres.connections
    with (
        visitors.visiting(visitors.Unnamed("Streamlit", "Do it otherwise.")),
        pytest.raises(SignInRequired, match="Streamlit"),
    ):
        engine.connect()
    assert postgres.connections == before
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1


def test_each_connection_is_checked(
    postgres: Postgres, make_engine: Callable[..., Engine], sign_in: Callable[..., nbauth.Account]
) -> None:
    """The pool hands out no connection that another sign-in made, though nobody was told of the change."""
    sign_in("sql")
    engine = make_engine()
    give_tokens(engine)
    engine.connect().close()
    give_tokens(engine)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1
    assert len(postgres.check.seen) == 2


def test_loans(make_engine: Callable[..., Engine], postgres: Postgres) -> None:
    """The kernel knows of an engine as long as it is there."""
    engine = sa.create_engine(f"postgresql+psycopg://localhost:{postgres.port}/sales")
    give_tokens(engine)
    assert [(loan.profile, loan.tool, loan.place) for loan in kernel.loans()] == [
        ("sql", "SQLAlchemy engine", postgres.origin)
    ]
    del engine
    gc.collect()
    assert kernel.loans() == []


# Where a token does not go


@pytest.mark.parametrize("sslmode", ["verify-ca", "require", "prefer", "disable", None])
def test_only_to_a_server_that_has_proven_its_name(
    sslmode: str | None,
    postgres: Postgres,
    make_engine: Callable[..., Engine],
    sign_in: Callable[..., nbauth.Account],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another `sslmode` is refused, and what the environment says does not count."""
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    sign_in("sql")
    engine = make_engine(sslmode=sslmode)
    give_tokens(engine)
    before = postgres.connections
    with pytest.raises(ConfigError, match=r"Add \?sslmode=verify-full to its URL"):
        engine.connect()
    assert postgres.connections == before


def test_a_certificate_for_another_name(postgres: Postgres, sign_in: Callable[..., nbauth.Account]) -> None:
    """A server that cannot prove the name in the URL gets no token, though a row names it."""
    apis = {f"postgresql://127.0.0.2:{postgres.port}": (f"{postgres_server.RESOURCE}/user_impersonation",)}
    kernel.add_profile(dataclasses.replace(kernel.config().profiles["sql"], name="elsewhere", apis=apis))
    sign_in("elsewhere")
    address = f"{USER}@127.0.0.2:{postgres.port}/sales?sslmode=verify-full&sslrootcert={postgres.ca_file}"
    # 127.0.0.2 is this machine, too; the server listens at 127.0.0.1.
    engine = sa.create_engine(f"postgresql+psycopg://{address}&hostaddr=127.0.0.1")
    give_tokens(engine)
    with pytest.raises(OperationalError, match="does not match host name"):
        engine.connect()
    assert postgres.check.seen == []


def test_an_authority_that_is_not_the_servers(
    postgres: Postgres, demo: DemoServer, sign_in: Callable[..., nbauth.Account]
) -> None:
    """A server that another authority vouches for gets no token."""
    sign_in("sql")
    address = f"{USER}@localhost:{postgres.port}/sales?sslmode=verify-full&sslrootcert={demo.ca_file}"
    engine = sa.create_engine(f"postgresql+psycopg://{address}")
    give_tokens(engine)
    with pytest.raises(OperationalError, match="certificate verify failed"):
        engine.connect()
    assert postgres.check.seen == []


def test_a_server_that_no_row_names(postgres: Postgres) -> None:
    """The row's host, and its port."""
    for place in ("db.example", f"db.example:{postgres.port}", "localhost"):
        engine = sa.create_engine(f"postgresql+psycopg://{USER}@{place}/sales?sslmode=verify-full")
        with pytest.raises(OriginNotAllowed, match=r'"postgresql://.*" = \["SCOPE"\]'):
            give_tokens(engine)


@pytest.mark.parametrize(
    "elsewhere", [{"host": "db.example"}, {"port": 1}, {"host": "db.example", "port": 5432}, {"hostaddr": "127.0.0.1"}]
)
def test_connect_args(
    elsewhere: dict[str, Any],
    postgres: Postgres,
    make_engine: Callable[..., Engine],
    sign_in: Callable[..., nbauth.Account],
) -> None:
    """Arguments that lead a connection to another server are seen; an address alone has to prove the name."""
    sign_in("sql")
    engine = make_engine(connect_args=elsewhere)
    give_tokens(engine)
    if "hostaddr" in elsewhere:
        engine.connect().close()
        return
    with pytest.raises(OriginNotAllowed, match="connect_args name another server"):
        engine.connect()
    assert postgres.check.seen == []


@pytest.mark.parametrize(
    ("url", "connect_args"),
    [
        ("postgresql+psycopg://alice:secret@localhost:{port}/sales?sslmode=verify-full", {}),
        ("postgresql+psycopg://alice@/sales?host=/run/postgresql&sslmode=verify-full", {}),
        ("postgresql+psycopg://alice@/sales?host=localhost:{port},db.example:1&sslmode=verify-full", {}),
        ("postgresql+psycopg:///sales?sslmode=verify-full", {}),
        ("postgresql+psycopg://alice@localhost:{port}/sales?service=other&sslmode=verify-full", {}),
        ("postgresql+psycopg://alice@localhost:{port}/sales", {"conninfo": "host=db.example"}),
        ("postgresql+asyncpg://alice@localhost:{port}/sales", {"dsn": "postgresql://db.example"}),
        ("postgresql+asyncpg://alice@localhost:{port}/sales?ssl=verify-full", {"async_creator_fn": asyncio.sleep}),
        ("postgresql+asyncpg://alice@localhost:{port}/sales", {"ssl": True}),
        ("postgresql+asyncpg://alice@localhost:{port}/sales", {"ssl": UNCHECKED}),
        ("postgresql+asyncpg://alice@localhost:{port}/sales?ssl=require", {}),
        ("sqlite://", {}),
    ],
)
def test_engines_that_hide_their_server(
    url: str, connect_args: dict[str, Any], postgres: Postgres, sign_in: Callable[..., nbauth.Account]
) -> None:
    """A password, a socket, several hosts, a service or a text, TLS that checks no name, another database: refused."""
    sign_in("sql")
    engine = (create_async_engine if "asyncpg" in url else sa.create_engine)(
        url.format(port=postgres.port), connect_args=connect_args
    )
    before = postgres.connections

    def connect() -> None:
        give_tokens(engine)
        if "asyncpg" in url:
            asyncio.run(_connect(engine))
        else:
            engine.connect()

    with pytest.raises(ConfigError):
        connect()
    assert postgres.connections == before


async def _connect(engine: Any) -> None:
    await engine.connect()


def test_the_port_is_not_the_environments(
    postgres: Postgres, sign_in: Callable[..., nbauth.Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A URL without a port means 5432, whatever PGPORT says."""
    monkeypatch.setenv("PGPORT", str(postgres.port))
    apis = {"postgresql://localhost": (f"{postgres_server.RESOURCE}/user_impersonation",)}
    kernel.add_profile(dataclasses.replace(kernel.config().profiles["sql"], name="usual", apis=apis))
    sign_in("usual")
    address = f"{USER}@localhost/sales?sslmode=verify-full&sslrootcert={postgres.ca_file}"
    engine = sa.create_engine(f"postgresql+psycopg://{address}")
    give_tokens(engine)
    with pytest.raises(OperationalError, match="port 5432 failed"):
        engine.connect()
    assert postgres.check.seen == []


def test_no_secret_anywhere(
    postgres: Postgres,
    demo: DemoServer,
    make_engine: Callable[..., Engine],
    sign_in: Callable[..., nbauth.Account],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No token is in the server's log, the engine, DEBUG logs, or the traceback of a refused login."""
    caplog.set_level(logging.DEBUG)
    sign_in("sql")
    engine = make_engine(echo="debug", echo_pool="debug")
    give_tokens(engine)
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1")).all()
        shown = [
            repr(connection.connection.driver_connection),
            repr(connection),
            str(connection.connection.record_info),
        ]
    refused = make_engine(user="bob%40contoso.example")
    give_tokens(refused)
    with pytest.raises(OperationalError) as caught:
        refused.connect()
    told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    shown += [caplog.text, "".join(told.format()), postgres.log.read_text(), repr(engine), str(engine.url)]
    shown += [repr(vars(engine)), repr(vars(engine.dialect)), repr(vars(engine.pool)), repr(kernel.loans())]
    assert len(postgres.check.seen) == 2
    for token in postgres.check.seen:
        for part in (token, token.rpartition(".")[2], token[-40:]):
            assert not [text for text in shown if part in text]
    with pytest.raises(TypeError):
        pickle.dumps(engine.dialect.dispatch.do_connect[0].__self__)


def test_a_server_that_says_no_to_tls(sign_in: Callable[..., nbauth.Account], demo: DemoServer) -> None:
    """A server without TLS, as somebody between would play it, is told nothing but the wish for it."""
    heard: list[bytes] = []

    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            heard.append(connection.recv(100))
            connection.sendall(b"N")
            heard.append(connection.recv(100))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        port = listening.getsockname()[1]
        apis = {f"postgresql://localhost:{port}": ("api://nbauth-demo/Data.Read",)}
        kernel.add_profile(dataclasses.replace(kernel.config().profiles["demo"], name="plain", apis=apis, file=None))
        sign_in("plain")
        address = f"{USER}@localhost:{port}/sales?sslmode=verify-full&sslrootcert={demo.ca_file}&hostaddr=127.0.0.1"
        engine = sa.create_engine(f"postgresql+psycopg://{address}")
        give_tokens(engine)
        with pytest.raises(OperationalError, match="does not support SSL"):
            engine.connect()
        thread.join(10)
    assert heard == [(8).to_bytes(4, "big") + (80877103).to_bytes(4, "big"), b""]  # SSLRequest, and nothing more
