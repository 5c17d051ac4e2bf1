"""Several URLs, tables of Arrow's, Excel, files in parts, Arrow's dtypes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loads import pages, read, write
from loopback_api import Reply, as_json

from nbauth.data.fetch.retry import Retries
from nbauth.data.parse.time_columns import with_times
from nbauth.errors import ApiError, ConfigError, DataError, FormatError

if TYPE_CHECKING:
    from pathlib import Path

    from loopback_api import Server

    from nbauth.data.fetch.session import Session

pytestmark = pytest.mark.usefixtures("engine")
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def test_several_urls(session: Session, api: Server) -> None:
    """Rows of several URLs come one after another, and a column gets the dtype that all of them need."""
    api.routes["/a"] = as_json({"value": [{"id": 1}], "nextLink": "/a2"})
    api.routes["/a2"] = as_json([{"id": 2**53 + 1}])
    api.routes["/b"] = as_json([{"id": None, "x": "y"}])
    frame = read(session, [f"{api.origin}/{name}" for name in "ab"])
    assert frame["id"].tolist() == [1, 2**53 + 1, pd.NA]
    assert str(frame["id"].dtype) == "Int64"
    assert frame.index.equals(pd.RangeIndex(3))


def test_several_files(session: Session, api: Server) -> None:
    """Files among them are put together, in order."""
    api.routes["/a.csv"] = Reply(b"id\n1\n", content_type="text/csv")
    api.routes["/b"] = as_json([{"id": 2}])
    api.routes["/c.csv"] = Reply(b"id\n3\n", content_type="text/csv")
    assert read(session, [f"{api.origin}/{name}" for name in ("a.csv", "b", "c.csv")])["id"].tolist() == [1, 2, 3]


def test_one_of_several_fails(session: Session, api: Server) -> None:
    """The error names the URL that failed, and carries what the others brought."""
    api.routes["/a"] = as_json([{"id": 1}])
    with pytest.raises(ApiError, match="/none answered 404") as caught:
        read(session, [f"{api.origin}/a", f"{api.origin}/none"])
    assert caught.value.partial["id"].tolist() == [1]


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


# So many columns that pandas converts some thousand rows together.
_WIDE, _ROWS = 127, 5_000


@pytest.mark.parametrize(
    ("first", "then", "requests"),
    [
        ("007", "x", 2),
        ("1", "1.5", 1),
        ("1", "18446744073709551614", 2),
        ("-1", "18446744073709551614", 2),
        ("True", "x", 2),
        ("True", "", 1),
        ("True", "7", 2),
        ("x", "7", 2),
        ("x", "", 1),
        ("", "x", 1),
        ("", "True", 1),
        ("1", "", 1),
        ("", "2024-01-01T00:00:00Z", 1),
    ],
)
@pytest.mark.parametrize("backend", [{}, {"dtype_backend": "pyarrow"}], ids=["pandas", "pyarrow"])
def test_table_in_parts_is_the_whole(  # noqa: PLR0917 - fixtures and parameters
    session: Session, api: Server, first: str, then: str, requests: int, backend: dict[str, Any]
) -> None:
    """A table is what pandas makes of it in one piece, also where its parts get other dtypes; mostly by one request."""
    body = ("a" + ",c" * _WIDE + "\n" + "".join(f"{cell}{',' * _WIDE}\n" * _ROWS for cell in (first, then))).encode()
    api.routes["/x"] = Reply(body, content_type="text/csv")
    expected = with_times(pd.read_csv(io.BytesIO(body), low_memory=False, **backend)[["a"]])
    pd.testing.assert_frame_equal(read(session, f"{api.origin}/x", **backend)[["a"]], expected)
    assert len(api.seen) <= requests


@pytest.mark.parametrize("first", ["1", "1.5"])
def test_table_with_integers_of_any_size(session: Session, api: Server, first: str) -> None:
    """Integers beyond 64 bits are as in one piece, or an error where Arrow's types are asked for and have none."""
    body = ("a" + ",c" * _WIDE + "\n" + "".join(f"{n}{',' * _WIDE}\n" * _ROWS for n in (first, "9" * 20))).encode()
    api.routes["/x"] = Reply(body, content_type="text/csv")
    expected = pd.read_csv(io.BytesIO(body), low_memory=False)["a"]
    pd.testing.assert_series_equal(read(session, f"{api.origin}/x")["a"], expected)
    try:
        found = read(session, f"{api.origin}/x", dtype_backend="pyarrow")["a"]
    except FormatError as error:
        assert "too large" in str(error)  # noqa: PT017 - older pandas has text there
    else:
        assert [str(found.iloc[0]), float(found.iloc[-1])] == [first, pytest.approx(1e20)]


