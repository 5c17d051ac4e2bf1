"""Answers that are tables: columns that are named once, beside or above rows of cells."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from loads import pages, read, write
from loopback_api import Reply, as_json

from nbauth.errors import ApiError, AssumptionWarning, FormatError, PaginationError

if TYPE_CHECKING:
    from pathlib import Path

    from loopback_api import Seen, Server

    from nbauth.data.fetch.session import Session

pytestmark = pytest.mark.usefixtures("engine")

IDS = [{"id": 1, "name": "n1"}, {"id": 2, "name": "n2"}]
CELLS = [[1, "n1"], [2, "n2"]]
COLUMNS = [{"name": "id", "type": "long"}, {"name": "name", "type": "string"}]
KUSTO = [{"ColumnName": "id", "ColumnType": "long"}, {"ColumnName": "name", "ColumnType": "string"}]
LOGS = {"tables": [{"name": "PrimaryResult", "columns": COLUMNS, "rows": CELLS}]}


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    plain = frame.astype(object).where(frame.notna(), None)
    return [dict(zip(plain.columns, row, strict=True)) for row in plain.itertuples(index=False, name=None)]


def _read(session: Session, api: Server, document: Any, **options: Any) -> pd.DataFrame:
    api.routes["/x"] = as_json(document)
    return read(session, f"{api.origin}/x", **options)


SHAPES: dict[str, Any] = {
    "Log Analytics": LOGS,
    "Log Analytics, with statistics": {**LOGS, "statistics": {"query": {"executionTime": 0.1}}, "render": {"x": [[1]]}},
    "several, one of them primary": {
        "tables": [*LOGS["tables"], {"name": "Table_1", "columns": COLUMNS[:1], "rows": [[7]]}]
    },
    "Kusto 2": [
        {"FrameType": "DataSetHeader", "Version": "v2.0"},
        {"FrameType": "DataTable", "TableKind": "QueryProperties", "Columns": KUSTO[:1], "Rows": [[9]]},
        {"FrameType": "DataTable", "TableKind": "PrimaryResult", "TableName": "T", "Columns": KUSTO, "Rows": CELLS},
        {"FrameType": "DataSetCompletion", "HasErrors": False},
    ],
    "Kusto 2, in fragments": [
        {"FrameType": "DataSetHeader", "IsProgressive": True},
        {"FrameType": "TableHeader", "TableId": 1, "TableKind": "PrimaryResult", "Columns": KUSTO},
        {"FrameType": "TableFragment", "TableId": 1, "TableFragmentType": "DataAppend", "Rows": [[7, "gone"]]},
        {"FrameType": "TableFragment", "TableId": 1, "TableFragmentType": "DataReplace", "Rows": CELLS[:1]},
        {"FrameType": "TableFragment", "TableId": 1, "TableFragmentType": "DataAppend", "Rows": CELLS[1:]},
        {"FrameType": "TableCompletion", "TableId": 1},
    ],
    "Kusto 1": {
        "Tables": [
            {"TableName": "Table_0", "Columns": KUSTO, "Rows": CELLS},
            {"TableName": "Table_1", "Columns": KUSTO[:1], "Rows": [[9]]},
            {
                "TableName": "Table_2",
                "Columns": [{"ColumnName": n} for n in ("Ordinal", "Kind", "Name", "Id", "PrettyName")],
                "Rows": [[0, "QueryResult", "PrimaryResult", "", ""], [1, "QueryProperties", "@", "", ""]],
            },
        ]
    },
    "Kusto 1, a command": {"Tables": [{"TableName": "Table_0", "Columns": KUSTO, "Rows": CELLS}]},
    "Resource Graph": {"totalRecords": 2, "count": 2, "data": {"columns": COLUMNS, "rows": CELLS}, "facets": []},
    "Cost Management": {"id": "q", "name": "q", "properties": {"nextLink": None, "columns": COLUMNS, "rows": CELLS}},
    "Intune": {
        "TotalRowCount": 2,
        "Schema": [{"Column": "id", "PropertyType": "Int64"}, {"Column": "name", "PropertyType": "String"}],
        "Values": CELLS,
        "SessionId": "",
    },
    "Databricks": {
        "status": {"state": "SUCCEEDED"},
        "manifest": {
            "schema": {"columns": [{"name": "id", "type_name": "LONG"}, {"name": "name", "type_name": "STRING"}]}
        },
        "result": {"row_count": 2, "data_array": [["1", "n1"], ["2", "n2"]]},
    },
    "Snowflake": {
        "resultSetMetaData": {
            "numRows": 2,
            "rowType": [{"name": "id", "type": "fixed", "scale": 0}, {"name": "name", "type": "text"}],
            "partitionInfo": [{"rowCount": 2}],
        },
        "data": [["1", "n1"], ["2", "n2"]],
    },
    "ES|QL": {"took": 2, "columns": COLUMNS, "values": CELLS},
    "Elasticsearch SQL, by columns": {"columns": COLUMNS, "values": [[1, 2], ["n1", "n2"]]},
    "Datasette": {"rows": CELLS, "columns": ["id", "name"], "truncated": False, "next": None, "ok": True},
    "Socrata": {
        "meta": {"view": {"id": "v", "columns": [{"id": 1, "name": "id", "dataTypeName": "number"}, {"name": "name"}]}},
        "data": [["1", "n1"], ["2", "n2"]],
    },
    "Trino": {
        "id": "q",
        "columns": [{"name": "id", "type": "bigint"}, {"name": "name", "type": "varchar(2)"}],
        "data": CELLS,
        "stats": {"state": "FINISHED"},
    },
    "Pinot": {
        "resultTable": {
            "dataSchema": {"columnNames": ["id", "name"], "columnDataTypes": ["LONG", "STRING"]},
            "rows": CELLS,
        },
        "exceptions": [],
        "numDocsScanned": 2,
    },
    "QuestDB": {
        "query": "x",
        "columns": [{"name": "id", "type": "INT"}, {"name": "name", "type": "STRING"}],
        "dataset": CELLS,
        "count": 2,
    },
    "ClickHouse, compact": {"meta": COLUMNS, "data": CELLS, "rows": 2, "statistics": {"elapsed": 0.1}},
    "ClickHouse": {
        "meta": [{"name": "id", "type": "UInt64"}, {"name": "name", "type": "String"}],
        "data": [{"id": "1", "name": "n1"}, {"id": "2", "name": "n2"}],
        "rows": 2,
        "statistics": {"elapsed": 0.1},
    },
    "types by name": {"columns": {"id": "int", "name": "text"}, "rows": CELLS},
    "pandas, split": {"columns": ["id", "name"], "index": [0, 1], "data": CELLS},
    "pandas, table": {
        "schema": {
            "fields": [{"name": "id", "type": "integer"}, {"name": "name", "type": "string"}],
            "pandas_version": "1.4.0",
        },
        "data": IDS,
    },
    "Google Sheets": {"range": "A1:B3", "majorDimension": "ROWS", "values": [["id", "name"], *CELLS]},
    "Google Sheets, by columns": {
        "range": "A1:B3",
        "majorDimension": "COLUMNS",
        "values": [["id", 1, 2], ["name", "n1", "n2"]],
    },
    "Google Sheets, a batch of one": {
        "spreadsheetId": "s",
        "valueRanges": [{"range": "A1:B3", "majorDimension": "ROWS", "values": [["id", "name"], *CELLS]}],
    },
    "Excel": {
        "@odata.context": "x",
        "address": "S!A1:B3",
        "cellCount": 6,
        "text": [["id", "name"], ["1", "n1"], ["2", "n2"]],
        "values": [["id", "name"], *CELLS],
        "formulas": [["id", "name"], ["=1", "n1"], ["2", "n2"]],
    },
    "BigQuery": {
        "kind": "bigquery#queryResponse",
        "schema": {"fields": [{"name": "id", "type": "INTEGER"}, {"name": "name", "type": "STRING"}]},
        "rows": [{"f": [{"v": "1"}, {"v": "n1"}]}, {"f": [{"v": "2"}, {"v": "n2"}]}],
        "totalRows": "2",
        "jobComplete": True,
    },
    "Google's charts": {
        "version": "0.6",
        "status": "ok",
        "table": {
            "cols": [{"id": "A", "label": "id", "type": "number"}, {"id": "B", "label": "name", "type": "string"}],
            "rows": [{"c": [{"v": 1, "f": "1"}, {"v": "n1"}]}, {"c": [{"v": 2}, {"v": "n2"}]}],
        },
    },
    "Census": [["id", "name"], *CELLS],
    "Druid, with types": [["id", "name"], ["LONG", "STRING"], ["BIGINT", "VARCHAR"], *CELLS],
    "World Bank": [{"page": 1, "pages": 1, "per_page": "50", "total": 2}, IDS],
    "ASMX": {"d": json.dumps(IDS)},
    "ASMX, a table inside": {"d": json.dumps({"columns": ["id", "name"], "rows": CELLS})},
    "columns": {"latitude": 1.0, "hourly_units": {"id": "1"}, "hourly": {"id": [1, 2], "name": ["n1", "n2"]}},
    "a report": {
        "kind": "analytics#gaData",
        "columnHeaders": [{"name": "id", "dataType": "INTEGER"}, {"name": "name", "dataType": "STRING"}],
        "rows": [["1", "n1"], ["2", "n2"]],
        "totalResults": 2,
    },
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.filterwarnings("error")
def test_shapes(session: Session, api: Server, shape: str) -> None:
    """The tables that services document come as their rows, with nothing said."""
    frame = _read(session, api, SHAPES[shape])
    assert _records(frame) == IDS
    assert str(frame["id"].dtype) == "int64"


@pytest.mark.parametrize(
    ("shape", "path"),
    [
        ("Log Analytics", "tables.0.rows"),
        ("Log Analytics", "tables.0"),
        ("Cost Management", "properties.rows"),
        ("Cost Management", "properties"),
        ("Databricks", "result.data_array"),
        ("Snowflake", "data"),
        ("Resource Graph", "data.rows"),
        ("Resource Graph", "data"),
        ("Kusto 2", "2.Rows"),
        ("Kusto 1", "Tables.0.Rows"),
        ("Google Sheets", "values"),
        ("BigQuery", "rows"),
        ("ClickHouse", "data"),
        ("columns", "hourly"),
        ("Pinot", "resultTable.rows"),
        ("World Bank", "1"),
    ],
)
def test_named(session: Session, api: Server, shape: str, path: str) -> None:
    """The same table comes where the caller says where its rows are, or what holds them."""
    assert _records(_read(session, api, SHAPES[shape], records=path)) == IDS


def _typed(
    session: Session, api: Server, columns: list[tuple[str, str]], row: list[Any], **options: Any
) -> pd.DataFrame:
    names = [{"name": name, "type": kind} for name, kind in columns]
    return _read(session, api, {"tables": [{"name": "PrimaryResult", "columns": names, "rows": [row]}]}, **options)


def test_types_of_kusto(session: Session, api: Server) -> None:
    """Declared types win over what text looks like: decimals, spans and times are such, and text stays text."""
    kinds = ["bool", "datetime", "decimal", "dynamic", "guid", "int", "long", "real", "string", "timespan", "real"]
    row = [True, "2024-01-02T03:04:05.1234567Z", "12.50", '{"a": 1}', "74be27de-1e4e-49d9-b579-fe0b331d3642"]
    row += [1, 2**53 + 1, 1, "2024-01-01", "1.02:03:04.5", "NaN"]
    frame = _typed(session, api, [(f"{place} {kind}", kind) for place, kind in enumerate(kinds)], row)
    values = frame.iloc[0].tolist()
    assert values[:5] == [True, pd.Timestamp(row[1]), Decimal("12.50"), '{"a": 1}', row[4]]
    assert values[5:10] == [1, 2**53 + 1, 1.0, "2024-01-01", pd.Timedelta("1 days 02:03:04.5")]
    dtypes = [str(dtype) for dtype in frame.dtypes]
    text = str(pd.Series(["x"]).dtype)
    assert dtypes[:5] == ["bool", "datetime64[ns, UTC]", "object", text, text]
    assert dtypes[5:] == ["int64", "int64", "float64", text, "timedelta64[ns]", "float64"]


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("fixed", "12345678901234567890", 12345678901234567890),
        ("real", "1.5", 1.5),
        ("boolean", "true", True),
        ("date", "19723", pd.Timestamp("2024-01-01")),
        ("timestamp_ntz", "1704067200.000000001", pd.Timestamp("2024-01-01T00:00:00.000000001")),
        ("timestamp_ltz", "1704067200.500000000", pd.Timestamp("2024-01-01T00:00:00.5Z")),
        ("timestamp_tz", "1704067200.000000000 1500", pd.Timestamp("2024-01-01T00:00:00Z")),
        ("variant", '{"a": 1}', '{"a": 1}'),
        ("text", "2024-01-01", "2024-01-01"),
    ],
)
def test_types_of_snowflake(session: Session, api: Server, kind: str, cell: str, value: Any) -> None:
    """Snowflake writes every value as text, and times as seconds or days since 1970."""
    document = {"resultSetMetaData": {"rowType": [{"name": "a", "type": kind}]}, "data": [[cell]]}
    assert _read(session, api, document)["a"].tolist() == [value]


def test_types_of_big_query(session: Session, api: Server) -> None:
    """BigQuery's text becomes what its schema says, also inside records and repeated fields."""
    fields = [
        {"name": "n", "type": "NUMERIC"},
        {"name": "t", "type": "TIMESTAMP"},
        {"name": "b", "type": "BOOLEAN"},
        {"name": "f", "type": "FLOAT64"},
        {"name": "r", "type": "RECORD", "fields": [{"name": "x", "type": "STRING"}]},
        {"name": "l", "type": "STRING", "mode": "REPEATED"},
    ]
    row = ["1.50", "1.7040672E9", "false", "NaN", {"f": [{"v": "y"}]}, [{"v": "p"}, {"v": "q"}]]
    document = {"schema": {"fields": fields}, "rows": [{"f": [{"v": cell} for cell in row]}], "jobComplete": True}
    found = _read(session, api, document).iloc[0].tolist()
    assert found[:3] == [Decimal("1.50"), pd.Timestamp("2024-01-01", tz="UTC"), False]
    assert found[4:] == [{"x": "y"}, ["p", "q"]]


