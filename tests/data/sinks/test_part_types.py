from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from loads import write
from loopback_api import Reply

from nbauth.errors import ApiError, FormatError

if TYPE_CHECKING:
    from pathlib import Path

    from loopback_api import Seen, Server

    from nbauth.data.fetch.session import Session

TIME = "2024-01-01T00:00:00Z"


def _written(session: Session, api: Server, target: Path, pages: list[list[Any]]) -> pd.Series[Any]:
    """Serve a column in pages, write it, and return what the file holds."""

    def answer(seen: Seen) -> Reply:
        number = int(seen.path.partition("=")[2] or 0)
        link = {"Link": f'</x?n={number + 1}>; rel="next"'} if number + 1 < len(pages) else {}
        frame = pd.DataFrame({"id": range(len(pages[number])), "a": pages[number]})
        return Reply(frame.to_csv(index=False).encode(), content_type="text/csv", headers=link)

    api.routes["/x"] = answer
    write(session, f"{api.origin}/x", target / "d.parquet")
    return pd.read_parquet(target / "d.parquet")["a"]


@pytest.mark.parametrize(
    ("pages", "dtype"),
    [
        ([[None, None], ["x", "y"], [None, None]], None),
        ([["x"], [None, None]], None),
        ([[None], [1, 2], [None]], "float64"),
        ([[1, 2], [None]], "float64"),
        ([[None], [1.5], [2]], "float64"),
        ([[True], [None], [False]], None),
        ([[True], [None, False]], None),
        ([[TIME], [None]], None),
        ([[None], [None]], "float64"),
        ([[], [1]], None),
    ],
)
def test_a_part_without_a_value_fits(
    session: Session, api: Server, tmp_path: Path, pages: list[list[Any]], dtype: str | None
) -> None:
    """A page in which a column has no value says nothing of its dtype."""
    column = _written(session, api, tmp_path, pages)
    expected = [value for page in pages for value in page]
    if TIME in expected:
        assert isinstance(column.dtype, pd.DatetimeTZDtype)
        expected = [None if value is None else pd.Timestamp(value) for value in expected]
    assert [None if pd.isna(value) else value for value in column] == expected
    assert dtype in (None, str(column.dtype))


@pytest.mark.parametrize("rows", [1, 2, 3, 4])
def test_a_part_without_a_row_fits(
    session: Session, api: Server, tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table has the same types in its file however its rows fall into parts, and if the last part has none."""
    monkeypatch.setattr("nbauth.data.parse.table.reader._ROWS_AT_ONCE", 2)
    column = _written(session, api, tmp_path, [[TIME] * rows])
    assert column.tolist() == [pd.Timestamp(TIME)] * rows


@pytest.mark.parametrize("pages", [[[1], ["x"]], [[True], ["x"]], [[None], [True]], [[None], ["x"], [1]]])
def test_parts_of_several_dtypes(session: Session, api: Server, tmp_path: Path, pages: list[list[Any]]) -> None:
    """Values whose dtype changes are an error that says what to do."""
    with pytest.raises(FormatError, match=r"the column 'a' is .* at first and .* further on") as caught:
        _written(session, api, tmp_path, pages)
    assert "Read it without to=" in str(caught.value.next_step)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (b"a\nx\n", "the column 'a' is int64 at first and"),
        (b"b\n1\n", "columns came that were not there before, or went: a, b"),
    ],
)
def test_parts_of_an_earlier_call(session: Session, api: Server, tmp_path: Path, second: bytes, message: str) -> None:
    """A load that goes on after a break knows the columns of the parts before it."""
    first = Reply(b"a\n7\n", content_type="text/csv", headers={"Link": '</y>; rel="next"'})
    api.routes["/x"], api.routes["/y"] = first, Reply(b"{}", 500)
    with pytest.raises(ApiError):
        write(session, f"{api.origin}/x", tmp_path / "d.parquet")
    api.routes["/y"] = Reply(second, content_type="text/csv")
    with pytest.raises(FormatError, match=message):
        write(session, f"{api.origin}/x", tmp_path / "d.parquet")
    assert [seen.path for seen in api.seen] == ["/x", "/y", "/y"]
