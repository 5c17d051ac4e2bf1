"""mssql-python and pyodbc, with Microsoft's ODBC driver, against what checks the token in their login."""

from __future__ import annotations

import ctypes.util
import dataclasses
import importlib
import logging
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mssql_python
import mssql_python_odbc
import pandas as pd
import polars as pl
import pytest
import sql_server_stub
import sqlalchemy as sa
from debian_packages import install

import nbauth
from nbauth import kernel
from nbauth.adapters import mssql
from nbauth.adapters.sqlalchemy import give_tokens
from nbauth.demo.certificates import make_server_tls
from nbauth.errors import ConfigError, OriginNotAllowed, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from sql_server_stub import SqlServer

ROWS = "SELECT id, name FROM cities"
DRIVERS = ("mssql_python", "pyodbc")


@pytest.fixture(scope="session")
def odbc_driver() -> Path:
    """Microsoft's ODBC driver for this machine, which comes with mssql-python, and ODBC itself, which pyodbc loads."""
    if ctypes.util.find_library("odbc") is None:
        install("libodbc2")
    libraries = Path(mssql_python_odbc.__file__).parent / "libs" / "linux" / "debian_ubuntu"
    (driver,) = libraries.glob("x86_64/lib/libmsodbcsql-*.so.*")
    return driver


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest, odbc_driver: Path) -> ModuleType:
    """Each driver."""
    return importlib.import_module(request.param)


@pytest.fixture
def connection_string(driver: ModuleType, odbc_driver: Path, sql_server: SqlServer) -> str:
    """What it connects by."""
    by = f"Driver={{{odbc_driver}}};" if driver is not mssql_python else ""
    return f"{by}Server=localhost,{sql_server.port};Database=sales;Encrypt=yes"


@pytest.fixture
def url(driver: ModuleType, odbc_driver: Path, sql_server: SqlServer) -> str:
    """The same as SQLAlchemy has it."""
    name, by = ("mssqlpython", "") if driver is mssql_python else ("pyodbc", f"&driver={odbc_driver}")
    return f"mssql+{name}://localhost:{sql_server.port}/sales?Encrypt=yes{by}"


def _token(server: SqlServer) -> str:
    scopes = (f"{sql_server_stub.RESOURCE}/user_impersonation",)
    return kernel.credential_of(kernel.config().profiles["sql-server"], scopes).token(scopes)


def test_reads_with_a_token(
    driver: ModuleType, connection_string: str, sql_server: SqlServer, sign_in: Callable[..., nbauth.Account]
) -> None:
    """The login has the row's token; a sign-out ends it, though the driver has a pool of its own."""
    sign_in("sql-server")
    connection = mssql.connect(driver, connection_string, autocommit=True)
    assert [tuple(row) for row in connection.execute(ROWS).fetchall()] == sql_server_stub.ROWS
    assert sql_server.tokens == [_token(sql_server)]
    connection.close()
    nbauth.logout("sql-server")
    with pytest.raises(SignInRequired, match=r'nbauth\.login\("sql-server"\)'):
        mssql.connect(driver, connection_string)
    assert sql_server.connections == 1


def test_a_credential(sql_server: SqlServer, sign_in: Callable[..., nbauth.Account]) -> None:
    """mssql-python takes the credential of a row as its own `token_provider`, too."""
    sign_in("sql-server")
    connection_string = f"Server=localhost,{sql_server.port};Encrypt=yes"
    with mssql_python.connect(connection_string, token_provider=nbauth.credential(sql_server.origin)) as connection:
        assert len(connection.execute(ROWS).fetchall()) == len(sql_server_stub.ROWS)
    assert sql_server.tokens == [_token(sql_server)]


def test_engines(driver: ModuleType, url: str, sql_server: SqlServer, sign_in: Callable[..., nbauth.Account]) -> None:
    """An engine's connections sign in, for pandas and Polars; after a sign-out there are none."""
    sign_in("sql-server")
    engine = sa.create_engine(url)
    give_tokens(engine)
    assert len(pd.read_sql(ROWS, engine)) == len(sql_server_stub.ROWS)
    assert pl.read_database(ROWS, engine)["name"].to_list()[-1] == "city 10"
    assert sql_server.tokens == [_token(sql_server)]
    nbauth.logout("sql-server")
    with pytest.raises(SignInRequired):
        engine.connect()
    assert sql_server.connections == 1


