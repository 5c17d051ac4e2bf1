from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from loads import pages, read, write
from loopback_api import Reply

from nbauth.data.batch import RecordBatch
from nbauth.data.fetch.response_body import as_file
from nbauth.data.parse import formats
from nbauth.data.parse.format import Format
from nbauth.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loopback_api import Server

    from nbauth.data.fetch.response_body import Body
    from nbauth.data.fetch.session import Session
    from nbauth.data.parse.format import ReadContext


def _read_log(body: Body, context: ReadContext) -> Iterator[RecordBatch]:
    with io.TextIOWrapper(as_file(body), context.codec()) as lines:
        for line in lines:
            level, _, text = line.rstrip("\n").partition(": ")
            yield RecordBatch([{"level": level, "text": text}], context.url)


LOG = Format(name="log", media_types=("text/x-log",), endings=(".log",), read=_read_log, weight=0.5)
LINES = "warn: it is hot\ninfo: Zürich\n".encode("latin-1")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A format of somebody else's, which the registry lists."""
    monkeypatch.setattr(formats, "FORMATS", (*formats.FORMATS, LOG))


@pytest.mark.usefixtures("log", "engine")
def test_a_new_format(session: Session, api: Server, tmp_path: Path) -> None:
    """A format that the registry lists is asked for, and is read into a frame, page by page and into a file."""
    url = f"{api.origin}/x"
    api.routes["/x"] = Reply(LINES, content_type="text/x-log; charset=latin-1")
    expected = {"level": ["warn", "info"], "text": ["it is hot", "Zürich"]}
    assert read(session, url).to_dict("list") == expected
    assert "text/x-log;q=0.5" in api.seen[0].headers["accept"]
    assert [page["level"].tolist() for page in pages(session, url)] == [["warn"], ["info"]]
    assert [table.num_rows for table in pages(session, url, as_="arrow")] == [1, 1]
    write(session, url, tmp_path / "d.parquet")
    assert pd.read_parquet(tmp_path / "d.parquet").to_dict("list") == expected


@pytest.mark.usefixtures("log")
def test_a_new_format_by_its_ending(session: Session, api: Server) -> None:
    """Where the server does not say what it is, the URL's ending tells."""
    api.routes["/x.log"] = Reply(b"info: a\n", content_type="application/octet-stream")
    assert read(session, f"{api.origin}/x.log")["text"].tolist() == ["a"]


@pytest.mark.usefixtures("log")
def test_what_is_in_no_format_names_them_all(session: Session, api: Server) -> None:
    """The error of a body that nobody reads lists every format of the registry."""
    api.routes["/x"] = Reply(b"\x89PNG", content_type="image/png")
    with pytest.raises(FormatError, match="none of JSON, NDJSON, CSV, TSV, Parquet, Excel and log"):
        read(session, f"{api.origin}/x")


def test_what_is_asked_for() -> None:
    """JSON first, since it comes in pages; then the others, and at last whatever there is."""
    assert formats.accept() == (
        "application/json, application/x-ndjson;q=0.9, text/csv;q=0.8, application/vnd.apache.parquet;q=0.7, */*;q=0.1"
    )


def test_no_name_stands_twice() -> None:
    """A media type and an ending belong to one format each."""
    names: list[Any] = [name for f in formats.FORMATS for name in (*f.media_types, *f.endings)]
    assert len(names) == len(set(names))
    assert all(name == name.lower() for name in names)


@pytest.mark.parametrize(
    ("content_type", "urls", "expected"),
    [
        ("application/json; charset=utf-8", ("https://x/a.csv",), "JSON"),
        ("application/vnd.api+json", (), "JSON"),
        ("TEXT/CSV", (), "CSV"),
        ("text/plain", ("https://x/a", "https://x/b.TSV?c=d.json"), "TSV"),
        ("", ("https://x/a%2Exlsx",), "Excel"),
        ("text/html", ("https://x/a.csv",), None),
    ],
)
def test_which_format(content_type: str, urls: tuple[str, ...], expected: str | None) -> None:
    """The content type tells; where it says nothing, the URLs' endings do."""
    found = formats.format_of(content_type, *urls)
    assert (found and found.name) == expected
