"""The kernel's sign-in for the connections of a SQLAlchemy engine: PostgreSQL and SQL Server."""

from __future__ import annotations

import os
import re
import ssl
import weakref
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError

from nbauth import kernel
from nbauth.adapters import mssql
from nbauth.adapters.row import Row
from nbauth.errors import ConfigError, OriginNotAllowed, SignInRequired
from nbauth.net.origins import api_origin_of
from nbauth.net.secrecy import clears_frames

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Dialect
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

__all__ = ["give_tokens"]

_SIGNED_IN_BY = "nbauth"  # in the pool's notes on a connection
_LIBPQ = ("psycopg", "psycopg_async", "psycopg2")
_DRIVERS = {"postgresql": (*_LIBPQ, "asyncpg"), "mssql": ("pyodbc", "mssqlpython")}
# What else both drivers of SQL Server take; all others end up in the connection string.
_MSSQL_OPTIONS = {"autocommit", "timeout", "encoding", "ansi", "readonly", "native_uuid"}


def give_tokens(engine: Engine | AsyncEngine, profile: str | None = None) -> None:
    """Let each new connection of an engine sign in with a token of the kernel's sign-in.

    PostgreSQL takes it as the password (psycopg, psycopg2, asyncpg), SQL Server in its login (pyodbc, mssql-python). A
    connection stays open when its token expires; a new one gets a new token. After a sign-out the pool hands out none,
    and those that lie in it are closed. Called again, it binds the engine to whoever is signed in by then.

    Args:
        engine: an engine whose URL names the server, and no password. PostgreSQL needs ``sslmode=verify-full`` (with
            asyncpg ``ssl=verify-full``, or an `ssl.SSLContext` that checks names), SQL Server ``Encrypt=yes``.
        profile: name of the profile; None for the one that names ``postgresql://HOST:PORT`` or ``mssql://HOST``.

    Raises:
        ConfigError: the engine is for another database or driver, or hides its server; or the configuration is wrong.
        OriginNotAllowed: no profile names its server.
    """
    engine = engine if isinstance(engine, Engine) else engine.sync_engine
    dialect = engine.dialect
    if dialect.driver not in _DRIVERS.get(dialect.name, ()):
        known = ", ".join(f"{name}+{driver}" for name, drivers in _DRIVERS.items() for driver in drivers)
        raise ConfigError(f"give_tokens: {dialect.name}+{dialect.driver} is not known; known: {known}.")
    server = _server(dialect, *dialect.create_connect_args(engine.url))
    row = Row(server, profile, tool="SQLAlchemy engine", life_s=mssql.LIFE_S)
    for listener in dialect.dispatch.do_connect:
        earlier = getattr(listener, "__self__", None)
        if isinstance(earlier, _Tokens):
            earlier.row = row  # the pool hands out nothing that another row signed in
            return
    tokens = _Tokens(engine, row)
    event.listen(engine, "do_connect", tokens.connect)
    event.listen(engine, "checkout", tokens.check)
    event.listen(engine, "checkin", tokens.close_if_over)
    kernel.watch(tokens.close_after_sign_out)


