from __future__ import annotations

import gzip
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from loads import pages, read, write
from loopback_api import Reply, as_json
from requests import Response

from nbauth.data.fetch.response_body import ByteLimit, FileBody
from nbauth.data.parse.opened import opened
from nbauth.errors import AssumptionWarning, DataError, FormatError

if TYPE_CHECKING:
    from pathlib import Path

    from loopback_api import Seen, Server

    from nbauth.data.fetch.session import Session

ROWS = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
JSON = json.dumps({"value": ROWS}).encode()
ARRAY = json.dumps(ROWS).encode()
NDJSON = b'{"id": 1, "name": "a"}\n{"id": 2, "name": "b"}\n'
CSV = b"id,name\n1,a\n2,b\n"
TSV = CSV.replace(b",", b"\t")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>\xc3\xa9</body></html>"


def parquet() -> bytes:
    """Return the rows as Parquet."""
    file = io.BytesIO()
    pd.DataFrame(ROWS).to_parquet(file)
    return file.getvalue()


def excel() -> bytes:
    """Return the rows as a workbook."""
    file = io.BytesIO()
    pd.DataFrame(ROWS).to_excel(file, index=False)
    return file.getvalue()


def gzipped(content: bytes) -> bytes:
    """Return it compressed, the same each time."""
    return gzip.compress(content, mtime=0)


def zipped(**files: bytes) -> bytes:
    """Return an archive of files, whose names have ``__`` where a dot is."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name.replace("__", ".")), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def served(api: Server, body: bytes, content_type: str | None, disposition: str | None = None, path: str = "/x") -> str:
    """Serve a body; return its URL."""
    headers = {} if disposition is None else {"Content-Disposition": disposition}
    api.routes[path] = Reply(body, content_type=content_type, headers=headers)
    return f"{api.origin}{path}"


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        *((JSON, kind) for kind in (None, "text/plain", "application/octet-stream", "text/html; charset=utf-8", "x/y")),
        *((JSON, kind) for kind in ("text/csv", "text/javascript", "application/xml")),
        (ARRAY, "application/x-ndjson"),
        (json.dumps(ROWS, indent=1).encode(), "application/x-ndjson"),
        (json.dumps({"value": ROWS}, indent=1).encode(), "application/x-ndjson"),
        (ARRAY, "text/csv"),
        (b"\xef\xbb\xbf\r\n" + JSON, "text/plain"),
        (JSON.decode().encode("utf-16"), "text/plain"),
        (JSON.decode().encode("utf-16-le"), "application/octet-stream"),
        (JSON.decode().encode("utf-32"), "application/json"),
        *((NDJSON, kind) for kind in ("application/json", "text/plain", None, "text/csv", "application/json-seq")),
        (b"\x1e" + NDJSON.replace(b"\n", b"\n\x1e").removesuffix(b"\x1e"), "application/json-seq"),
        (b"\x1e" + NDJSON.replace(b"\n", b"\n\x1e").removesuffix(b"\x1e"), "application/json"),
        (NDJSON.replace(b"\n", b""), "application/json"),
        (NDJSON.replace(b"\n", b"\r\n\r\n"), "application/json"),
        (b"\xef\xbb\xbf" + NDJSON, "text/plain"),
        (NDJSON.decode().encode("utf-16"), "application/json"),
        (NDJSON.decode().encode("utf-32"), None),
        (CSV, "text/csv, text/csv"),
        (NDJSON.replace(b": ", b":\n").replace(b"}", b"\n}"), "application/json"),
        (b'[{"id": 1, "name": "a"}]\n[{"id": 2, "name": "b"}]', "application/json"),
        *((parquet, kind) for kind in ("application/octet-stream", None, "text/plain", "text/csv", "application/json")),
        (excel, "application/octet-stream"),
        (excel, "application/vnd.ms-excel"),
        (excel, "application/zip"),
        (CSV, "application/vnd.sdmx.data+csv; version=1.0.0"),
        *((gzipped(CSV), kind) for kind in ("text/csv", "application/vnd.x+csv")),
        *((gzipped(JSON), kind) for kind in ("application/json", "application/gzip", None)),
        (gzipped(NDJSON), "application/x-gzip"),
        (gzipped(gzipped(JSON)), None),
        (zipped(data__csv=CSV), "application/zip"),
        (zipped(data__csv=CSV, __MACOSX=b"x", **{"__MACOSX/._data__csv": b"x"}), "application/zip"),
        (zipped(data__json=JSON), "application/octet-stream"),
        (zipped(data__csv__gz=gzipped(CSV)), "application/zip"),
    ],
)
def test_bytes_tell(session: Session, api: Server, body: Any, content_type: str | None) -> None:
    """Where the content type says little or something else, the first bytes tell what came."""
    url = served(api, body() if callable(body) else body, content_type)
    assert read(session, url).to_dict("records") == ROWS


@pytest.mark.parametrize("start", [b"id,name\n1,a\n", b'{"id": 1}\n'])
def test_a_look_at_the_start_is_enough(start: bytes) -> None:
    """A large file is not read to find out what it is."""
    file = io.BytesIO(start + b"x" * 10_000_000)
    response = Response()
    response.url, response.raw = "https://x/y", io.BytesIO()
    found = opened(FileBody(file, response, ByteLimit()), response, "https://x/y", ByteLimit())
    assert file.tell() < 400_000
    found.body.close()


@pytest.mark.parametrize(
    "served_as",
    [
        (CSV, "application/octet-stream", 'attachment; filename="Report.CSV"', "/x"),
        (CSV, "application/octet-stream", "attachment; filename=getUsers.csv", "/x"),
        (CSV, "text/plain", "attachment; filename*=UTF-8'de'r%C3%A9sum%C3%A9.csv", "/x"),
        (CSV, "text/plain", "attachment; filename=\"x.json\"; filename*=UTF-8''x.csv", "/x"),
        (CSV, "text/html", 'attachment; filename="a;b.csv"', "/x"),
        (CSV, "application/vnd.ms-excel", "attachment; filename=x.csv", "/x"),
        (TSV, "application/vnd.ms-excel", "attachment; filename=x.tsv", "/x"),
        (CSV, "text/html", None, "/x.csv"),
        (gzipped(CSV), "application/gzip", None, "/data.csv.gz"),
        (gzipped(TSV), "application/octet-stream", None, "/data.tsv.gz?v=1"),
        (gzipped(CSV), None, "attachment; filename=x.csv.gz", "/x"),
        (CSV, "application/gzip", None, "/data.csv.gz"),
        (zipped(data=CSV), "application/zip", None, "/data.csv.zip"),
        (zipped(data__tsv=TSV), "application/octet-stream", None, "/data"),
    ],
)
def test_names_tell(session: Session, api: Server, served_as: tuple[Any, ...]) -> None:
    """The name of a file that is text tells its format: that which the response says comes before the URL's."""
    body, content_type, disposition, path = served_as
    served(api, body, content_type, disposition, path.partition("?")[0])
    assert read(session, api.origin + path).to_dict("records") == ROWS


