from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from engines import AS_UTC, EVEN_PAGES, PAGES, frame_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nbauth.data.build.column import Column
from nbauth.data.build.frame_builder import FrameBuilder
from nbauth.errors import ConfigError

pytestmark = pytest.mark.usefixtures("engine")

TEXT = pd.Series(["x"]).dtype


def _frame(*pages: list[Any], nested: Any = "object") -> pd.DataFrame:
    return frame_of(*pages, nested=nested)


def _column(*values: Any) -> pd.Series[Any]:
    """Return the column of these values; `...` stands for the end of a page."""
    pages: list[list[Any]] = [[]]
    for value in values:
        if value is ...:
            pages.append([])
        else:
            pages[-1].append({"a": value})
    return _frame(*pages)["a"]


@pytest.mark.parametrize(
    ("values", "dtype", "held"),
    [
        ((1, 2), "int64", [1, 2]),
        ((1, ..., 2), "int64", [1, 2]),
        ((1, None), "Int64", [1, pd.NA]),
        ((None, ..., 1), "Int64", [pd.NA, 1]),
        ((-(2**63), 2**63 - 1), "int64", [-(2**63), 2**63 - 1]),
        ((1, ..., 2**63), "uint64", [1, 2**63]),
        ((None, 2**64 - 1), "UInt64", [pd.NA, 2**64 - 1]),
        ((2**53 + 1, None), "Int64", [2**53 + 1, pd.NA]),
        ((-1, 2**63), "object", [-1, 2**63]),
        ((1, ..., 2**64), "object", [1, 2**64]),
        ((2**64, None), "object", [2**64, None]),
        ((True, False), "bool", [True, False]),
        ((True, ..., None), "boolean", [True, pd.NA]),
        ((1.5, 2.0), "float64", [1.5, 2.0]),
        ((1, ..., 1.5), "float64", [1.0, 1.5]),
        ((1, 1.5), "float64", [1.0, 1.5]),
        ((2**53, 1.5), "float64", [2.0**53, 1.5]),
        ((2**53 + 1, 1.5), "object", [2**53 + 1, 1.5]),
        ((2**53 + 1, ..., 1.5), "object", [2**53 + 1, 1.5]),
        ((-(2**63), ..., 1.5), "object", [-(2**63), 1.5]),
        ((10**400, 1.5), "object", [10**400, 1.5]),
        ((1, "x"), "object", [1, "x"]),
        ((1, ..., "x", ..., 2.5, ..., None, True), "object", [1, "x", 2.5, None, True]),
        ((True, ..., 1), "object", [True, 1]),
        ((None, None), "object", [None, None]),
        (("x", "y"), TEXT, ["x", "y"]),
        (({"b": 1}, None, [1, [2]]), "object", [{"b": 1}, None, [1, [2]]]),
        (([1, 2], [3, 4]), "object", [[1, 2], [3, 4]]),
        (("x", ..., {"b": 1}), "object", ["x", {"b": 1}]),
        (("\ud800", "x"), "object", ["\ud800", "x"]),
    ],
)
def test_dtypes(values: tuple[Any, ...], dtype: Any, held: list[Any]) -> None:
    """A column has the narrowest dtype that keeps each of its values."""
    column = _column(*values)
    assert column.dtype == dtype
    assert [type(v) for v in column.tolist()] == [type(v) for v in held]
    assert all(one is two or one == two for one, two in zip(column.tolist(), held, strict=True))


def test_float_nulls() -> None:
    """Nulls among floats are NaN."""
    column = _column(1.5, None, ..., 2, None)
    assert column.dtype == "float64"
    assert column.isna().tolist() == [False, True, False, True]


def test_nan_among_objects() -> None:
    """NaN and null stay different among mixed values."""
    column = _column(1.5, math.nan, None, ..., "x")
    assert math.isnan(column[1])
    assert column[2] is None


def test_text_nulls() -> None:
    """Text with nulls is what pandas makes of it."""
    expected = pd.Series(["x", None], name="a")
    pd.testing.assert_series_equal(_column("x", ..., None), expected)