def test_without_rows(session: Session, api: Server) -> None:
    """A table without rows has its columns, of the types that were declared."""
    kinds = [{"name": name, "type": name} for name in ("datetime", "long", "timespan")]
    frame = _read(session, api, {"columns": kinds, "rows": []})
    assert len(frame) == 0
    assert [str(dtype) for dtype in frame.dtypes] == ["datetime64[us]", "int64", "timedelta64[ns]"]
    assert list(_read(session, api, {"range": "A1:B1", "majorDimension": "ROWS", "values": [["a", "b"]]})) == ["a", "b"]
    assert list(_read(session, api, {"range": "A1:B1", "majorDimension": "ROWS"})) == []
    assert len(_read(session, api, {"results": [{"statement_id": 0}]})) == 0
    empty = [
        {
            "FrameType": "DataTable",
            "TableKind": "PrimaryResult",
            "Columns": [{"ColumnName": "t", "ColumnType": "datetime"}],
            "Rows": [],
        }
    ]
    assert str(_read(session, api, empty)["t"].dtype) == "datetime64[us, UTC]"


def test_cells_that_are_left_out(session: Session, api: Server) -> None:
    """Sheets leave out what is empty at the end of a row, and no cell moves; elsewhere that is an error."""
    values = [["a", "b", ""], ["1"], ["", "2"], [], ["3", "4", "5"]]
    frame = _read(session, api, {"range": "A1:C5", "majorDimension": "ROWS", "values": values})
    assert list(frame) == ["a", "b", "Unnamed: 2"]
    assert frame.astype(object).where(frame.notna(), None).to_numpy().tolist() == [
        ["1", None, None],
        [None, "2", None],
        [None, None, None],
        ["3", "4", "5"],
    ]
    for row in ([1], [1, "n", 3]):
        with pytest.raises(FormatError, match=r"row 1 of a table has . cells for 2 columns \(id, name\)"):
            _read(session, api, {"columns": COLUMNS, "rows": [[1, "n"], row]})
    with pytest.raises(FormatError, match=r"is not an array, as the rows before, but .*Odd"):
        _read(
            session,
            api,
            {"Tables": [{"TableName": "Table_0", "Columns": KUSTO, "Rows": [*CELLS, {"Odd": [1]}]}]},
        )