@pytest.mark.parametrize(
    "connect_args",
    [
        {"server": "db.example"},
        {"Failover_Partner": "db.example"},
        {"attrs_before": {1228: 1}},
        {"trustservercertificate": "yes"},
    ],
)
def test_connect_args(
    connect_args: dict[str, Any],
    driver: ModuleType,
    url: str,
    sql_server: SqlServer,
    sign_in: Callable[..., nbauth.Account],
) -> None:
    """What both drivers would write into the connection string, or set beside it, is refused."""
    sign_in("sql-server")
    engine = sa.create_engine(url, connect_args=connect_args)
    give_tokens(engine)
    with pytest.raises(ConfigError, match="connect_args may not have"):
        engine.connect()
    for more in ("Encrypt=yes&TrustServerCertificate=yes", "Encrypt=no", "Encrypt=yes&HostNameInCertificate=x"):
        engine = sa.create_engine(url.replace("Encrypt=yes", more))
        give_tokens(engine)
        with pytest.raises(ConfigError, match="not one for a token"):
            engine.connect()
    with pytest.raises(OriginNotAllowed):
        give_tokens(sa.create_engine(url.replace("localhost", "db.example")))
    assert sql_server.connections == 0


def test_a_server_that_has_not_proven_its_name(
    *,
    driver: ModuleType,
    connection_string: str,
    sql_server: SqlServer,
    sign_in: Callable[..., nbauth.Account],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A certificate of another authority, or for another name: the login is never sent."""
    sign_in("sql-server")
    other = tmp_path / "other"
    other.mkdir()
    tls = make_server_tls(other)
    with monkeypatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(tls.ca_file))
        with pytest.raises(driver.Error, match="certificate verify failed"):
            mssql.connect(driver, connection_string)
    assert (sql_server.connections, sql_server.tokens) == (1, [])
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.ca_file))
    with sql_server_stub.running(tls, lambda token: True, "127.0.0.2") as misnamed:  # the certificate has .1
        apis = {f"mssql://127.0.0.2:{misnamed.port}": (f"{sql_server_stub.RESOURCE}/user_impersonation",)}
        profile = kernel.config().profiles["sql-server"]
        kernel.add_profile(dataclasses.replace(profile, name="misnamed", apis=apis))
        sign_in("misnamed")
        server = f"Server=localhost,{sql_server.port}"
        with pytest.raises(driver.Error, match="subject name does not match host name"):
            mssql.connect(driver, connection_string.replace(server, f"Server=127.0.0.2,{misnamed.port}"))
        assert (misnamed.connections, misnamed.tokens) == (1, [])


def test_a_server_that_sends_on(
    *,
    driver: ModuleType,
    connection_string: str,
    sql_server: SqlServer,
    sign_in: Callable[..., nbauth.Account],
) -> None:
    """The driver itself goes where a server sends it, and signs in there with the same token: as the docs say."""
    sign_in("sql-server")
    with sql_server_stub.running(sql_server.tls, lambda token: True) as other:
        sql_server.sends_on_to = other.port
        connection = mssql.connect(driver, connection_string, autocommit=True)
        assert [tuple(row) for row in connection.execute(ROWS).fetchall()] == sql_server_stub.ROWS
        connection.close()
        assert other.tokens == sql_server.tokens


def test_a_refused_token(
    *,
    driver: ModuleType,
    connection_string: str,
    url: str,
    sql_server: SqlServer,
    sign_in: Callable[..., nbauth.Account],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The driver's own error comes; no token is in its traceback, the logs, or the engine."""
    caplog.set_level(logging.DEBUG)
    sign_in("sql-server", "bob")  # the stub takes Alice alone
    engine = sa.create_engine(url, echo="debug")
    give_tokens(engine)
    shown = []
    for connect in (lambda: mssql.connect(driver, connection_string), engine.connect):
        with pytest.raises(Exception, match=r"Login failed|Invalid authorization") as caught:
            connect()
        told = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        shown += told.format()
    shown += [caplog.text, repr(vars(engine)), repr(vars(engine.pool)), repr(kernel.loans())]
    assert len(sql_server.tokens) == 2
    for token in sql_server.tokens:
        spread = repr(token[-40:].encode("utf-16-le"))[2:-1]
        assert [text for text in shown if token[-40:] in text or spread in text] == []
