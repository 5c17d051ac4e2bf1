"""The columns of a collection, with and without rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from loads import pages, read, write
from loopback_api import Reply, as_json

if TYPE_CHECKING:
    from pathlib import Path

    from loopback_api import Server

    from nbauth.data.fetch.session import Session

pytestmark = pytest.mark.usefixtures("engine")


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


@pytest.mark.parametrize("rows", range(6))
def test_pages_of_a_file_have_rows(session: Session, api: Server, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file's last page has rows also where they fill it to its end; one without a row brings its columns once."""
    monkeypatch.setattr("nbauth.data.parse.table.reader._ROWS_AT_ONCE", 2)
    lines = [f"{number},x" for number in range(rows)]
    api.routes["/x.csv"] = Reply("\n".join(["id,name", *lines, ""]).encode(), content_type="text/csv")
    expected = [2] * (rows // 2) + [1] * (rows % 2) or [0]
    for form in ("pandas", "arrow"):
        found = list(pages(session, f"{api.origin}/x.csv", as_=form))
        assert [len(page) for page in found] == expected
        assert [list(page.columns if form == "pandas" else page.column_names) for page in found] == [
            ["id", "name"]
        ] * len(expected)