def test_several(session: Session, api: Server) -> None:
    """Several tables of which none is said to be the one are an error that names them."""
    tables = [{"name": name, "columns": COLUMNS, "rows": CELLS} for name in ("A", "B")]
    with pytest.raises(FormatError, match=r"2 tables: tables\.0\.rows \(A\), tables\.1\.rows \(B\)") as caught:
        _read(session, api, {"tables": tables})
    assert 'records="tables.0.rows"' in str(caught.value.next_step)
    assert _records(_read(session, api, {"tables": tables}, records="tables.1.rows")) == IDS
    frames = [{"FrameType": "DataTable", "TableKind": "PrimaryResult", "Columns": KUSTO, "Rows": CELLS}] * 2
    with pytest.raises(FormatError, match="2 tables"):
        _read(session, api, frames)


def test_names_of_columns(session: Session, api: Server) -> None:
    """Columns of one name are told apart, and one without a name is called by its place."""
    frame = _read(session, api, {"columns": [{"name": "a"}, {"name": "a"}, {"name": ""}], "rows": [[1, 2, 3]]})
    assert _records(frame) == [{"a": 1, "a.2": 2, "Unnamed: 2": 3}]


@pytest.mark.parametrize(
    ("document", "records", "said"),
    [
        ([[1, 2], [3, 4]], [{"0": 1, "1": 2}, {"0": 3, "1": 4}], "called by their places"),
        ([["a", "b"], ["c", "d"]], [{"a": "c", "b": "d"}], "the first of the rows"),
        ({"draw": 1, "data": [["x", 1], ["y", 2]]}, [{"0": "x", "1": 1}, {"0": "y", "1": 2}], "called by their places"),
        ([["a"], ["b"]], [{"0": "a"}, {"0": "b"}], "called by their places"),
        ([[1, 2], [3]], [{"value": [1, 2]}, {"value": [3]}], None),
    ],
)
def test_without_names(session: Session, api: Server, document: Any, records: Any, said: str | None) -> None:
    """Arrays without names get a warning that says what the columns are called; uneven ones stay as they are."""
    if said is None:
        assert _records(_read(session, api, document)) == records
        return
    with pytest.warns(AssumptionWarning, match=said):
        assert _records(_read(session, api, document)) == records


