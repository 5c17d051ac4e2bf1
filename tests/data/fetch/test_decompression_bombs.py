"""Bodies that are small on the wire and large once they are unpacked."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zipfile
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loads import pages, read
from loopback_api import Reply, as_json

from nbauth.data.fetch.byte_ranges import file_info, open_at_any_place
from nbauth.data.fetch.http_file import open_url
from nbauth.data.parse import decoded_size
from nbauth.errors import ApiError, DataError, FormatError

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback_api import Seen, Server

    from nbauth.data.fetch.session import Session

_UNPACKED = 16 * 1024 * 1024
_GZIP = {"Content-Encoding": "gzip"}


@cache
def bomb(layers: int = 1) -> bytes:
    """Return a body that becomes 16 MiB."""
    packed = bytes(_UNPACKED)
    for _ in range(layers):
        packed = gzip.compress(packed, 6)
    return packed


def peak_of(act: Callable[[], Any]) -> int:
    """Return how much memory Python took at most."""
    bomb()
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _fails(session: Session, url: str, kind: type[Exception], **options: Any) -> Callable[[], None]:
    def act() -> None:
        with pytest.raises(kind):
            read(session, url, **options)

    return act


@pytest.mark.parametrize(("status", "stream"), [(301, True), (302, False), (307, False), (308, True)])
def test_body_of_a_redirect(session: Session, api: Server, status: int, *, stream: bool) -> None:
    """A redirect's own body is not read."""
    api.routes["/x"] = Reply(bomb(), status, {"Location": "/there", **_GZIP}, None)
    api.routes["/there"] = as_json([{"a": 1}])
    found: list[Any] = []
    peak = peak_of(lambda: found.append(session.get(f"{api.origin}/x", stream=stream)))
    assert (found[0].json(), found[0].history[0].content) == ([{"a": 1}], b"")
    assert peak < 8_000_000


def test_body_of_a_redirect_that_is_not_followed(session: Session, api: Server) -> None:
    """Nor is it where the caller follows no redirects."""
    api.routes["/x"] = Reply(bomb(), 302, {"Location": "/there", **_GZIP}, None)
    assert peak_of(lambda: session.get(f"{api.origin}/x", allow_redirects=False)) < 8_000_000


def test_body_of_a_redirect_elsewhere(session: Session, api: Server, secure_stranger: Server) -> None:
    """Nor is it where the redirect comes from a stranger."""
    api.routes["/x"] = Reply(status=302, headers={"Location": f"{secure_stranger.origin}/y"})
    secure_stranger.routes["/y"] = Reply(bomb(), 302, {"Location": "/z", **_GZIP}, None)
    secure_stranger.routes["/z"] = as_json(1)
    assert peak_of(lambda: session.get(f"{api.origin}/x")) < 8_000_000


def test_redirects_keep_a_connection(session: Session, api: Server) -> None:
    """A redirect without a body costs no new connection."""
    api.routes["/x"] = Reply(status=302, headers={"Location": "/there"}, content_type=None)
    api.routes["/there"] = as_json(1)
    session.get(f"{api.origin}/x")
    pools = session.get_adapter(api.origin).poolmanager.pools  # type: ignore[attr-defined]
    assert [(pools[key].num_requests, pools[key].num_connections) for key in pools.keys()] == [(2, 1)]  # noqa: SIM118


@pytest.mark.parametrize("challenge", ["Bearer", 'Bearer error="insufficient_claims", claims="eyJhIjoxfQ"'])
def test_body_of_a_rejection(session: Session, api: Server, challenge: str) -> None:
    """The body of a 401 that is answered with another token is not read."""

    def answer(seen: Seen) -> Reply:
        headers = {"WWW-Authenticate": challenge, **_GZIP}
        return as_json(1) if seen.token == "token-2" else Reply(bomb(), 401, headers)

    api.routes["/x"] = answer
    assert peak_of(lambda: session.get(f"{api.origin}/x")) < 8_000_000


