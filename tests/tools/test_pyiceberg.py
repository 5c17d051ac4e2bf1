"""pyiceberg's REST catalog with the kernel's sign-in, against a server that checks every token."""

from __future__ import annotations

import json
import logging
import pickle
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from loopback_api import as_json, redirect
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import UnauthorizedError
from token_checking_server import serving_those_with_a_token

import nbauth
from nbauth import kernel
from nbauth.adapters.pyiceberg import load_catalog
from nbauth.errors import OriginNotAllowed, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from token_checking_server import TokenCheckingServer

    from nbauth.demo.server import DemoServer

ROWS = pa.table({"a": [1, 2, 3]})


@pytest.fixture
def server(demo: DemoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenCheckingServer]:
    """A catalog with one table, whose files are on this machine."""
    files = SqlCatalog("files", uri=f"sqlite:///{tmp_path}/c.db", warehouse=f"file://{tmp_path}")
    files.create_namespace("sales")
    table = files.create_table("sales.t", schema=ROWS.schema)
    table.append(ROWS)
    told = {"metadata-location": table.metadata_location, "metadata": json.loads(table.metadata.model_dump_json())}
    files.close()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(demo.ca_file))
    with serving_those_with_a_token(demo, resource="api://catalog") as server:
        server.routes = {
            "/v1/config": as_json({"defaults": {}, "overrides": {}}),
            "/v1/namespaces": as_json({"namespaces": [["sales"]]}),
            "/v1/namespaces/sales/tables/t": as_json(told),
        }
        server.add_profile("catalog")
        yield server


@pytest.fixture
def stranger(demo: DemoServer) -> Iterator[TokenCheckingServer]:
    """A server that no row names."""
    with serving_those_with_a_token(demo, resource="api://stranger") as server:
        yield server


@pytest.fixture
def alice(server: TokenCheckingServer, person: Callable[..., Any]) -> None:
    """Alice, signed in."""
    nbauth.login("catalog", flow="paste", prompt=person(), timeout_s=20)


def test_reads_a_table(server: TokenCheckingServer, alice: None) -> None:
    """A table is found and read; each request has a good token."""
    catalog = load_catalog("c", server.origin)
    assert catalog.list_namespaces() == [("sales",)]
    assert catalog.load_table("sales.t").scan().to_arrow().equals(ROWS)
    assert (len(server.accepted), server.refused) == (len(server.seen), [])


def test_a_token_expires(server: TokenCheckingServer, demo: DemoServer, person: Callable[..., Any]) -> None:
    """A catalog that is kept has another token when the first is about to expire."""
    demo.provider.settings.access_token_s = 1
    nbauth.login("catalog", flow="paste", prompt=person(), timeout_s=20)
    catalog = load_catalog("c", server.origin)
    for _ in range(3):
        assert catalog.list_namespaces() == [("sales",)]
    assert len(server.tokens) >= 3
    assert server.refused == []


def test_signed_out(server: TokenCheckingServer, alice: None, person: Callable[..., Any]) -> None:
    """After a sign-out, and for another person, a catalog that was made before sends nothing."""
    catalog = load_catalog("c", server.origin)
    kernel.logout("catalog")
    before = len(server.seen)
    with pytest.raises(SignInRequired, match="Nobody is signed in"):
        catalog.list_namespaces()
    with pytest.raises(SignInRequired, match="Nobody is signed in"):
        load_catalog("c", server.origin)
    nbauth.login("catalog", flow="paste", prompt=person("bob"), timeout_s=20)
    with pytest.raises(SignInRequired, match="was made for another sign-in"):
        catalog.list_namespaces()
    assert before == len(server.seen)


def test_another_server(server: TokenCheckingServer, alice: None, stranger: TokenCheckingServer) -> None:
    """A catalog that names another server, or redirects there, gets it no token; one that no row names is not asked."""
    with pytest.raises(OriginNotAllowed):
        load_catalog("c", stranger.origin)
    for other in (stranger.origin, server.origin.replace("https", "http"), "s3://x"):
        server.routes["/v1/config"] = as_json({"defaults": {}, "overrides": {"uri": other}})
        with pytest.raises(OriginNotAllowed, match="names another server for the catalog"):
            load_catalog("c", server.origin)
    server.routes["/v1/config"] = as_json({"defaults": {}, "overrides": {"uri": f"{server.origin}/"}})
    catalog = load_catalog("c", server.origin)
    assert stranger.seen == []
    server.routes["/v1/namespaces"] = redirect(f"{stranger.origin}/v1/namespaces")
    with pytest.raises(UnauthorizedError):
        catalog.list_namespaces()
    assert [seen.token for seen in stranger.seen if seen.token] == []


def test_nothing_secret(
    server: TokenCheckingServer, alice: None, demo: DemoServer, caplog: pytest.LogCaptureFixture
) -> None:
    """No token stands in a repr, in a log or in a pickle."""
    caplog.set_level(logging.DEBUG)
    catalog = load_catalog("c", server.origin)
    catalog.list_namespaces()
    manager = catalog._auth_manager
    shown = f"{catalog!r} {catalog.properties!r} {manager!r} {vars(manager)!r}"
    shown += "\n".join(record.getMessage() for record in caplog.records)
    for each in (manager, catalog):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(each)
    secrets = [secret for secret in demo.provider.issued_secrets if len(secret) > 20]
    assert secrets
    assert [secret for secret in secrets if secret in shown] == []
    assert [loan.tool for loan in kernel.loans()] == ["pyiceberg"]