@pytest.mark.parametrize(
    "document",
    [
        {"id": 1, "columns": ["a", "b"], "name": "a view"},
        {"id": 1, "tags": ["a", "b"], "matrix": [[1, 2], [3, 4]], "title": "x"},
        {"d": "text"},
        {"d": "{not JSON"},
        {"id": 7, "range": "A", "values": [1, 2]},
        {"dimension": {"x": 1}, "value": 3, "id": ["x"], "size": [1]},
        {"schema": {"fields": [1]}, "rows": None, "jobComplete": True},
        {"series": {"pointlist": 1}, "dimensionHeaders": 5},
        {"id": 1, "labels": ["bug"], "results": []},
        {"id": 1, "columns": ["a", "b"], "rows": [], "title": "a board"},
    ],
)
def test_no_table(session: Session, api: Server, document: dict[str, Any]) -> None:
    """An object with lists of its own is one row still."""
    assert _records(_read(session, api, document)) == [document]


@pytest.mark.parametrize("style", ["auto", "next_link"])
def test_pages(session: Session, api: Server, style: Any) -> None:
    """Rows of every page come, whether the later ones name the columns or not, in another order or further up."""
    following = {"columns": COLUMNS[::-1], "rows": [["n3", 3]], "next": None}
    api.routes["/x"] = as_json({"columns": COLUMNS, "rows": CELLS, "next": f"{api.origin}/2"})
    api.routes["/2"] = as_json({"rows": [["9", "n9"]], "next": f"{api.origin}/3"})
    api.routes["/3"] = as_json(following)
    options = {} if style == "auto" else {"records": "rows"}
    frame = read(session, f"{api.origin}/x", **options)
    assert _records(frame) == [*IDS, {"id": 9, "name": "n9"}, {"id": 3, "name": "n3"}]
    frames = list(pages(session, f"{api.origin}/x", **options))
    assert [len(one) for one in frames] == [2, 1, 1]
    assert _records(pd.concat(frames, ignore_index=True)) == _records(frame)


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"results": [{"id": 1, "metadata": {"columns": ["a"], "rows": [[1]]}}], "next": None}, "results"),
        ({"results": [{"metadata": {"columns": ["a"], "rows": [[1]]}}] * 2, "next": None}, "results"),
        ({"data": [{"id": 1, "rows": []}], "next": None}, "data"),
        ({"data": [{"n": 1, "rows": [{"x": 1}]}, {"n": 2, "rows": [{"x": 2}]}], "next": None}, "data"),
    ],
)
def test_rows_with_tables_of_their_own(session: Session, api: Server, document: dict[str, Any], path: str) -> None:
    """Rows of which each has a table of its own come as rows."""
    assert _records(_read(session, api, document)) == document[path]


