from __future__ import annotations

import _thread
import gzip
import io
import json
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from loads import pages, read
from loopback_api import Reply, as_json, redirect, serving

from nbauth.data.fetch.http_file import open_url
from nbauth.data.fetch.session import Session
from nbauth.data.sinks import frame as reading
from nbauth.errors import (
    ApiError,
    AssumptionWarning,
    ConfigError,
    DataError,
    FormatError,
    OriginNotAllowed,
    PaginationError,
    ReadInterrupted,
    SignInRequired,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback_api import FakeAuthorizer, Seen, Server

pytestmark = pytest.mark.usefixtures("engine")

CSV = b"id,name,when\n1,a,2024-01-01T00:00:00Z\n2,,2024-01-02T00:00:00Z\n"


class Watch:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.updates: list[dict[str, Any]] = []
        self.outcomes: list[str] = []
        self.waits: list[tuple[float, str]] = []

    def update(self, **what: Any) -> None:
        """Remember an update."""
        self.updates.append(what)

    def wait(self, seconds: float, why: str) -> None:
        """Remember a wait."""
        self.waits.append((seconds, why))

    def finish(self, outcome: str) -> None:
        """Remember the end."""
        self.outcomes.append(outcome)


def _paged(api: Server, count: int, *, then: Callable[[], None] = lambda: None) -> str:
    """Serve `count` pages of two rows; `then` is called before the last one."""

    def answer(seen: Seen) -> Reply:
        number = int(seen.path.partition("n=")[2].partition("&")[0] or 1)
        if number == count:
            then()
        rows = [{"id": 2 * number - 1}, {"id": 2 * number}]
        more = {"@odata.nextLink": f"{api.origin}/rows?n={number + 1}"} if number < count else {}
        return as_json({"@odata.context": "x", "@odata.count": 2 * count, "value": rows, **more})

    api.routes["/rows"] = answer
    return f"{api.origin}/rows"


def test_pages_of_odata(session: Session, api: Server) -> None:
    """All pages behind next links become one frame, each asked for once and with the token."""
    frame = read(session, _paged(api, 3))
    assert frame["id"].tolist() == [1, 2, 3, 4, 5, 6]
    assert frame.columns.tolist() == ["id"]
    assert [seen.token for seen in api.seen] == ["token-1"] * 3


def test_pages_by_link_header(session: Session, api: Server) -> None:
    """Arrays whose Link header names a next page, relative to a redirect's target, become one frame."""
    api.routes["/a"] = redirect("/v2/a")
    api.routes["/v2/a"] = as_json([{"x": 1}], headers={"Link": '<b>; rel="next"'})
    api.routes["/v2/b"] = as_json([{"x": None, "y": "z"}])
    frame = read(session, f"{api.origin}/a")
    assert frame["x"].tolist() == [1, pd.NA]
    assert frame.columns.tolist() == ["x", "y"]


def test_single_object(session: Session, api: Server) -> None:
    """One object is one row."""
    api.routes["/me"] = as_json({"name": "Alice", "value": 3})
    assert read(session, f"{api.origin}/me").to_dict("records") == [{"name": "Alice", "value": 3}]


def test_params_and_headers(session: Session, api: Server) -> None:
    """Parameters go to the first page, which hands on what it wants; headers go to all."""
    read(session, _paged(api, 2), params={"$top": 2, "q": "a b"}, headers={"Prefer": "x", "x-api-key": "k"})
    assert [seen.path for seen in api.seen] == ["/rows?%24top=2&q=a+b", "/rows?n=2"]
    assert [(s.headers["prefer"], s.headers["x-api-key"]) for s in api.seen] == [("x", "k")] * 2
    assert "application/json" in api.seen[0].headers["accept"]


def test_keys_stay_with_their_origin(session: Session, authorizer: FakeAuthorizer, api: Server) -> None:
    """A key header given for one API does not follow a next link to another, the token of that one does."""
    from nbauth.net.origins import origin_of

    with serving() as sibling:
        authorizer.listed.add(origin_of(sibling.origin))
        sibling.routes["/b"] = as_json([2])
        api.routes["/a"] = as_json([1], headers={"Link": f"<{sibling.origin}/b>; rel=next"})
        frame = read(session, f"{api.origin}/a", headers={"x-api-key": "k", "Prefer": "x"})
        assert frame["value"].tolist() == [1, 2]
        assert "x-api-key" not in sibling.seen[0].headers
        assert sibling.seen[0].headers["prefer"] == "x"
        assert sibling.seen[0].token == "token-1"


def test_own_accept(session: Session, api: Server) -> None:
    """A caller's own Accept header wins, however it is spelt."""
    read(session, _paged(api, 1), headers={"accept": "application/json;odata.metadata=none"})
    assert api.seen[0].headers["accept"] == "application/json;odata.metadata=none"


def test_signed_out(session: Session, authorizer: FakeAuthorizer, api: Server) -> None:
    """Without a sign-in nothing is sent, whichever way one reads."""
    authorizer.signed_in = False
    for act in (read, open_url, lambda *a: next(iter(pages(*a)))):
        with pytest.raises(SignInRequired):
            act(session, f"{api.origin}/x")
    assert api.seen == []


def test_next_link_elsewhere(session: Session, api: Server, secure_stranger: Server) -> None:
    """A next link that leaves the origins is never asked for."""
    for link in (f"{secure_stranger.origin}/x", "http://elsewhere.example/x"):
        api.routes["/a"] = as_json({"value": [1], "@odata.nextLink": link})
        with pytest.raises(OriginNotAllowed):
            read(session, f"{api.origin}/a")
    assert secure_stranger.seen == []


def test_loop(session: Session, api: Server) -> None:
    """A next link that loops is an error, which carries the rows that came."""
    api.routes["/a"] = as_json({"value": [1, 2], "@odata.nextLink": "/a"})
    watch = Watch()
    with pytest.raises(PaginationError, match="loops") as caught:
        read(session, f"{api.origin}/a?$top=1", progress=watch)
    assert len(api.seen) <= 2
    assert caught.value.partial["value"].tolist()[:2] == [1, 2]
    assert watch.outcomes == ["failed"]


def test_endless(session: Session, api: Server) -> None:
    """Next links without end are found out."""
    api.routes["/same"] = lambda seen: as_json({"value": [1], "@odata.nextLink": f"/same?n={len(api.seen)}"})
    with pytest.raises(PaginationError, match="same page"):
        read(session, f"{api.origin}/same")
    api.routes["/empty"] = lambda seen: as_json({"value": [], "@odata.nextLink": f"/empty?n={len(api.seen)}"})
    with pytest.raises(PaginationError, match="empty pages"):
        read(session, f"{api.origin}/empty")


def test_empty_pages_between(session: Session, api: Server) -> None:
    """An empty page with a next link is not the end."""
    api.routes["/a"] = as_json({"value": [], "@odata.nextLink": "/b"})
    api.routes["/b"] = as_json({"value": [{"x": 1}]})
    assert read(session, f"{api.origin}/a")["x"].tolist() == [1]
    assert [len(frame) for frame in pages(session, f"{api.origin}/a")] == [1]


def test_duplicate_keys(session: Session, api: Server) -> None:
    """Of members with one name none is lost."""
    api.routes["/a"] = Reply(b'[{"a": 1, "a": 2, "a.2": 3, "a": 4}]')
    assert read(session, f"{api.origin}/a").to_dict("records") == [{"a": 1, "a.3": 2, "a.2": 3, "a.4": 4}]


def test_big_integers_and_nan(session: Session, api: Server) -> None:
    """Numbers beyond JavaScript's come through exactly, and NaN as NaN."""
    api.routes["/a"] = Reply(b'[{"a": 9007199254740993, "b": 12345678901234567890123, "c": NaN}]')
    row = read(session, f"{api.origin}/a").iloc[0]
    assert (int(row["a"]), row["b"]) == (9007199254740993, 12345678901234567890123)
    assert row["c"] != row["c"]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_json_encodings(session: Session, api: Server, codec: str) -> None:
    """JSON in any form of Unicode is read."""
    api.routes["/a"] = Reply('[{"ä": "🌞"}]'.encode(codec))
    assert read(session, f"{api.origin}/a").to_dict("records") == [{"ä": "🌞"}]


@pytest.mark.parametrize(
    ("content_type", "path", "body"),
    [
        ("application/json; odata.metadata=minimal", "/x", b'[{"id": 1}]'),
        ("application/problem+json", "/x", b'[{"id": 1}]'),
        ("APPLICATION/JSON", "/x", b'[{"id": 1}]'),
        ("text/plain", "/x.json", b'[{"id": 1}]'),
        (None, "/x.json?a=b", b'[{"id": 1}]'),
        ("application/x-ndjson", "/x", b'{"id": 1}\n\n'),
        ("application/octet-stream", "/x.jsonl", b'{"id": 1}'),
        ("text/csv", "/x", b"id\n1\n"),
        ("text/csv; header=present", "/x", b"id\r\n1\r\n"),
        ("text/csv", "/x", b"\xef\xbb\xbfid\n1\n"),
        ("application/octet-stream", "/x.CSV", b"id\n1\n"),
        ("text/tab-separated-values", "/x", b"id\n1\n"),
        ("text/plain; charset=utf-16", "/x.tsv", "id\n1\n".encode("utf-16")),
    ],
)
def test_formats(session: Session, api: Server, content_type: str | None, path: str, body: bytes) -> None:
    """The content type says what a body is; the URL's ending where it says nothing."""
    api.routes[path] = Reply(body, content_type=content_type)
    assert read(session, api.origin + path).to_dict("records") == [{"id": 1}]
    assert [frame.to_dict("records") for frame in pages(session, api.origin + path)] == [[{"id": 1}]]


def test_csv(session: Session, api: Server) -> None:
    """CSV comes with pandas' dtypes, and times as times."""
    api.routes["/x.csv"] = Reply(CSV, content_type="text/csv")
    frame = read(session, f"{api.origin}/x.csv")
    assert frame["id"].tolist() == [1, 2]
    assert frame["name"].isna().tolist() == [False, True]
    assert frame["when"].tolist() == [pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2024-01-02", tz="UTC")]


def test_csv_charset(session: Session, api: Server) -> None:
    """The character set that the server says is the one that counts."""
    api.routes["/x"] = Reply("name\nJosé\n".encode("latin-1"), content_type='text/csv; charset="ISO-8859-1"')
    assert read(session, f"{api.origin}/x")["name"].tolist() == ["José"]
    api.routes["/x"] = Reply("name\nJosé\n".encode("latin-1"), content_type="text/csv")
    with pytest.warns(AssumptionWarning, match="Windows-1252; encoding="):
        assert read(session, f"{api.origin}/x")["name"].tolist() == ["José"]
    api.routes["/x"] = Reply(b"name\nx\n", content_type="text/csv; charset=klingon")
    with pytest.raises(FormatError, match="character set"):
        read(session, f"{api.origin}/x")


def test_csv_mixed(session: Session, api: Server) -> None:
    """A long column of numbers that ends in text is text from its start."""
    commas = b"," * 63  # the wider, the fewer rows pandas looks at together
    body = b"id" + commas + b"\n" + (b"007" + commas + b"\n") * 40_000 + b"x" + commas + b"\n"
    api.routes["/x"] = Reply(body, content_type="text/csv")
    frame = read(session, f"{api.origin}/x")
    assert set(frame["id"]) == {"007", "x"}


def test_csv_duplicate_columns(session: Session, api: Server) -> None:
    """Columns of one name are told apart as pandas does it, times among them."""
    api.routes["/x"] = Reply(b"a,a\n2024-01-01,2024-01-02\n", content_type="text/csv")
    frame = read(session, f"{api.origin}/x")
    assert frame.columns.tolist() == ["a", "a.1"]
    assert frame["a.1"].tolist() == [pd.Timestamp("2024-01-02")]


@pytest.mark.parametrize(
    ("reply", "columns"),
    [
        (Reply(status=204, content_type=None), []),
        (Reply(content_type=None), []),
        (Reply(content_type="text/plain"), []),
        (Reply(b"", content_type="application/json"), []),
        (as_json([]), []),
        (as_json({"value": []}), []),
        (Reply(b"", content_type="text/csv"), []),
        (Reply(b"a,b\n", content_type="text/csv"), ["a", "b"]),
        (Reply(b"", content_type="application/x-ndjson"), []),
        (Reply(b"", content_type="application/vnd.apache.parquet"), []),
    ],
)
def test_empty(session: Session, api: Server, reply: Reply, columns: list[str]) -> None:
    """Nothing is an empty frame, with columns where they are known."""
    if "parquet" in str(reply.content_type):
        pytest.importorskip("pyarrow")
    api.routes["/x"] = reply
    frame = read(session, f"{api.origin}/x")
    assert (len(frame), frame.columns.tolist()) == (0, columns)
    (only,) = pages(session, f"{api.origin}/x")
    assert (len(only), only.columns.tolist()) == (0, columns)


def test_ndjson(session: Session, api: Server) -> None:
    """NDJSON is read in portions, and drifts as pages do."""
    lines = [{"id": n, **({"late": "x"} if n == 11_999 else {})} for n in range(12_000)]
    api.routes["/x"] = Reply("\n".join(map(json.dumps, lines)).encode(), content_type="application/x-ndjson")
    frame = read(session, f"{api.origin}/x")
    assert frame["id"].tolist() == list(range(12_000))
    assert frame["late"].notna().sum() == 1
    assert [len(part) for part in pages(session, f"{api.origin}/x")] == [5000, 5000, 2000]


def test_broken_ndjson(session: Session, api: Server) -> None:
    """A line that is no JSON is an error that names it."""
    api.routes["/x"] = Reply(b'{"a": 1}\n{"a":\n', content_type="application/x-ndjson")
    with pytest.raises(FormatError, match="line 2"):
        read(session, f"{api.origin}/x")


def test_parquet(session: Session, api: Server) -> None:
    """Parquet comes as it was written."""
    pytest.importorskip("pyarrow")
    written = pd.DataFrame({"a": [1, 2], "b": pd.to_datetime(["2024-01-01", None])})
    buffer = io.BytesIO()
    written.to_parquet(buffer)
    api.routes["/x.parquet"] = Reply(buffer.getvalue(), content_type="application/octet-stream")
    pd.testing.assert_frame_equal(read(session, f"{api.origin}/x.parquet"), written)
    api.routes["/x.parquet"] = Reply(b"PAR1nonsense", content_type="application/octet-stream")
    with pytest.raises(FormatError, match="Parquet"):
        read(session, f"{api.origin}/x.parquet")


def test_parquet_without_pyarrow(session: Session, api: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pyarrow the error names what to install."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    api.routes["/x.parquet"] = Reply(b"PAR1", content_type="application/vnd.apache.parquet")
    with pytest.raises(DataError, match=r"nbauth\[fast\]"):
        read(session, f"{api.origin}/x.parquet")


@pytest.mark.parametrize("chunked", [False, True])
def test_gzip(session: Session, api: Server, *, chunked: bool) -> None:
    """A compressed answer is decompressed while it streams."""
    body = gzip.compress(CSV)
    headers = {"Content-Encoding": "gzip"}
    chunks = [body[:10], body[10:]] if chunked else None
    api.routes["/x"] = Reply(body, headers=headers, content_type="text/csv", chunks=chunks)
    assert len(read(session, f"{api.origin}/x")) == 2
    with open_url(session, f"{api.origin}/x") as file:
        assert file.read() == CSV


@pytest.mark.parametrize("how", ["length", "chunks"])
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'[{"a": 1}]'),
        ("application/x-ndjson", b'{"a": 1}\n'),
        ("text/csv", CSV),
        ("text/tab-separated-values", b"a\tb\n1\t2\n"),
        ("application/vnd.apache.parquet", b"PAR1"),
    ],
)
def test_truncated(session: Session, api: Server, how: str, content_type: str, body: bytes) -> None:
    """A body that ends early is an error, even where what came could be read; never a short frame."""
    if "parquet" in content_type:
        pytest.importorskip("pyarrow")
    cut: dict[str, Any] = {"announce": 10_000} if how == "length" else {"chunks": [body], "whole": False}
    api.routes["/x"] = Reply(body, content_type=content_type, **cut)
    watch = Watch()
    with pytest.raises(DataError, match="broke off") as caught:
        read(session, f"{api.origin}/x?sig=hush", progress=watch)
    assert not isinstance(caught.value, FormatError)
    assert "hush" not in str(caught.value)
    assert watch.outcomes == ["failed"]
    with pytest.raises(DataError, match="broke off"):
        list(pages(session, f"{api.origin}/x"))
    with open_url(session, f"{api.origin}/x") as file, pytest.raises(DataError, match="broke off"):
        file.read()


