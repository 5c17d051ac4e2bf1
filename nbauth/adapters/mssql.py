"""SQL Server with the kernel's sign-in, by mssql-python or pyodbc: the token goes to the server that a row names."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from nbauth.adapters.row import Row
from nbauth.errors import ConfigError
from nbauth.net.secrecy import clears_frames

if TYPE_CHECKING:
    from types import ModuleType

    from nbauth.net.secrecy import HiddenText

__all__ = ["LIFE_S", "checked", "connect", "server_of", "sign_in_options"]

LIFE_S = 1.5  # a login that the server refuses is not tried again

_ACCESS_TOKEN = 1256  # SQL_COPT_SS_ACCESS_TOKEN in msodbcsql.h
# What a connection string may say: nothing here names another server, or another name for the server's certificate.
# A driver reads some keywords from elsewhere (DSN, FileDSN), and sends the token on to a Failover_Partner.
_SERVER = ("server", "addr", "address")
_HARMLESS = (
    *("ansinpw", "app", "applicationintent", "autotranslate", "columnencryption", "connectretrycount"),
    *("connectretryinterval", "database", "driver", "encrypt", "ipaddresspreference", "keepalive", "keepaliveinterval"),
    *("language", "longasmax", "mars_connection", "multisubnetfailover", "packetsize", "quotedid", "regional"),
    *("servercertificate", "transparentnetworkipresolution", "trustservercertificate", "wsid"),
)
_IS_ENCRYPTED = {"yes", "true", "mandatory", "strict"}

_PAIR = re.compile(r"\s*([^=;{}\s](?:[^=;{}]*[^=;{}\s])?)\s*=\s*(\{(?:[^{}]|\}\})*\}|[^;{}]*?)\s*(?:;|$)")
_PAIRS = re.compile(rf"(?:{_PAIR.pattern})*[;\s]*")
_HOST = re.compile(r"(?:tcp:)?([a-z0-9._-]+)(?:\s*,\s*([0-9]{1,5}))?", re.IGNORECASE)


@clears_frames
def connect(
    driver: ModuleType,
    connection_string: str,
    profile: str | None = None,
    *,
    autocommit: bool = False,
    timeout_s: int = 0,
) -> Any:
    """Connect to SQL Server with a token of the kernel's sign-in.

    A connection stays open when the token expires. mssql-python asks for another one for a bulk copy.

    Args:
        driver: the module `mssql_python` or `pyodbc`.
        connection_string: names ``Server``, and ``Encrypt=yes`` or ``strict``; no user and no password.
        profile: name of the profile; None for the one that names ``mssql://SERVER``.
        autocommit: as both drivers have it.
        timeout_s: seconds that the login may take; 0 for as long as the driver has it.

    Returns:
        The driver's own connection.

    Raises:
        ConfigError: the connection string has it otherwise; or the configuration is wrong.
        OriginNotAllowed: no profile names the server.
        SignInRequired: a person has to sign in first; the server hears nothing.
    """
    name = driver.__name__
    row = Row(server_of(connection_string), profile, tool=f"{name} connection", life_s=LIFE_S)
    return driver.connect(
        checked(connection_string), autocommit=autocommit, timeout=timeout_s, **sign_in_options(name, row)
    )


def server_of(connection_string: str) -> str:
    """Return the server that a connection string names, as a row of `apis` does: ``mssql://host:port``.

    Raises:
        ConfigError: it names none, or in a way that hides which one it is.
    """
    given = _read(connection_string)
    names = [given[key] for key in _SERVER if key in given]
    if len(names) != 1:
        raise _wrong("it must name one Server")
    host = _HOST.fullmatch(names[0])
    if host is None:
        raise _wrong(f"expected Server=host or Server=host,port, found {names[0]!r}")
    return f"mssql://{host[1]}:{host[2] or 1433}"


def checked(connection_string: str) -> str:
    """Return a connection string that only sends the token to the server it names, over TLS that names the server.

    Raises:
        ConfigError: it does not.
    """
    given = _read(connection_string)
    for key in given:
        if key in {"uid", "pwd", "authentication", "trusted_connection"}:
            raise _wrong(f"the token signs in, so leave {key} out")
        if key not in _SERVER and key not in _HARMLESS:
            raise _wrong(f"with a token {key} may not be there; known: {', '.join(('server', *_HARMLESS))}")
    # Older drivers do not encrypt if it is left out.
    if given.get("encrypt", "").lower() not in _IS_ENCRYPTED:
        raise _wrong("a token is sent over TLS only", "Add Encrypt=yes to it.")
    if given.get("trustservercertificate", "no").lower() not in {"no", "false"}:
        raise _wrong("a token goes to a server that has proven its name only", "Leave TrustServerCertificate out.")
    return connection_string


def sign_in_options(driver: str, row: Row) -> dict[str, Any]:
    """Return what a driver's `connect` takes to sign in with a row's token.

    Args:
        driver: the name of its module.
        row: the row of the server.

    Raises:
        SignInRequired: a person has to sign in first.
    """
    token = row.access_token().secret
    if driver == "mssql_python":
        return {"token_provider": _TokenProvider(row)}
    encoded = token.reveal().encode("utf-16-le")
    return {"attrs_before": {_ACCESS_TOKEN: struct.pack(f"<I{len(encoded)}s", len(encoded), encoded)}}


class _Token(NamedTuple):
    token: HiddenText
    expires_on: int


class _TokenProvider:
    """What mssql-python asks for a token."""

    def __init__(self, row: Row) -> None:
        self._row = row

    def __repr__(self) -> str:
        return repr(self._row)

    def get_token(self, *scopes: str) -> _Token:
        """Return the row's token. The driver always names the scope of Azure's public cloud, whatever its server is."""
        del scopes
        token = self._row.access_token()
        return _Token(token.secret, int(token.expires_at))


def _read(connection_string: str) -> dict[str, str]:
    """Return what a connection string says, keywords in lower case; what drivers may read differently is refused."""
    if not connection_string.isprintable() or not _PAIRS.fullmatch(connection_string):
        raise _wrong("expected KEYWORD=value;KEYWORD=value")
    given: dict[str, str] = {}
    for key, value in _PAIR.findall(connection_string):
        if key.lower() in given:
            raise _wrong(f"{key} is there twice")
        given[key.lower()] = value[1:-1].replace("}}", "}") if value.startswith("{") else value
    return given


def _wrong(what: str, next_step: str | None = None) -> ConfigError:
    return ConfigError(f"The connection string is not one for a token: {what}.", next_step=next_step)
