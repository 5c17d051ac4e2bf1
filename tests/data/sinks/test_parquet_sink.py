from __future__ import annotations

import gzip
import json
import os
import time
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from loads import pages, read, write
from loopback_api import Reply, as_json

from nbauth.data.paging import PageNumber
from nbauth.data.reader import Reader
from nbauth.data.sinks import checkpoint
from nbauth.errors import ApiError, ConfigError, DataError, FormatError, ReadInterrupted

if TYPE_CHECKING:
    from pathlib import Path

    from loopback_api import Seen, Server

    from nbauth.data.fetch.session import Session

pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a part of every few rows."""
    monkeypatch.setattr("nbauth.data.sinks.parquet._ROWS_AT_ONCE", 4)


def _serve(api: Server, pages: list[list[Any]]) -> str:
    def answer(seen: Seen) -> Reply:
        number = int(seen.path.partition("&n=")[2] or 0)
        more = {"nextLink": f"/x?$skiptoken=hush&n={number + 1}"} if number + 1 < len(pages) else {}
        return as_json({"value": pages[number], **more})

    api.routes["/x"] = answer
    return f"{api.origin}/x"


def _left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def test_same_as_a_frame(session: Session, api: Server, tmp_path: Path) -> None:
    """The file holds what the frame holds, with the types that all pages need."""
    time = "2024-01-01T00:00:00Z"
    pages = [
        [
            {"id": number, "x": number, "when": time, "day": "2024-01-01", "text": "a", "flag": None}
            for number in range(4)
        ],
        [{"id": 2**40, "x": 1.5, "when": "2024-01-01T00:00:00.1234567Z", "text": None, "late": True}] * 4,
        [{"id": None, "x": None, "when": None, "nested": {"a": [1]}, "flag": None, "day": "2024-02-01"}] * 4,
    ]
    url = _serve(api, pages)
    target = tmp_path / "data.parquet"
    assert write(session, url, target) == target
    frame = read(session, url, nested="json", dtype_backend="pyarrow")
    pd.testing.assert_frame_equal(pd.read_parquet(target, dtype_backend="pyarrow"), frame)
    types = {field.name: str(field.type) for field in pq.read_schema(target)}
    assert (types["when"], types["day"], types["x"]) == ("timestamp[ns, tz=UTC]", "timestamp[us]", "double")
    assert _left(target) == ["data.parquet"]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (1, "n/a", ["1", "n/a"]),
        (2**53 + 1, 1.5, [str(2**53 + 1), "1.5"]),
        ("2024-01-01", "soon", ["2024-01-01", "soon"]),
        ("2024-01-01", "2024-01-01T00:00:00Z", ["2024-01-01", "2024-01-01T00:00:00Z"]),
        (True, 7, ["true", "7"]),
        (2**64, 1, [str(2**64), "1"]),
        (None, "x", [None, "x"]),
        ({"a": 1}, "x", ['{"a": 1}', "x"]),
        (
            "2024-01-01T00:00:00.1234567Z",
            "9999-01-01T00:00:00Z",
            ["2024-01-01T00:00:00.1234567Z", "9999-01-01T00:00:00Z"],
        ),
    ],
)
def test_drift(  # noqa: PLR0917
    session: Session, api: Server, tmp_path: Path, first: Any, second: Any, expected: list[Any]
) -> None:
    """A column that drifts between parts is text that says what each value was."""
    url = _serve(api, [[{"a": first}] * 4, [{"a": second}]])
    write(session, url, tmp_path / "d.parquet")
    assert pq.read_table(tmp_path / "d.parquet")["a"].to_pylist()[3:] == expected


def test_nothing(session: Session, api: Server, tmp_path: Path) -> None:
    """No rows make an empty file."""
    write(session, _serve(api, [[]]), tmp_path / "d.parquet")
    assert len(pd.read_parquet(tmp_path / "d.parquet")) == 0


def _break_at(api: Server, broken: str) -> None:
    whole = api.routes["/x"]
    assert callable(whole)
    api.routes["/x"] = lambda seen: Reply(b"no", 500) if seen.path.endswith(broken) else whole(seen)  # type: ignore[operator]


def test_goes_on(session: Session, api: Server, tmp_path: Path) -> None:
    """After a break the same call goes on with the page that was missing; the old file stays until all is there."""
    pages = [[{"id": 4 * number + row} for row in range(4)] for number in range(10)]
    url = _serve(api, pages)
    target = tmp_path / "data.parquet"
    target.write_bytes(b"old")
    _break_at(api, "n=7")
    with pytest.raises(ApiError):
        write(session, url, target)
    assert target.read_bytes() == b"old"
    (folder,) = (path for path in tmp_path.iterdir() if path != target)
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
    assert b"token-1" not in b"".join(path.read_bytes() for path in folder.iterdir())
    asked = len(api.seen)
    _serve(api, pages)
    write(session, url, target)
    assert pd.read_parquet(target)["id"].tolist() == list(range(40))
    assert len(api.seen) - asked == 3
    assert _left(target) == ["data.parquet"]


@pytest.mark.parametrize("how", ["request", "open", "garbage", "part"])
def test_starts_anew(session: Session, api: Server, tmp_path: Path, how: str) -> None:
    """What another request left, what others may read or write, and what is damaged is not gone on with."""
    pages = [[{"id": 4 * number + row} for row in range(4)] for number in range(4)]
    url = _serve(api, pages)
    target = tmp_path / "data.parquet"
    _break_at(api, "n=2")
    with pytest.raises(ApiError):
        write(session, url, target)
    note = tmp_path / ".data.parquet.nbauth-parts" / "note.json"
    if how == "open":
        note.chmod(0o644)
    elif how == "garbage":
        note.write_bytes(note.read_bytes()[:-9])
    elif how == "part":
        (note.parent / "00000.arrow").unlink()
    api.seen.clear()
    _serve(api, pages)
    write(session, url, target, params={"q": 1} if how == "request" else None)
    assert len(api.seen) == 4
    assert pd.read_parquet(target)["id"].tolist() == list(range(16))


def test_goes_on_with_the_style(session: Session, api: Server, tmp_path: Path) -> None:
    """The style that the first answer showed holds for the rest, also where the last answer shows none."""

    def answer(seen: Seen) -> Reply:
        number = int(seen.path.partition("pageToken=")[2] or 0)
        more = {"nextPageToken": str(number + 1)} if number < 2 else {}
        return as_json({"items": [{"id": number}] * 4, **more})

    api.routes["/x"] = answer
    _break_at(api, "pageToken=2")
    with pytest.raises(ApiError):
        write(session, f"{api.origin}/x", tmp_path / "d.parquet")
    api.routes["/x"] = answer
    write(session, f"{api.origin}/x", tmp_path / "d.parquet")
    assert pd.read_parquet(tmp_path / "d.parquet")["id"].tolist() == [0] * 4 + [1] * 4 + [2] * 4


def test_goes_on_with_the_count(session: Session, api: Server, tmp_path: Path) -> None:
    """Rows that came before the break count towards the total."""

    def answer(seen: Seen) -> Reply:
        number = int(seen.path.partition("page=")[2])
        return as_json({"items": [{"id": number, "row": row} for row in range(4)], "n": 12})

    style = PageNumber(total="n")
    api.routes["/x"] = answer
    _break_at(api, "page=3")
    with pytest.raises(ApiError):
        write(session, f"{api.origin}/x", tmp_path / "d.parquet", paging=style)
    api.routes["/x"] = answer
    write(session, f"{api.origin}/x", tmp_path / "d.parquet", paging=style)
    assert len(pd.read_parquet(tmp_path / "d.parquet")) == 12


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet"])
def test_files(session: Session, api: Server, tmp_path: Path, kind: str) -> None:
    """Files become Parquet, too."""
    frame = pd.DataFrame({"id": range(10), "name": [f"n{number}" for number in range(10)]})
    bodies = {"csv": frame.to_csv(index=False).encode(), "parquet": frame.to_parquet()}
    bodies["ndjson"] = "\n".join(json.dumps(row) for row in frame.to_dict("records")).encode()
    packed = gzip.compress(bodies[kind])
    api.routes[f"/x.{kind}"] = Reply(packed, content_type=None, headers={"Content-Encoding": "gzip"})
    write(session, f"{api.origin}/x.{kind}", tmp_path / "d.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "d.parquet"), frame)


def test_table_that_drifts(session: Session, api: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table whose parts would not be what the whole is, is an error that says what to do."""
    monkeypatch.setattr("nbauth.data.parse.table.reader._ROWS_AT_ONCE", 2)
    monkeypatch.setattr("nbauth.data.parse.table.reader.BLOCK", 4)
    monkeypatch.setattr("nbauth.data.parse.table.blocks._HEAD", 8)
    monkeypatch.setattr("nbauth.data.parse.table.blocks._TAIL", 2)
    api.routes["/x.csv"] = Reply(b"id\n7\n8\n9\n8\nx\n", content_type="text/csv")
    with pytest.raises(FormatError, match="Read it without to="):
        write(session, f"{api.origin}/x.csv", tmp_path / "d.parquet")
    assert not (tmp_path / "d.parquet").exists()