def test_flattened(session: Session, api: Server) -> None:
    """Objects in cells are flattened like those of other rows."""
    frame = _read(session, api, {"columns": ["a", "b"], "rows": [[1, {"x": 2}]]}, nested="flatten")
    assert _records(frame) == [{"a": 1, "b.x": 2}]


def test_partial_series(session: Session, api: Server) -> None:
    """InfluxDB's sign that rows are left out is an error."""
    series = [{"name": "cpu", "columns": ["time", "v"], "values": [["t", 1]], "partial": True}]
    with pytest.raises(PaginationError, match="says partial"):
        _read(session, api, {"results": [{"statement_id": 0, "series": series}]})


SERIES: dict[str, tuple[Any, list[dict[str, Any]]]] = {
    "Prometheus": (
        {
            "status": "success",
            "data": {
                "resultType": "matrix",
                "result": [
                    {"metric": {"__name__": "up", "job": "a"}, "values": [[1704067200, "1"], [1704067260.5, "NaN"]]},
                    {"metric": {"job": "b", "value": "x"}, "values": [[1704067200, "2"]]},
                ],
            },
        },
        [
            {
                "__name__": "up",
                "job": "a",
                "label_value": None,
                "time": pd.Timestamp("2024-01-01T00:00:00Z"),
                "value": 1.0,
            },
            {
                "__name__": "up",
                "job": "a",
                "label_value": None,
                "time": pd.Timestamp("2024-01-01T00:01:00.5Z"),
                "value": None,
            },
            {
                "__name__": None,
                "job": "b",
                "label_value": "x",
                "time": pd.Timestamp("2024-01-01T00:00:00Z"),
                "value": 2.0,
            },
        ],
    ),
    "Prometheus, a vector": (
        {
            "status": "success",
            "data": {"resultType": "vector", "result": [{"metric": {"job": "a"}, "value": [1704067200, "1"]}]},
        },
        [{"job": "a", "time": pd.Timestamp("2024-01-01", tz="UTC"), "value": 1.0}],
    ),
    "Prometheus, a scalar": (
        {"status": "success", "data": {"resultType": "scalar", "result": [1704067200, "1"]}},
        [{"time": pd.Timestamp("2024-01-01", tz="UTC"), "value": 1.0}],
    ),
    "Loki": (
        {
            "status": "success",
            "data": {
                "resultType": "streams",
                "result": [{"stream": {"app": "a"}, "values": [["1704067200000000001", "x"]]}],
                "stats": {},
            },
        },
        [{"app": "a", "time": pd.Timestamp("2024-01-01T00:00:00.000000001Z"), "line": "x"}],
    ),
    "InfluxDB 1": (
        {
            "results": [
                {
                    "statement_id": 0,
                    "series": [
                        {
                            "name": "cpu",
                            "tags": {"host": "a"},
                            "columns": ["time", "v"],
                            "values": [["2024-01-01T00:00:00Z", 1]],
                        },
                        {
                            "name": "cpu",
                            "tags": {"host": "b"},
                            "columns": ["time", "v"],
                            "values": [["2024-01-01T00:00:00Z", 2]],
                        },
                    ],
                }
            ]
        },
        [{"host": host, "time": pd.Timestamp("2024-01-01", tz="UTC"), "v": v} for host, v in (("a", 1), ("b", 2))],
    ),
    "Datadog": (
        {
            "status": "ok",
            "series": [
                {"metric": "m", "scope": "host:a", "pointlist": [[1704067200000.0, 1.5], [1704067260000.0, None]]}
            ],
        },
        [
            {"metric": "m", "scope": "host:a", "time": pd.Timestamp("2024-01-01T00:00:00Z"), "value": 1.5},
            {"metric": "m", "scope": "host:a", "time": pd.Timestamp("2024-01-01T00:01:00Z"), "value": None},
        ],
    ),
    "Google Analytics 4": (
        {
            "dimensionHeaders": [{"name": "date"}],
            "metricHeaders": [{"name": "users", "type": "TYPE_INTEGER"}],
            "rows": [{"dimensionValues": [{"value": "2024-01-01"}], "metricValues": [{"value": "3"}]}],
            "rowCount": 1,
        },
        [{"date": "2024-01-01", "users": 3}],
    ),
    "Google Analytics, reporting 4": (
        {
            "reports": [
                {
                    "columnHeader": {
                        "dimensions": ["ga:country"],
                        "metricHeader": {"metricHeaderEntries": [{"name": "ga:users", "type": "INTEGER"}]},
                    },
                    "data": {
                        "rows": [{"dimensions": ["NO"], "metrics": [{"values": ["3"]}]}],
                        "totals": [{"values": ["3"]}],
                    },
                }
            ]
        },
        [{"ga:country": "NO", "ga:users": 3}],
    ),
    "JSON-stat": (
        {
            "version": "2.0",
            "class": "dataset",
            "id": ["geo", "time"],
            "size": [2, 2],
            "dimension": {
                "geo": {"category": {"index": {"CH": 1, "NO": 0}}},
                "time": {"category": {"index": ["2024", "2025"]}},
            },
            "value": {"0": 1, "3": 2},
            "status": {"2": ":"},
        },
        [
            {"geo": "NO", "time": "2024", "value": 1, "status": None},
            {"geo": "CH", "time": "2024", "value": None, "status": ":"},
            {"geo": "CH", "time": "2025", "value": 2, "status": None},
        ],
    ),
    "JSON-stat 1": (
        {
            "dataset": {
                "label": "x",
                "value": [1, None],
                "dimension": {
                    "id": ["sex", "time"],
                    "size": [1, 2],
                    "sex": {"category": {"label": {"T": "Total"}}},
                    "time": {"category": {"index": ["2024", "2025"]}},
                },
            }
        },
        [{"sex": "T", "time": "2024", "value": 1}],
    ),
    "SDMX-JSON 1": (
        {
            "header": {"id": "h"},
            "structure": {
                "dimensions": {
                    "dataset": [{"id": "FREQ", "values": [{"id": "M"}]}],
                    "series": [],
                    "observation": [
                        {"id": "CUR", "values": [{"id": "USD"}, {"id": "CHF"}]},
                        {"id": "TIME_PERIOD", "values": [{"id": "2024-01"}]},
                    ],
                }
            },
            "dataSets": [{"action": "Replace", "observations": {"0:0": [1.1, 0], "1:0": [1.2, None]}}],
        },
        [
            {"FREQ": "M", "CUR": "USD", "TIME_PERIOD": "2024-01", "value": 1.1},
            {"FREQ": "M", "CUR": "CHF", "TIME_PERIOD": "2024-01", "value": 1.2},
        ],
    ),
    "Datadog 2": (
        {
            "data": {
                "type": "timeseries_response",
                "attributes": {
                    "series": [{"group_tags": ["env:a"], "query_index": 0, "unit": None}],
                    "times": [1704067200000, 1704067260000],
                    "values": [[1.5, None]],
                },
            }
        },
        [
            {"query": 0, "tags": "env:a", "time": pd.Timestamp("2024-01-01T00:00:00Z"), "value": 1.5},
            {"query": 0, "tags": "env:a", "time": pd.Timestamp("2024-01-01T00:01:00Z"), "value": None},
        ],
    ),
    "Grafana": (
        {
            "results": {
                "A": {
                    "status": 200,
                    "frames": [
                        {
                            "schema": {"fields": [{"name": "t", "type": "time"}, {"name": "v", "type": "number"}]},
                            "data": {"values": [[1704067200000, 1704067260000], [1, 2]]},
                        }
                    ],
                }
            }
        },
        [
            {"t": pd.Timestamp("2024-01-01T00:00:00Z"), "v": 1},
            {"t": pd.Timestamp("2024-01-01T00:01:00Z"), "v": 2},
        ],
    ),
    "Smartsheet": (
        {
            "id": 1,
            "name": "s",
            "columns": [{"id": 11, "title": "a", "type": "TEXT_NUMBER"}, {"id": 12, "title": "b"}],
            "rows": [{"id": 5, "cells": [{"columnId": 12, "value": "y"}, {"columnId": 11, "value": 1}]}],
        },
        [{"a": 1, "b": "y"}],
    ),
    "SharePoint's search": (
        {
            "PrimaryQueryResult": {
                "RelevantResults": {
                    "RowCount": 1,
                    "Table": {
                        "Rows": [
                            {
                                "Cells": [
                                    {"Key": "Title", "Value": "2024-01-01", "ValueType": "Edm.String"},
                                    {"Key": "Size", "Value": "7", "ValueType": "Edm.Int64"},
                                ]
                            }
                        ]
                    },
                }
            }
        },
        [{"Title": "2024-01-01", "Size": 7}],
    ),
    "SharePoint's search, verbose": (
        {
            "d": {
                "query": {
                    "PrimaryQueryResult": {
                        "RelevantResults": {
                            "Table": {"Rows": {"results": [{"Cells": {"results": [{"Key": "a", "Value": "x"}]}}]}}
                        }
                    }
                }
            }
        },
        [{"a": "x"}],
    ),
    "Neo4j": (
        {"results": [{"columns": ["n", "x"], "data": [{"row": [1, "a"], "meta": [None, None]}]}], "errors": []},
        [{"n": 1, "x": "a"}],
    ),
    "PxWeb": (
        {
            "columns": [{"code": "Region", "type": "d"}, {"code": "Tid", "type": "t"}, {"code": "B", "type": "c"}],
            "comments": [],
            "data": [{"key": ["00", "2024"], "values": ["10.5"]}],
        },
        [{"Region": "00", "Tid": "2024", "B": 10.5}],
    ),
    "Graphite": (
        [{"target": "a", "datapoints": [[1.5, 1704067200], [None, 1704067260]]}],
        [
            {"target": "a", "time": pd.Timestamp("2024-01-01T00:00:00Z"), "value": 1.5},
            {"target": "a", "time": pd.Timestamp("2024-01-01T00:01:00Z"), "value": None},
        ],
    ),
    "Finnhub": (
        {"c": [1.5, 2.5], "t": [1, 2], "s": "ok"},
        [{"c": 1.5, "t": 1}, {"c": 2.5, "t": 2}],
    ),
    "Spanner": (
        {
            "metadata": {"rowType": {"fields": [{"name": "a", "type": {"code": "INT64"}}, {"name": "b"}]}},
            "rows": [["1", "x"]],
        },
        [{"a": 1, "b": "x"}],
    ),
    "Splunk, by columns": (
        {"fields": ["a", "b"], "columns": [["1", "2"], ["x", "y"]]},
        [
            {"a": "1", "b": "x"},
            {"a": "2", "b": "y"},
        ],
    ),
    "TDengine": (
        {"status": "succ", "head": ["a", "b", "c"], "column_meta": [["a", 4, 4]] * 3, "data": [[1, 2, 3]], "rows": 1},
        [{"a": 1, "b": 2, "c": 3}],
    ),
    "a batch of one query": (
        {
            "responses": [
                {
                    "id": "1",
                    "status": 200,
                    "body": {
                        "tables": [{"name": "PrimaryResult", "columns": [{"name": "a", "type": "long"}], "rows": [[1]]}]
                    },
                }
            ]
        },
        [{"a": 1}],
    ),
    "rqlite": ({"results": [{"columns": ["a"], "types": ["integer"], "values": [[1]]}]}, [{"a": 1}]),
    "Nasdaq Data Link": (
        {"dataset": {"id": 1, "name": "x", "column_names": ["Date", "Open"], "data": [["2024-01-01", 1.5]]}},
        [{"Date": pd.Timestamp("2024-01-01"), "Open": 1.5}],
    ),
    "CKAN": (
        {
            "success": True,
            "result": {
                "fields": [{"id": "_id", "type": "int"}, {"id": "t", "type": "text"}],
                "records": [[1, "2024-01-01"]],
                "total": 1,
            },
        },
        [{"_id": 1, "t": "2024-01-01"}],
    ),
    "the Census, one column": ([["POP"], ["10"], ["20"]], [{"POP": "10"}, {"POP": "20"}]),
    "Open-Meteo": (
        {
            "latitude": 1.0,
            "hourly_units": {"time": "iso8601", "t": "C"},
            "hourly": {"time": ["2024-01-01T00:00", "2024-01-01T01:00"], "t": [1.5, None]},
        },
        [{"time": pd.Timestamp("2024-01-01T00:00"), "t": 1.5}, {"time": pd.Timestamp("2024-01-01T01:00"), "t": None}],
    ),
}


