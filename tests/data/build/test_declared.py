"""Columns whose kind a service declares: decimals, spans of time, text that is never times, and nulls alone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from nbauth.data.build.frame_builder import FrameBuilder

pytestmark = pytest.mark.usefixtures("engine")

SECOND = pd.Timedelta("1s")


def _built(kind: Any, *pages: list[Any], backend: Any = None) -> FrameBuilder:
    builder = FrameBuilder(dtype_backend=backend)
    builder.declare({"a": kind})
    for values in pages:
        builder.add_columns(len(values), [("a", values)])
    return builder


@pytest.mark.parametrize(
    ("kind", "pages", "dtype", "arrow"),
    [
        ("decimal", [[Decimal("1.50"), None]], "object", "decimal128(3, 2)"),
        (
            "decimal",
            [[Decimal("1.50")], [Decimal("1234567890123456789012345678901234567890.1")]],
            "object",
            "decimal256(42, 2)",
        ),
        ("span", [[SECOND, None], [SECOND]], "timedelta64[ns]", "duration[ns]"),
        ("text", [["2024-01-01", "2024-01-02"]], "str", "string"),
        ("any", [["2024-01-01", None]], "str", "string"),
        ("time", [[None]], "datetime64[us]", "timestamp[us]"),
        ("int", [[None, None]], "Int64", "int64"),
        ("int", [], "int64", "int64"),
        ("float", [[None]], "float64", "double"),
        ("bool", [[None]], "boolean", "bool"),
        ("zoned time", [[None]], "datetime64[us, UTC]", "timestamp[us, tz=UTC]"),
        ("span", [[None]], "timedelta64[ns]", "duration[ns]"),
        ("decimal", [[None]], "object", "null"),
    ],
)
def test_declared(kind: Any, pages: list[list[Any]], dtype: str, arrow: str) -> None:
    """A declared kind holds where nothing but null comes, text stays text, and decimals and spans keep every digit."""
    frame = _built(kind, *pages).frame()
    text = str(pd.Series(["x"]).dtype)
    assert str(frame["a"].dtype) == (text if dtype == "str" else dtype)
    values = [value for page in pages for value in page]
    if kind in ("decimal", "span"):
        assert [None if pd.isna(value) else value for value in frame["a"]] == values
    assert str(_built(kind, *pages, backend="pyarrow").frame()["a"].dtype) == f"{arrow}[pyarrow]"
    assert str(_built(kind, *pages, backend="pyarrow").table().schema.field("a").type) == arrow


def test_a_declared_kind_is_no_promise() -> None:
    """Values of another kind than was declared stay as they came."""
    assert _built("decimal", [Decimal("1.5"), "n/a"]).frame()["a"].tolist() == [Decimal("1.5"), "n/a"]
    assert _built("decimal", [Decimal("1.5"), "n/a"]).table()["a"].to_pylist() == ["1.5", "n/a"]
    assert _built("decimal", [Decimal("NaN"), SECOND]).table()["a"].to_pylist() == ["NaN", "0 days 00:00:01"]
    assert _built("int", [1, "x"]).frame()["a"].tolist() == [1, "x"]
