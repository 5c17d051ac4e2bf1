from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest
from loads import write
from loopback_api import Reply
from requests import Response

from nbauth.data.batch import FrameBatch, RecordBatch, TableBatch
from nbauth.data.build.frame_builder import FrameBuilder
from nbauth.data.paging.page import Page
from nbauth.data.paging.page_response import Rows
from nbauth.data.parse.lazy_json import RawNode, node_of
from nbauth.data.parse.ndjson import LineBatch
from nbauth.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loopback_api import Server

    from nbauth.data.batch import ColumnBatch, RowBatch
    from nbauth.data.fetch.session import Session

RECORDS = [{"id": 1, "name": "a"}, {"id": 2, "name": None}, {"id": 2**60, "name": "ü"}]
URL = "https://api.example.com/rows"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _response() -> Response:
    response = Response()
    response.url, response.status_code = URL, 200
    return response


def _page(records: list[dict[str, Any]]) -> RowBatch:
    return Page(Rows(node_of(json.dumps(records).encode())), _response(), None, None)


def _lines(records: list[dict[str, Any]]) -> RowBatch:
    return LineBatch([json.dumps(record).encode() for record in records], 0, _response(), "utf-8-sig")


def _records(records: list[dict[str, Any]]) -> RowBatch:
    return RecordBatch(records, URL)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("make", [_page, _lines, _records])
def test_rows_of_every_kind(make: Callable[[list[dict[str, Any]]], RowBatch]) -> None:
    """Rows become the same columns, whatever they came as, and say what a sink asks them."""
    builder = FrameBuilder()
    for half in (RECORDS[:2], RECORDS[2:]):
        batch = make(half)
        assert (batch.has_own_columns, batch.url, batch.is_good) == (False, URL, True)
        assert (batch.total_rows, batch.next_request) == (None, None)
        batch.append_to(builder)
    assert builder.rows == 3
    frame = builder.frame()
    assert frame["id"].tolist() == [1, 2, 2**60]
    assert frame["name"].isna().tolist() == [False, True, False]
    assert frame["name"].dropna().tolist() == ["a", "ü"]


@pytest.mark.parametrize("as_table", [False, True])
def test_columns_of_every_kind(as_table: bool) -> None:  # noqa: FBT001 - a test's parameter
    """Columns that came as such become a frame and a table with the same content."""
    frame = pd.DataFrame({"id": [1, 2], "flag": pd.array([True, None], "boolean")})
    batch: ColumnBatch = (
        TableBatch(pa.Table.from_pandas(frame, preserve_index=False)) if as_table else FrameBatch(frame)
    )
    assert (batch.has_own_columns, batch.rows, batch.total_rows) == (True, 2, None)
    pd.testing.assert_frame_equal(batch.to_frame(None), frame)
    assert batch.to_arrow().to_pydict() == {"id": [1, 2], "flag": [True, None]}


@pytest.mark.usefixtures("engine")
def test_a_broken_line_comes_after_the_good_ones() -> None:
    """The lines in front of a broken one are in the builder when the error is raised, and it names the line."""
    builder = FrameBuilder()
    lines = LineBatch([b'{"a": 1}', b"", b'{"a": 2}', b'{"a":', b'{"a": 3}'], 10, _response(), "utf-8-sig")
    with pytest.raises(FormatError, match="whose line 14 is no valid JSON"):
        lines.append_to(builder)
    assert builder.frame()["a"].tolist() == [1, 2]


def test_a_broken_page() -> None:
    """The error of a page that is no JSON shows where it is from and how it begins; no row of it is taken in."""
    page = Page(Rows(RawNode(b'[{"a": 1}, {"a"]')), _response(), None, None)
    builder = FrameBuilder()
    with pytest.raises(FormatError, match=r"api.example.com/rows answered 200.*no valid JSON.*begins: .*\"a\": 1"):
        page.append_to(builder)
    assert builder.rows == 0


def test_names_of_columns_may_be_numbers(session: Session, api: Server, tmp_path: Path) -> None:
    """A sheet whose header holds years is written to Parquet."""
    file = io.BytesIO()
    pd.DataFrame({2023: [1, 2], 2024: [3, 4]}).to_excel(file, index=False)
    api.routes["/x"] = Reply(file.getvalue(), content_type=XLSX)
    write(session, f"{api.origin}/x", tmp_path / "d.parquet")
    assert pd.read_parquet(tmp_path / "d.parquet").to_dict("list") == {"2023": [1, 2], "2024": [3, 4]}