@pytest.mark.parametrize("shape", SERIES)
@pytest.mark.filterwarnings("error")
def test_series_and_cubes(session: Session, api: Server, shape: str) -> None:
    """Series of points and cubes of statistics come as a row for each value."""
    document, records = SERIES[shape]
    assert _records(_read(session, api, document)) == records


def test_hourly_and_daily(session: Session, api: Server) -> None:
    """Two objects of columns in one answer are an error that names them."""
    document = {name: {"time": ["2024-01-01", "2024-01-02"], "t": [1, 2]} for name in ("hourly", "daily")}
    with pytest.raises(FormatError, match="2 tables: hourly, daily"):
        _read(session, api, document)
    assert len(_read(session, api, document, records="daily")) == 2


def test_trino(session: Session, api: Server) -> None:
    """Trino's first answers have columns and no rows; the rows of all its answers come."""
    columns = SHAPES["Trino"]["columns"]
    common = {"id": "q", "infoUri": f"{api.origin}/i", "stats": {"state": "RUNNING"}}
    api.routes["/x"] = as_json({**common, "nextUri": f"{api.origin}/1", "stats": {"state": "QUEUED"}})
    api.routes["/1"] = as_json({**common, "nextUri": f"{api.origin}/2", "columns": columns})
    api.routes["/2"] = as_json({**common, "nextUri": f"{api.origin}/3", "columns": columns, "data": CELLS[:1]})
    api.routes["/3"] = as_json({**common, "columns": columns, "data": CELLS[1:], "stats": {"state": "FINISHED"}})
    assert _records(read(session, f"{api.origin}/x", json={"q": "select"})) == IDS


