"""Polars, obstore and deltalake on Azurite, with the kernel's sign-in."""

from __future__ import annotations

import asyncio
import gc
import io
import pickle
import time
from typing import TYPE_CHECKING, Any

import obstore
import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import TableNotFoundError
from obstore.exceptions import UnauthenticatedError
from obstore.store import AzureStore
from token_checking_server import serving_those_with_a_token

import nbauth
from nbauth import kernel
from nbauth.adapters.deltalake import storage_options
from nbauth.adapters.obstore import azure
from nbauth.adapters.polars import cloud
from nbauth.errors import ConfigError, OriginNotAllowed, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Azurite
    from token_checking_server import TokenCheckingServer

    from nbauth.demo.server import DemoServer

FRAME = pl.DataFrame({"a": range(10_000), "b": [f"row {number}" for number in range(10_000)]})
SIGNED_OUT = "Nobody is signed in to profile 'storage'"


@pytest.fixture
def url(azurite: Azurite, sign_in: Callable[..., Any]) -> str:
    """The account's address, with Alice signed in and a table in a new container."""
    sign_in("storage")
    return azurite.blob_url


@pytest.fixture
def lake(url: str) -> str:
    """A container of the test's own, with a table in it."""
    name = f"lake{time.time_ns()}"
    table = io.BytesIO()
    FRAME.write_parquet(table)
    with nbauth.session("storage") as session:
        headers = {"x-ms-version": "2024-11-04"}
        assert session.put(f"{url}/{name}?restype=container", headers=headers).status_code == 201
        headers["x-ms-blob-type"] = "BlockBlob"
        assert session.put(f"{url}/{name}/t.parquet", data=table.getvalue(), headers=headers).status_code == 201
    return name


@pytest.fixture
def stranger(demo: DemoServer) -> Iterator[TokenCheckingServer]:
    """A server over https that no row names."""
    with serving_those_with_a_token(demo, resource="api://stranger") as server:
        yield server


def test_polars(url: str, lake: str) -> None:
    """Polars scans, writes and scans a Delta table."""
    options = cloud(url, profile="storage")
    pl.scan_parquet(f"az://{lake}/t.parquet", **options).filter(pl.col("a") > 5).sink_parquet(
        f"az://{lake}/u.parquet", **options
    )
    assert pl.scan_parquet(f"az://{lake}/u.parquet", **options).collect().equals(FRAME.filter(pl.col("a") > 5))
    assert pl.read_parquet(f"abfss://{lake}@elsewhere.dfs.core.windows.net/t.parquet", **options).equals(FRAME)
    write_deltalake(f"az://{lake}/d", FRAME, storage_options=storage_options(url, profile="storage"))
    assert pl.scan_delta(f"az://{lake}/d", **options).collect().equals(FRAME)


def test_a_job(url: str, lake: str) -> None:
    """A job reads as a person does, also on an event loop."""
    store = AzureStore(lake, **azure(url, profile="storage-job"))
    assert pl.scan_parquet(f"az://{lake}/t.parquet", **cloud(url, profile="storage-job")).collect().equals(FRAME)

    async def size() -> int:
        return (await obstore.head_async(store, "t.parquet"))["size"]

    assert asyncio.run(size()) > 0
    write_deltalake(f"az://{lake}/d", FRAME, storage_options=storage_options(url, profile="storage-job"))


def test_polars_asks_again(url: str, lake: str) -> None:
    """A scan that is made once reads with the token of the moment, and after a sign-out with none."""
    scan = pl.scan_parquet(f"az://{lake}/t.parquet", **cloud(url, profile="storage"))
    assert len(scan.collect()) == len(FRAME)
    kernel.logout("storage")
    with pytest.raises(SignInRequired, match=SIGNED_OUT):
        scan.collect()


def test_obstore(url: str, lake: str) -> None:
    """Obstore lists, reads, writes; after a sign-out it is told so."""
    store = AzureStore(lake, **azure(url, profile="storage"))
    obstore.put(store, "x", b"abc")
    assert bytes(obstore.get(store, "x").bytes()) == b"abc"
    assert sorted(each["path"] for each in obstore.list(store).collect()) == ["t.parquet", "x"]
    kernel.logout("storage")
    with pytest.raises(UnauthenticatedError, match=SIGNED_OUT):
        obstore.get(store, "x")


def test_deltalake(url: str, lake: str) -> None:
    """Deltalake writes and reads; after a sign-out there are no options, and what was made has its token still."""
    write_deltalake(f"az://{lake}/d", FRAME, storage_options=storage_options(url, profile="storage"))
    table = DeltaTable(f"az://{lake}/d", storage_options=storage_options(url, profile="storage"))
    assert pl.from_arrow(table.to_pyarrow_table()).equals(FRAME)
    kernel.logout("storage")
    with pytest.raises(SignInRequired, match=SIGNED_OUT):
        storage_options(url, profile="storage")
    assert table.version() == 0


