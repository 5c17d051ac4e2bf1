"""Connection strings of SQL Server: which a token goes with, and where it goes."""

from __future__ import annotations

import dataclasses
import pickle
import struct
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import nbauth
from nbauth import kernel
from nbauth.adapters import mssql
from nbauth.errors import ConfigError, OriginNotAllowed, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.demo.server import DemoServer

HOST = "sales.database.windows.net"
BASE = f"Server={HOST};Database=sales;Encrypt=yes"


class Driver(SimpleNamespace):
    """A driver that notes what it was given."""

    def connect(self, connection_string: str, **options: Any) -> Driver:
        self.given = {"connection_string": connection_string, **options}
        return self


@pytest.fixture
def signed_in(demo: DemoServer, person: Callable[..., Any]) -> str:
    """Sign in Alice to a profile with a row for the server, and return the row's token."""
    apis = {f"mssql://{HOST}": ("api://nbauth-demo/Data.Read",)}
    kernel.add_profile(dataclasses.replace(kernel.config().profiles["demo"], name="sql", apis=apis, file=None))
    nbauth.login("sql", flow="paste", prompt=person(), timeout_s=20)
    return kernel.credential_of(kernel.config().profiles["sql"], apis[f"mssql://{HOST}"]).token(apis[f"mssql://{HOST}"])


def test_pyodbc_gets_a_structure(signed_in: str) -> None:
    """The token is text in UTF-16 after its length in bytes: what the driver takes before it connects."""
    driver = Driver(__name__="pyodbc")
    mssql.connect(driver, BASE, timeout_s=7)
    [(attribute, value)] = driver.given.pop("attrs_before").items()
    (size,) = struct.unpack_from("<I", value)
    assert (attribute, size, value[4:].decode("utf-16-le")) == (1256, len(value) - 4, signed_in)
    assert driver.given == {"connection_string": BASE, "autocommit": False, "timeout": 7}


def test_mssql_python_gets_a_provider(signed_in: str) -> None:
    """It may ask again, and is given the row's token, whatever scope it names; nothing shows it or pickles it."""
    driver = Driver(__name__="mssql_python")
    mssql.connect(driver, BASE, autocommit=True)
    provider = driver.given.pop("token_provider")
    token = provider.get_token("https://database.windows.net/.default")
    assert (token.token, isinstance(token.expires_on, int)) == (signed_in, True)
    assert signed_in not in f"{token!r} {token} {provider!r} {driver.given}"
    for secret in (provider, token):
        with pytest.raises(TypeError):
            pickle.dumps(secret)
    nbauth.logout("sql")
    with pytest.raises(SignInRequired):
        provider.get_token("https://database.windows.net/.default")
    assert driver.given == {"connection_string": BASE, "autocommit": True, "timeout": 0}


def test_nobody_is_signed_in(signed_in: str) -> None:
    """The driver is not asked to connect."""
    nbauth.logout("sql")
    driver = Driver(__name__="mssql_python")
    with pytest.raises(SignInRequired, match=r'nbauth\.login\("sql"\)'):
        mssql.connect(driver, BASE)
    assert not hasattr(driver, "given")


def test_a_server_that_no_row_names(signed_in: str) -> None:
    """Another host, or another port."""
    for server in ("other.database.windows.net", f"{HOST},1434", f"{HOST}.example"):
        with pytest.raises(OriginNotAllowed, match=r'"mssql://.*" = \["SCOPE"\]'):
            mssql.connect(Driver(__name__="pyodbc"), f"Server={server};Encrypt=yes")


@pytest.mark.parametrize(
    ("connection_string", "server"),
    [
        (BASE, f"mssql://{HOST}:1433"),
        (f"SERVER = tcp:{HOST.upper()},1433 ; Encrypt = Strict;", f"mssql://{HOST.upper()}:1433"),
        ("Driver={ODBC Driver 18 for SQL Server};Addr={db.example,5};encrypt=Mandatory;;", "mssql://db.example:5"),
        ("Address=db;Encrypt=true;TrustServerCertificate=no;APP={a;Server=other;b}}c}", "mssql://db:1433"),
    ],
)
def test_connection_strings(connection_string: str, server: str) -> None:
    """The server is seen as the driver sees it: synonyms, ports, braces."""
    assert mssql.server_of(connection_string) == server
    assert mssql.checked(connection_string) == connection_string


@pytest.mark.parametrize(
    ("connection_string", "what"),
    [
        ("Database=sales;Encrypt=yes", "one Server"),
        (f"{BASE};Server=other.example", "Server is there twice"),
        (f"{BASE};Addr=other.example", "one Server"),
        (f"{BASE};DSN=other", "dsn may not be there"),
        (f"{BASE};FileDSN=/tmp/other.dsn", "filedsn may not be there"),
        (f"{BASE};Failover_Partner=other.example", "failover_partner may not be there"),
        (f"{BASE};HostNameInCertificate=*.example", "hostnameincertificate may not be there"),
        (f"{BASE};ServerSPN=other", "serverspn may not be there"),
        (f"{BASE};TrustServerCertificate=yes", "proven its name"),
        (f"{BASE};TrustServerCertificate=1", "proven its name"),
        (f"Server={HOST}", "TLS only"),
        (f"Server={HOST};Encrypt=no", "TLS only"),
        (f"Server={HOST};Encrypt=optional", "TLS only"),
        (f"{BASE};UID=sa", "leave uid out"),
        (f"{BASE};PWD=secret", "leave pwd out"),
        (f"{BASE};Authentication=ActiveDirectoryDefault", "leave authentication out"),
        (f"{BASE};Trusted_Connection=yes", "leave trusted_connection out"),
        ("Server=np:sales;Encrypt=yes", "Server=host"),
        ("Server=lpc:sales;Encrypt=yes", "Server=host"),
        (r"Server=sales\instance;Encrypt=yes", "Server=host"),
        ("Server=(localdb);Encrypt=yes", "Server=host"),
        ("Server={a}};Server=b};Encrypt=yes", "Server=host"),
        (f"Server={HOST};Encrypt={{yes", "KEYWORD=value"),
        (f"Server={HOST}\0.example;Encrypt=yes", "KEYWORD=value"),
        ("Server", "KEYWORD=value"),
        ("", "TLS only"),
    ],
)
def test_connection_strings_that_are_refused(connection_string: str, what: str) -> None:
    """What leads a token elsewhere, or past the certificate's name, or is read differently by drivers."""
    with pytest.raises(ConfigError, match=what):
        mssql.server_of(mssql.checked(connection_string))