class _Tokens:
    """Signs in the connections of one engine.

    Args:
        engine: the engine.
        row: the row of its server.
    """

    def __init__(self, engine: Engine, row: Row) -> None:
        self._engine = weakref.ref(engine)
        self.row = row

    @clears_frames
    def connect(
        self, dialect: Dialect, record: ConnectionPoolEntry | None, cargs: list[Any], cparams: dict[str, Any]
    ) -> Any:
        """Make a connection.

        It is made here, and the token is in no arguments that others get, who might connect to another server.
        """
        row = self.row  # one for all: another thread may give the engine tokens again meanwhile
        server = _server(dialect, cargs, cparams)
        if api_origin_of(server) != api_origin_of(row.origin):
            raise OriginNotAllowed(
                f"{row!r} was to connect to {server}: the engine's connect_args name another server.", url=server
            )
        if dialect.name == "mssql":
            # SQLAlchemy adds for pyodbc what no token goes with, where there is no user.
            cargs = [mssql.checked(re.sub(r";Trusted_Connection=Yes(?=;|$)", "", cargs[0]))]
            driver = {"mssqlpython": "mssql_python"}.get(dialect.driver, dialect.driver)
            cparams = {**cparams, **mssql.sign_in_options(driver, row)}
        else:
            cparams = _over_tls(dialect, cparams) | {"password": row.access_token().secret}
        connection = dialect.connect(*cargs, **cparams)
        if record is not None:
            record.info[_SIGNED_IN_BY] = weakref.ref(row), os.getpid()
        return connection

    def check(self, connection: object, record: ConnectionPoolEntry, proxy: PoolProxiedConnection) -> None:
        """Let the pool make a connection anew, rather than hand out one of a sign-in that is over."""
        del connection
        if _is_of_parent(record):  # it goes on there: closed here, it would be closed for the parent
            record.dbapi_connection = proxy.dbapi_connection = None  # type: ignore[misc]
            raise DisconnectionError
        if self._is_over(record):
            raise DisconnectionError

    def close_if_over(self, connection: object, record: ConnectionPoolEntry) -> None:
        """Close a connection that comes back to the pool after its sign-in."""
        if connection is not None and not _is_of_parent(record) and self._is_over(record):
            record.invalidate()

    def close_after_sign_out(self) -> None:
        """Close what lies in the pool. An async engine's can be closed in its event loop alone: `check` sees to it."""
        engine = self._engine()
        if engine is not None and not engine.dialect.is_async and not self._is_signed_in():
            engine.dispose()

    def _is_over(self, record: ConnectionPoolEntry) -> bool:
        signed_in_by, _ = record.info.get(_SIGNED_IN_BY, (None, 0))
        return signed_in_by is None or signed_in_by() is not self.row or not self._is_signed_in()

    def _is_signed_in(self) -> bool:
        try:
            self.row.check_sign_in()
        except SignInRequired:
            return False
        return True


def _is_of_parent(record: ConnectionPoolEntry) -> bool:
    """Tell whether another process made a connection, from which this one is forked."""
    return _SIGNED_IN_BY in record.info and record.info[_SIGNED_IN_BY][1] != os.getpid()


def _server(dialect: Dialect, cargs: Any, cparams: Mapping[str, Any]) -> str:
    """Return the server that a driver's arguments name, as a row of `apis` does."""
    if dialect.name == "mssql":
        other = sorted(set(cparams) - _MSSQL_OPTIONS)
        if other or len(cargs) != 1:
            raise ConfigError(
                f"give_tokens: connect_args may not have {other[0] if other else 'arguments of its own'}; "
                f"known: {', '.join(sorted(_MSSQL_OPTIONS))}.",
                next_step="Write it in the engine's URL.",
            )
        return mssql.server_of(cargs[0])
    if any(cargs) or any(cparams.get(name) for name in ("conninfo", "dsn", "service", "password", "async_creator_fn")):
        raise ConfigError(
            "give_tokens: the engine has a password, or connects by a text, a service or a function in which its "
            "server cannot be seen.",
            next_step="Name the server in the engine's URL. Its password is the token.",
        )
    host, port = cparams.get("host"), cparams.get("port") or 5432
    # "/" begins the folder of a socket, which has no TLS; "," parts the names of several servers.
    if not isinstance(host, str) or not re.fullmatch(r"[^/,@\s][^/,\s]*", host) or not str(port).isdecimal():
        raise ConfigError(
            f"give_tokens: expected an engine whose URL names one host and port, found {host!r}, {port!r}."
        )
    return f"postgresql://{f'[{host}]' if ':' in host else host}:{port}"


def _over_tls(dialect: Dialect, cparams: dict[str, Any]) -> dict[str, Any]:
    """Return a PostgreSQL driver's arguments by which a token only goes to the server that has proven its name."""
    cparams = {"port": 5432, **cparams}  # or else it may come from the environment
    if dialect.driver in _LIBPQ:
        if cparams.get("sslmode") != "verify-full":
            raise _not_verified("sslmode=verify-full")
        # libpq goes by Kerberos where it can, and then heeds no sslmode
        # (https://www.postgresql.org/docs/current/libpq-connect.html, gssencmode).
        return cparams | {"gssencmode": "disable"}
    tls = cparams.get("ssl")
    is_verified = isinstance(tls, ssl.SSLContext) and tls.check_hostname and tls.verify_mode == ssl.CERT_REQUIRED
    if tls != "verify-full" and not is_verified:
        raise _not_verified("ssl=verify-full")
    return cparams


def _not_verified(setting: str) -> ConfigError:
    return ConfigError(
        "give_tokens: a token goes to a server that has proven its name only, and the engine does not ask for that.",
        next_step=f"Add ?{setting} to its URL.",
    )
