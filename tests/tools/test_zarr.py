"""`nbauth://` in xarray and zarr, which read it by fsspec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr
import zarr
from fake_marimo import FakeMarimo
from ranged_files import RangedFile
from token_checking_server import serving_those_with_a_token

import nbauth
from nbauth.errors import ConfigError, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from token_checking_server import TokenCheckingServer

    from nbauth.demo.server import DemoServer

# zarr warns whoever writes it that consolidated metadata is no part of its format 3 yet; xarray writes it by default.
pytestmark = pytest.mark.filterwarnings("ignore:Consolidated metadata:zarr.errors.ZarrUserWarning")

GRID = np.arange(200 * 300, dtype="f8").reshape(200, 300)


@pytest.fixture
def api(demo: DemoServer) -> Iterator[TokenCheckingServer]:
    """A server of files over https, which a profile names."""
    with serving_those_with_a_token(demo, resource="api://files") as server:
        server.add_profile("files")
        yield server
    demo.provider.clock.reset()


def serve_folder(api: TokenCheckingServer, folder: Path) -> dict[str, RangedFile]:
    """Serve every file of a folder; return them by their paths in it."""
    files = {
        str(path.relative_to(folder)): RangedFile(path.read_bytes()) for path in folder.rglob("*") if path.is_file()
    }
    api.routes |= {f"/{folder.name}/{name}": file for name, file in files.items()}
    return files


@pytest.fixture
def store(api: TokenCheckingServer, demo: DemoServer, tmp_path: Path) -> dict[str, RangedFile]:
    """A dataset of temperatures in chunks, as xarray writes it."""
    data = xr.Dataset({"t": (("y", "x"), GRID)}, coords={"y": np.arange(200), "x": np.arange(300)})
    data.to_zarr(tmp_path / "t.zarr", encoding={"t": {"chunks": (50, 100)}}, consolidated=True, zarr_format=3)
    return serve_folder(api, tmp_path / "t.zarr")


@pytest.fixture
def address(api: TokenCheckingServer) -> str:
    """The API's address for tools that read by fsspec."""
    return api.origin.replace("https://", "nbauth://")


def test_xarray(
    api: TokenCheckingServer, store: dict[str, RangedFile], address: str, person: Callable[..., Any]
) -> None:
    """Xarray opens a store by its address, and only the chunks that are looked at come; each request has a token."""
    nbauth.login("files", flow="paste", prompt=person(), timeout_s=20)
    with xr.open_zarr(f"{address}/t.zarr") as data:
        np.testing.assert_array_equal(GRID[:50, 100:200], data["t"][:50, 100:200].to_numpy())
        asked = {seen.path for seen in api.seen if "/t/c/" in seen.path}
        assert {"/t.zarr/t/c/0/1"} == asked
        np.testing.assert_array_equal(GRID, data["t"].to_numpy())
    assert len(api.accepted) == len(api.seen)


def test_zarr_reads_parts_of_a_shard(
    api: TokenCheckingServer, address: str, tmp_path: Path, person: Callable[..., Any]
) -> None:
    """Of a shard, zarr reads one chunk by byte ranges."""
    nbauth.login("files", flow="paste", prompt=person(), timeout_s=20)
    noise = np.random.default_rng(1).random((1_000, 1_000))
    zarr.create_array(tmp_path / "n.zarr", data=noise, chunks=(100, 100), shards=(1_000, 1_000))
    files = serve_folder(api, tmp_path / "n.zarr")
    read = zarr.open_array(f"{address}/n.zarr", mode="r", storage_options={"profile": "files"})
    np.testing.assert_array_equal(noise[300:400, 500:600], read[300:400, 500:600])
    shard = files["c/0/0"]
    assert 0 < shard.sent < len(shard.content) / 10


def test_a_store_that_would_have_to_be_listed(
    api: TokenCheckingServer, address: str, tmp_path: Path, person: Callable[..., Any]
) -> None:
    """Without consolidated metadata xarray would list; it is told so, instead of an empty dataset."""
    nbauth.login("files", flow="paste", prompt=person(), timeout_s=20)
    xr.Dataset({"t": (("y", "x"), GRID)}).to_zarr(tmp_path / "u.zarr", consolidated=False)
    serve_folder(api, tmp_path / "u.zarr")
    with pytest.raises(ConfigError, match="An API's files cannot be listed"):
        xr.open_zarr(f"{address}/u.zarr", consolidated=False)
    np.testing.assert_array_equal(GRID[0], zarr.open_group(f"{address}/u.zarr", mode="r")["t"][0])


def test_nobody_signed_in(api: TokenCheckingServer, store: dict[str, RangedFile], address: str) -> None:
    """Where nobody is signed in, xarray says so, and nothing was sent."""
    with pytest.raises(SignInRequired, match=r'Run: nbauth\.login\("files"\)'):
        xr.open_zarr(f"{address}/t.zarr")
    assert api.seen == []


def test_in_a_server_with_several_visitors(
    api: TokenCheckingServer,
    store: dict[str, RangedFile],
    address: str,
    person: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Zarr reads in a thread of its own, which is in nobody's visit: it reads with nobody's eyes."""
    server = FakeMarimo(monkeypatch)
    with server.visit("alice"):
        nbauth.login("files", flow="paste", prompt=person(), timeout_s=20)
        with pytest.raises(SignInRequired, match="does not tell here which of them this is"):
            xr.open_zarr(f"{address}/t.zarr")
    assert api.seen == []


def test_a_token_expires_while_a_store_is_open(
    api: TokenCheckingServer, store: dict[str, RangedFile], address: str, person: Callable[..., Any], demo: DemoServer
) -> None:
    """A store that is open outlives a token."""
    nbauth.login("files", flow="paste", prompt=person(), timeout_s=20)
    with xr.open_zarr(f"{address}/t.zarr") as data:
        np.testing.assert_array_equal(GRID[0, :100], data["t"][0, :100].to_numpy())
        first = {seen.token for seen in api.seen}
        demo.provider.clock.advance(3_700)
        np.testing.assert_array_equal(GRID, data["t"].to_numpy())
    assert len({seen.token for seen in api.seen} - first) == 1
    assert demo.provider.requests.count("*/token", grant_type="refresh_token") == 1
