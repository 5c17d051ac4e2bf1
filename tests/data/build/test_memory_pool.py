"""What Arrow holds for a load is in a pool of its own, and the person's default pool is left alone."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from loopback_api import as_json

from nbauth.data.build.frame_builder import FrameBuilder
from nbauth.data.build.free_memory import give_back
from nbauth.data.query import Query
from nbauth.data.sinks.frame import read
from nbauth.data.sinks.parquet import write

if TYPE_CHECKING:
    from loopback_api import Reply, Seen, Server

    from nbauth.data.fetch.session import Session

ROWS = [
    {
        "text": f"row {number}",
        "when": "2024-01-01T00:00:00Z",
        "hour": f"2024-01-01T00:{number % 60:02d}",
        "gap": None if number % 3 else number,
        "x": number / 3,
        "mixed": number if number % 2 else "x",
        "big": 2**63 + number,
    }
    for number in range(2_001)
]


@pytest.mark.parametrize("times", [True, False])
def test_a_table_is_in_the_systems_pool(times: bool) -> None:  # noqa: FBT001
    """Nothing that a load keeps is in Arrow's default pool."""
    builder = FrameBuilder("json", "pyarrow")
    default, system = pa.default_memory_pool(), pa.system_memory_pool()
    before, before_system = default.bytes_allocated(), system.bytes_allocated()
    for _ in range(3):
        builder.add(ROWS)
    table = builder.table(times=times)
    assert table.num_rows == 6_003
    assert default.bytes_allocated() == before
    assert system.bytes_allocated() > before_system


def test_two_loads_at_once(session: Session, api: Server, tmp_path: Path) -> None:
    """While two threads load, and afterwards, Arrow's default pool is the one that was there."""
    default = pa.default_memory_pool().backend_name
    seen_pools: list[str] = []
    both = threading.Barrier(2)

    def answer(_: Seen) -> Reply:
        both.wait(30)
        seen_pools.append(pa.default_memory_pool().backend_name)
        return as_json(ROWS)

    api.routes["/x"] = answer
    brought: dict[str, Any] = {}
    query = Query(f"{api.origin}/x")
    loads = [
        threading.Thread(target=lambda: brought.update(frame=read(session, query))),
        threading.Thread(target=lambda: brought.update(file=write(session, query, tmp_path / "d.parquet"))),
    ]
    for load in loads:
        load.start()
    for load in loads:
        load.join()
    assert (len(brought["frame"]), len(pd.read_parquet(brought["file"]))) == (2_001, 2_001)
    assert [*seen_pools, pa.default_memory_pool().backend_name] == [default] * 3


def _resident_mb() -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) // 1000 for line in lines if line.startswith("VmRSS"))


def test_memory_that_is_free_goes_back() -> None:
    """Memory that the C library keeps, since something behind it is in use, goes back to the system."""
    arrays = [np.ones(1_000) for _ in range(10_000)]
    last = arrays.pop()
    arrays.clear()
    kept = _resident_mb()
    give_back()
    assert kept - _resident_mb() > 40
    assert last.sum() == 1_000