@pytest.mark.parametrize(("body", "name"), [(CSV, "CSV"), (TSV, "TSV")])
@pytest.mark.parametrize(
    "content_type",
    [
        *("text/plain", None, "application/vnd.ms-excel", "text/html", "application/json", "application/x-ndjson"),
        *("application/vnd.apache.parquet", XLSX),
    ],
)
def test_what_looks_like_a_table(
    session: Session, api: Server, content_type: str | None, body: bytes, name: str
) -> None:
    """Text of names and rows of as many cells is taken for a table, and a warning says so."""
    url = served(api, body, content_type)
    with pytest.warns(AssumptionWarning, match=f'taken for {name}.*format="{name.lower()}"'):
        assert read(session, url).to_dict("records") == ROWS


@pytest.mark.parametrize(
    "body",
    [
        b"Hello, world\nthis is, well, text\n",
        b"one\ntwo\n",
        b"id,id\n1,2\n",
        b"1,2\n3,4\n",
        b"id,name\n",
        b"[INFO] started, all is well\n[INFO] stopped, all is well\n",
        b"\x00\x01\x02\x03",
    ],
)
def test_what_looks_like_no_table(session: Session, api: Server, body: bytes) -> None:
    """What is no table for sure is an error that names the arguments which help, and what else reads it."""
    with pytest.raises(FormatError, match="none of JSON, NDJSON, CSV") as caught:
        read(session, served(api, body, "text/plain"))
    assert all(f"{name}=" in str(caught.value.next_step) for name in ("format", "encoding", "csv", "sheet"))
    assert "nbauth.open" in str(caught.value.next_step)


