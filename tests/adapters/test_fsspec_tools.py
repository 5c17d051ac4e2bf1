"""`nbauth+https://` in the tools that read by fsspec, with the kernel's sign-ins."""

from __future__ import annotations

import dataclasses
import functools
import io
import itertools
import json
import logging
import pickle
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import dask.dataframe as dd
import duckdb
import fsspec
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pytest
from pyarrow.fs import FSSpecHandler, PyFileSystem
from ranged_files import RangedFile

import nbauth
from nbauth import kernel
from nbauth.adapters.fsspec import FileSystem
from nbauth.errors import ConfigError, DataError, OriginNotAllowed, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loopback_api import Seen, Server

    from nbauth.demo.server import DemoServer

WIDE = pd.DataFrame({f"c{number}": [number + row / 7 for row in range(10_000)] for number in range(50)})


@functools.cache
def _as_csv() -> bytes:
    return WIDE.to_csv(index=False).encode()


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Keep one test's filesystems from the next."""
    FileSystem.clear_instance_cache()
    yield
    FileSystem.clear_instance_cache()


@pytest.fixture
def parquet(api: Server) -> RangedFile:
    """A wide table as Parquet."""
    buffer = io.BytesIO()
    WIDE.to_parquet(buffer, compression=None)
    made = api.routes["/wide.parquet"] = RangedFile(buffer.getvalue())
    return made


@pytest.fixture
def csv(api: Server) -> RangedFile:
    """The same as CSV."""
    made = api.routes["/wide.csv"] = RangedFile(_as_csv(), content_type="text/csv")
    return made


@pytest.fixture
def files(demo: DemoServer, api: Server, person: Callable[..., Any]) -> str:
    """Where they are, for Alice, who is signed in to the profile that names the API."""
    profile = kernel.config().profiles["demo"]
    scopes = profile.apis[demo.api_origin]
    kernel.add_profile(dataclasses.replace(profile, name="files", apis={api.origin: scopes}))
    nbauth.login("files", flow="paste", prompt=person(), timeout_s=20)
    return f"nbauth+{api.origin}"


@pytest.fixture
def alice(demo: DemoServer, person: Callable[..., Any]) -> str:
    """The demo's API, with Alice signed in."""
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    return f"nbauth+{demo.api_url}"


def _arrow(url: str) -> Any:
    files = PyFileSystem(FSSpecHandler(fsspec.filesystem("nbauth+http")))
    return ds.dataset(url, filesystem=files, format="parquet")


def _duckdb(query: str) -> pd.DataFrame:
    with duckdb.connect() as connection:
        connection.register_filesystem(fsspec.filesystem("nbauth+http"))
        return connection.sql(query).df()


COLUMN: dict[str, Callable[[str], Any]] = {
    "pandas": lambda url: pd.read_parquet(url, columns=["c7"]),
    "pandas-profile": lambda url: pd.read_parquet(url, columns=["c7"], storage_options={"profile": "files"}),
    "pyarrow": lambda url: _arrow(url).to_table(columns=["c7"]).to_pandas(),
    "polars": lambda url: pl.scan_pyarrow_dataset(_arrow(url)).select("c7").collect().to_pandas(),
    "duckdb": lambda url: _duckdb(f"select c7 from read_parquet('{url}')"),  # noqa: S608 - the test's own
    "dask": lambda url: dd.read_parquet(url, columns=["c7"]).compute(scheduler="threads"),
}


@pytest.mark.parametrize("tool", list(COLUMN))
def test_one_column(files: str, parquet: RangedFile, api: Server, tool: str) -> None:
    """Each tool reads one column of a wide table, of which a fraction comes; a query in the URL does not matter."""
    frame = COLUMN[tool](f"{files}/wide.parquet?version=3")
    pd.testing.assert_frame_equal(WIDE[["c7"]], frame, check_dtype=True)
    assert 0 < parquet.sent < len(parquet.content) / 3
    assert not [seen.path for seen in api.seen if seen.token is None or seen.path != "/wide.parquet?version=3"]


WHOLE: dict[str, Callable[[str], Any]] = {
    "pandas": pd.read_csv,
    "polars": lambda url: pl.read_csv(fsspec.open(url).open()).to_pandas(),
    "duckdb": lambda url: _duckdb(f"select * from read_csv('{url}')"),  # noqa: S608 - the test's own
    "dask": lambda url: dd.read_csv(url, blocksize=2_000_000).compute(scheduler="threads").reset_index(drop=True),
    "open": lambda url: pd.read_csv(nbauth.open(url.removeprefix("nbauth+"))),
}