def test_tokens_that_expire(url: str, lake: str, demo: DemoServer, sign_in: Callable[..., Any]) -> None:
    """What goes on longer than a token lives gets another one; deltalake, where its options are asked for again."""
    demo.provider.settings.access_token_s = 4
    sign_in("storage")
    store = AzureStore(lake, **azure(url, profile="storage"))
    scan = pl.scan_parquet(f"az://{lake}/t.parquet", **cloud(url, profile="storage"))
    write_deltalake(f"az://{lake}/d", FRAME, storage_options=storage_options(url, profile="storage"))
    until = time.monotonic() + 6
    while time.monotonic() < until:
        assert len(scan.select("a").collect()) == len(FRAME)
        assert obstore.head(store, "t.parquet")["size"] > 0
        assert DeltaTable(f"az://{lake}/d", storage_options=storage_options(url, profile="storage")).version() == 0
    assert demo.provider.requests.count("*/token", grant_type="refresh_token") >= 1


def test_a_path_that_names_a_stranger(url: str, lake: str, stranger: TokenCheckingServer) -> None:
    """A path that names another server gets it no token."""
    host = stranger.origin.removeprefix("https://")
    for path in (f"{stranger.origin}/{lake}/t.parquet", f"abfss://{lake}@{host}/t.parquet", f"az://{lake}@{host}/x"):
        for act in (
            lambda path=path: pl.scan_parquet(path, **cloud(url, profile="storage")).collect(),
            lambda path=path: DeltaTable(path, storage_options=storage_options(url, profile="storage")),
        ):
            with pytest.raises((OSError, TableNotFoundError)):
                act()
    assert [seen.token for seen in stranger.seen if seen.token] == []


def test_refused_before_anything_is_sent(url: str, stranger: TokenCheckingServer) -> None:
    """An address that no row names, and one that names more than an account, are errors at once."""
    for make in (cloud, azure, storage_options):
        with pytest.raises(OriginNotAllowed):
            make(stranger.origin)
        with pytest.raises(ConfigError, match="Name the account alone"):
            make(f"{url}/container/x", profile="storage")
        with pytest.raises(ConfigError, match="Name the account alone"):
            make(f"{url}?sv=1", profile="storage")


def test_another_person(url: str, lake: str, sign_in: Callable[..., Any]) -> None:
    """What was made for Alice gets no token of Bob's; what is made for Bob does, whatever a tool has kept."""
    scan = pl.scan_parquet(f"az://{lake}/t.parquet", **cloud(url, profile="storage"))
    store = AzureStore(lake, **azure(url, profile="storage"))
    sign_in("storage", "bob")
    for act in (scan.collect, lambda: obstore.head(store, "t.parquet")):
        with pytest.raises((SignInRequired, UnauthenticatedError), match="was made for another sign-in"):
            act()
    assert len(pl.read_parquet(f"az://{lake}/t.parquet", **cloud(url, profile="storage"))) == len(FRAME)
    assert obstore.head(AzureStore(lake, **azure(url, profile="storage")), "t.parquet")["size"] > 0


def test_nothing_secret(
    url: str, lake: str, demo: DemoServer, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No token stands in a repr, a pickle, or what Polars tells at length."""
    monkeypatch.setenv("POLARS_VERBOSE", "1")
    made = [cloud(url, profile="storage"), azure(url, profile="storage"), storage_options(url, profile="storage")]
    scan = pl.scan_parquet(f"az://{lake}/t.parquet", **made[0])
    scan.collect()
    store = AzureStore(lake, **made[1])
    obstore.head(store, "t.parquet")
    shown = f"{made!r} {scan!r} {scan.explain()} {store!r} {vars(made[0]['credential_provider'])!r}"
    for each in made:
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(each)
    with pytest.raises(pl.exceptions.ComputeError, match="cannot be pickled"):
        pickle.dumps(scan)
    shown += "".join(capfd.readouterr())
    secrets = [secret for secret in demo.provider.issued_secrets if len(secret) > 20]
    assert secrets
    assert [secret for secret in secrets if secret in shown] == []


def test_loans(url: str) -> None:
    """They are told of as long as they live."""
    made = [cloud(url, profile="storage"), azure(url, profile="storage")]
    assert {"Polars", "obstore"} <= {loan.tool for loan in kernel.loans()}
    made.clear()
    gc.collect()
    assert [loan for loan in kernel.loans() if loan.profile == "storage"] == []
