"""Tables of text as a careful analyst reads them: no cell shifts, is lost or becomes what it is not."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from loads import pages, read, write
from loopback_api import Reply

from nbauth.data.fetch.retry import Retries
from nbauth.errors import AssumptionWarning, DataError, FormatError

if TYPE_CHECKING:
    from pathlib import Path

    from loopback_api import Server

    from nbauth.data.fetch.session import Session

pytestmark = pytest.mark.usefixtures("engine")
TABS = "text/tab-separated-values"


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame's rows; what is missing is None."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


WRITTEN: dict[str, tuple[str, bytes, list[dict[str, Any]]]] = {
    "semicolons": ("text/csv", b"id;name\n1;a\n2;b\n", [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]),
    "tabs": ("text/csv", b"id\tname\n1\ta\n", [{"id": 1, "name": "a"}]),
    "bars": ("text/csv", b"id|name\n1|a, b\n", [{"id": 1, "name": "a, b"}]),
    "commas in .tsv": (TABS, b"id,name\n1,a\n", [{"id": 1, "name": "a"}]),
    "sep=": ("text/csv", b"sep=;\r\nid;a,b\r\n1;x\r\n", [{"id": 1, "a,b": "x"}]),
    "only names": ("text/csv", b"id;name\n", []),
    "decimal commas": ("text/csv", b"n;x\n1;1,5\n2;0,25\n", [{"n": 1, "x": 1.5}, {"n": 2, "x": 0.25}]),
    "points between thousands": ("text/csv", b"n;x\n1;1.234,5\n2;0,25\n", [{"n": 1, "x": 1234.5}, {"n": 2, "x": 0.25}]),
    "decimal commas in quotes": ("text/csv", b'n;x\n1;"1,5"\n', [{"n": 1, "x": 1.5}]),
    "points with semicolons": ("text/csv", b"n;x\n1;1.5\n", [{"n": 1, "x": 1.5}]),
    "commas in the rows": (
        "text/csv",
        b"name;n\na, b;1\nc, d, e;2\n",
        [{"name": "a, b", "n": 1}, {"name": "c, d, e", "n": 2}],
    ),
    "a semicolon in a name": ("text/csv", b"a;b,c\n1,2\n", [{"a;b": 1, "c": 2}]),
    "a semicolon in a text": ("text/csv", b"note\na;b\nc\n", [{"note": "a;b"}, {"note": "c"}]),
    "commas behind": (
        "text/csv",
        b"id,name\n1,a,\n2,b,,\n3,c\n",
        [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": "c"}],
    ),
    "shorter rows": ("text/csv", b"a,b,c\n1,x,2\n2\n", [{"a": 1, "b": "x", "c": 2}, {"a": 2, "b": None, "c": None}]),
    "blank cells": ("text/csv", b"e\na\n\n\nb\n\n", [{"e": "a"}, {"e": None}, {"e": None}, {"e": "b"}]),
    "blank numbers": ("text/csv", b"n\r\n1\r\n\r\n3\r\n", [{"n": 1}, {"n": None}, {"n": 3}]),
    "blank lines before": ("text/csv", b"\n\na,b\n1,2\n\n3,4\n", [{"a": 1, "b": 2}, {"a": 3, "b": 4}]),
    "marks as text": (
        TABS,
        b'id\tsize\n1\t"a\n2\tb\n3\t"c\n',
        [{"id": 1, "size": '"a'}, {"id": 2, "size": "b"}, {"id": 3, "size": '"c'}],
    ),
    "one mark as text": (TABS, b'id\tsize\n1\t"a\n2\tb\n', [{"id": 1, "size": '"a'}, {"id": 2, "size": "b"}]),
    "inches with tabs": (
        TABS,
        b'id\tsize\n1\t"5 in\n2\t7\n3\t8"\n',
        [{"id": 1, "size": '"5 in'}, {"id": 2, "size": "7"}, {"id": 3, "size": '8"'}],
    ),
    "quoted with tabs": (TABS, b'id\ta\n1\t"x\ty"\n2\t"l\nm"\n', [{"id": 1, "a": "x\ty"}, {"id": 2, "a": "l\nm"}]),
    "inches": ("text/csv", b'id,a\n1,5" pipe\n2,x\n', [{"id": 1, "a": '5" pipe'}, {"id": 2, "a": "x"}]),
    "backslashes": (
        "text/csv",
        b'id,a\n1,"a \\"b\\", c"\n2,"C:\\\\x"\n',
        [{"id": 1, "a": 'a "b", c'}, {"id": 2, "a": "C:\\\\x"}],
    ),
    "a folder": ("text/csv", b'id,a\n1,"C:\\"\n2,"x, y"\n', [{"id": 1, "a": "C:\\"}, {"id": 2, "a": "x, y"}]),
    "lines in cells": (
        "text/csv",
        b'id,a\n1,"Dear Bob,\nthanks, Al"\n2,c\n',
        [{"id": 1, "a": "Dear Bob,\nthanks, Al"}, {"id": 2, "a": "c"}],
    ),
    "a quoted name": ("text/csv", b'"id","a, b"\n1,2\n', [{"id": 1, "a, b": 2}]),
    "returns alone": ("text/csv", b"id,a\r1,x\r2,y\r", [{"id": 1, "a": "x"}, {"id": 2, "a": "y"}]),
}


@pytest.mark.parametrize("kind", list(WRITTEN))
def test_how_a_table_is_written(session: Session, api: Server, tmp_path: Path, kind: str) -> None:
    """Separators, decimal commas, quotation marks and blank lines are found; also in parts, and in Parquet."""
    content_type, body, expected = WRITTEN[kind]
    api.routes["/x"] = Reply(body, content_type=content_type)
    url = f"{api.origin}/x"
    assert records(read(session, url)) == expected
    assert [row for frame in pages(session, url) for row in records(frame)] == expected
    assert records(pd.read_parquet(write(session, url, tmp_path / "x.parquet"))) == expected


VALUES: dict[str, tuple[list[str], list[Any]]] = {
    "Namibia": (["NA", "DE", ""], ["NA", "DE", None]),
    "words": (["null", "None", "nan", "x"], ["null", "None", "nan", "x"]),
    "numbers without a value": (["1.5", "NA", "null", ""], [1.5, None, None, None]),
    "postcodes": (["01234", "00501"], ["01234", "00501"]),
    "one postcode": (["1234", "00501", "10115"], ["1234", "00501", "10115"]),
    "postcodes with gaps": (["01234", "", "NA"], ["01234", None, "NA"]),
    "zeros in quotes": (['"007"', '"12"'], ["007", "12"]),
    "zero and fractions": (["0", "0.5", "-0.5"], [0, 0.5, -0.5]),
    "long ids": (["9007199254740993", "", "1"], [9007199254740993, None, 1]),
    "long ids, negative": (["-9223372036854775807", ""], [-9223372036854775807, None]),
    "longer ids": (["18446744073709551615", "", "1"], [18446744073709551615, None, 1]),
    "ids with an E": (["12E4", "45E2"], ["12E4", "45E2"]),
    "ids, one with an E": (["4711", "12e4", ""], ["4711", "12e4", None]),
    "floats with an E": (["1.5e3", "2E-3", "1E5"], [1500.0, 0.002, 100000.0]),
    "floats as Excel writes them": (["1E+05", "2E+05"], [100000.0, 200000.0]),
    "underscores": (["1_000", "2"], ["1_000", "2"]),
    "Infinity": (["Infinity", "12"], ["Infinity", "12"]),
    "infinite numbers": (["inf", "1.5"], [float("inf"), 1.5]),
    "hexadecimal": (["0x1F", "0x20"], ["0x1F", "0x20"]),
    "telephone numbers": (["+4930123456", "+4412345"], ["+4930123456", "+4412345"]),
    "changes": (["+1", "-2", "0"], [1, -2, 0]),
    "changes of prices": (["+1.5", "2.5"], [1.5, 2.5]),
    "truth": (["true", "false", "true"], [True, False, True]),
    "too large for a float": (["12345678901234567890", "1.5"], ["12345678901234567890", "1.5"]),
    "dates": (["2024-01-01", "NA", "2024-01-02"], [pd.Timestamp("2024-01-01"), None, pd.Timestamp("2024-01-02")]),
}  # fmt: skip


@pytest.mark.parametrize("backend", [{}, {"dtype_backend": "pyarrow"}], ids=["pandas", "pyarrow"])
@pytest.mark.parametrize("kind", list(VALUES))
def test_what_cells_become(session: Session, api: Server, kind: str, backend: dict[str, Any]) -> None:
    """Text that is no number stays text, and a number keeps its value; likewise where the cells are further on."""
    cells, expected = VALUES[kind]
    for before, then in ((0, 0), (0, 5), (60_000, 0)):
        rows = [*["" for _ in range(before)], *cells, *["" for _ in range(then)]]
        body = "n,x\n" + "".join(f"7,{cell}\n" for cell in rows)
        api.routes["/x"] = Reply(body.encode(), content_type="text/csv")
        found = read(session, f"{api.origin}/x", **backend)["x"]
        assert found.astype(object).where(found.notna(), None).tolist() == [*[None] * before, *expected, *[None] * then]


BROKEN: dict[str, tuple[bytes, str]] = {
    "longer rows": (b"id,name\n1,a,x\n2,b,y\n", "line 2 has 3 cells, where the line of names has 2"),
    "one longer row": (b"id,name\n1,a\n2,b,y\n", "line 3 has 3 cells"),
    "inches": (b'id,size\n1,"5 in\n2,7\n3,8"\n4,9\n', "lines that look like rows"),
    "a mark that is not closed": (b'id,a,b\n1,"x,2\n2,y\n', "cannot be read as a table"),
}


@pytest.mark.parametrize("kind", list(BROKEN))
def test_what_is_no_table(session: Session, api: Server, tmp_path: Path, kind: str) -> None:
    """What can only be guessed is an error that says where, and what to type."""
    body, match = BROKEN[kind]
    api.routes["/x"] = Reply(body, content_type="text/csv")
    url = f"{api.origin}/x"
    for load in (
        lambda: read(session, url),
        lambda: list(pages(session, url)),
        lambda: write(session, url, tmp_path / "x.parquet"),
    ):
        with pytest.raises(FormatError, match=match) as caught:
            load()
        assert "csv=" in str(caught.value.next_step)


HALF_QUOTED = {
    "a lone mark before": b'id\ta\tb\n1\t"abc\tq\n2\t"x\ny"\tr\n3\tc\td\n4\te\tf\n',
    "words behind": b'id\ta\n1\t"x\ny" z\n2\tb\n',
    "words behind, in the middle": b'id\ta\tc\n1\t"x\ny" z\tq\n2\tb\td\n',
    "a tab": b'id\ta\n1\t"abc\n2\t"x\ty"\n',
    "much further on": b'id\ta\n1\t"abc\n' + b"1\tx\n" * 200_000 + b'2\t"x\ny"\n',
}


@pytest.mark.parametrize("content_type", [TABS, "text/csv"])
@pytest.mark.parametrize("kind", list(HALF_QUOTED))
def test_marks_with_tabs_that_do_not_pair(session: Session, api: Server, kind: str, content_type: str) -> None:
    """A quoted cell with a tab or a line's end is no two cells or rows, where other marks do not pair."""
    api.routes["/x"] = Reply(HALF_QUOTED[kind], content_type=content_type)
    with pytest.raises(FormatError, match=r"quotation marks do not pair|has 3 cells") as caught:
        read(session, f"{api.origin}/x")
    assert 'csv={"quoting": 3}' in str(caught.value.next_step)
    with pytest.raises(FormatError, match=r"quotation marks do not pair|has 3 cells"):
        list(pages(session, f"{api.origin}/x"))