def test_the_world_bank(session: Session, api: Server) -> None:
    """The World Bank's pages are walked; its error is one, and nothing is no row."""
    api.routes["/x"] = lambda seen: as_json(
        [{"page": 2, "pages": 2, "per_page": "1", "total": 2}, IDS[1:]]
        if "page=2" in seen.path
        else [{"page": 1, "pages": 2, "per_page": "1", "total": 2}, IDS[:1]]
    )
    assert _records(read(session, f"{api.origin}/x")) == IDS
    assert len(_read(session, api, [{"page": 0, "pages": 0, "per_page": 0, "total": 0}, None])) == 0
    with pytest.raises(ApiError, match="The provided parameter value is not valid"):
        _read(
            session,
            api,
            [
                {
                    "message": [
                        {"id": "120", "key": "Invalid value", "value": "The provided parameter value is not valid"}
                    ]
                }
            ],
        )
    assert _read(session, api, [{"a": 1}, [1]]).shape[0] == 2


def test_kusto_s_errors(session: Session, api: Server) -> None:
    """What Kusto says of an error behind its rows is one, and the rows are in it."""
    end = {"FrameType": "DataSetCompletion", "HasErrors": True, "OneApiErrors": [{"error": {"message": "too much"}}]}
    with pytest.raises(ApiError, match=r"a part of its rows \(HasErrors\): too much") as caught:
        _read(session, api, [*SHAPES["Kusto 2"][:-1], end])
    assert caught.value.partial is not None
    assert _records(caught.value.partial) == IDS


