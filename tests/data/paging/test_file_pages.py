from __future__ import annotations

import gzip
import io
import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from loads import pages, read, write
from loopback_api import Reply

from nbauth.data.fetch.response_body import Body
from nbauth.data.paging import Cursor, Offset, PageNumber
from nbauth.errors import ApiError, AssumptionWarning, FormatError, OriginNotAllowed, PaginationError, ReadInterrupted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loopback_api import Seen, Server

    from nbauth.data.fetch.session import Session

PAGES = [
    [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
    [{"id": 3, "name": "c"}, {"id": 4, "name": "d"}],
    [{"id": 5, "name": "e"}],
]
ROWS = [row for page in PAGES for row in page]


def csv(rows: list[Any]) -> bytes:
    """Return rows as CSV."""
    return pd.DataFrame(rows).to_csv(index=False).encode()


def tsv(rows: list[Any]) -> bytes:
    """Return rows as TSV."""
    return pd.DataFrame(rows).to_csv(index=False, sep="\t").encode()


def ndjson(rows: list[Any]) -> bytes:
    """Return rows as NDJSON."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def parquet(rows: list[Any]) -> bytes:
    """Return rows as Parquet."""
    file = io.BytesIO()
    pd.DataFrame(rows).to_parquet(file)
    return file.getvalue()


def excel(rows: list[Any]) -> bytes:
    """Return rows as a workbook."""
    file = io.BytesIO()
    pd.DataFrame(rows).to_excel(file, index=False)
    return file.getvalue()


TYPES = {
    csv: "text/csv",
    tsv: "text/tab-separated-values",
    ndjson: "application/x-ndjson",
    parquet: "application/vnd.apache.parquet",
    excel: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def serve(
    api: Server,
    bodies: list[bytes],
    content_type: str = "text/csv",
    header: Callable[[int], dict[str, str]] | None = None,
) -> str:
    """Serve bodies as pages, which ``page=`` or ``locator=L…`` tells; return the URL of the first."""

    def link(number: int) -> dict[str, str]:
        return {"Link": f'<{api.origin}/x?page={number + 1}>; rel="next"'} if number + 1 < len(bodies) else {}

    def answer(seen: Seen) -> Reply:
        number = int(seen.path.rpartition("=")[2].removeprefix("L")) if "=" in seen.path else 0
        return Reply(bodies[number], content_type=content_type, headers=(header or link)(number))

    api.routes["/x"] = answer
    return f"{api.origin}/x"


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("form", TYPES)
def test_a_link_leads_to_the_next_file(session: Session, api: Server, tmp_path: Path, form: Any) -> None:
    """Files behind a `Link` header are read to the last: into a frame, page by page, and into a file."""
    url = serve(api, [form(page) for page in PAGES], TYPES[form])
    assert read(session, url).to_dict("records") == ROWS
    assert [page.to_dict("records") for page in pages(session, url)] == PAGES
    assert [table.to_pylist() for table in pages(session, url, as_="arrow")] == PAGES
    write(session, url, tmp_path / "d.parquet")
    assert pd.read_parquet(tmp_path / "d.parquet").to_dict("records") == ROWS
    assert read(session, [url, url]).to_dict("records") == ROWS * 2
    assert read(session, url, paging="none").to_dict("records") == PAGES[0]
    assert read(session, url, paging="link", dtype_backend="pyarrow").to_dict("records") == ROWS


@pytest.mark.parametrize(
    ("header_and_last", "options"),
    [
        # https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/query_get_job_results.htm
        (("Sforce-Locator", "null"), {}),
        (("sforce-locator", None), {}),
        (("Sforce-Locator", "null"), {"paging": Cursor(parameter="locator", header="Sforce-Locator")}),
        (
            ("X-Next", ""),
            {"paging": lambda answer: {"locator": answer.headers["X-Next"]} if answer.headers["X-Next"] else None},
        ),
    ],
)
def test_a_cursor_in_a_header(
    session: Session, api: Server, tmp_path: Path, header_and_last: Any, options: dict[str, Any]
) -> None:
    """A cursor that a header holds is sent, up to the one that says that there is none."""
    name, last = header_and_last

    def header(number: int) -> dict[str, str]:
        value = f"L{number + 1}" if number < 2 else last
        return {} if value is None else {name: value}

    url = serve(api, [csv(page) for page in PAGES], header=header)
    assert read(session, url, **options).to_dict("records") == ROWS
    assert [len(page) for page in pages(session, url, **options)] == [2, 2, 1]
    write(session, url, tmp_path / "d.parquet", **options)
    assert pd.read_parquet(tmp_path / "d.parquet").to_dict("records") == ROWS


@pytest.mark.parametrize("form", [csv, ndjson])
@pytest.mark.parametrize(
    "paging",
    [
        Offset(offset="$offset", limit="$limit", size=2),
        Offset(offset="$offset", limit="$limit"),
        PageNumber(parameter="page"),
    ],
)
@pytest.mark.parametrize("end", ["nothing", "names", "404"])
def test_pages_that_are_counted(session: Session, api: Server, form: Any, paging: Any, end: str) -> None:
    """Where the style is named, files are asked for by number, up to one without rows."""

    def answer(seen: Seen) -> Reply:
        number = int(seen.path.partition("page=")[2] or 1) - 1
        if "offset=" in seen.path:
            number = (int(seen.path.partition("offset=")[2].partition("&")[0]) + 1) // 2
        if number < 3:
            return Reply(form(PAGES[number]), content_type=TYPES[form])
        if end == "404" and "offset" not in seen.path:
            return Reply(b"", 404)
        return Reply(b"id,name\n" if end == "names" and form is csv else b"", content_type=TYPES[form])

    api.routes["/x"] = answer
    assert read(session, f"{api.origin}/x", paging=paging).to_dict("records") == ROWS


@pytest.mark.parametrize(
    "bodies",
    [
        [b"\xef\xbb\xbfid,name\n1,a\n2,b\n", b"\xef\xbb\xbfid,name\n3,c\n4,d\n", b"\xef\xbb\xbfid,name\n5,e\n"],
        [b"id,name\r\n1,a\r\n2,b", b"id,name\r\n3,c\r\n4,d", b"id,name\r\n5,e"],
        [b"id,name\n1,a\n2,b\n", b"id,name\r\n3,c\r\n4,d\r\n", b"id,name\n5,e"],
        [b"id,name\n1,a\n2,b\n", b"", b"id,name\n3,c\n4,d\n", b"id,name\n", b"id,name", b"id,name\n5,e\n"],
        [b"", b"id,name\n1,a\n2,b\n3,c\n", b"id,name\n4,d\n5,e\n"],
        [b"id,name\n1,a\n2,b\n3,c\n", b"name,id\nd,4\ne,5\n"],
        [b"id,name\n1,a\n", b"name,id\nb,2\n", b"name,id\nc,3\n", b"id,name\n4,d\n5,e\n"],
        [gzip.compress(b"id,name\n1,a\n2,b\n", mtime=0), b"id,name\n3,c\n4,d\n5,e\n"],
        ["id,name\n1,a\n2,b\n".encode("utf-16"), "id,name\n3,c\n4,d\n5,e\n".encode("utf-16")],
    ],
)
def test_the_line_with_the_names(session: Session, api: Server, bodies: list[bytes]) -> None:
    """Each page's line with the names is no row; columns are told by their names."""
    is_wide = bodies[0].startswith((b"\xff\xfe", b"\xfe\xff"))
    url = serve(api, bodies, "text/csv; charset=utf-16" if is_wide else "text/csv")
    assert read(session, url).to_dict("records") == ROWS


@pytest.mark.parametrize(
    ("first", "second", "is_read"),
    [
        ("; charset=iso-8859-1", "; charset=utf-8", False),
        ("", "; charset=iso-8859-1", False),
        ("; charset=iso-8859-1", "", True),
        ("; charset=iso-8859-1", "; charset=latin1", True),
        ("", "; charset=utf-8", True),
    ],
)
def test_character_sets(session: Session, api: Server, *, first: str, second: str, is_read: bool) -> None:
    """A page of a table that names another character set than its first is an error, unless the caller says which."""
    codec = "latin-1" if "iso" in first else "utf-8"
    bodies = [f"a\n{word}\n".encode(codec) for word in ("é", "è")]

    def answer(seen: Seen) -> Reply:
        number = "=" in seen.path
        link = {} if number else {"Link": f'<{api.origin}/x?page=1>; rel="next"'}
        return Reply(bodies[number], content_type=f"text/csv{second if number else first}", headers=link)

    api.routes["/x"] = answer
    url = f"{api.origin}/x"
    if is_read:
        assert read(session, url)["a"].tolist() == ["é", "è"]
    else:
        with pytest.raises(FormatError, match=r"in the character set .* though the pages before it are in .*encoding="):
            read(session, url)
    assert read(session, url, encoding=codec)["a"].tolist() == ["é", "è"]


def test_names_of_several_lines(session: Session, api: Server) -> None:
    """A name may hold the end of a line, and a sign between cells that Excel is told of stands before the names."""
    url = serve(api, [b'"a\nb",c\n1,2\n', b'"a\nb",c\n3,4\n'])
    assert read(session, url).to_dict("list") == {"a\nb": [1, 3], "c": [2, 4]}


def test_a_column_has_one_dtype(session: Session, api: Server) -> None:
    """A column of which one page holds text is text in all of them, as it came."""
    url = serve(api, [b"a,b\n01,\n", b"a,b\n2,1\n", b"a,b\nx,2\n"])
    assert read(session, url)["a"].tolist() == ["01", "2", "x"]


def test_pages_are_asked_for_again_where_text_was_lost(session: Session, api: Server) -> None:
    """Numbers of which a later page shows that they are text have the text with which they came."""
    numbers = "".join(f"{number:.2f}\n" for number in range(200_000))
    url = serve(api, [f"a\n{numbers}".encode(), b"a\nx\n"])
    frame = read(session, url)
    assert frame["a"].tolist()[:2] == ["0.00", "1.00"]
    assert frame["a"].tolist()[-2:] == ["199999.00", "x"]


@pytest.mark.parametrize("how", [read, pages])
def test_other_names(session: Session, api: Server, how: Any) -> None:
    """A page with other columns is an error that names them, with the rows before it."""
    url = serve(api, [b"id,name\n1,a\n", b"id,title,code\n2,b,c\n"])
    with pytest.raises(FormatError, match=r"columns are others .*: (code, title|title, code)") as caught:
        list(how(session, url))
    if how is read:
        assert caught.value.partial.to_dict("records") == [{"id": 1, "name": "a"}]


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("form", [csv, ndjson, parquet])
def test_a_loop(session: Session, api: Server, form: Any) -> None:
    """A link that leads back is an error, with the rows before it."""
    url = serve(api, [form(PAGES[0])] * 2, TYPES[form], lambda _: {"Link": '</x>; rel="next"'})
    with pytest.raises(PaginationError, match="it loops") as caught:
        read(session, url)
    assert caught.value.partial.to_dict("records") == PAGES[0]


def test_the_same_file_again_and_again(session: Session, api: Server) -> None:
    """A cursor that the service does not know brings the first page again, which is an error."""
    count = iter(range(1_000))
    api.routes["/x"] = lambda _: Reply(
        csv(PAGES[0]), content_type="text/csv", headers={"Sforce-Locator": f"L{next(count)}"}
    )
    with pytest.raises(PaginationError, match="the same page came"):
        read(session, f"{api.origin}/x")


@pytest.mark.parametrize("form", [csv, ndjson, parquet])
def test_another_origin(session: Session, api: Server, stranger: Server, form: Any) -> None:
    """A link that leaves the profile's origins is not followed; the rows before it are kept."""
    header = {"Link": f'<{stranger.origin}/y>; rel="next"'}
    api.routes["/x"] = Reply(form(PAGES[0]), content_type=TYPES[form], headers=header)
    with pytest.raises(OriginNotAllowed) as caught:
        read(session, f"{api.origin}/x")
    assert caught.value.partial.to_dict("records") == PAGES[0]
    assert not stranger.seen


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("form", [csv, ndjson, parquet])
def test_a_page_that_breaks_off(session: Session, api: Server, tmp_path: Path, form: Any) -> None:
    """A page whose connection breaks is asked for again, and no row comes twice."""
    bodies = [form(page) for page in PAGES]
    broken: list[str] = []

    def answer(seen: Seen) -> Reply:
        number = int(seen.path.partition("page=")[2] or 0)
        link = {"Link": f'</x?page={number + 1}>; rel="next"'} if number < 2 else {}
        body = bodies[number]
        if seen.path not in broken:
            broken.append(seen.path)
            return Reply(body[:-3], content_type=TYPES[form], headers=link, announce=len(body))
        return Reply(body, content_type=TYPES[form], headers=link)

    api.routes["/x"] = answer
    assert read(session, f"{api.origin}/x").to_dict("records") == ROWS
    broken.clear()
    write(session, f"{api.origin}/x", tmp_path / "d.parquet")
    assert pd.read_parquet(tmp_path / "d.parquet").to_dict("records") == ROWS


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("form", [csv, ndjson, parquet])
def test_a_later_page_fails(session: Session, api: Server, tmp_path: Path, form: Any) -> None:
    """An error keeps the pages before it; ``to=`` goes on with the page that was missing."""
    url = serve(api, [form(page) for page in PAGES], TYPES[form])
    usual = api.routes["/x"]
    api.routes["/x?page=2"] = Reply(b'{"message": "overloaded"}', 500)
    with pytest.raises(ApiError, match="overloaded") as caught:
        read(session, url)
    assert caught.value.partial.to_dict("records") == ROWS[:4]
    with pytest.raises(ApiError):
        write(session, url, tmp_path / "d.parquet")
    api.routes["/x?page=2"] = usual
    api.seen.clear()
    write(session, url, tmp_path / "d.parquet")
    assert [seen.path for seen in api.seen] == ["/x?page=2"]
    assert pd.read_parquet(tmp_path / "d.parquet").to_dict("records") == ROWS


@pytest.mark.parametrize("form", [csv, ndjson, parquet])
def test_interrupted(session: Session, api: Server, form: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt while a later page comes keeps the pages before it."""
    url = serve(api, [form(page) for page in PAGES], TYPES[form])
    usual = Body._decoded  # where bytes come from

    def stopped(body: Body, *arguments: Any, **options: Any) -> bytes:
        if "page=1" in body._response.url and type(body) is Body:
            raise KeyboardInterrupt
        return usual(body, *arguments, **options)

    monkeypatch.setattr(Body, "_decoded", stopped)
    with pytest.raises(ReadInterrupted, match="2 rows") as caught:
        read(session, url)
    assert caught.value.partial.to_dict("records") == PAGES[0]


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream", None])
@pytest.mark.parametrize("status", [200, 204])
def test_files_of_which_nobody_says_what_they_are(
    session: Session, api: Server, content_type: str | None, status: int
) -> None:
    """Later files are in the format of the first one, also where they hold too little to tell; one warning says so."""
    bodies = [csv(PAGES[0]), b"id,name\n", b"id,name\n3,c", csv(ROWS[3:]), b""]

    def answer(seen: Seen) -> Reply:
        number = int(seen.path.partition("=")[2] or 0)
        link = {"Link": f'</x?n={number + 1}>; rel="next"'} if number < 4 else {}
        return Reply(bodies[number], status if number == 4 else 200, link, content_type=content_type)

    api.routes["/x"] = answer
    with pytest.warns(AssumptionWarning, match="taken for CSV") as caught:
        assert read(session, f"{api.origin}/x").to_dict("records") == ROWS
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (Reply(b"<!DOCTYPE html><html>", content_type="text/html"), "a web page"),
        (Reply(b'{"error": "late"}', content_type="text/csv"), "which is JSON, not CSV"),
        (Reply(b'{"error": "late"}'), "where the pages before were CSV"),
        (Reply(ndjson(PAGES[1]), content_type="application/x-ndjson"), "where the pages before were CSV"),
    ],
)
def test_a_later_page_of_another_format(session: Session, api: Server, second: Reply, message: str) -> None:
    """A later page in another format is an error, with the rows before it."""
    header = {"Link": '</y>; rel="next"'}
    api.routes["/x"] = Reply(csv(PAGES[0]), content_type="text/csv", headers=header)
    api.routes["/y"] = second
    with pytest.raises(FormatError, match=message) as caught:
        read(session, f"{api.origin}/x")
    assert caught.value.partial.to_dict("records") == PAGES[0]


@pytest.mark.parametrize("form", [csv, ndjson, parquet])
@pytest.mark.parametrize(
    ("answered", "message"),
    [
        ((200, {"X-Total-Count": "5"}), "says X-Total-Count: 5"),
        ((200, {"X-Total-Pages": "3"}), "says X-Total-Pages: 3"),
        ((200, {"X-Has-More": "true"}), "says X-Has-More: true"),
        # https://docs.postgrest.org/en/stable/references/api/pagination_count.html, of a service that has no offset
        ((206, {"Content-Range": "0-1/5"}), "begins at row 0, and 2 was asked for"),
        ((206, {"Content-Range": "0-1/*"}), "begins at row 0, and 2 was asked for"),
    ],
)
def test_headers_that_say_more(
    session: Session, api: Server, form: Any, answered: tuple[int, dict[str, str]], message: str
) -> None:
    """What a header says of more rows is an error where it cannot be followed; with ``paging="none"`` it is not."""
    status, headers = answered
    api.routes["/x"] = Reply(form(PAGES[0]), status, headers, content_type=TYPES[form])
    with pytest.raises(PaginationError, match=message) as caught:
        read(session, f"{api.origin}/x")
    assert caught.value.partial.to_dict("records") == PAGES[0]
    if status == 200:
        assert read(session, f"{api.origin}/x", paging="none").to_dict("records") == PAGES[0]


@pytest.mark.parametrize("form", [csv, ndjson])
def test_ranges_of_rows(session: Session, api: Server, form: Any) -> None:
    """Files with a part of the rows each are asked for by the rows before, as PostgREST has it."""

    def answer(seen: Seen) -> Reply:
        first = int(seen.path.partition("offset=")[2] or 0)
        rows = ROWS[first : first + 2]
        part = {"Content-Range": f"{first}-{first + len(rows) - 1}/5"}
        return Reply(form(rows), 206, part, content_type=TYPES[form])

    api.routes["/x"] = answer
    assert read(session, f"{api.origin}/x").to_dict("records") == ROWS


@pytest.mark.parametrize("form", [csv, ndjson])
@pytest.mark.parametrize("headers", [{"X-Total-Count": "5"}, {"X-RateLimit-Total": "5000"}, {"X-Total-Pages": "1"}])
def test_headers_that_say_no_more(session: Session, api: Server, form: Any, headers: dict[str, str]) -> None:
    """A total that the rows reach says that they are all."""
    api.routes["/x"] = Reply(form(ROWS), headers=headers, content_type=TYPES[form])
    assert read(session, f"{api.origin}/x").to_dict("records") == ROWS
    link = {"Link": '</y>; rel="next"'} | headers
    api.routes["/x"] = Reply(form(ROWS[:4]), headers=link, content_type=TYPES[form])
    api.routes["/y"] = Reply(form(ROWS[4:]), headers=headers, content_type=TYPES[form])
    assert read(session, f"{api.origin}/x").to_dict("records") == ROWS