def test_wrong_target(session: Session, api: Server, tmp_path: Path) -> None:
    """A directory is no file."""
    with pytest.raises(ConfigError, match="directory"):
        write(session, f"{api.origin}/x", tmp_path)
    assert api.seen == []


@pytest.mark.parametrize("concurrency", [1, 3])
def test_goes_on_to_the_page_that_is_missing(session: Session, api: Server, tmp_path: Path, concurrency: int) -> None:
    """Also when it goes on, a 404 ends pages that only end so."""
    api.routes["/x"] = lambda seen: as_json([{"id": 1}]) if "page=1" in seen.path else Reply(b"no", 500)
    with pytest.raises(ApiError):
        write(session, f"{api.origin}/x", tmp_path / "d.parquet", paging="page", concurrency=concurrency)
    api.routes["/x"] = Reply(b"no", 404)
    write(session, f"{api.origin}/x", tmp_path / "d.parquet", paging="page", concurrency=concurrency)
    assert pd.read_parquet(tmp_path / "d.parquet")["id"].tolist() == [1]


def test_a_checkpoint_of_another_version(
    session: Session, api: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint that another version of nbauth left is not gone on with: the same call starts over."""
    pages = [[{"id": 1}], [{"id": 2}], [{"id": 3}]]
    url = _serve(api, pages)
    _break_at(api, "n=1")
    with monkeypatch.context() as earlier:
        earlier.setattr(checkpoint, "_VERSION", checkpoint._VERSION - 1)
        with pytest.raises(ApiError):
            write(session, url, tmp_path / "d.parquet")
    _serve(api, pages)
    api.seen.clear()
    write(session, url, tmp_path / "d.parquet")
    assert len(api.seen) == 3
    assert pd.read_parquet(tmp_path / "d.parquet")["id"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_link_that_was_forgotten(session: Session, api: Server, tmp_path: Path, status: int) -> None:
    """Where the API has forgotten the saved link, the same call starts over."""
    url = _serve(api, [[{"id": 1}], [{"id": 2}], [{"id": 3}]])
    _break_at(api, "n=1")
    with pytest.raises(ApiError):
        write(session, url, tmp_path / "d.parquet")
    served = _serve(api, [[{"id": 7}]])
    first = api.routes["/x"]
    api.routes["/x"] = lambda seen: Reply(b"no", status) if "n=1" in seen.path else first(seen)  # type: ignore[operator]
    write(session, served, tmp_path / "d.parquet")
    assert pd.read_parquet(tmp_path / "d.parquet")["id"].tolist() == [7]


def test_goes_on_by_a_function(session: Session, api: Server, tmp_path: Path) -> None:
    """A load whose paging is a function goes on, too; by another function it starts over."""
    broken = True

    def answer(seen: Seen) -> Reply:
        number = int(seen.path.partition("page=")[2] or 1)
        return Reply(b"no", 500) if number == 3 and broken else as_json({"rows": [{"id": number}], "n": number})

    api.routes["/x"] = answer
    makers = [lambda a: {"page": a.json()["n"] + 1} if a.json()["n"] < 4 else None] * 2
    makers.append(lambda a: {"page": a.json()["n"] + 2} if a.json()["n"] < 3 else None)
    for paging, fails in zip((makers[0], makers[2], makers[0], makers[1]), (True, True, True, False), strict=True):
        broken = fails
        api.seen.clear()
        if fails:
            with pytest.raises(ApiError):
                write(session, f"{api.origin}/x", tmp_path / "d.parquet", records="rows", paging=paging)
        else:
            write(session, f"{api.origin}/x", tmp_path / "d.parquet", records="rows", paging=paging)
    assert [seen.path for seen in api.seen] == ["/x?page=3", "/x?page=4"]
    assert pd.read_parquet(tmp_path / "d.parquet")["id"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("how", ["error", "interrupt"])
def test_few_rows_are_kept_too(session: Session, api: Server, tmp_path: Path, how: str, monkeypatch: Any) -> None:
    """What came before a break is kept however little it is, and no row comes twice."""
    pages = [[{"id": 4 * number + row} for row in range(4)] for number in range(10)]
    url = _serve(api, pages)
    _break_at(api, "n=7")
    with monkeypatch.context() as patch:
        patch.setattr("nbauth.data.sinks.parquet._ROWS_AT_ONCE", 25_000)
        if how == "interrupt":
            before = Reader.add

            def add(self: Reader, part: Any, builder: Any) -> None:
                if builder.rows == 28:
                    raise KeyboardInterrupt
                before(self, part, builder)

            patch.setattr(Reader, "add", add)
            _serve(api, pages)
        with pytest.raises(ApiError if how == "error" else ReadInterrupted):
            write(session, url, tmp_path / "d.parquet")
    _serve(api, pages)
    api.seen.clear()
    write(session, url, tmp_path / "d.parquet")
    assert len(api.seen) == 3
    assert pd.read_parquet(tmp_path / "d.parquet")["id"].tolist() == list(range(40))


def test_the_file_itself_fails(session: Session, api: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the file cannot be written, what came is kept, and the next call asks for nothing."""
    url = _serve(api, [[{"id": 1}], [{"id": 2}]])
    with monkeypatch.context() as patch:
        patch.setattr(pq, "ParquetWriter", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(DataError, match=r"d.parquet cannot be written: No space left.*the same call goes on"):
            write(session, url, tmp_path / "d.parquet")
    api.seen.clear()
    write(session, url, tmp_path / "d.parquet")
    assert api.seen == []
    assert pd.read_parquet(tmp_path / "d.parquet")["id"].tolist() == [1, 2]
    assert _left(tmp_path / "d.parquet") == ["d.parquet"]


@pytest.mark.parametrize("change", [{"who": "other"}, {"headers": {"x": "1"}}, {"json": {1: "a", "b": 2}}, "age"])
def test_somebody_elses(session: Session, api: Server, tmp_path: Path, change: Any) -> None:
    """What came for somebody else, for another request or long ago is not gone on with."""
    pages = [[{"id": 1}], [{"id": 2}]]
    url = _serve(api, pages)
    _break_at(api, "n=1")
    with pytest.raises(ApiError):
        write(session, url, tmp_path / "d.parquet", who="me")
    if change == "age":
        note = tmp_path / ".d.parquet.nbauth-parts" / "note.json"
        os.utime(note, (time.time() - 90_000,) * 2)
    _serve(api, pages)
    api.seen.clear()
    write(session, url, tmp_path / "d.parquet", **{"who": "me", **(change if isinstance(change, dict) else {})})
    assert len(api.seen) == 2


def test_one_call_at_a_time(session: Session, api: Server, tmp_path: Path) -> None:
    """A second call for one file is refused while the first is at it."""
    url = _serve(api, [[{"id": 1}]])
    first = api.routes["/x"]
    refused: list[str] = []

    def answer(seen: Seen) -> Reply:
        try:
            write(session, url, tmp_path / "d.parquet")
        except ConfigError as error:
            refused.append(str(error))
        return first(seen)  # type: ignore[operator]

    api.routes["/x"] = answer
    write(session, url, tmp_path / "d.parquet")
    assert "is being written by another call" in refused[0]
    assert _left(tmp_path / "d.parquet") == ["d.parquet"]


def test_rows_without_members(session: Session, api: Server, tmp_path: Path) -> None:
    """Empty objects are rows, behind others in a file and in Arrow's tables."""
    url = _serve(api, [[{"a": 1}] * 4, [{}, {}, {}]])
    assert len(pd.read_parquet(write(session, url, tmp_path / "d.parquet"))) == 7
    assert [table.num_rows for table in pages(session, url, as_="arrow")] == [4, 3]


def test_unsigned_integers(session: Session, api: Server, tmp_path: Path) -> None:
    """Integers that only later pages have beyond int64 stay integers where all fit into uint64."""
    url = _serve(api, [[{"a": 1}] * 4, [{"a": 2**64 - 2}] * 4])
    assert pd.read_parquet(write(session, url, tmp_path / "d.parquet"))["a"].tolist() == [1] * 4 + [2**64 - 2] * 4
    url = _serve(api, [[{"a": -1}] * 4, [{"a": 2**64 - 2}] * 4])
    found = pd.read_parquet(write(session, url, tmp_path / "d.parquet"))["a"].tolist()
    assert found == ["-1"] * 4 + [str(2**64 - 2)] * 4


def test_text_of_a_file_stays_text(session: Session, api: Server, tmp_path: Path) -> None:
    """Parquet's own types stay: text there is text, also if it is written as times are."""
    frame = pd.DataFrame({"when": ["2024-01-01", "2024-01-02"]})
    api.routes["/x.parquet"] = Reply(frame.to_parquet(), content_type=None)
    written = write(session, f"{api.origin}/x.parquet", tmp_path / "d.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(written), frame)