@pytest.mark.parametrize("has_ranges", [True, False], ids=["ranges", "no-ranges"])
@pytest.mark.parametrize("tool", list(WHOLE))
def test_each_tool_reads_a_table(files: str, csv: RangedFile, tool: str, has_ranges: bool) -> None:  # noqa: FBT001
    """Each tool reads a table, whether or not the server has byte ranges."""
    csv.has_ranges = has_ranges
    pd.testing.assert_frame_equal(WIDE, WHOLE[tool](f"{files}/wide.csv"))


@pytest.mark.parametrize("tool", [name for name in COLUMN if name != "dask"])
def test_the_end_comes_first_and_once(files: str, parquet: RangedFile, api: Server, tool: str) -> None:
    """Each tool gets the end of a Parquet file by its first request, and no byte twice, however often it opens it."""
    buffer = io.BytesIO()
    WIDE.to_parquet(buffer, compression=None, row_group_size=2_000)
    parquet.content = buffer.getvalue()
    frame = COLUMN[tool](f"{files}/wide.parquet")
    pd.testing.assert_frame_equal(WIDE[["c7"]], frame)
    assert {"GET"} == {seen.method for seen in api.seen}
    first, *others = parquet.ranges
    assert first[1] == len(parquet.content)
    ends = 1
    if tool.startswith("pandas") and others[0] == first:  # pandas 2 asks twice what it is, and who does is told anew
        assert int(pd.__version__.partition(".")[0]) < 3
        ends, others = 2, others[1:]
    ordered = sorted([first, *others])
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(ordered))
    assert parquet.sent < 128 * 1024 * ends + len(parquet.content) / 50 * 1.5


def test_what_was_asked_is_opened_once(files: str, parquet: RangedFile, api: Server) -> None:
    """What is asked about a Parquet file serves the one who opens it next; who asks again is told anew."""
    made, url = fsspec.filesystem("nbauth+http"), f"{files}/wide.parquet"
    before = made.ukey(url)
    assert made.exists(url)
    with made.open(url) as file:
        assert len(api.seen) == 1
        assert parquet.content == file.read()
    parquet.content += b" "
    assert before != made.ukey(url)
    with made.open(url) as file, made.open(url) as other:
        assert other.read() == file.read() == parquet.content


def test_duckdb_asks_for_little(alice: str, demo: DemoServer) -> None:
    """DuckDB's questions about a file that it opens are no requests: it opens, and it reads."""
    query = f"select count(*), max(id) from read_parquet('{alice}/sunlight.parquet')"  # noqa: S608 - the test's own
    assert _duckdb(query).to_numpy().tolist() == [[5_000, 4_999]]
    assert {"GET"} == {record.method for record in demo.api.requests}


def test_the_demo_by_duckdb_and_dask(alice: str, demo: DemoServer) -> None:
    """Files without a Last-Modified, and one without a length, are read by tools that ask for both."""
    parquet, csv = f"{alice}/sunlight.parquet", f"{alice}/sunlight.csv"
    assert _duckdb(f"select id from read_parquet('{parquet}')")["id"].tolist() == list(range(5_000))  # noqa: S608 - ours
    assert _duckdb(f"select id from read_csv('{csv}')")["id"].tolist() == list(range(5_000))  # noqa: S608 - ours
    assert dd.read_csv(csv)["id"].compute(scheduler="threads").tolist() == list(range(5_000))


def test_the_demo(alice: str, demo: DemoServer) -> None:
    """The demo's Parquet file is read by ranges, faults included."""
    expected = nbauth.read(f"{demo.api_url}/sunlight.parquet")
    expected["day_length_min"] = expected["day_length_min"].astype("float64")  # as pandas reads integers with gaps
    demo.api.faults.add("*.parquet", method="GET", status=401, headers={"WWW-Authenticate": "Bearer"})
    demo.api.faults.add("*.parquet", method="GET", reset=True)
    demo.api.faults.add("*.parquet", method="GET", status=503, retry_after=0)
    pd.testing.assert_frame_equal(expected, pd.read_parquet(f"{alice}/sunlight.parquet"))
    assert 206 in {record.status for record in demo.api.requests}


def test_a_token_expires_while_a_file_is_open(demo: DemoServer, person: Callable[..., Any]) -> None:
    """A token that expires while a file is open is renewed without a break."""
    demo.provider.settings.access_token_s = 4
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    with fsspec.filesystem("nbauth+http").open(f"nbauth+{demo.api_url}/sunlight.parquet", cache_type="none") as file:
        parts = []
        demo.api.faults.add("*.parquet", delay_s=1.1, times=5)
        for start in range(0, 6_000, 1_000):
            file.seek(start)
            parts.append(file.read(1_000))
    whole = fsspec.filesystem("nbauth+http").cat_file(f"nbauth+{demo.api_url}/sunlight.parquet")
    assert whole[:6_000] == b"".join(parts)
    assert demo.provider.requests.count("*/token", grant_type="refresh_token") >= 1