@pytest.mark.parametrize(("status", "coding"), [(300, "gzip"), (401, "gzip"), (404, "gzip, gzip"), (500, "gzip")])
def test_body_of_an_error(session: Session, api: Server, status: int, coding: str) -> None:
    """Of an error's body no more is unpacked than is looked at."""
    api.routes["/x"] = Reply(bomb(coding.count("gzip")), status, {"Content-Encoding": coding}, "text/plain")
    assert peak_of(_fails(session, f"{api.origin}/x", ApiError)) < 8_000_000


@pytest.mark.parametrize(
    ("kind", "coding"),
    [("application/json", "gzip"), ("application/x-ndjson", "gzip, gzip"), ("text/csv", "gzip"), ("text/html", "gzip")],
)
def test_max_bytes_counts_what_is_unpacked(session: Session, api: Server, kind: str, coding: str) -> None:
    """`max_bytes` is of what comes out of a body, with one coding or several."""
    api.routes["/x"] = Reply(bomb(coding.count("gzip")), headers={"Content-Encoding": coding}, content_type=kind)
    error = FormatError if kind == "text/html" else DataError
    assert peak_of(_fails(session, f"{api.origin}/x", error, max_bytes=1_000_000)) < 12_000_000


def test_codings_that_do_not_end(session: Session, api: Server) -> None:
    """A body in more codings than anybody uses is an error."""
    api.routes["/x"] = Reply(b"x", headers={"Content-Encoding": ", ".join(["gzip"] * 200)})
    with pytest.raises(DataError, match="compressed body that cannot be read"):
        read(session, f"{api.origin}/x")


def test_parts_that_are_longer(session: Session, api: Server) -> None:
    """Of an answer to a byte range no more is read than was asked for."""
    headers = {"ETag": '"1"', "Content-Range": "bytes 0-65535/200000000"}
    api.routes["/x"] = Reply(bytes(_UNPACKED), 206, headers, "application/octet-stream")
    found: list[Any] = []
    peak = peak_of(lambda: found.append(open_at_any_place(session, f"{api.origin}/x")))
    assert len(found[0].first) == 65_536
    assert peak < 8_000_000


def test_facts_and_streams(session: Session, api: Server) -> None:
    """Asking about a file, and opening it, unpack nothing before it is read."""
    api.routes["/x"] = Reply(bomb(), headers=_GZIP, content_type="application/octet-stream")
    assert peak_of(lambda: file_info(session, f"{api.origin}/x")) < 8_000_000

    def start() -> None:
        with open_url(session, f"{api.origin}/x") as file:
            assert file.read(10) == bytes(10)

    assert peak_of(start) < 8_000_000


def test_pages_are_counted(session: Session, api: Server) -> None:
    """`max_bytes` holds for `pages`, too."""
    api.routes["/x"] = Reply(bomb(), headers=_GZIP, content_type="text/csv")

    def act() -> None:
        with pytest.raises(DataError, match="max_bytes"):
            list(pages(session, f"{api.origin}/x", max_bytes=1_000_000))

    assert peak_of(act) < 12_000_000


def _parquet(table: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def _sheet(cells: str, *, texts: str = "", dimension: str = "A1") -> bytes:
    """Write an Excel file by hand: libraries write no such ones."""
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    rels = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/>'
        f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}.sharedStrings+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{rels}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {main} xmlns:r="{rels}"><sheets><sheet name="a" sheetId="1" r:id="r1"/></sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{rels}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="{rels}/sharedStrings" '
        'Target="sharedStrings.xml"/></Relationships>',
        "xl/sharedStrings.xml": f"<sst {main}>{texts}</sst>",
        "xl/worksheets/sheet1.xml": f'<worksheet {main}><dimension ref="{dimension}"/><sheetData>{cells}</sheetData>'
        "</worksheet>",
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


