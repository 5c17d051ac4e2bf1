"""share(): processes of joblib, Dask's LocalCluster, Ray and PySpark on this machine, as they come from PyPI."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor
from pyspark.sql.datasource import DataSource, DataSourceReader
from sharing_process import me

import nbauth
from nbauth.errors import SignInRequired

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.adapters.share import Share
    from nbauth.demo.server import DemoServer

TESTS = Path(__file__).parents[1]
ENDED = "the kernel no longer shares this sign-in"
ALICE = "Alice Adams"


@pytest.fixture
def shared(demo: DemoServer, person: Any, monkeypatch: pytest.MonkeyPatch) -> Share:
    """What Alice shares; the processes find the functions of these tests, and no nbauth.toml."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), str(TESTS / "tools")]))
    nbauth.login("demo", flow="paste", prompt=person(), timeout_s=20)
    demo.provider.requests.clear()
    return nbauth.share()


def test_joblib(shared: Share, demo: DemoServer) -> None:
    """Joblib's workers, which loky starts and keeps, read as Alice until she signs out."""
    try:
        assert Parallel(n_jobs=2)(delayed(me)(demo.api_url) for _ in range(4)) == [ALICE] * 4
        assert shared.processes in (1, 2)  # one worker may have been quick enough for all
        nbauth.logout("demo")
        with pytest.raises(SignInRequired):
            Parallel(n_jobs=2)(delayed(me)(demo.api_url) for _ in range(4))
    finally:
        get_reusable_executor().shutdown(wait=True)
    assert demo.provider.requests.count("*/token") == 0


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # distributed leaves sockets to the collector
def test_local_cluster(shared: Share, demo: DemoServer) -> None:
    """The worker of a LocalCluster, started by its nanny, reads as Alice until she signs out."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address="127.0.0.1:0", host="127.0.0.1") as cluster,
        Client(cluster) as client,
    ):
        assert client.gather(client.map(me, [demo.api_url] * 2, pure=False)) == [ALICE] * 2
        assert shared.processes == 1
        nbauth.logout("demo")
        with pytest.raises(SignInRequired, match=ENDED):
            client.submit(me, demo.api_url, pure=False).result()
    assert demo.provider.requests.count("*/token") == 0


class Rows(DataSource):
    """``spark.read.format("nbauth")``: rows of a URL, which a Python worker of Spark reads."""

    @classmethod
    def name(cls) -> str:
        """Return what it is called."""
        return "nbauth"

    def schema(self) -> str:
        """Return the columns that the caller named."""
        return str(self.options["columns"])

    def reader(self, schema: Any) -> RowsReader:
        """Return what reads."""
        return RowsReader(self.options["path"], schema.names)


class RowsReader(DataSourceReader):
    """Reads in the worker."""

    def __init__(self, url: str, names: list[str]) -> None:
        self.url, self.names = url, names

    def read(self, partition: Any) -> Iterator[tuple[Any, ...]]:
        """Read all rows; there is one partition."""
        yield from nbauth.read(self.url)[self.names].itertuples(index=False, name=None)


@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # py4j leaves its sockets to the collector
@pytest.mark.timeout(300)  # a JVM starts
def test_pyspark(shared: Share, demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python Data Source of PySpark on this machine reads as Alice, by way of the JVM, until she signs out."""
    from pyspark.errors import PythonException
    from pyspark.sql import SparkSession

    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        spark.dataSource.register(Rows)
        frame = spark.read.format("nbauth").option("columns", "name string").load(f"{demo.api_url}/cities")
        assert frame.count() == 10
        nbauth.logout("demo")
        with pytest.raises(PythonException, match="SignInRequired"):
            frame.count()
    finally:
        spark.stop()
    assert demo.provider.requests.count("*/token") == 0


@pytest.mark.filterwarnings("ignore::FutureWarning:ray")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Ray leaves handles to the collector
@pytest.mark.timeout(300)  # several programs start
def test_ray(shared: Share, demo: DemoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task of Ray on this machine, whose worker is the raylet's child, reads as Alice until she signs out."""
    import ray

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")  # it tells its makers otherwise
    for tries_left in (2, 1, 0):
        try:
            ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
            break
        except Exception:  # it gives its own agents 15 s to start, which is not enough on a busy machine
            ray.shutdown()
            if not tries_left:
                raise
    try:
        task = ray.remote(me)
        assert ray.get([task.remote(demo.api_url) for _ in range(2)]) == [ALICE] * 2
        nbauth.logout("demo")
        with pytest.raises(SignInRequired, match=ENDED):
            ray.get(task.remote(demo.api_url))
    finally:
        ray.shutdown()
    assert demo.provider.requests.count("*/token") == 0
