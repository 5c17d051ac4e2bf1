"""`nbauth://` in xarray and zarr, which read it by fsspec."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr
import zarr
from checked_files import add_folder, serving_files

import nbauth
from nbauth import kernel
from nbauth.errors import ConfigError, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from loopback_api import Server
    from ranged_files import RangedFile

    from nbauth.demo.server import DemoServer

# zarr warns whoever writes it that consolidated metadata is no part of its format 3 yet; xarray writes it by default.
pytestmark = pytest.mark.filterwarnings("ignore:Consolidated metadata:zarr.errors.ZarrUserWarning")

GRID = np.arange(200 * 300, dtype="f8").reshape(200, 300)


@pytest.fixture
def api(demo: DemoServer) -> Iterator[Server]:
    """An API for files, which a profile names."""
    with serving_files(demo) as server:
        profile = kernel.config().profiles["demo"]
        scopes = profile.apis[demo.api_origin]
        kernel.add_profile(dataclasses.replace(profile, name="files", apis={server.origin: scopes}))
        yield server
    demo.provider.clock.reset()


@pytest.fixture
def store(api: Server, demo: DemoServer, tmp_path: Path) -> dict[str, RangedFile]:
    """A dataset of temperatures in chunks, as xarray writes it."""
    data = xr.Dataset({"t": (("y", "x"), GRID)}, coords={"y": np.arange(200), "x": np.arange(300)})
    data.to_zarr(tmp_path / "t.zarr", encoding={"t": {"chunks": (50, 100)}}, consolidated=True, zarr_format=3)
    return add_folder(api, demo, tmp_path / "t.zarr", "/t.zarr")


@pytest.fixture
def address(api: Server) -> str:
    """The API's address for tools that read by fsspec."""
    return api.origin.replace("https://", "nbauth://")


def test_xarray(
    api: Server, store: dict[str, RangedFile], address: str, person: Callable[..., Any], demo: DemoServer
) -> None:
    """Xarray opens a store by its address, and only the chunks that are looked at come; each request has a token."""
    nbauth.login("files", flow="paste", prompt=person(), timeout_s=20)
    with xr.open_zarr(f"{address}/t.zarr") as data:
        np.testing.assert_array_equal(GRID[:50, 100:200], data["t"][:50, 100:200].to_numpy())
        asked = {seen.path for seen in api.seen if "/t/c/" in seen.path}
        assert {"/t.zarr/t/c/0/1"} == asked
        np.testing.assert_array_equal(GRID, data["t"].to_numpy())
    assert all(seen.token for seen in api.seen)


def test_zarr_reads_parts_of_a_shard(
    api: Server, demo: DemoServer, address: str, tmp_path: Path, person: Callable[..., Any]
) -> None:
    """Of a shard, zarr reads one chunk by byte ranges."""
    nbauth.login("files", flow="paste", prompt=person(), timeout_s=20)
    noise = np.random.default_rng(1).random((1_000, 1_000))
    zarr.create_array(tmp_path / "n.zarr", data=noise, chunks=(100, 100), shards=(1_000, 1_000))
    files = add_folder(api, demo, tmp_path / "n.zarr", "/n.zarr")
    read = zarr.open_array(f"{address}/n.zarr", mode="r", storage_options={"profile": "files"})
    np.testing.assert_array_equal(noise[300:400, 500:600], read[300:400, 500:600])
    shard = files["c/0/0"]
    assert 0 < shard.sent < len(shard.content) / 10


def test_a_store_that_would_have_to_be_listed(
    api: Server, demo: DemoServer, address: str, tmp_path: Path, person: Callable[..., Any]
) -> None:
    """Without consolidated metadata xarray would list; it is told so, instead of an empty dataset."""
    nbauth.login("files", flow="paste", prompt=person(), timeout_s=20)
    xr.Dataset({"t": (("y", "x"), GRID)}).to_zarr(tmp_path / "u.zarr", consolidated=False)
    add_folder(api, demo, tmp_path / "u.zarr", "/u.zarr")
    with pytest.raises(ConfigError, match="An API's files cannot be listed"):
        xr.open_zarr(f"{address}/u.zarr", consolidated=False)
    np.testing.assert_array_equal(GRID[0], zarr.open_group(f"{address}/u.zarr", mode="r")["t"][0])


def test_nobody_signed_in(api: Server, store: dict[str, RangedFile], address: str) -> None:
    """Where nobody is signed in, xarray says so, and nothing was sent."""
    with pytest.raises(SignInRequired, match=r'Run: nbauth\.login\("files"\)'):
        xr.open_zarr(f"{address}/t.zarr")
    assert api.seen == []


def test_a_token_expires_while_a_store_is_open(
    api: Server, store: dict[str, RangedFile], address: str, person: Callable[..., Any], demo: DemoServer
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