@pytest.mark.parametrize("content_type", ["application/json", "text/csv", "text/html", "text/plain", None])
@pytest.mark.parametrize("format_", [None, "csv", "json"])
def test_a_page_is_no_data(session: Session, api: Server, content_type: str | None, format_: str | None) -> None:
    """A web page, such as one to sign in at, is an error whatever the server and the caller say."""
    with pytest.raises(FormatError, match="a web page, not data"):
        read(session, served(api, PAGE, content_type), format=format_)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"Obj\x01\x04\x14avro.codec", "Avro"),
        (b"ORC\x00\x11\x00", "ORC"),
        (b"ARROW1\x00\x00\xff\xff\xff\xff", "Arrow or Feather"),
        (b"FEA1\x00\x00", "Feather"),
        (b"%PDF-1.7\n%\xe2\xe3", "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00\x00", "Excel file of before 2007"),
        (b'<?xml version="1.0"?>\n<rows/>', "XML"),
        (b"<?xml version='1.0'?>\n<feed><title>x</title></feed>", "XML"),
        (b"<p>Your session has expired, please sign in</p>", "XML or HTML"),
        (b"<table border=1><tr><td>1</td></tr></table>", "XML or HTML"),
        (b"\x28\xb5\x2f\xfd\x00", "Zstandard"),
        (b"BZh91AY&SY\x00\x01", "bzip2"),
        (b"SQLite format 3\x00\x10", "SQLite"),
        (b"x" * 100 + b"\x00" * 157 + b"ustar\x0000", "tar archive"),
        (zipped(**{"word/document__xml": b"<w/>", "a__xml": b""}), "Word"),
        (zipped(**{"xl/workbook__bin": b"x", "xl/a__bin": b""}), "xlsb"),
        (zipped(a__csv=CSV, b__csv=CSV), "2 files: a.csv, b.csv"),
        (zipped(), "no file"),
        (b"PK\x03\x04 and then nothing", "zip archive that cannot be opened"),
    ],
)
@pytest.mark.parametrize("content_type", ["application/octet-stream", "application/vnd.ms-excel", "text/csv"])
def test_what_is_not_read_is_named(session: Session, api: Server, body: bytes, what: str, content_type: str) -> None:
    """What came is named where its first bytes show it, and so is what else reads it."""
    with pytest.raises(FormatError, match=what) as caught:
        read(session, served(api, body, content_type))
    assert "nbauth.open" in str(caught.value.next_step) or "cannot be opened" in str(caught.value)


@pytest.mark.parametrize("names", [["<DATE>", "<TIME>"], ["<A>", "<B>"], ["<id>", "x"]])
def test_names_in_angle_brackets_are_a_table(session: Session, api: Server, names: list[str]) -> None:
    """MetaTrader's exports have names in angle brackets, which are no markup."""
    url = served(api, f"{','.join(names)}\n1,2\n".encode(), "text/csv")
    assert read(session, url).to_dict("records") == [{names[0]: 1, names[1]: 2}]


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("text", ["}{", "][", "}\n{", "x\n]\n["])
@pytest.mark.parametrize("indent", [None, 1])
def test_text_that_looks_like_the_next_document(session: Session, api: Server, text: str, indent: int | None) -> None:
    """What looks like the end of a document and a new one may stand in a text of it."""
    rows = [{"a": text, "b": [[1], [2]]}, {"a": text * 2, "b": [[]]}]
    api.routes["/x"] = Reply(json.dumps(rows, indent=indent).encode())
    assert read(session, f"{api.origin}/x").to_dict("records") == rows


@pytest.mark.parametrize("content_type", ["text/csv", "application/vnd.apache.parquet"])
@pytest.mark.parametrize("document", [{"error": "quota", "code": 7}, {"message": "try later"}, {}])
def test_json_without_rows_is_no_table(session: Session, api: Server, content_type: str, document: Any) -> None:
    """Where a table is announced, JSON without rows is an error that shows it: an error's report, most likely."""
    api.routes["/x"] = as_json(document, content_type=content_type)
    with pytest.raises(FormatError, match=r"which is JSON, not (CSV|Parquet)") as caught:
        read(session, f"{api.origin}/x")
    assert 'format="json"' in str(caught.value.next_step)


@pytest.mark.parametrize(
    ("format_", "body", "content_type"),
    [
        ("json", JSON, "text/csv"),
        ("json", gzipped(JSON), "application/octet-stream"),
        ("csv", b"a\n1\n", "application/json"),
        ("csv", b"a\n1\n", "text/html"),
        ("tsv", b"a\n1\n", "text/csv"),
        ("ndjson", b'{"a": 1}', "application/json"),
        ("ndjson", b'{"a": 1}', "text/csv"),
        ("excel", excel, "application/json"),
        ("parquet", parquet, "text/plain"),
        ("csv", zipped(a__dat=b"a\n1\n"), "application/zip"),
    ],
)
def test_the_callers_word_decides(session: Session, api: Server, format_: str, body: Any, content_type: str) -> None:
    """The format that the caller names is taken, whatever the server says."""
    content = body() if callable(body) else body
    expected = ROWS if format_ in ("json", "excel", "parquet") else [{"a": 1}]
    assert read(session, served(api, content, content_type), format=format_).to_dict("records") == expected


