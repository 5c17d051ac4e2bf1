"""Parquet files as frames."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loads import pages, read
from loopback_api import Reply

if TYPE_CHECKING:
    from loopback_api import Server

    from nbauth.data.fetch.session import Session

pytestmark = pytest.mark.usefixtures("engine")


def test_parquet_with_gaps(session: Session, api: Server) -> None:
    """Integers and truth values of Parquet stay such where some are missing; all else is as pandas reads it."""
    table = pa.table({
        "id": pa.array([2**60 + 1, None], pa.int64()), "small": pa.array([None, 7], pa.uint8()),
        "ok": pa.array([True, None]), "whole": [1, 2], "x": [1.5, None], "name": ["a", None],
    })  # fmt: skip
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    api.routes["/x.parquet"] = Reply(buffer.getvalue(), content_type=None)
    frame = read(session, f"{api.origin}/x.parquet")
    assert [str(frame[name].dtype) for name in ("id", "small", "ok", "whole")] == ["Int64", "UInt8", "boolean", "int64"]
    assert frame["id"].tolist() == [2**60 + 1, pd.NA]
    as_pandas = pd.read_parquet(buffer)
    pd.testing.assert_frame_equal(frame[["whole", "x", "name"]], as_pandas[["whole", "x", "name"]])
    assert list(frame) == table.column_names
    (part,) = pages(session, f"{api.origin}/x.parquet")
    assert part["id"].tolist() == [2**60 + 1, pd.NA]