@pytest.mark.parametrize(
    ("values", "kind", "last"),
    [
        (("2024-01-01T00:00:00Z", "2024-06-01T12:30:00+02:00"), "UTC", "2024-06-01T10:30:00Z"),
        (("2024-01-01T00:00:00Z", None, ..., "2024-06-01T12:30:00.1234567Z"), "UTC", "2024-06-01T12:30:00.1234567Z"),
        (("2024-01-01T00:00:00Z", "0001-01-01T00:00:00Z"), "UTC", "0001-01-01T00:00:00Z"),
        (("2024-01-01T00:00:00Z", "9999-12-31T23:59:59.9999990Z"), "UTC", "9999-12-31T23:59:59.999999Z"),
        (("2024-01-01T00:00:00", "2024-01-01T00:00"), None, "2024-01-01T00:00:00"),
        (("2024-01-01", "2024-02-29"), None, "2024-02-29"),
        (("2024-01-01", "9999-12-31"), None, "9999-12-31"),
    ],
)
def test_columns_of_times(values: tuple[Any, ...], kind: str | None, last: str) -> None:
    """Columns of ISO 8601 times and dates are times, exact to the last digit."""
    column = _column(*values)
    assert column.dtype.kind == "M"
    assert (str(column.dt.tz) if kind else column.dt.tz) == kind
    stamp = column.iloc[-1]
    whole = np.datetime64(last.removesuffix("Z"))
    assert stamp.tz_localize(None).to_datetime64() == whole
    assert column.isna().tolist() == [v is None for v in values if v is not ...]


@pytest.mark.parametrize(
    "values",
    [
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00"),
        ("2024-01-01T00:00:00Z", "2024-01-01"),
        ("2024-01-01T00:00:00Z", "soon"),
        ("2024-01-01T00:00:00Z", ""),
        ("2024-02-30", "2024-01-01"),
        ("2024-01-01T24:00:00Z",),
        ("2024-01-01T23:59:60Z",),
        ("2024-01-01T00:00:00.0123456789Z",),
        ("0001-01-01T00:00:00.1234567Z",),
        ("2024-01-01T00:00:00.1234567Z", "9999-12-31T00:00:00Z"),
        ("0000-01-01",),
        ("20240101",),
        ("2024",),
        ("٢٠٢٤-٠١-٠١",),  # noqa: RUF001 - digits, and no ISO date
        ("2024-01-01\n",),
    ],
)
def test_no_times(values: tuple[str, ...]) -> None:
    """Text that is not all of one kind of time, or would lose a digit, stays text."""
    assert _column(*values).tolist() == list(values)


def test_columns_in_order() -> None:
    """Columns stand in the order in which they first appear, over all pages; what lacks them is null."""
    frame = _frame([{"b": 1}], [{"a": 1, "": 2}, {"c": "x"}], [], [{"b": 3}])
    assert frame.columns.tolist() == ["b", "a", "", "c"]
    assert frame["b"].tolist() == [1, pd.NA, pd.NA, 3]
    assert frame["c"].isna().tolist() == [True, True, False, True]
    assert frame.index.equals(pd.RangeIndex(4))


def test_annotations_are_kept() -> None:
    """OData's annotations of a row are values like others."""
    assert _frame([{"@odata.etag": "W/1", "a": 1}]).columns.tolist() == ["@odata.etag", "a"]


def test_records_that_are_no_objects() -> None:
    """Records that are no objects are the rows' `value`."""
    assert _frame([1, 2, 3])["value"].tolist() == [1, 2, 3]
    assert _frame(["x", {"a": 1}, [2], None]).to_dict("list")["value"] == ["x", None, [2], None]


@pytest.mark.parametrize("pages", [[], [[]], [[], []]])
def test_no_rows(pages: list[list[Any]]) -> None:
    """No rows make an empty frame."""
    assert _frame(*pages).shape == (0, 0)


def test_rows_without_keys() -> None:
    """Empty objects are rows."""
    assert _frame([{}, {}]).shape == (2, 0)


def test_odd_names() -> None:
    """Names that Arrow cannot hold are names."""
    frame = _frame([{"\ud800": 1, "0": 2, "ünï 🌞": 3}])
    assert frame.columns.tolist() == ["\ud800", "0", "ünï 🌞"]


def test_nested_values_as_json() -> None:
    """Nested values as JSON text."""
    frame = _frame([{"a": {"b": "ü"}, "c": 1}, {"a": [1, None]}, {"a": None}], nested="json")
    assert frame["a"].tolist()[:2] == ['{"b": "ü"}', "[1, null]"]
    assert pd.isna(frame["a"][2])
    assert frame["a"].dtype == TEXT


def test_nested_values_as_columns() -> None:
    """Members of nested objects are columns; lists and empty objects are kept."""
    frame = _frame([{"a": {"b": 1, "c": {"d": "x"}}, "e": [1]}, {"a": {"f": None}, "e": {}}], nested="flatten")
    assert frame.columns.tolist() == ["a.b", "a.c.d", "e", "a.f"]
    assert frame["e"].tolist() == [[1], {}]


def test_flatten_collision() -> None:
    """Two members that claim one name each keep their values."""
    frame = _frame([{"a.b": 1, "a": {"b": 2}}], [{"a": {"b": 3}}, {"a.b": 4}], nested="flatten")
    assert frame.columns.tolist() == ["a.b", "a.b.2"]
    assert frame["a.b"].tolist() == [1, pd.NA, 4]
    assert frame["a.b.2"].tolist() == [2, 3, pd.NA]


