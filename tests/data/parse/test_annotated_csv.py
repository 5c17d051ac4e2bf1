"""InfluxDB's annotated CSV, as its documentation shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from loads import pages, read
from loopback_api import Reply

from nbauth.data.parse import annotated_csv
from nbauth.errors import ApiError

if TYPE_CHECKING:
    from loopback_api import Server

    from nbauth.data.fetch.session import Session

pytestmark = pytest.mark.usefixtures("engine")

TYPES = (
    "#datatype,string,long,dateTime:RFC3339,double,string\n#group,false,false,false,false,true\n#default,_result,,,,\n"
)
ROWS = ",result,table,_time,_value,host\n,,0,2026-01-02T03:04:05Z,0.5,007\n,,0,2026-01-02T03:05:05Z,,007\n"
OTHER = (
    "\r\n#datatype,string,long,boolean,string\r\n#group,false,false,false,true\r\n#default,last,,,\r\n"
    ',result,table,_value,text\r\n,,1,true,"a, b\r\nc"\r\n'
)
ERROR = "\n#datatype,string,string\n#group,true,true\n#default,,\n,error,reference\n,query terminated: too much,897\n"


def _read(session: Session, api: Server, text: str, content_type: str = "text/csv; charset=utf-8") -> pd.DataFrame:
    api.routes["/x"] = Reply(text.encode(), content_type=content_type)
    return read(session, f"{api.origin}/x")


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    plain = frame.astype(object).where(frame.notna(), None)
    return [dict(zip(plain.columns, row, strict=True)) for row in plain.itertuples(index=False, name=None)]


def test_types(session: Session, api: Server) -> None:
    """Types, defaults and gaps are as the annotations say; text of digits stays text."""
    frame = _read(session, api, TYPES + ROWS)
    first, second = (pd.Timestamp(f"2026-01-02T03:0{minute}:05Z") for minute in (4, 5))
    common = {"result": "_result", "table": 0, "host": "007"}
    assert _records(frame) == [
        {**common, "_time": first, "_value": 0.5},
        {**common, "_time": second, "_value": None},
    ]
    assert str(frame["_value"].dtype) == "float64"


def test_several_tables(session: Session, api: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows of tables with other columns come one below the other, in parts, too."""
    monkeypatch.setattr(annotated_csv, "_ROWS_AT_ONCE", 1)
    frame = _read(session, api, TYPES + ROWS + OTHER)
    assert list(frame) == ["result", "table", "_time", "_value", "host", "text"]
    assert frame["_value"].tolist()[::2] == [0.5, True]
    assert frame["text"].tolist()[2] == "a, b\r\nc"
    assert frame["result"].tolist() == ["_result", "_result", "last"]
    assert [len(page) for page in pages(session, f"{api.origin}/x")] == [1, 1, 1]


def test_without_annotations(session: Session, api: Server) -> None:
    """Tables that have their headers alone come without these among the rows."""
    frame = _read(session, api, f"{ROWS}\n{ROWS}", "application/csv")
    assert frame["_value"].tolist()[::2] == [0.5, 0.5]
    assert frame["host"].tolist() == ["007"] * 4
    assert str(frame["_time"].dtype).startswith("datetime64")


def test_an_error(session: Session, api: Server) -> None:
    """An error behind the rows is one, and has them; so is one that comes alone."""
    with pytest.raises(ApiError, match="query terminated: too much") as caught:
        _read(session, api, TYPES + ROWS + ERROR)
    assert caught.value.partial is not None
    assert len(caught.value.partial) == 2
    with pytest.raises(ApiError, match="query terminated"):
        _read(session, api, ",error,reference\n,query terminated,897\n")


def test_nothing(session: Session, api: Server) -> None:
    """A table without rows has its columns."""
    frame = _read(session, api, TYPES + ROWS.partition("\n")[0] + "\n")
    assert len(frame) == 0
    assert list(frame) == ["result", "table", "_time", "_value", "host"]