def test_table_with_more_cells_than_names(session: Session, api: Server) -> None:
    """Cells in front of those that have names are the index, as in pandas."""
    body = b"a,b\n" + b"1,2,3\n" * 60_000
    api.routes["/x"] = Reply(body, content_type="text/csv")
    pd.testing.assert_frame_equal(read(session, f"{api.origin}/x"), pd.read_csv(io.BytesIO(body)))


def test_excel(session: Session, api: Server) -> None:
    """An Excel file is its first sheet."""
    written = pd.DataFrame({"id": [1, 2], "name": ["a", float("nan")]})
    buffer = io.BytesIO()
    written.to_excel(buffer, index=False)
    for path, kind in (("/x", SHEET), ("/x.xlsx", "application/octet-stream")):
        api.routes[path] = Reply(buffer.getvalue(), content_type=kind)
        pd.testing.assert_frame_equal(read(session, api.origin + path), written)
    api.routes["/x"] = Reply(b"PK nonsense", content_type=SHEET)
    with pytest.raises(FormatError, match="Excel"):
        read(session, f"{api.origin}/x")


def test_excel_without_openpyxl(session: Session, api: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without openpyxl the error names what to install."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    api.routes["/x"] = Reply(b"PK", content_type=SHEET)
    with pytest.raises(DataError, match=r"nbauth\[excel\]"):
        read(session, f"{api.origin}/x")


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


@pytest.mark.parametrize(
    ("query", "context", "columns"),
    [
        ("?$select=id,name", None, ["id", "name"]),
        ("?%24select=id%2C%20manager/name,id&x=1", None, ["id", "manager"]),
        ("?$select=id,orders($select=total,when)", "$metadata#Users(name)", ["id", "orders"]),
        (
            "",
            "https://x/$metadata#Users(id,name,orders(total),manager/name,tags+)",
            ["id", "name", "orders", "manager", "tags"],
        ),
        ("", "https://x/$metadata#Users", []),
        ("", "https://x/$metadata#Users('a,b')/orders", []),
        ("", "https://x/$metadata#Users(abc)/orders", []),
        ("", "https://x/$metadata#Users(7)", []),
        ("", "https://x/$metadata#Users(id)/$delta", ["id"]),
        ("", "https://x/$metadata#Users(*)", []),
        ("?$select=*", None, []),
        ("?select=id", 7, []),
    ],
)
@pytest.mark.parametrize("nested", ["object", "flatten"])
def test_nothing_keeps_its_columns(  # noqa: PLR0917 - fixtures and parameters
    session: Session, api: Server, tmp_path: Path, query: str, context: Any, columns: list[str], nested: Any
) -> None:
    """A collection without a row has the columns that were selected, in each form in which it can be read."""
    url = f"{api.origin}/x{query}"
    api.routes["/x"] = as_json({"@odata.context": context, "value": []} if context else {"value": []})
    frame = read(session, url, nested=nested)
    assert (list(frame), len(frame)) == (columns, 0)
    assert [list(frame) for frame in pages(session, url, nested=nested)] == [columns]
    assert [table.column_names for table in pages(session, url, nested=nested, as_="arrow")] == [columns]
    assert list(pd.read_parquet(write(session, url, tmp_path / "x.parquet", nested=nested))) == columns


def test_selected_columns_come_as_rows_have_them(session: Session, api: Server) -> None:
    """Where there are rows, these alone say which columns there are."""
    api.routes["/x"] = as_json({"value": [{"name": "a", "id": 1}]})
    assert list(read(session, f"{api.origin}/x?$select=id,name,x")) == ["name", "id"]


def test_several_tables_keep_every_value(session: Session, api: Server) -> None:
    """What one table lacks, or has in another dtype, changes no value of another."""
    bodies = {
        "a": b"id,ok,big,name,when,n\n9007199254740993,True,1,x,2024-01-01T00:00:00Z,1\n",
        "b": b"name,big,when,n\n,18446744073709551614,2024-01-01T00:00:00.123456789Z,1.5\n",
    }
    for name, body in bodies.items():
        api.routes[f"/{name}"] = Reply(body, content_type="text/csv")
    frame = read(session, [f"{api.origin}/a", f"{api.origin}/b"])
    assert list(frame) == ["id", "ok", "big", "name", "when", "n"]
    assert frame["id"].tolist() == [2**53 + 1, pd.NA]
    assert frame["ok"].tolist() == [True, pd.NA]
    assert frame["big"].tolist() == [1, 2**64 - 2]
    assert str(frame["when"].dtype) == "datetime64[ns, UTC]"
    assert frame["n"].tolist() == [1, 1.5]
    assert [str(frame[name].dtype) for name in ("id", "ok", "big", "n")] == ["Int64", "boolean", "uint64", "float64"]


@pytest.mark.parametrize("backend", [{}, {"dtype_backend": "pyarrow"}], ids=["pandas", "pyarrow"])
def test_several_of_several_formats(session: Session, api: Server, backend: dict[str, Any]) -> None:
    """Pages, lines and tables come in one frame, in their order."""
    api.routes["/json"] = as_json([{"a": 2**60 + 1, "t": True, "s": "x"}])
    api.routes["/lines"] = Reply(b'{"a": 2, "s": null}\n', content_type="application/x-ndjson")
    api.routes["/csv"] = Reply(b"s\ny\n", content_type="text/csv")
    frame = read(session, [f"{api.origin}/{name}" for name in ("json", "lines", "csv", "json")], **backend)
    assert frame["a"].tolist() == [2**60 + 1, 2, pd.NA, 2**60 + 1]
    assert frame["t"].tolist() == [True, pd.NA, pd.NA, True]
    assert frame["s"].dropna().tolist() == ["x", "y", "x"]
    assert str(frame["a"].dtype) == ("int64[pyarrow]" if backend else "Int64")


def test_an_index_stays(session: Session, api: Server, tmp_path: Path) -> None:
    """What pandas takes for an index becomes a column where there is none: in Arrow, Parquet, and several tables."""
    api.routes["/x"] = Reply(b"a,b\n1,2,\n4,5,\n", content_type="text/csv")
    url = f"{api.origin}/x"
    expected = {"index": [1, 4], "a": [2, 5]}
    assert read(session, url).index.tolist() == [1, 4]
    assert read(session, [url, url])[["index", "a"]].to_dict("list") == {n: v * 2 for n, v in expected.items()}
    (table,) = pages(session, url, as_="arrow")
    assert table.select(["index", "a"]).to_pydict() == expected
    assert pd.read_parquet(write(session, url, tmp_path / "x.parquet"))[["index", "a"]].to_dict("list") == expected


def test_a_table_behind_pages_starts_over(session: Session, api: Server) -> None:
    """A table that breaks off is read again, also behind what came whole; no row is lost or comes twice."""
    for name, kind in (("csv", "text/csv"), ("lines", "application/x-ndjson")):
        body = b"a\n1\n" if name == "csv" else b'{"a": 1}\n'
        replies = [Reply(body, content_type=kind, announce=99), Reply(body, content_type=kind)]
        api.routes["/x"] = lambda seen, replies=replies: replies.pop(0)  # type: ignore[misc]
        api.routes["/json"] = as_json([{"a": 0}])
        frame = read(session, [f"{api.origin}/json", f"{api.origin}/x"], retries=Retries(pause_s=0.01))
        assert frame["a"].tolist() == [0, 1]


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