def test_the_callers_word_is_not_believed_against_all_signs(session: Session, api: Server) -> None:
    """An error's report in JSON is no table, although the caller asks for one."""
    with pytest.raises(FormatError, match="which is JSON, not CSV"):
        read(session, served(api, b'{"error": "quota"}', "text/csv"), format="csv")


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("body", [JSON, NDJSON, gzipped(CSV), zipped(a__csv=CSV), parquet()])
def test_in_pages_and_into_a_file(session: Session, api: Server, tmp_path: Path, body: bytes) -> None:
    """What the bytes tell counts for pages, for files and for several URLs, too."""
    url = served(api, body, "application/octet-stream", "attachment; filename=x.csv")
    assert [row for page in pages(session, url) for row in page.to_dict("records")] == ROWS
    write(session, url, tmp_path / "x.parquet")
    assert pd.read_parquet(tmp_path / "x.parquet").to_dict("records") == ROWS
    assert read(session, [url, url]).to_dict("records") == ROWS * 2


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    "second",
    [
        Reply(JSON, content_type="text/plain"),
        Reply(JSON, content_type=None),
        Reply(b")]}'\n" + JSON, content_type="application/json"),
        Reply(gzipped(JSON), content_type="application/json"),
        Reply(JSON.decode().encode("utf-16"), content_type="text/html"),
    ],
)
def test_later_pages(session: Session, api: Server, second: Reply) -> None:
    """Later pages are recognised as the first one is."""
    api.routes["/x"] = as_json({"value": ROWS, "@odata.nextLink": f"{api.origin}/y"})
    api.routes["/y"] = second
    assert read(session, f"{api.origin}/x").to_dict("records") == ROWS * 2


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (Reply(PAGE, content_type="application/json"), "a web page"),
        (Reply(CSV, content_type="text/csv"), "where the pages before were JSON"),
        (Reply(CSV, content_type="text/plain"), "where the pages before were JSON"),
        (Reply(NDJSON, content_type="text/plain"), "where the pages before were JSON"),
        (Reply(b"\x00", content_type=None), "none of JSON"),
    ],
)
def test_later_pages_of_another_format(session: Session, api: Server, second: Reply, message: str) -> None:
    """A later page that is no JSON ends the load, with the rows before it."""
    api.routes["/x"] = as_json({"value": ROWS, "@odata.nextLink": f"{api.origin}/y"})
    api.routes["/y"] = second
    with pytest.raises(FormatError, match=message) as caught:
        read(session, f"{api.origin}/x")
    assert caught.value.partial.to_dict("records") == ROWS


@pytest.mark.parametrize("pack", [gzipped, lambda content: zipped(x__csv=content)])
def test_what_is_unpacked_counts(session: Session, api: Server, pack: Any) -> None:
    """What comes out of a packed file counts against ``max_bytes``, and what it was packed in does not."""
    table = b"id,name\n" + b"1,aaaaaaaaaaaaaaaaaaaaaaaaaaaa\n" * 10_000
    url = served(api, pack(table), "application/octet-stream", "attachment; filename=x.csv")
    assert len(read(session, url, max_bytes=len(table))) == 10_000
    with pytest.raises(DataError, match="more than max_bytes"):
        read(session, url, max_bytes=len(table) - 1)


@pytest.mark.parametrize("pack", [gzipped, lambda content: zipped(x__csv=content)])
def test_a_packed_file_that_is_cut_off(session: Session, api: Server, pack: Any) -> None:
    """A packed file that ends too early is an error, though its server says that it is whole."""
    url = served(api, pack(CSV * 1000)[:-20], "application/octet-stream", "attachment; filename=x.csv")
    with pytest.raises(DataError):
        read(session, url)


def test_a_packed_file_that_breaks_off_is_read_again(session: Session, api: Server) -> None:
    """A connection that breaks while an archive comes is made again."""
    archive = zipped(x__csv=CSV)

    def answer(seen: Seen) -> Reply:
        del seen
        is_first = len(api.seen) == 1
        body = archive[:50] if is_first else archive
        return Reply(body, content_type="application/zip", announce=len(archive))

    api.routes["/x"] = answer
    assert read(session, f"{api.origin}/x").to_dict("records") == ROWS
    assert len(api.seen) == 2


def test_a_document_that_breaks_off_is_recognised_again(session: Session, api: Server) -> None:
    """JSON that is packed, and broke off, is unpacked when it is asked for again."""
    packed = gzipped(JSON)

    def answer(seen: Seen) -> Reply:
        del seen
        return Reply(packed[:20] if len(api.seen) == 1 else packed, content_type=None, announce=len(packed))

    api.routes["/x"] = answer
    assert read(session, f"{api.origin}/x").to_dict("records") == ROWS
    assert len(api.seen) == 2