def test_flatten_object_and_scalar() -> None:
    """A key that holds an object here and a scalar there keeps both."""
    frame = _frame([{"a": {"b": 1}}, {"a": 7}], nested="flatten")
    assert frame["a.b"].tolist() == [1, pd.NA]
    assert frame["a"].tolist() == [pd.NA, 7]


def test_unknown_nested() -> None:
    """An unknown choice is an error that lists the known ones."""
    with pytest.raises(ConfigError, match="object, json, flatten"):
        FrameBuilder("xml")  # type: ignore[arg-type]


def test_interrupted_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read before an interrupt in the middle of a page is whole."""
    builder = FrameBuilder()
    builder.add([{"a": 1, "b": 1}, {"a": 2}])
    builder.add([{"a": 3}])
    extend = Column.extend

    def interrupt(column: Column, values: list[Any]) -> None:
        if values == [5]:
            raise KeyboardInterrupt
        extend(column, values)

    monkeypatch.setattr(Column, "extend", interrupt)
    with pytest.raises(KeyboardInterrupt):
        builder.add([{"c": 4, "a": 4, "b": 5}])
    frame = builder.frame()
    assert frame["a"].tolist() == [1, 2, 3]
    assert frame["b"].tolist() == [1, pd.NA, pd.NA]


def test_a_column_that_went_ahead_is_cut() -> None:
    """A column that went ahead of the others, by values or by nulls, is cut to their length."""
    column = Column()
    column.extend([1])
    column.extend_missing(2)
    column.extend_missing(3)
    column.extend([2])
    column.fit(2)
    assert column.take().tolist() == [1, pd.NA]


def _holds(cell: Any, value: Any) -> bool:
    if isinstance(cell, pd.Timestamp):
        if not isinstance(value, str) or value not in AS_UTC:
            return False
        try:
            return bool(cell.tz_localize(None).to_datetime64() == np.datetime64(AS_UTC[value]))
        except OverflowError:  # newer NumPy: no unit holds both, so they are two moments
            return False
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, float) and math.isnan(cell))
    if isinstance(value, (bool, str, list, dict)) or isinstance(cell, bool):
        return type(cell) is type(value) and (cell == value or repr(cell) == repr(value))
    # Python compares ints and floats exactly.
    return isinstance(cell, int | float) and cell == value


@given(pages=PAGES | EVEN_PAGES)
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_frame_holds_what_the_pages_held(pages: list[list[Any]]) -> None:
    """Whatever drifts, nests or overflows: each value of each page stands in its row and column."""
    frame = _frame(*pages)
    rows = [row if isinstance(row, dict) else {"value": row} for page in pages for row in page]
    assert len(frame) == len(rows)
    assert frame.columns.tolist() == list(dict.fromkeys(key for row in rows for key in row))
    for name in frame.columns:
        cells = frame[name].tolist()
        assert all(_holds(cell, row.get(name)) for cell, row in zip(cells, rows, strict=True))


def _leaves(row: dict[str, Any], above: tuple[str, ...] = ()) -> list[Any]:
    found: list[Any] = []
    for name, value in row.items():
        found += _leaves(value, (*above, name)) if isinstance(value, dict) and value else [value]
    return found


@given(pages=PAGES)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_flattened_frame_holds_every_leaf(pages: list[list[Any]]) -> None:
    """Flattened, no two columns share a name and no leaf is lost."""
    frame = _frame(*pages, nested="flatten")
    assert frame.columns.is_unique
    rows = [row if isinstance(row, dict) else {"value": row} for page in pages for row in page]
    for number, row in enumerate(rows):
        cells = [frame.iloc[:, column].tolist()[number] for column in range(frame.shape[1])]
        for leaf in _leaves(row):
            assert any(_holds(cell, leaf) for cell in cells)


@given(
    st.lists(
        st.dictionaries(st.sampled_from("abcd"), st.sampled_from([None, 1, True, 0.5, "x", [1]]), max_size=4),
        min_size=1,
        max_size=6,
    )
)
def test_rows_alike_or_not(rows: list[dict[str, Any]]) -> None:
    """Columns are those of all rows, in the order in which their keys first appear, with null where a row lacks one."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    builder = FrameBuilder()
    builder.add(rows)
    frame = builder.frame()
    assert list(frame.columns) == keys
    assert len(frame) == len(rows)
    for key in keys:
        wanted = FrameBuilder()
        wanted.add_columns(len(rows), [(key, [row.get(key) for row in rows])])
        pd.testing.assert_series_equal(frame[key], wanted.frame()[key])
