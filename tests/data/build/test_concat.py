"""Frames one below the other keep every value of each."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from nbauth.data.build.concat import concat

WHEN = pd.Timestamp("2024-01-01", tz="UTC")


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([2**60 + 1], "int64", "Int64"),
        ([2**63 + 1], "uint64", "UInt64"),
        ([7], "int32", "Int32"),
        ([True], "bool", "boolean"),
        ([True], "boolean", "boolean"),
        ([1.5], "float64", "float64"),
        (["x"], pd.Series(["x"]).dtype, str(pd.Series(["x"]).dtype)),
        ([WHEN], "datetime64[us, UTC]", "datetime64[us, UTC]"),
        ([{"a": 1}], "object", "object"),
        ([7], pd.ArrowDtype(pa.int64()), "int64[pyarrow]"),
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_a_column_that_one_lacks(values: list[Any], dtype: Any, expected: str, is_first: bool) -> None:  # noqa: FBT001
    """Where a frame lacks a column there are gaps, and the values and their kind stay."""
    frames = [pd.DataFrame({"a": pd.Series(values, dtype=dtype)}), pd.DataFrame({"b": [1, 2]})]
    found = concat(frames if is_first else frames[::-1])["a"]
    assert found.dropna().tolist() == values
    assert (str(found.dtype), int(found.isna().sum())) == (expected, 2)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (pd.Series([2**53 + 1]), pd.Series([1.5]), [2**53 + 1, 1.5]),
        (pd.Series([1]), pd.Series([2**63 + 1], dtype="uint64"), [1, 2**63 + 1]),
        (pd.Series([1, None], dtype="Int64"), pd.Series([2]), [1, 2]),
        (pd.Series([1]), pd.Series(["x"]), [1, "x"]),
        (pd.Series([True]), pd.Series([1]), [True, 1]),
        (pd.Series([None], dtype="object"), pd.Series([7]), [7]),
        (pd.Series([], dtype="object"), pd.Series([7]), [7]),
        (pd.Series(["x"], dtype="object"), pd.Series([], dtype="int64"), ["x"]),
        (
            pd.Series(["9999-12-31"], dtype="datetime64[us]"),
            pd.Series(["2024-01-01T00:00:00.123456789"], dtype="datetime64[ns]"),
            [pd.Timestamp("9999-12-31"), pd.Timestamp("2024-01-01T00:00:00.123456789")],
        ),
    ],
)
def test_columns_of_several_dtypes(first: pd.Series[Any], second: pd.Series[Any], expected: list[Any]) -> None:
    """Dtypes that differ change no value."""
    found = concat([pd.DataFrame({"a": first}), pd.DataFrame({"a": second})])["a"].dropna().tolist()
    assert found == expected
    assert list(map(type, found)) == list(map(type, expected))


def test_nothing_is_nothing() -> None:
    """A frame without rows changes no dtype."""
    frames = [pd.DataFrame({"a": pd.Series([], dtype="object")}), pd.DataFrame({"b": [1]}), pd.DataFrame({"b": [2]})]
    found = concat(frames)
    assert (str(found["b"].dtype), found["a"].isna().all(), list(found)) == ("int64", True, ["a", "b"])