def test_signed_out(alice: str, demo: DemoServer) -> None:
    """After a sign-out no tool reads on, and nothing is sent, whatever fsspec has kept."""
    url = f"{alice}/sunlight.parquet"
    files = fsspec.filesystem("nbauth+http")
    opened = files.open(url)
    pd.read_parquet(url)
    files.info(url)
    kernel.logout("demo")
    demo.api.requests.clear()
    opened.seek(100_000)
    for act in (
        lambda: pd.read_parquet(url),
        lambda: files.info(url),
        lambda: files.ls(url),
        lambda: files.exists(url),
        lambda: files.cat_file(url),
        lambda: opened.read(200_000),
        lambda: nbauth.open(url.removeprefix("nbauth+")),
    ):
        with pytest.raises(SignInRequired, match=r'Run: nbauth\.login\("demo"\)'):
            act()
    assert len(demo.api.requests) == 0
    opened.close()


class _EachTheirOwn:
    """A route that answers each token with a file of its own, and notes who was asked for."""

    def __init__(self) -> None:
        self.owners: dict[str, RangedFile] = {}

    def __call__(self, seen: Seen) -> Any:
        assert seen.token
        number = len(self.owners) + 1
        frame = pd.DataFrame({"owner": [number] * 50_000, "row": range(50_000)})
        buffer = io.BytesIO()
        frame.to_parquet(buffer, compression=None)
        # As bad as can be: nothing but the token tells the two apart.
        made = self.owners.setdefault(seen.token, RangedFile(buffer.getvalue(), etag='"same"'))
        return made(seen)


@pytest.mark.parametrize("tool", ["pandas", "pyarrow", "duckdb", "dask"])
def test_another_person(files: str, api: Server, person: Callable[..., Any], tool: str) -> None:
    """Who signs in next reads their own, though fsspec keeps its filesystems and the file has the same version."""
    api.routes["/mine.parquet"] = _EachTheirOwn()
    url = f"{files}/mine.parquet"
    shared = duckdb.connect()
    shared.register_filesystem(fsspec.filesystem("nbauth+http"))
    read: dict[str, Callable[[], Any]] = {
        "pandas": lambda: pd.read_parquet(url),
        "pyarrow": lambda: _arrow(url).to_table().to_pandas(),
        "duckdb": lambda: shared.sql(f"select * from read_parquet('{url}')").df(),  # noqa: S608 - the test's own
        "dask": lambda: dd.read_parquet(url).compute(scheduler="threads"),
    }
    before = fsspec.filesystem("nbauth+http")
    assert {1} == set(read[tool]()["owner"])
    kernel.logout("files")
    nbauth.login("files", flow="paste", prompt=person("bob"), timeout_s=20)
    assert before is fsspec.filesystem("nbauth+http")
    assert {2} == set(read[tool]()["owner"])
    shared.close()


def test_open_while_another_signs_in(files: str, api: Server, person: Callable[..., Any]) -> None:
    """A file that is open is not read on with somebody else's token."""
    api.routes["/mine.parquet"] = _EachTheirOwn()
    with fsspec.open(f"{files}/mine.parquet") as file:
        file.read(10)
        nbauth.login("files", flow="paste", prompt=person("bob"), timeout_s=20, select_account=True)
        before = len(api.seen)
        file.seek(200_000)
        with pytest.raises(DataError, match=r"opened by another sign-in of profile 'files'\. Open it again\."):
            file.read(10)
    assert before == len(api.seen)


def test_open_while_another_profile_signs_in(
    files: str, parquet: RangedFile, person: Callable[..., Any], demo: DemoServer
) -> None:
    """A sign-in to something else, and one more of the same person, leave an open file alone."""
    with fsspec.open(f"{files}/wide.parquet") as file:
        nbauth.login("demo", flow="paste", prompt=person("bob"), timeout_s=20)
        kernel.logout("files")
        nbauth.login("files", flow="paste", prompt=person(), timeout_s=20)
        assert parquet.content == file.read()


def test_a_file_that_changes_while_a_tool_reads(files: str, parquet: RangedFile) -> None:
    """A file that changes while a tool reads it is an error."""
    with fsspec.open(f"{files}/wide.parquet") as file:
        buffer = io.BytesIO()
        (WIDE + 1).to_parquet(buffer, compression=None)
        parquet.content = buffer.getvalue()
        with pytest.raises(DataError, match="changed while it was being read"):
            pd.read_parquet(file)
    pd.testing.assert_frame_equal(WIDE + 1, pd.read_parquet(f"{files}/wide.parquet"))


