"""Tables and dtypes of Arrow's."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest
from loads import pages, read
from loopback_api import Reply, as_json

from nbauth.errors import ConfigError

if TYPE_CHECKING:
    from loopback_api import Server

    from nbauth.data.fetch.session import Session

pytestmark = pytest.mark.usefixtures("engine")


def test_arrow_tables(session: Session, api: Server) -> None:
    """Pages come as tables of Arrow's, whatever their format; what has no type there is text."""
    rows = [{"id": 1, "when": "2024-01-01T00:00:00Z", "mixed": 7, "nested": {"a": 1}}, {"id": 2, "mixed": "x"}]
    api.routes["/x"] = as_json({"value": rows, "nextLink": "/y"})
    api.routes["/y"] = as_json([{"id": 3}])
    tables = list(pages(session, f"{api.origin}/x", as_="arrow"))
    assert [table.num_rows for table in tables] == [2, 1]
    assert tables[0].schema.field("when").type == pa.timestamp("us", "UTC")
    assert tables[0]["mixed"].to_pylist() == ["7", "x"]
    assert tables[0]["nested"].to_pylist() == ['{"a": 1}', None]
    api.routes["/x.csv"] = Reply(b"id\n1\n", content_type="text/csv")
    (table,) = pages(session, f"{api.origin}/x.csv", as_="arrow")
    assert table["id"].to_pylist() == [1]
    with pytest.raises(ConfigError, match="as_: expected one of pandas, arrow"):
        pages(session, f"{api.origin}/x", as_="polars")  # type: ignore[arg-type]


def test_files_in_parts(session: Session, api: Server) -> None:
    """`pages` hands files out in parts, with the times as times."""
    csv = "id,when\n" + "".join(f"{number},2024-01-01T00:00:00Z\n" for number in range(120_000))
    api.routes["/x.csv"] = Reply(csv.encode(), content_type="text/csv")
    parts = list(pages(session, f"{api.origin}/x.csv"))
    assert [len(part) for part in parts] == [50_000, 50_000, 20_000]
    assert all(part["when"].dtype.kind == "M" and part.index.equals(pd.RangeIndex(len(part))) for part in parts)
    buffer = io.BytesIO()
    pd.DataFrame({"id": range(120_000)}).to_parquet(buffer)
    api.routes["/x.parquet"] = Reply(buffer.getvalue(), content_type="application/octet-stream")
    assert [len(part) for part in pages(session, f"{api.origin}/x.parquet")] == [50_000, 50_000, 20_000]
    (first, *_) = pages(session, f"{api.origin}/x.parquet", dtype_backend="pyarrow")
    assert str(first["id"].dtype) == "int64[pyarrow]"


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, None], "int64[pyarrow]"),
        ([2**63, 1], "uint64[pyarrow]"),
        ([1, 1.5], "double[pyarrow]"),
        ([True, None], "bool[pyarrow]"),
        (["x", None], "string[pyarrow]"),
        ([None, None], "null[pyarrow]"),
        (["2024-01-01T00:00:00Z", None], "timestamp[us, tz=UTC][pyarrow]"),
        (["2024-01-01T00:00:00.1234567Z"], "timestamp[ns, tz=UTC][pyarrow]"),
        (["2024-01-01T00:00:00.1Z", "2024-01-01T00:00:00Z"], "timestamp[us, tz=UTC][pyarrow]"),
        (["2024-01-01"], "timestamp[us][pyarrow]"),
        ([2**64, 1], "object"),
        ([1, "x"], "object"),
        ([{"a": 1}], "object"),
    ],
)
def test_arrow_dtypes(session: Session, api: Server, values: list[Any], dtype: str) -> None:
    """With Arrow's dtypes each column has the narrowest of them that keeps every value."""
    api.routes["/x"] = as_json([{"a": value} for value in values])
    column = read(session, f"{api.origin}/x", dtype_backend="pyarrow")["a"]
    assert str(column.dtype) == dtype
    if "timestamp" not in dtype:
        assert [None if value is pd.NA else value for value in column.tolist()] == values


def test_arrow_dtypes_of_files(session: Session, api: Server) -> None:
    """Files get Arrow's dtypes, too, and times as times."""
    api.routes["/x"] = Reply(b"id,when\n1,2024-01-01T00:00:00Z\n", content_type="text/csv")
    frame = read(session, f"{api.origin}/x", dtype_backend="pyarrow")
    assert [str(dtype) for dtype in frame.dtypes] == ["int64[pyarrow]", "timestamp[us, tz=UTC][pyarrow]"]
    with pytest.raises(ConfigError, match="dtype_backend: expected 'pyarrow' or None"):
        read(session, f"{api.origin}/x", dtype_backend="numpy")  # type: ignore[arg-type]