TAILS = {
    "ClickHouse": b"Code: 395. DB::Exception: made up, gave up: while reading. (FUNCTION_THROW)\n",
    "ClickHouse of late": b"__exception__\r\nabc\r\nCode: 395. DB::Exception: gave up\r\n12 abc\r\n__exception__\r\n",
    "a sentence": b"The query ran longer than allowed\n",
    "JSON": b'{"error": {"code": 500, "message": "gave up"}}\n',
    "a page": b"<html><head><title>502, Bad Gateway</title></head>\n<body>gave up</body></html>\n",
    "Python": b'Traceback (most recent call last):\n  File "x.py", line 3, in <module>\nValueError: gave up\n',
    "Java": b"java.sql.SQLException: gave up\n\tat x.y(Z.java:3)\n",
}


@pytest.mark.parametrize("kind", list(TAILS))
def test_an_error_behind_the_rows(session: Session, api: Server, kind: str) -> None:
    """An error's text behind the rows is an error that says it; the rows before it are there, with their dtypes."""
    api.routes["/x"] = Reply(b"id,name\n1,a\n2,b\n" + TAILS[kind], content_type="text/csv")
    with pytest.raises(DataError, match="behind the rows stands what is no row") as caught:
        read(session, f"{api.origin}/x")
    assert records(caught.value.partial) == [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    found: list[pd.DataFrame] = []
    with pytest.raises(DataError, match="behind the rows"):
        found.extend(pages(session, f"{api.origin}/x"))


@pytest.mark.parametrize(
    "body",
    [
        b"city,n\nNew York,1\nLos Angeles,2\nSan Diego,3\n",
        b"note\nError: x\nall is well\n",
        b"id,name\n1,a\n2\n",
        b'id,doc\n1,"{""error"": 1}"\n2,"Error: x"\n',
        b"level,text\nError: x,a\nError: y,b\n",
    ],
)
def test_no_error_behind_the_rows(session: Session, api: Server, body: bytes) -> None:
    """Rows that only speak of errors are rows."""
    api.routes["/x"] = Reply(body, content_type="text/csv")
    assert len(read(session, f"{api.origin}/x")) == body.count(b"\n") - 1


CHARSETS: dict[str, tuple[str, bytes, str]] = {
    "Windows-1252 as ISO 8859-1": ("text/csv; charset=ISO-8859-1", "5 €".encode("cp1252"), "5 €"),
    "what Windows-1252 leaves out": ("text/csv; charset=latin1", b"a\x81b", "a\x81b"),
    "UTF-8 as ISO 8859-1": ("text/csv; charset=ISO-8859-1", "Müller".encode(), "Müller"),
    "ISO 8859-15": ("text/csv; charset=ISO-8859-15", "5 €".encode("iso8859-15"), "5 €"),
    "UTF-8 with a mark, as ISO 8859-1": ("text/csv; charset=latin1", "Müller".encode(), "Müller"),
}


@pytest.mark.parametrize("kind", list(CHARSETS))
def test_character_sets(session: Session, api: Server, kind: str) -> None:
    """The bytes tell the character set where what the server says is often wrong."""
    content_type, cell, expected = CHARSETS[kind]
    mark = b"\xef\xbb\xbf" if "mark" in kind else b""
    body = mark + b"id,name\n" + b"1,x\n" * 30_000 + b"1," + cell + b"\n"
    api.routes["/x"] = Reply(body, content_type=content_type)
    assert read(session, f"{api.origin}/x").iloc[-1].tolist() == [1, expected]


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("says", ["text/csv", "text/csv; charset={}"])
def test_utf_16(session: Session, api: Server, codec: str, says: str) -> None:
    """UTF-16 is told by its mark, by its zeros, or by the server."""
    api.routes["/x"] = Reply("id\tname\n1\tü\n2\tb\n".encode(codec), content_type=says.format(codec))
    assert records(read(session, f"{api.origin}/x")) == [{"id": 1, "name": "ü"}, {"id": 2, "name": "b"}]


def test_an_assumed_character_set(session: Session, api: Server) -> None:
    """What is no UTF-8 is read as Windows-1252 with a warning, unless the caller names it; a mixture is an error."""
    body = b"id,name\n" + b"1,x\n" * 600_000 + "1,Müller €\n".encode("cp1252")
    api.routes["/x"] = Reply(body, content_type="text/csv")
    with pytest.warns(AssumptionWarning, match="read as Windows-1252; encoding= names"):
        assert read(session, f"{api.origin}/x")["name"].iloc[-1] == "Müller €"
    assert read(session, f"{api.origin}/x", encoding="cp1252")["name"].iloc[-1] == "Müller €"
    with pytest.raises(FormatError, match="not in utf-8") as caught:
        read(session, f"{api.origin}/x", encoding="utf-8")
    assert "encoding=" in str(caught.value.next_step)
    api.routes["/x"] = Reply(b"id,name\n1,M\xc3\xbcller\n2,M\xfcller\n", content_type="text/csv")
    with pytest.raises(FormatError, match="not in utf-8"):
        read(session, f"{api.origin}/x")


def test_a_column_of_na_alone(session: Session, api: Server) -> None:
    """NA without a text beside it is no value, which a warning says."""
    api.routes["/x"] = Reply(b"country,n\nNA,1\n", content_type="text/csv")
    with pytest.warns(AssumptionWarning, match="NA was read as no value in 'country'; csv="):
        assert records(read(session, f"{api.origin}/x")) == [{"country": None, "n": 1}]
    assert records(read(session, f"{api.origin}/x", csv={"keep_default_na": False})) == [{"country": "NA", "n": 1}]


def test_marks_that_do_not_pair(session: Session, api: Server) -> None:
    """Quotation marks that do not pair are read as text where each line is a row then, with a warning."""
    api.routes["/x"] = Reply(b'id,a\n1,"x" y\n2,z\n', content_type="text/csv")
    with pytest.warns(AssumptionWarning, match="as they stand"):
        assert read(session, f"{api.origin}/x")["a"].tolist() == ['"x" y', "z"]


def test_pandas_own_words_in_utf_16(session: Session, api: Server) -> None:
    """A table in UTF-16 that breaks off is there but for its last row, as its lines cannot be told."""
    body = "a\n".encode("utf-16") + "7\n".encode("utf-16-le") * 200_000
    api.routes["/x"] = Reply(body, content_type="text/csv; charset=utf-16")
    assert read(session, f"{api.origin}/x", csv={})["a"].tolist() == [7] * 200_000
    api.routes["/x"] = Reply(body, content_type="text/csv; charset=utf-16", announce=10_000_000)
    with pytest.raises(DataError, match="broke off") as caught:
        read(session, f"{api.origin}/x", csv={}, retries=Retries(most=0))
    assert caught.value.partial["a"].tolist() == [7] * 199_999


def test_pandas_own_words(session: Session, api: Server, tmp_path: Path) -> None:
    """`csv=` is what `pandas.read_csv` makes of its words, and an error of its is one that says so."""
    api.routes["/x"] = Reply(b"id#zip\n1#007\nNA#8\n", content_type="text/csv")
    url = f"{api.origin}/x"
    expected = [{"id": "1", "zip": "007"}, {"id": None, "zip": "8"}]
    words = {"sep": "#", "dtype": str}
    assert records(read(session, url, csv=words)) == expected
    assert records(next(iter(pages(session, url, csv=words)))) == expected
    assert records(pd.read_parquet(write(session, url, tmp_path / "x.parquet", csv=words))) == expected
    assert read(session, url, csv={"sep": "#", "index_col": "id", "engine": "python"})["zip"].tolist() == [7, 8]
    for load in (read, lambda *args, **options: list(pages(*args, **options))):
        with pytest.raises(FormatError, match="pandas cannot read with csv="):
            load(session, url, csv={"seperator": "#"})


# A plus or `inf` is text unless a cell further on shows otherwise, which may stand in a later block.
@pytest.mark.parametrize("kind", [kind for kind in VALUES if kind not in {"changes", "infinite numbers"}])
def test_blocks_agree(session: Session, api: Server, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cells become does not depend on where a table is cut into blocks."""
    cells, expected = VALUES[kind]
    body = "n,x\n" + "".join(f"{number},{cell}\n" for number, cell in enumerate(["", "", *cells, ""]))
    api.routes["/x"] = Reply(body.encode(), content_type="text/csv")
    monkeypatch.setattr("nbauth.data.parse.table.blocks._TAIL", 0)
    monkeypatch.setattr("nbauth.data.parse.table.blocks._HEAD", 8)
    for size in (8, 16, 24):
        monkeypatch.setattr("nbauth.data.parse.table.reader._PIECE", size)
        monkeypatch.setattr("nbauth.data.parse.table.reader.BLOCK", size)
        found = read(session, f"{api.origin}/x")["x"]
        assert found.astype(object).where(found.notna(), None).tolist() == [None, None, *expected, None]


@pytest.mark.parametrize("how", [read, pages])
@pytest.mark.parametrize("content_type", ["text/csv", "text/csv; charset=windows-1252"])
def test_names_in_windows_1252(session: Session, api: Server, how: Any, content_type: str) -> None:
    """Names that take more bytes in UTF-8 than they came in move no cell of the rows behind them."""
    api.routes["/x"] = Reply("größe,straße\n1,ä\n2,b\n".encode("cp1252"), content_type=content_type)
    expected = [{"größe": 1, "straße": "ä"}, {"größe": 2, "straße": "b"}]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)
        frames = how(session, f"{api.origin}/x")
        rows = pd.concat([frames] if how is read else list(frames)).to_dict("records")
    assert rows == expected


@pytest.mark.parametrize("kind", ["posted", "changed", "pages", "parts", "parquet"])
def test_text_behind_numbers_that_cannot_be_read_again(
    session: Session, api: Server, tmp_path: Path, kind: str
) -> None:
    """Where numbers have lost their text and cannot be asked for again, an error names the column and what to say."""
    url, answers = f"{api.origin}/x", 0

    def answer(_: Any) -> Reply:
        nonlocal answers
        answers += 1
        is_other = kind == "changed" and answers == 2
        row, last = (b"1.50;1\n", b"x;2\n") if is_other else (b"1;1.50\n", b"2;x\n")
        link = {"Link": f'<{url}?2>; rel="next"'} if kind == "pages" and answers == 1 else {}
        return Reply(b"n;zip\n" + row * 200_000 + last, content_type="text/csv", headers=link)

    api.routes["/x"] = answer
    loads = {
        "parts": lambda: list(pages(session, url)),
        "parquet": lambda: write(session, url, tmp_path / "x.parquet"),
        "changed": lambda: read(session, url),
    }
    with pytest.raises(FormatError, match="numbers come first and text further on: '") as caught:
        loads.get(kind, lambda: read(session, url, json={"q": 1}))()
    name = "n" if kind == "changed" else "zip"
    assert f'csv={{"dtype": {{"{name}": "str"}}, "sep": ";"}}' in str(caught.value.next_step)
    if kind in {"posted", "pages", "changed"}:
        assert len(caught.value.partial) >= 200_001