def test_only_the_profiles_name_is_pickled(files: str, parquet: RangedFile, demo: DemoServer) -> None:
    """No more than the profile's name is pickled, and what fsspec names a filesystem by holds no more."""
    made = fsspec.filesystem("nbauth+http", profile="files")
    pd.read_parquet(f"{files}/wide.parquet", filesystem=made)
    text = f"{pickle.dumps(made)!r} {made!r} {made} {made.to_json()} {made._fs_token} {made.storage_options}"
    assert made.storage_options == {"profile": "files"}
    assert [secret for secret in demo.provider.issued_secrets if secret in text] == []
    assert made is pickle.loads(pickle.dumps(made))  # noqa: S301 - our own
    assert (json.loads(made.to_json())) == {
        "cls": "nbauth.adapters.fsspec:FileSystem",
        "protocol": "nbauth+https",
        "args": [],
        "profile": "files",
    }


ELSEWHERE = """
import pickle, sys
made = pickle.loads(bytes.fromhex(sys.argv[1]))
try:
    made.open(sys.argv[2])
except Exception as error:
    print(type(error).__name__, error)
"""


def test_pickled_to_another_process(alice: str, demo: DemoServer) -> None:
    """In a process where nobody is signed in it says so before anything is sent."""
    made = fsspec.filesystem("nbauth+http", profile="demo")
    demo.api.requests.clear()
    pickled, url = pickle.dumps(made).hex(), f"{alice}/sunlight.parquet"
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, pickled, url], capture_output=True, text=True, timeout=60, check=False
    )
    told = "SignInRequired Nobody is signed in to profile 'demo'. Run: nbauth.login(\"demo\")"
    assert told in done.stdout, done.stderr
    assert len(demo.api.requests) == 0


def test_nothing_secret(files: str, parquet: RangedFile, demo: DemoServer, caplog: pytest.LogCaptureFixture) -> None:
    """No token stands in what holds or reads a file, nor in any library's log."""
    caplog.set_level(logging.DEBUG)
    with fsspec.open(f"{files}/wide.parquet") as file:
        file.seek(1_000_000)
        file.read(10)
        made = file.fs
        things = [file, vars(file), made, vars(made), vars(file._source), made.dircache, FileSystem._cache]
        text = " ".join(map(repr, things)) + "\n".join(record.getMessage() for record in caplog.records)
    secrets = [secret for secret in demo.provider.issued_secrets if len(secret) > 20]
    assert secrets
    assert [secret for secret in secrets if secret in text] == []


def test_unknown_options_are_refused(files: str) -> None:
    """An option that is not known is an error; a profile that does not name the URL is one before anything is sent."""
    with pytest.raises(ConfigError, match="there is no option 'token'; known: profile"):
        fsspec.filesystem("nbauth+https", token="x")
    with pytest.raises(OriginNotAllowed, match="Profile 'demo' does not name"):
        pd.read_csv(f"{files}/wide.csv", storage_options={"profile": "demo"})
    with pytest.raises(ConfigError, match="no profile 'nobody'"):
        pd.read_csv(f"{files}/wide.csv", storage_options={"profile": "nobody"})
    with pytest.raises(OriginNotAllowed, match="never sent over http"):
        pd.read_csv("nbauth+http://example.org/x.csv")


def test_no_cookie_goes_from_file_to_file(files: str, api: Server, parquet: RangedFile) -> None:
    """No cookie is carried from one file to another."""

    def answer(seen: Seen) -> Any:
        reply = parquet(seen)
        reply.headers["Set-Cookie"] = "who=alice"
        return reply

    api.routes["/wide.parquet"] = answer
    pd.read_parquet(f"{files}/wide.parquet")
    assert {None} == {seen.headers.get("cookie") for seen in api.seen}


def test_a_profile_that_changes(files: str, api: Server, parquet: RangedFile) -> None:
    """A filesystem that is kept follows the profiles: an origin that is no longer named is not asked."""
    made = fsspec.filesystem("nbauth+http")
    assert made.exists(f"{files}/wide.parquet")
    profile = kernel.config().profiles["files"]
    kernel.add_profile(dataclasses.replace(profile, apis={"https://elsewhere.example": ("x",)}))
    before = len(api.seen)
    with pytest.raises(OriginNotAllowed):
        made.exists(f"{files}/wide.parquet")
    assert before == len(api.seen)


def test_one_filesystem_serves_several_threads(files: str, parquet: RangedFile) -> None:
    """One filesystem serves several threads."""
    made = fsspec.filesystem("nbauth+http")
    got: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: got.append(made.cat_file(f"{files}/wide.parquet", 1_000, 900_000)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [parquet.content[1_000:900_000]] * 6 == got


IMPORTS = """
import sys
import nbauth
nbauth.read, nbauth.open
print(sorted(name for name in sys.modules if name.split(".")[0] in ("fsspec", "nbauth") and "filesystem" in name))
print("fsspec" in sys.modules)
"""


def test_imported_on_use() -> None:
    """Importing nbauth does not import fsspec."""
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\nFalse\n"
