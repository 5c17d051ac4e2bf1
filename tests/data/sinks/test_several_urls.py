"""Several URLs in one frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from loads import pages, read, write
from loopback_api import Reply, as_json

from nbauth.data.fetch.retry import Retries
from nbauth.errors import ApiError

if TYPE_CHECKING:
    from pathlib import Path

    from loopback_api import Server

    from nbauth.data.fetch.session import Session

pytestmark = pytest.mark.usefixtures("engine")


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


def test_zeros_in_front_beside_text(session: Session, api: Server) -> None:
    """Postcodes with zeros in front stay text, whether the other table's are text or numbers."""
    for name, body in {"a": b"zip\n01234\n", "b": b"zip\nA12\n", "c": b"zip\n00501\n"}.items():
        api.routes[f"/{name}"] = Reply(body, content_type="text/csv")
    frame = read(session, [f"{api.origin}/{name}" for name in "abc"])
    assert frame["zip"].tolist() == ["01234", "A12", "00501"]


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


@pytest.mark.parametrize("cells", [("01234", "A12"), ("10115", "A12"), ("A12", "10115"), ("A12", "01234", "7")])
@pytest.mark.parametrize("backend", [{}, {"dtype_backend": "pyarrow"}], ids=["pandas", "pyarrow"])
def test_text_in_one_table(session: Session, api: Server, cells: tuple[str, ...], backend: dict[str, Any]) -> None:
    """A column that is text in one table is text in all, sign by sign."""
    for number, cell in enumerate(cells):
        api.routes[f"/{number}"] = Reply(f"zip\n{cell}\n".encode(), content_type="text/csv")
    frame = read(session, [f"{api.origin}/{number}" for number in range(len(cells))], **backend)
    assert frame["zip"].tolist() == list(cells)


def test_an_index_stays(session: Session, api: Server, tmp_path: Path) -> None:
    """An index that the caller asks for becomes a column where there is none: in Arrow, Parquet, and several tables."""
    api.routes["/x"] = Reply(b"b,a\n1,2\n4,5\n", content_type="text/csv")
    url, asked = f"{api.origin}/x", {"csv": {"index_col": 0}}
    expected = {"b": [1, 4], "a": [2, 5]}
    assert read(session, url, **asked).index.tolist() == [1, 4]
    assert read(session, [url, url], **asked).to_dict("list") == {n: v * 2 for n, v in expected.items()}
    (table,) = pages(session, url, as_="arrow", **asked)
    assert table.to_pydict() == expected
    assert pd.read_parquet(write(session, url, tmp_path / "x.parquet", **asked)).to_dict("list") == expected


def test_a_table_behind_pages_starts_over(session: Session, api: Server) -> None:
    """A table that breaks off is read again, also behind what came whole; no row is lost or comes twice."""
    for name, kind in (("csv", "text/csv"), ("lines", "application/x-ndjson")):
        body = b"a\n1\n" if name == "csv" else b'{"a": 1}\n'
        replies = [Reply(body, content_type=kind, announce=99), Reply(body, content_type=kind)]
        api.routes["/x"] = lambda seen, replies=replies: replies.pop(0)  # type: ignore[misc]
        api.routes["/json"] = as_json([{"a": 0}])
        frame = read(session, [f"{api.origin}/json", f"{api.origin}/x"], retries=Retries(pause_s=0.01))
        assert frame["a"].tolist() == [0, 1]
