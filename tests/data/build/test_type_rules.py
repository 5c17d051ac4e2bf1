"""What a column becomes by the kinds of value of all its parts: one table, wherever the parts meet."""

from __future__ import annotations

import json
from itertools import combinations_with_replacement, product
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from nbauth.data.build.concat import concat
from nbauth.data.build.frame_builder import FrameBuilder
from nbauth.data.sinks.parquet_schema import cast, times_in, unified

VALUES: dict[str, Any] = {
    "null": None,
    "bool": True,
    "int": 1,
    "minus": -1,
    "odd": 2**53 + 1,  # no float64 holds it
    "low": -(2**63),
    "big": 2**63,
    "huge": 2**64,
    "float": 1.5,
    "text": "ü",
    "utc": "2024-01-01T00:00:00Z",
    "utc7": "2024-01-01T00:00:00.1234560Z",
    "utc_ns": "2024-01-01T00:00:00.1234567Z",
    "utc_far": "9999-12-31T00:00:00.1234560Z",
    "local": "2024-01-01T00:00:00",
    "loc_ns": "2024-01-01T00:00:00.1234567",
    "date": "2024-01-01",
    "net": "/Date(0)/",
    "list": [1, "ü"],
    "half": "\ud800",  # half of a surrogate pair, which Arrow cannot hold
}
# Of each two kinds: 0 null, b bool, i int64, u uint64, f float64, t text, z times in UTC, l times without a zone, Z and
# L these to the nanosecond, x mixed.
WITHIN = """
null    0
bool    b b
int     i x i
minus   i x i i
odd     i x i i i
low     i x i i i i
big     u x u x u x u
huge    x x x x x x x x
float   f x f f x x x x f
text    t x x x x x x x x t
utc     z x x x x x x x x t z
utc7    Z x x x x x x x x t Z Z
utc_ns  Z x x x x x x x x t Z Z Z
utc_far z x x x x x x x x t z z t z
local   l x x x x x x x x t t t t t l
loc_ns  L x x x x x x x x t t t t t L L
date    l x x x x x x x x t t t t t t t l
net     z x x x x x x x x t t t t t t t t z
list    x x x x x x x x x x x x x x x x x x x
half    x x x x x x x x x x x x x x x x x x x x
"""
JOINED = """
null    0
bool    b b
int     i x i
minus   i x i i
odd     i x i i i
low     i x i i i i
big     u x u x u x u
huge    x x x x x x x x
float   f x f f x x x x f
text    t x x x x x x x x t
utc     z x x x x x x x x x z
utc7    Z x x x x x x x x x Z Z
utc_ns  Z x x x x x x x x x Z Z Z
utc_far z x x x x x x x x x z z x z
local   l x x x x x x x x x x x x x l
loc_ns  L x x x x x x x x x x x x x L L
date    l x x x x x x x x x x x x x l L l
net     z x x x x x x x x x z Z Z z x x x z
list    x x x x x x x x x x x x x x x x x x x
half    x x x x x x x x x x x x x x x x x x x x
"""
PARQUET = """
null    0
bool    b b
int     i x i
minus   i x i i
odd     i x i i i
low     i x i i i i
big     u x u x u x u
huge    x x x x x x x x
float   f x f f x x x x f
text    t x x x x x x x x t
utc     z x x x x x x x x t z
utc7    Z x x x x x x x x t Z Z
utc_ns  Z x x x x x x x x t Z Z Z
utc_far z x x x x x x x x t z z t z
local   l x x x x x x x x t t t t t l
loc_ns  L x x x x x x x x t t t t t L L
date    l x x x x x x x x t t t t t t t l
net     t x x x x x x x x t t t t t t t t t
list    x x x x x x x x x x x x x x x x x x x
half    x x x x x x x x x x x x x x x x x x x x
"""
# The dtype of pandas, with nulls, and Arrow's type. The unit of pandas' times depends on its version.
DTYPES = {
    "0": ("object", "object", "null"),
    "b": ("bool", "boolean", "bool"),
    "i": ("int64", "Int64", "int64"),
    "u": ("uint64", "UInt64", "uint64"),
    "f": ("float64", "float64", "double"),
    "t": ("text", "text", "string"),
    "z": ("times UTC", "times UTC", "timestamp[us, tz=UTC]"),
    "Z": ("times UTC", "times UTC", "timestamp[ns, tz=UTC]"),
    "l": ("times", "times", "timestamp[us]"),
    "L": ("times", "times", "timestamp[ns]"),
    "x": ("object", "object", "object"),
}


