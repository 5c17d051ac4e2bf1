"""DuckDB's secrets with the kernel's sign-in: which one DuckDB takes for an address, and what is left of it when."""

from __future__ import annotations

import gc
import pickle
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from fake_marimo import FakeMarimo

import nbauth
from nbauth import kernel
from nbauth.adapters.duckdb import Secret
from nbauth.errors import OriginNotAllowed, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from duckdb import DuckDBPyConnection

    from nbauth.demo.server import DemoServer


@pytest.fixture
def url(demo: DemoServer, person: Callable[..., Any]) -> str:
    """The demo API's address, with Alice signed in."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    return demo.api_origin


@pytest.fixture
def database() -> Iterator[DuckDBPyConnection]:
    """A database."""
    with duckdb.connect() as connection:
        yield connection


def secrets_for(database: DuckDBPyConnection, url: str) -> list[str]:
    """Return the names of the secrets that httpfs takes for an address; DuckDB says so without it."""
    return [row[0] for row in database.execute("from which_secret(?, 'http')", [url]).fetchall()]


def test_for_one_server_alone(database: DuckDBPyConnection, url: str) -> None:
    """DuckDB takes it for that server, and for none whose address only begins like it."""
    held = Secret(database, url)
    assert len(secrets_for(database, f"{url}/v1.0/x.parquet")) == 1
    host = url.removeprefix("http://")
    others = [f"{url}7/x", f"{url}.evil.example/x", f"{url}@evil.example/x", f"https://{host}/x", f"s3://{host}/x", url]
    assert [other for other in others if secrets_for(database, other)] == []
    assert f"<DuckDB secret for {url}, profile 'demo'>" == repr(held)


def test_renewed_where_there_is_need(database: DuckDBPyConnection, url: str, demo: DemoServer) -> None:
    """To renew changes nothing while the token is good; one that is too old for a query is replaced."""
    secret = Secret(database, url)
    demo.provider.requests.clear()
    (name,) = secrets_for(database, f"{url}/x")
    rows = database.execute("from range(3)")
    secret.renew()
    assert demo.provider.requests.count("*/token") == 0
    assert len(rows.fetchall()) == 3
    long = Secret(database, url, life_s=100_000)
    assert demo.provider.requests.count("*/token", grant_type="refresh_token") == 1
    rows = database.execute("from range(3)")
    secret.renew()
    assert len(rows.fetchall()) == 3  # what a connection has still to give is not lost
    assert name in {row[0] for row in database.execute("select name from duckdb_secrets()").fetchall()}
    long.close()


def test_gone_after_a_sign_out(database: DuckDBPyConnection, url: str, person: Callable[..., Any]) -> None:
    """A sign-out drops it at once; another person's sign-in does not bring it back, the same person's does."""
    secret = Secret(database, url)
    kernel.logout("demo")
    assert secrets_for(database, f"{url}/x") == []
    with pytest.raises(SignInRequired):
        secret.renew()
    nbauth.login("demo", flow="paste", prompt=person("bob"), timeout_s=20)
    with pytest.raises(SignInRequired, match="was made for another sign-in"):
        secret.renew()
    assert secrets_for(database, f"{url}/x") == []
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20, select_account=True)
    secret.renew()
    assert len(secrets_for(database, f"{url}/x")) == 1
    nbauth.login("demo", flow="paste", prompt=person("bob"), timeout_s=20, select_account=True)
    assert secrets_for(database, f"{url}/x") == []


def test_as_long_as_it_is_held(database: DuckDBPyConnection, url: str) -> None:
    """It is dropped when it is closed, or no longer held, and told of until then."""
    with Secret(database, url) as secret:
        assert [loan.tool for loan in kernel.loans()] == ["DuckDB secret"]
        assert len(secrets_for(database, f"{url}/x")) == 1
    assert secrets_for(database, f"{url}/x") == []
    assert kernel.loans() == []
    secret.renew()
    assert secrets_for(database, f"{url}/x") == []
    secret = Secret(database, url)
    del secret
    gc.collect()
    assert secrets_for(database, f"{url}/x") == []
    secret = Secret(database, url)
    database.close()
    kernel.logout("demo")
    secret.close()


def test_refused_before_anything_is_sent(database: DuckDBPyConnection, url: str) -> None:
    """A server that no row names, and nobody signed in, are errors at once, and there is no secret."""
    with pytest.raises(OriginNotAllowed):
        Secret(database, "https://elsewhere.example")
    kernel.logout("demo")
    with pytest.raises(SignInRequired):
        Secret(database, url)
    assert database.execute("select count(*) from duckdb_secrets()").fetchone() == (0,)


def test_in_a_server_with_several_visitors(
    database: DuckDBPyConnection, demo: DemoServer, person: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person's sign-in becomes no secret of a database that other visitors may query; an application's does."""
    server = FakeMarimo(monkeypatch)
    with server.visit("alice"):
        nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
        with pytest.raises(SignInRequired, match="good for everybody who queries its database"):
            Secret(database, demo.api_origin, profile="demo")
        assert secrets_for(database, f"{demo.api_origin}/x") == []
        with Secret(database, demo.api_origin, profile="nightly"):
            assert len(secrets_for(database, f"{demo.api_origin}/x")) == 1


def test_nothing_secret(database: DuckDBPyConnection, url: str, demo: DemoServer, tmp_path: Any) -> None:
    """The token stands in no repr, pickle, log of DuckDB's, list of secrets, or file."""
    database.execute("call enable_logging(level = 'trace')")
    database.execute(f"attach '{tmp_path / 'x.db'}' as x")
    secret = Secret(database, url)
    (listed,) = database.execute("from duckdb_secrets()").fetchall()
    assert (listed[4], listed[3], "verify_ssl=true" in listed[6]) == ("memory", False, True)
    shown = f"{secret!r} {vars(secret)!r} {listed} {database.execute('from duckdb_logs').fetchall()}"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(secret)
    secrets = [each for each in demo.provider.issued_secrets if len(each) > 20]
    assert secrets
    assert [each for each in secrets if each in shown] == []
    assert [each for each in secrets for file in tmp_path.rglob("*") if each.encode() in file.read_bytes()] == []