_LONG = "x" * 50_000
FILES: dict[str, Callable[[], bytes]] = {
    "one long text in each row": lambda: _parquet(pa.table({"a": pa.array([_LONG] * 1000)})),
    "as bytes": lambda: _parquet(pa.table({"a": pa.array([_LONG.encode()] * 1000)})),
    "as a dictionary of Arrow's": lambda: _parquet(pa.table({"a": pa.array([_LONG] * 1000).dictionary_encode()})),
    "in lists": lambda: _parquet(pa.table({"a": pa.array([[_LONG] * 10] * 100)})),
    "in structs": lambda: _parquet(pa.table({"a": pa.array([{"b": _LONG}] * 1000)})),
    "in maps": lambda: _parquet(pa.table({"a": pa.array([[("k", _LONG)]] * 1000, pa.map_(pa.string(), pa.string()))})),
    "of one width": lambda: _parquet(pa.table({"a": pa.array([_LONG.encode()] * 1000, pa.binary(len(_LONG)))})),
    "deltas": lambda: _parquet(
        pa.table({"a": [f"{_LONG}{n}" for n in range(1000)]}),
        use_dictionary=False,
        column_encoding={"a": "DELTA_BYTE_ARRAY"},
        compression="zstd",
    ),
    "one number in each row": lambda: _parquet(pa.table({"a": pa.array(np.zeros(2_000_000, np.int64))})),
    "nothing in each row": lambda: _parquet(pa.table({"a": pa.nulls(2_000_000, pa.float64())})),
    "numbers in lists": lambda: _parquet(pa.table({"a": pa.array([np.zeros(200_000)] * 10)})),
    "compressed": lambda: _parquet(
        pa.table({"a": [_LONG + str(n) for n in range(1000)]}), use_dictionary=False, compression="zstd"
    ),
}
SHEETS: dict[str, Callable[[], bytes]] = {
    "one text in many cells": lambda: _sheet(
        "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, 2000)),
        texts=f"<si><t>{_LONG}</t></si>",
    ),
    "its last row and its last column": lambda: _sheet(
        '<row r="1"><c r="XFD1"><v>1</v></c></row><row r="100000"><c r="A100000"><v>1</v></c></row>'
    ),
    "a text that is packed well": lambda: _sheet(
        f'<row r="1"><c r="A1" t="inlineStr"><is><t>{_LONG * 200}</t></is></c></row>'
    ),
}


@pytest.mark.parametrize(
    ("kind", "how"),
    [(kind, "read") for kind in (*FILES, *SHEETS)] + [(kind, "pages") for kind in ("deltas", *SHEETS)][:2],
)
def test_max_bytes_of_files(session: Session, api: Server, kind: str, how: str) -> None:
    """`max_bytes` is of what a file becomes, and is known before it does."""
    content_type = "application/vnd.apache.parquet" if kind in FILES else ""
    body = (FILES | SHEETS)[kind]()
    assert len(body) < 4_000_000
    api.routes["/x.xlsx"] = Reply(body, content_type=content_type)

    def act() -> None:
        with pytest.raises(DataError, match="more than max_bytes=5,000,000 came"):
            list((read if how == "read" else pages)(session, f"{api.origin}/x.xlsx", max_bytes=5_000_000))

    assert peak_of(act) < 25_000_000


def test_max_bytes_that_are_enough(session: Session, api: Server) -> None:
    """A file that becomes as much as is allowed is read as without a limit."""
    table = pa.table(
        {
            "n": list(range(1000)),
            "t": pa.array(["abc", "de"] * 500),
            "d": pa.array(["abc", "de"] * 500).dictionary_encode(),
            "l": [[1, 2], [3]] * 500,
            "s": [{"a": "b", "c": None}] * 1000,
            "b": [True, None] * 500,
        }
    )
    api.routes["/p"] = Reply(_parquet(table), content_type="application/vnd.apache.parquet")
    pd.testing.assert_frame_equal(read(session, f"{api.origin}/p", max_bytes=200_000), read(session, f"{api.origin}/p"))
    sheet = io.BytesIO()
    pd.DataFrame({"a": [1, 2], "b": ["x", None]}).to_excel(sheet, index=False)
    api.routes["/x.xlsx"] = Reply(sheet.getvalue(), content_type="")
    pd.testing.assert_frame_equal(
        read(session, f"{api.origin}/x.xlsx", max_bytes=100_000), read(session, f"{api.origin}/x.xlsx")
    )