def _read(table: str) -> dict[frozenset[str], str]:
    names = list(VALUES)
    rows = [line.split() for line in table.strip().splitlines()]
    assert [row[0] for row in rows] == names
    return {frozenset({row[0], name}): code for row in rows for name, code in zip(names, row[1:], strict=False)}


def _pairs() -> list[tuple[str, str, list[list[Any]]]]:
    """Return each two kinds and their values as parts: in both orders, and with a part of nulls between them."""
    plain = [(one, two, [[VALUES[one]], [VALUES[two]]]) for one, two in product(VALUES, VALUES)]
    with_nulls = [
        (one, two, [[VALUES[one]], [None], [VALUES[two]]]) for one, two in combinations_with_replacement(VALUES, 2)
    ]
    return plain + with_nulls


def _builder(*parts: list[Any], backend: Any = None, nested: Any = "object") -> FrameBuilder:
    builder = FrameBuilder(nested, backend)
    for part in parts:
        builder.add([{"a": value} for value in part])
    return builder


def _dtype(frame: pd.DataFrame) -> str:
    dtype = frame["a"].dtype
    if isinstance(dtype, pd.ArrowDtype):
        return str(dtype.pyarrow_dtype)
    if dtype.kind == "M":
        return f"times {getattr(dtype, 'tz', None) or ''}".strip()
    return "text" if dtype == pd.Series(["x"]).dtype != object else str(dtype)


def _expected(code: str, parts: list[list[Any]], *, backend: str | None) -> str:
    plain, with_nulls, arrow = DTYPES[code]
    if backend == "pyarrow":
        return arrow
    dtype = with_nulls if [None] in parts else plain
    return str(pd.Series(["x"]).dtype).replace("str", "text") if dtype == "text" else dtype


def _as_text(value: Any) -> str | None:
    if value is None or value == "\ud800":
        return None if value is None else "\\ud800"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _is_same(value: Any, other: Any) -> bool:
    nulls = [one is None or one is pd.NA or one is pd.NaT or one != one for one in (value, other)]  # noqa: PLR0124
    return all(nulls) or (not any(nulls) and bool(value == other))


@pytest.mark.parametrize("backend", [None, "pyarrow"])
def test_within_one_load(backend: Any) -> None:
    """Pages of one load make the narrowest column that keeps the values of all."""
    table = _read(WITHIN)
    for one, two, parts in _pairs():
        expected = _expected(table[frozenset({one, two})], parts, backend=backend)
        assert (one, two, _dtype(_builder(*parts, backend=backend).frame())) == (one, two, expected)


def test_within_one_table() -> None:
    """In a table of Arrow's a mixed column is text: text as it came, all else as JSON."""
    table = _read(WITHIN)
    for one, two, parts in _pairs():
        column = _builder(*parts, backend="pyarrow", nested="json").table()["a"]
        expected = DTYPES[table[frozenset({one, two})]][2].replace("object", "string")
        assert (one, two, str(column.type)) == (one, two, expected)
        if expected == "string":
            assert column.to_pylist() == [_as_text(value) for part in parts for value in part]


@pytest.mark.parametrize("backend", [None, "pyarrow"])
def test_frames_joined(backend: Any) -> None:
    """Frames make the same column as pages; only that text that became times in one of them cannot be had back."""
    table = _read(JOINED)
    for one, two, parts in _pairs():
        code = table[frozenset({one, two})]
        expected = _expected(code, parts, backend=backend)
        frames = [_builder(part, backend=backend).frame() for part in parts]
        joined = concat(frames, backend)
        assert (one, two, _dtype(joined)) == (one, two, expected)
        came = [value for frame in frames for value in frame["a"].tolist()]
        held = joined["a"].tolist()
        assert all(map(_is_same, came, held))


def test_parts_of_a_parquet_file() -> None:
    """Parts of a Parquet file make the same column as pages; but .NET's dates stay text."""
    table = _read(PARQUET)
    for one, two, parts in _pairs():
        tables = [_builder(part, backend="pyarrow", nested="json").table(times=False) for part in parts]
        times = [{"a": found.kind} if (found := times_in(part["a"])) else {} for part in tables]
        schema = unified([part.schema for part in tables], times, lambda number, names: tables[number].select(names))  # noqa: B023
        column = pa.concat_tables([cast(part, schema) for part in tables])["a"]
        expected = DTYPES[table[frozenset({one, two})]][2].replace("object", "string")
        assert (one, two, str(column.type)) == (one, two, expected)
        if expected == "string":
            assert column.to_pylist() == [_as_text(value) for part in parts for value in part]