@pytest.mark.parametrize("engine", ["fast"], indirect=True)
@pytest.mark.parametrize("is_named", [True, False])
def test_to_a_file(session: Session, api: Server, tmp_path: Path, is_named: bool) -> None:  # noqa: FBT001
    """A file gets the declared types of all pages, and a load that broke off has every row in its column."""
    columns = [{"name": "d", "type_name": "DECIMAL"}, {"name": "s", "type_name": "STRING"}]
    manifest = {"manifest": {"schema": {"columns": columns}}}
    pages = [[["1.5", "2024-01-01"]], [["22.25", None]], [[None, "2024-01-02"]]]

    def answer(seen: Seen) -> Reply:
        number = int(seen.path.partition("chunk=")[2] or 0)
        rows = {"data_array": pages[number]}
        if number + 1 < len(pages):
            rows["next_chunk_internal_link"] = f"/x?chunk={number + 1}"
        if number == 2 and is_broken:
            return Reply(b"no", 500)
        return as_json({**manifest, "result": rows} if is_named or not number else rows)

    api.routes["/x"] = answer
    is_broken = True
    with pytest.raises(ApiError):
        write(session, f"{api.origin}/x", tmp_path / "d.parquet")
    is_broken = False
    asked = len(api.seen)
    write(session, f"{api.origin}/x", tmp_path / "d.parquet")
    assert len(api.seen) - asked == (1 if is_named else 4)
    table = pq.read_table(tmp_path / "d.parquet")
    assert table.to_pylist() == [
        {"d": Decimal("1.50"), "s": "2024-01-01"},
        {"d": Decimal("22.25"), "s": None},
        {"d": None, "s": "2024-01-02"},
    ]
    assert str(table.schema.field("s").type) == "string"
