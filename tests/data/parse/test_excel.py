"""Excel files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from loads import read
from loopback_api import Reply

from nbauth.errors import DataError, FormatError

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