def test_truncated_late(session: Session, api: Server) -> None:
    """A long table that ends early is an error, too."""
    api.routes["/x"] = Reply(b"1,2\n" * 500_000, content_type="text/csv", announce=3_000_000)
    with pytest.raises(DataError, match="broke off"):
        read(session, f"{api.origin}/x")


@pytest.mark.parametrize("error", [None, ValueError("Calling read failed")])
def test_truncated_for_a_lax_parser(
    session: Session, api: Server, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    """A body that ends early is an error, even if the parser hides it or takes it for the end."""

    def lax(file: io.BufferedReader, **options: Any) -> Any:
        with suppress(DataError):
            file.read()
        if error is not None:
            raise error
        frame = pd.DataFrame({"a": [1]})
        return [frame] if "chunksize" in options else frame

    monkeypatch.setattr(pd, "read_csv", lax)
    api.routes["/x"] = Reply(CSV, content_type="text/csv", announce=10_000)
    for load in (read, lambda *args, **options: list(pages(*args, **options))):
        with pytest.raises(DataError, match="broke off"):
            load(session, f"{api.origin}/x", csv={})


def test_truncated_pandas(session: Session, api: Server) -> None:
    """`pd.read_csv` on an open URL does not swallow a body that ends early."""
    api.routes["/x"] = Reply(CSV, content_type="text/csv", announce=10_000)
    with open_url(session, f"{api.origin}/x") as file, pytest.raises(DataError, match="broke off"):
        pd.read_csv(file)


def test_bad_gzip(session: Session, api: Server) -> None:
    """A compressed body that cannot be read is an error."""
    api.routes["/x"] = Reply(b"no gzip", headers={"Content-Encoding": "gzip"})
    with pytest.raises(DataError, match="compressed"):
        read(session, f"{api.origin}/x")


def test_later_page_truncated(session: Session, api: Server) -> None:
    """Rows that came before a broken page are in the error."""
    api.routes["/a"] = as_json({"value": [{"x": 1}], "@odata.nextLink": "/b"})
    api.routes["/b"] = Reply(b'{"value": [{"x": 2}]}', announce=500)
    with pytest.raises(DataError) as caught:
        read(session, f"{api.origin}/a")
    assert caught.value.partial["x"].tolist() == [1]


def test_later_page_of_another_kind(session: Session, api: Server) -> None:
    """A sign-in page in the middle of a load is an error."""
    api.routes["/a"] = as_json({"value": [{"x": 1}], "@odata.nextLink": "/b"})
    api.routes["/b"] = Reply(b"<html>Sign in", content_type="text/html")
    with pytest.raises(FormatError, match="a web page"):
        read(session, f"{api.origin}/a")
    api.routes["/b"] = Reply(CSV, content_type="text/csv")
    with pytest.raises(FormatError, match="pages before were JSON"):
        read(session, f"{api.origin}/a")


@pytest.mark.parametrize(
    ("content_type", "body", "words"),
    [
        (
            "text/html; charset=utf-8",
            b"<!doctype html>\n<title>Sign in</title>",
            "a web page.*<!doctype html> <title>Sign",
        ),
        ("image/png", b"\x89PNG\r\n", "image/png"),
        ("text/plain", b"hello" * 100, r"hellohello.*…"),
        (None, b"hello", "no content type"),
    ],
)
def test_other_content(session: Session, api: Server, content_type: str | None, body: bytes, words: str) -> None:
    """What is no data is an error with status, content type, address and the first characters."""
    api.routes["/x"] = Reply(body, content_type=content_type)
    with pytest.raises(FormatError, match=words) as caught:
        read(session, f"{api.origin}/x?sig=hush")
    assert f"{api.origin}/x?sig=… answered 200" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("body", [b'{"value": [', b"not json", b'["\xff"]', b"[" * 100_000])
def test_broken_json(session: Session, api: Server, body: bytes) -> None:
    """What is no JSON is an error and no traceback of a parser."""
    api.routes["/x"] = Reply(body)
    with pytest.raises(FormatError, match="no valid JSON"):
        read(session, f"{api.origin}/x")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_statuses(session: Session, api: Server, status: int) -> None:
    """An error status is an ApiError with the API's own words."""
    body = {"error": {"code": "Nope", "message": "Not\ntoday."}}
    api.routes["/x"] = as_json(body, status=status)
    watch = Watch()
    with pytest.raises(ApiError, match="Not today") as caught:
        read(session, f"{api.origin}/x?sig=hush", progress=watch)
    assert caught.value.status == status
    assert caught.value.url == f"{api.origin}/x?sig=…"
    assert "Nope" in caught.value.body
    assert watch.outcomes == ["failed"]
    with pytest.raises(ApiError):
        open_url(session, f"{api.origin}/x")
    with pytest.raises(ApiError):
        next(pages(session, f"{api.origin}/x"))


def test_status_of_later_page(session: Session, api: Server) -> None:
    """An error on a later page carries the rows before it."""
    api.routes["/a"] = as_json({"value": [{"x": 1}], "@odata.nextLink": "/b"})
    with pytest.raises(ApiError) as caught:
        read(session, f"{api.origin}/a")
    assert (caught.value.status, caught.value.partial["x"].tolist()) == (404, [1])


def test_unfollowed_redirect(session: Session, api: Server) -> None:
    """A redirect without a target is an error and no empty frame."""
    api.routes["/x"] = Reply(status=304, content_type=None)
    with pytest.raises(ApiError) as caught:
        read(session, f"{api.origin}/x")
    assert caught.value.status == 304


def test_refused_connection(authorizer: FakeAuthorizer, api: Server) -> None:
    """An API that is down is one clean line."""
    api.shutdown()
    api.server_close()
    with Session(authorizer) as session, pytest.raises(DataError, match=r"the connection was refused\.$") as caught:
        read(session, f"{api.origin}/x")
    assert len(str(caught.value).splitlines()) == 1


def test_untrusted(authorizer: FakeAuthorizer, secure_stranger: Server) -> None:
    """A certificate that is not trusted is an error that names the profile's key for it."""
    from nbauth.net.origins import origin_of

    authorizer.listed.add(origin_of(secure_stranger.origin))
    with Session(authorizer) as session, pytest.raises(DataError, match="ca_bundle"):
        read(session, f"{secure_stranger.origin}/x")


def test_silence(authorizer: FakeAuthorizer, api: Server) -> None:
    """An API that does not answer in time is an error."""
    gate = threading.Event()
    api.routes["/x"] = lambda seen: (gate.wait(5) and as_json(1)) or as_json(1)
    with Session(authorizer, timeout_s=(1.0, 0.1)) as session, pytest.raises(DataError, match="in time"):
        read(session, f"{api.origin}/x")
    gate.set()


@pytest.mark.parametrize("url", ["nonsense", "ftp://localhost/x", "https:///x", "", "https://[x", "https://me:pw@[x"])
def test_no_url(session: Session, url: str) -> None:
    """What is no URL is a ConfigError."""
    with pytest.raises(ConfigError):
        read(session, url)


def test_unknown_nested(session: Session, api: Server) -> None:
    """A wrong argument is an error before anything is sent."""
    with pytest.raises(ConfigError):
        read(session, f"{api.origin}/x", nested="xml")  # type: ignore[arg-type]
    with pytest.raises(ConfigError):
        pages(session, f"{api.origin}/x", nested="xml")  # type: ignore[arg-type]
    assert api.seen == []


def test_nested(session: Session, api: Server) -> None:
    """Nested values come as was asked."""
    api.routes["/x"] = as_json([{"a": {"b": 1}}])
    assert read(session, f"{api.origin}/x", nested="flatten").to_dict("records") == [{"a.b": 1}]
    (frame,) = pages(session, f"{api.origin}/x", nested="json")
    assert frame["a"].tolist() == ['{"b": 1}']


def test_progress(session: Session, api: Server) -> None:
    """Progress grows with each page and ends once."""
    watch = Watch()
    read(session, _paged(api, 3), progress=watch)
    assert watch.outcomes == ["done"]
    assert watch.updates[-1]["rows"] == 6
    assert watch.updates[-1]["requests"] == 3
    assert watch.updates[-1]["total_rows"] == 6
    sizes = [update["received_bytes"] for update in watch.updates]
    assert sizes == sorted(sizes)
    assert sizes[-1] > 200


def test_progress_of_file(session: Session, api: Server) -> None:
    """A file's bytes are told while they come, as they were on the wire."""
    body = b"a\n" + b"1234567\n" * 200_000
    api.routes["/x"] = Reply(body, content_type="text/csv")
    watch = Watch()
    read(session, f"{api.origin}/x", progress=watch)
    assert len(watch.updates) > 3
    assert watch.updates[-1]["received_bytes"] == len(body)
    assert watch.updates[-1]["rows"] == 200_000
    assert watch.outcomes == ["done"]


def test_interrupt_while_waiting(session: Session, api: Server) -> None:
    """An interrupt stops a wait at once; what was read is in the error, and the connection is closed."""
    gate = threading.Event()

    def interrupt() -> None:
        _thread.interrupt_main()
        gate.wait(10)

    watch = Watch()
    url = _paged(api, 3, then=interrupt)
    with pytest.raises(ReadInterrupted, match=r"^Stopped. 4 rows") as caught:
        read(session, f"{url}?sig=hush", progress=watch)
    gate.set()
    assert isinstance(caught.value, KeyboardInterrupt)
    assert caught.value.partial["id"].tolist() == [1, 2, 3, 4]
    assert "hush" not in str(caught.value)
    assert watch.outcomes == ["interrupted"]
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("reads", [0, 1, 3])
@pytest.mark.parametrize("content_type", ["text/csv", "application/x-ndjson", "application/json"])
def test_interrupt_in_body(
    session: Session, api: Server, monkeypatch: pytest.MonkeyPatch, content_type: str, reads: int
) -> None:
    """An interrupt in the middle of a body is an interrupt, not an error of the parser."""
    from urllib3.response import HTTPResponse

    count = 0

    def interrupting(before: Callable[..., bytes]) -> Callable[..., bytes]:
        def interrupt(self: HTTPResponse, *args: Any, **options: Any) -> bytes:
            nonlocal count
            count += 1
            if count > reads or content_type == "application/json":
                raise KeyboardInterrupt
            return before(self, *args, **options)

        return interrupt

    api.routes["/x"] = Reply(b"1\n" * 1_000_000, content_type=content_type)
    for name in ("read", "read1"):
        monkeypatch.setattr(HTTPResponse, name, interrupting(getattr(HTTPResponse, name)))
    watch = Watch()
    with pytest.raises(ReadInterrupted):
        read(session, f"{api.origin}/x", progress=watch)
    count = 0
    with pytest.raises(ReadInterrupted):
        list(pages(session, f"{api.origin}/x"))
    assert watch.outcomes == ["interrupted"]


def test_pages_are_lazy(session: Session, api: Server) -> None:
    """Pages are asked for one by one."""
    several = pages(session, _paged(api, 3))
    assert api.seen == []
    assert next(several)["id"].tolist() == [1, 2]
    assert len(api.seen) == 1
    assert [frame["id"].tolist() for frame in several] == [[3, 4], [5, 6]]


def test_pages_left_early(session: Session, api: Server) -> None:
    """Whoever stops after a page has ended the load well."""
    watch = Watch()
    several = pages(session, _paged(api, 3), progress=watch)
    next(several)
    several.close()  # type: ignore[attr-defined]
    assert watch.outcomes == ["done"]


def test_open(session: Session, api: Server) -> None:
    """An open URL is a file that pandas and others read, and closing it is enough."""
    api.routes["/x.csv"] = Reply(CSV, content_type="text/csv")
    with open_url(session, f"{api.origin}/x.csv", headers={"Prefer": "x"}) as file:
        assert file.readable()
        assert not file.seekable()
        assert file.readline() == b"id,name,when\n"
        assert len(list(file)) == 2
    assert file.closed
    assert api.seen[0].headers["prefer"] == "x"
    assert pd.read_csv(open_url(session, f"{api.origin}/x.csv")).shape == (2, 3)


def test_errors_hold_no_token(session: Session, authorizer: FakeAuthorizer, api: Server) -> None:
    """An API that repeats the token in its error does not get it into ours."""
    jwt = "eyJ0eXAiOiJKV1QiLCJhbGciOi.eyJhdWQiOiJhcGkifQ.c2lnbmF0dXJl"
    authorizer.current = jwt
    api.routes["/x"] = lambda seen: as_json({"message": f"bad {seen.headers['authorization']}"}, status=400)
    with pytest.raises(ApiError) as caught:
        read(session, f"{api.origin}/x")
    shown = f"{caught.value!r} {caught.value} {caught.value.body}"
    assert "eyJ" not in shown
    assert "c2lnbmF0dXJl" not in shown


def test_nothing_prints(session: Session, api: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """Reading prints nothing."""
    read(session, _paged(api, 2))
    assert capsys.readouterr() == ("", "")


def test_exports() -> None:
    """The module's public names are its own."""
    assert reading.__all__ == ["read"]
