"""nbauth.dask.read: partitions from the pages that the first one tells of, or from several URLs; the rows of `read`."""

from __future__ import annotations

import sys
from dataclasses import replace

import cloudpickle
import dask
import pandas as pd
import pytest
from loopback_api import as_json, serving

import nbauth
from nbauth import kernel
from nbauth.data.paging import Offset
from nbauth.errors import ConfigError, DataError, OriginNotAllowed, SignInRequired

SKIP = Offset(offset="$skip", limit="$top", size=1000, total="@odata.count")


@pytest.fixture(autouse=True)
def in_this_thread():
    """Compute here: a failure shows where it is."""
    with dask.config.set({"scheduler": "synchronous", "dataframe.convert-string": False}):  # texts as `read` has them
        yield


@pytest.fixture
def alice(demo, person):
    """Alice, who is signed in."""
    return nbauth.login("demo", flow="loopback", prompt=person("alice"))


def test_a_partition_a_page(demo, alice):
    """Pages that the first one tells of are partitions; together they are what `read` brings."""
    url = f"{demo.api_url}/sunlight?$count=true"
    frame = nbauth.dask.read(url, paging=SKIP)
    assert frame.npartitions == demo.rows // 1000
    whole = nbauth.read(url, paging=SKIP)
    pd.testing.assert_frame_equal(frame.compute().reset_index(drop=True), whole)
    assert len(frame.partitions[-1]) == 1000


def test_as_many_partitions_as_are_asked_for(demo, alice):
    """Several pages may be one partition."""
    url = f"{demo.api_url}/sunlight?$count=true"
    frame = nbauth.dask.read(url, paging=SKIP, npartitions=2)
    assert [len(frame.partitions[i]) for i in range(2)] == [3000, 2000]


def test_one_request_until_it_computes(demo, alice):
    """The first page is asked for at once, and no other."""
    demo.api.requests.clear()
    frame = nbauth.dask.read(f"{demo.api_url}/sunlight?$count=true", paging=SKIP)
    assert len(demo.api.requests) == 1
    frame["id"].partitions[2].compute()
    assert len(demo.api.requests) == 2


def test_pages_behind_next_links(demo, alice):
    """Where each page tells the next one only, there is one partition, with all rows."""
    frame = nbauth.dask.read(f"{demo.api_url}/sunlight")
    assert (frame.npartitions, len(frame)) == (1, demo.rows)


def test_a_list_of_urls(demo, alice):
    """A partition for each URL, pages behind next links and all."""
    urls = [f"{demo.api_url}/sunlight.{ending}" for ending in ("parquet", "csv")]
    with pytest.raises(DataError, match=r"sunlight\.csv"):  # its days are not what Parquet knows
        nbauth.dask.read(urls).compute()
    urls = [f"{demo.api_url}/sunlight?$skip={skip}" for skip in (3000, 1000)]
    frame = nbauth.dask.read(urls)
    assert [len(frame.partitions[i]) for i in range(2)] == [demo.rows - 3000, demo.rows - 1000]


def test_the_graph_holds_no_token(demo, alice):
    """What goes to a scheduler holds no secret."""
    frame = nbauth.dask.read(f"{demo.api_url}/sunlight?$count=true", paging=SKIP)
    graph = cloudpickle.dumps(frame.optimize().__dask_graph__())
    assert not [secret for secret in demo.provider.issued_secrets if len(secret) >= 40 and secret.encode() in graph]


def test_nobody_signed_in(demo):
    """Nothing is sent before somebody signs in, nor to a URL that no profile names."""
    with pytest.raises(SignInRequired):
        nbauth.dask.read(f"{demo.api_url}/sunlight")
    with pytest.raises(OriginNotAllowed):
        nbauth.dask.read("https://elsewhere.example/x")
    assert len(demo.api.requests) == 0


def test_without_dask(monkeypatch):
    """Where Dask's DataFrames are not installed, the error says what to install."""
    monkeypatch.setitem(sys.modules, "dask.dataframe", None)
    with pytest.raises(ConfigError, match=r"nbauth\[dask\]"):
        nbauth.dask.read("https://api.example")


@pytest.mark.parametrize("npartitions", [0, 1.5, True])
def test_a_number_of_partitions_that_is_none(npartitions):
    """It is an error that says what is expected."""
    with pytest.raises(ConfigError, match="npartitions: expected a positive integer"):
        nbauth.dask.read("https://api.example", npartitions=npartitions)


@pytest.fixture
def rows_of(demo, alice):
    """Return what serves pages of an API of the demo's profile, two rows each, and gives its URL."""
    with serving() as server:
        profile = kernel.config().profiles["demo"]
        kernel.add_profile(replace(profile, apis={**profile.apis, server.origin: profile.login_scopes}))

        def serve(*pages: list[dict[str, object]], total: int) -> str:
            for number, page in enumerate(pages):
                reply = as_json({"items": page, "offset": 2 * number, "limit": 2, "total": total})
                server.routes[f"/rows?limit=2&offset={2 * number}"] = reply
            return f"{server.origin}/rows?limit=2&offset=0"

        yield serve


def test_partitions_agree_in_their_dtypes(rows_of):
    """A page of whole numbers gets the dtype of the first page's, which are none; a row's absent member is empty."""
    url = rows_of([{"a": 1.5, "b": "x"}, {"a": 2.5}], [{"a": 3}, {"a": None}], total=4)
    frame = nbauth.dask.read(url)
    assert frame.npartitions == 2
    whole = frame.compute()
    assert whole["a"].tolist()[:3] == [1.5, 2.5, 3.0]
    assert whole["b"].isna().tolist() == [False, True, True, True]


@pytest.mark.parametrize(
    ("later", "what"),
    [({"a": 1.5}, "'a' that are float64, where the first page has int64"), ({"a": 1, "z": 1}, "a column 'z'")],
)
def test_partitions_that_do_not_agree(rows_of, later, what):
    """A page that the first one's dtypes cannot hold is an error, and `meta=` says what can."""
    url = rows_of([{"a": 1}, {"a": 2}], [{"a": 3}, later], total=4)
    with pytest.raises(DataError, match=what):
        nbauth.dask.read(url).compute()
    meta = nbauth.read(url).iloc[:0]
    assert len(nbauth.dask.read(url, meta=meta).compute()) == 4


def test_rows_that_went_away(rows_of):
    """A page with fewer rows than the first one told of is an error, not a frame with fewer rows."""
    url = rows_of([{"a": 1}, {"a": 2}], [{"a": 3}], [{"a": 5}], total=5)
    with pytest.raises(DataError, match=r"1 rows came where the first page told of 2"):
        nbauth.dask.read(url).compute()


def test_no_rows(rows_of):
    """Nothing to read is an empty frame."""
    assert len(nbauth.dask.read(rows_of([], total=0))) == 0
