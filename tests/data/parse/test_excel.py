"""Excel files."""

from __future__ import annotations

import io
from contextlib import nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Any

import openpyxl
import pandas as pd
import pytest
from loads import read
from loopback_api import Reply

from nbauth.errors import AssumptionWarning, DataError, FormatError

if TYPE_CHECKING:
    from loopback_api import Server

    from nbauth.data.fetch.session import Session

pytestmark = pytest.mark.usefixtures("engine")
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def test_the_first_sheet(session: Session, api: Server) -> None:
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


def _book(sheets: dict[str, list[list[object]]]) -> Reply:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return Reply(buffer.getvalue(), content_type=SHEET)


_TABLE: list[list[object]] = [["id", "name"], [1, "a"]]
_COVER: list[list[object]] = [["Population by district"], [], ["Source: made up"]]


@pytest.mark.parametrize(
    ("sheets", "warned"),
    [
        ({"Data": _TABLE, "Sheet2": [], "Notes": _COVER}, None),
        ({"Cover": _COVER, "Data": _TABLE}, "'Data' was read, the only one that holds a table"),
        ({"Empty": [], "Data": _TABLE, "Notes": _COVER}, "'Data' was read, the only one"),
        ({"Data": _TABLE, "More": [["id", "name"], [2, "b"]]}, "'Data' was read; 'More' hold tables, too"),
    ],
)
def test_which_sheet(session: Session, api: Server, sheets: dict[str, list[list[object]]], warned: str | None) -> None:
    """The sheet that holds a table is read; a warning says so where there is a choice."""
    api.routes["/x"] = _book(sheets)
    with pytest.warns(AssumptionWarning, match=warned) if warned else nullcontext():
        assert read(session, f"{api.origin}/x").to_dict("records") == [{"id": 1, "name": "a"}]


def test_a_sheet_that_is_named(session: Session, api: Server) -> None:
    """A sheet is named by its name or number; where there is none, or several may be meant, the error lists them."""
    api.routes["/x"] = _book({"Cover": _COVER, "A": _TABLE, "B": [["id", "name"], [2, "b"]]})
    url = f"{api.origin}/x"
    for sheet in ("B", 2):
        assert read(session, url, sheet=sheet)["id"].tolist() == [2]
    for sheet in ("C", 3, -1, None):
        with pytest.raises(FormatError, match="sheet") as caught:
            read(session, url, sheet=sheet)
        assert "It has 'Cover', 'A', 'B'" in str(caught.value.next_step)
    api.routes["/x"] = _book({"Cover": _COVER})
    assert len(read(session, url)) == 2


@pytest.mark.parametrize("backend", [{}, {"dtype_backend": "pyarrow"}], ids=["pandas", "pyarrow"])
def test_cells_are_what_they_are(session: Session, api: Server, backend: dict[str, Any]) -> None:
    """Text is text, whatever it looks like; numbers, times and truth values are such, with gaps, too."""
    when = datetime.fromisoformat("2024-01-02T03:00:00")
    rows = [["zip", "na", "n", "x", "when", "ok", "text"], ["01234", "NA", 1, 1.5, when, True, "12E4"]]
    api.routes["/x"] = _book({"A": [*rows, [None, None, None, 2, None, False, "1"]]})
    frame = read(session, f"{api.origin}/x", **backend)
    first = frame.iloc[0]
    assert first.tolist() == ["01234", "NA", 1, 1.5, pd.Timestamp(when), True, "12E4"]
    assert frame.isna().iloc[1].tolist() == [True, True, True, False, True, False, False]
    assert [frame[name].dtype.kind for name in ("x", "when", "ok")] == ["f", "M", "b"]