@pytest.mark.parametrize("max_bytes", [None, 20_000_000])
def test_rows_that_no_sheet_has(
    session: Session, api: Server, monkeypatch: pytest.MonkeyPatch, max_bytes: int | None
) -> None:
    """A sheet whose only row has a number beyond Excel's last one is refused; its readers would count up to it."""
    monkeypatch.setattr(decoded_size, "_MOST_ROWS", 10_000)
    api.routes["/x.xlsx"] = Reply(
        _sheet('<row r="99999999999"><c r="A99999999999"><v>1</v></c></row>'), content_type=""
    )
    with pytest.raises(FormatError, match="cannot be read as Excel: it has more than 10,000 rows"):
        read(session, f"{api.origin}/x.xlsx", max_bytes=max_bytes)


@pytest.mark.parametrize(
    "cells",
    [
        '<row r="1"><c r="A1" t="s"><v>99</v></c></row>',
        '<row r="1"><c r="A1"><v>1</v></row>',
        '<row r="1"><c r="A1"><v>1e999</v></c></row>',
        '<row r="inf"><c r="A1"><v>1</v></c></row>',
    ],
)
def test_sheets_that_are_broken(session: Session, api: Server, cells: str) -> None:
    """Whatever the parsers of a sheet meet is one error, which names the file."""
    api.routes["/x.xlsx"] = Reply(_sheet(cells), content_type="")
    with pytest.raises(FormatError, match=r"/x\.xlsx .*cannot be read as Excel"):
        read(session, f"{api.origin}/x.xlsx")


def test_sheet_of_two_cells(session: Session, api: Server) -> None:
    """A sheet whose cells stand so far apart that no frame can be made of it is an error that says the limit."""
    api.routes["/x.xlsx"] = Reply(SHEETS["its last row and its last column"](), content_type="")
    with pytest.raises(DataError, match=r"more than 100,000,000 cells"):
        read(session, f"{api.origin}/x.xlsx")


_DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize("value", [_DEEP, b"1" * 1_000_000], ids=["nested", "digits"])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b'[{"a":1},{"a":%b}]'),
        ("application/json", b'{"value":[{"a":1}],"@odata.count":%b,"next":%b}'),
        ("application/x-ndjson", b'{"a":1}\n{"a":%b}\n'),
    ],
)
def test_json_that_python_does_not_read(session: Session, api: Server, kind: str, body: bytes, value: bytes) -> None:
    """JSON that is nested too deeply, or has an integer too long, is an error of its format wherever that stands."""
    api.routes["/x"] = Reply(body.replace(b"%b", value), content_type=kind)
    with pytest.raises(FormatError, match=r"nested too deeply|limit"):
        read(session, f"{api.origin}/x")


def test_wait_of_many_digits(session: Session, api: Server) -> None:
    """A `Retry-After` of many digits is cut where it is shown."""
    api.routes["/x"] = Reply(status=429, headers={"Retry-After": "1" * 60_000})
    with pytest.raises(ApiError) as caught:
        read(session, f"{api.origin}/x")
    assert len(str(caught.value)) < 300


def test_cell_of_many_lines(session: Session, api: Server) -> None:
    """A cell of millions of lines is one value, and counts under `max_bytes`."""
    table = b'a,b\n1,"' + b"x\n" * 1_000_000 + b'"\n'
    api.routes["/x"] = Reply(table, content_type="text/csv")
    assert len(read(session, f"{api.origin}/x").loc[0, "b"]) == 2_000_000
    with pytest.raises(DataError, match="max_bytes"):
        read(session, f"{api.origin}/x", max_bytes=1_000_000)
