from __future__ import annotations

import gzip
import io
import zipfile
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.parquet as pq
import pytest
from loads import read
from loopback_api import Reply
from ranged_files import RangedFile, noise

from nbauth.data.fetch.http_file import open_url
from nbauth.errors import ApiError, DataError, SignInRequired

if TYPE_CHECKING:
    from loopback_api import FakeAuthorizer, Seen, Server

    from nbauth.data.fetch.session import Session

CONTENT = noise(3_000_000)


def _serve(api: Server, content: bytes = CONTENT) -> RangedFile:
    made = api.routes["/x"] = RangedFile(content)
    return made


@pytest.mark.parametrize("name", ["x", "x.parquet"])
@pytest.mark.parametrize("says", ["how many", "nothing"])
def test_fewer_bytes_than_asked_for(session: Session, api: Server, name: str, says: str) -> None:
    """After a break, a server that sends less of a range than it was asked for is asked for the rest: nothing lacks."""
    served = RangedFile(CONTENT[:600_000])
    streams: list[Seen] = []

    def answer(seen: Seen) -> Reply:
        if seen.headers.get("range", "").startswith("bytes=-"):
            return served(seen)
        streams.append(seen)
        served.most = 100_000 if says == "how many" and len(streams) > 1 else None
        reply = served(seen)
        if len(streams) == 1:
            reply.announce, reply.body = len(reply.body), reply.body[:200_000]
        elif says == "nothing":
            reply.chunks = [reply.body[:100_000]]
        return reply

    api.routes[f"/{name}"] = answer
    with open_url(session, f"{api.origin}/{name}") as file:
        assert file.read() == served.content
    assert len(streams) == 1 + 4


def test_rows_after_a_break(session: Session, api: Server) -> None:
    """So a table has all of its rows."""
    served = RangedFile(b"id\n" + b"".join(b"%d\n" % number for number in range(100_000)), content_type="text/csv")

    def answer(seen: Seen) -> Reply:
        served.most = 100_000 if "range" in seen.headers else None
        reply = served(seen)
        if "range" not in seen.headers:
            reply.announce, reply.body = len(reply.body), reply.body[:300_000]
        return reply

    api.routes["/x"] = answer
    assert read(session, f"{api.origin}/x")["id"].tolist() == list(range(100_000))


def test_a_part_that_breaks(session: Session, api: Server) -> None:
    """What the caller asked a part of goes on after a break until the end of that part, and no further."""
    served = RangedFile(CONTENT)

    def answer(seen: Seen) -> Reply:
        reply = served(seen)
        if len(api.seen) == 1:
            reply.announce, reply.body = len(reply.body), reply.body[:4]
        return reply

    api.routes["/x"] = answer
    with open_url(session, f"{api.origin}/x", headers={"Range": "bytes=0-9"}) as file:
        assert CONTENT[:10] == file.read()
    assert served.ranges == [(0, 10), (4, 10)]


def test_straight_on(session: Session, api: Server) -> None:
    """Read from its start to its end, and sought a little forward in, a file is one request."""
    _serve(api)
    with open_url(session, f"{api.origin}/x") as file:
        assert file.seekable()
        assert len(CONTENT) == file.seek(0, io.SEEK_END)
        assert file.seek(0) == 0
        assert CONTENT[:1_000] == file.read(1_000)
        assert file.seek(300_000, io.SEEK_CUR) == 301_000
        assert CONTENT[301_000:302_000] == file.read(1_000)
        assert file.tell() == 302_000
        assert CONTENT[302_000:] == file.read()
        assert file.read() == b""
    assert [seen.headers.get("range") for seen in api.seen] == [None]


def test_not_there_yet(session: Session, api: Server) -> None:
    """A 202 is no file: what it says is an error, and no content."""
    closed: list[bool] = []
    api.routes["/x"] = Reply(b"id,name\n", 202, headers={"Location": "/y"}, content_type="text/csv")
    with pytest.raises(DataError, match=r"answered 202[^$]*nbauth\.read"):
        open_url(session, f"{api.origin}/x", on_close=lambda: closed.append(True))
    assert closed == [True]


def test_pandas_reads_a_table_in_one_request(session: Session, api: Server) -> None:
    """Pandas reads a table from it in one request."""
    expected = pd.DataFrame({"id": range(100_000), "name": "x"})
    _serve(api, expected.to_csv(index=False).encode())
    with open_url(session, f"{api.origin}/x") as file:
        pd.testing.assert_frame_equal(expected, pd.read_csv(file))
    assert len(api.seen) == 1


def test_reads_wherever_it_is_sought(session: Session, api: Server) -> None:
    """Wherever it is sought, what is read there is what stands there."""
    _serve(api)
    with open_url(session, f"{api.origin}/x") as file:
        for start in (2_000_000, 1_000_000, 1_000_100, 0, 2_999_990):
            file.seek(start)
            assert CONTENT[start : start + 100] == file.read(100)
        file.seek(1_500_000)
        assert CONTENT[1_500_000:] == file.read()
        assert len(CONTENT) + 5 == file.seek(5, io.SEEK_END)
        assert file.read(1) == b""
        with pytest.raises((ValueError, OSError)):
            file.seek(-1)
        with pytest.raises(ValueError, match="whence"):
            file.seek(0, 7)
    with pytest.raises(ValueError, match="closed"):
        file.read(1)


def test_one_column_of_a_parquet_file(session: Session, api: Server) -> None:
    """A column of a wide Parquet file comes without the others."""
    frame = pd.DataFrame({f"c{number}": range(20_000) for number in range(60)})
    buffer = io.BytesIO()
    frame.to_parquet(buffer, compression=None)
    served = _serve(api, buffer.getvalue())
    with open_url(session, f"{api.origin}/x") as file:
        pd.testing.assert_frame_equal(frame[["c30"]], pd.read_parquet(file, columns=["c30"]))
    by_ranges = sum(stop - start for start, stop in served.ranges)
    assert 0 < by_ranges < len(served.content) / 10
    with open_url(session, f"{api.origin}/x") as file:
        assert len(frame) == pq.ParquetFile(file).metadata.num_rows


def test_zip_and_excel(session: Session, api: Server) -> None:
    """Zip and Excel files, whose index stands at their end, are read in place."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("big.bin", CONTENT)
        packed.writestr("small.txt", b"small")
    served = _serve(api, buffer.getvalue())
    with open_url(session, f"{api.origin}/x") as file, zipfile.ZipFile(file) as packed:
        assert packed.read("small.txt") == b"small"
    assert sum(stop - start for start, stop in served.ranges) < 200_000
    buffer = io.BytesIO()
    frame = pd.DataFrame({"id": range(100)})
    frame.to_excel(buffer, index=False)
    _serve(api, buffer.getvalue())
    with open_url(session, f"{api.origin}/x") as file:
        pd.testing.assert_frame_equal(frame, pd.read_excel(file))


@pytest.mark.parametrize("how", ["no-ranges", "weak", "compressed", "chunked"])
def test_cannot_seek(session: Session, api: Server, how: str) -> None:
    """Where parts of this version cannot be asked for, it streams as before, and says what to do instead."""
    served = _serve(api)
    served.has_ranges = how != "no-ranges"
    served.etag = 'W/"x"' if how == "weak" else '"x"'
    packed = Reply(gzip.compress(CONTENT, 1), headers={**served.headers, "Content-Encoding": "gzip"})
    chunked = Reply(chunks=[CONTENT[:1_000], CONTENT[1_000:]], headers=served.headers)
    api.routes["/x"] = {"compressed": packed, "chunked": chunked}.get(how, served)
    with open_url(session, f"{api.origin}/x?sig=secret") as file:
        assert not file.seekable()
        with pytest.raises(io.UnsupportedOperation) as caught:
            file.raw.seek(0)  # type: ignore[attr-defined]
        assert str(caught.value).endswith("no byte ranges. Use io.BytesIO(file.read()).")
        assert "secret" not in str(caught.value)
        assert file.read() == CONTENT


def test_a_file_that_changed_since_it_was_opened(session: Session, api: Server) -> None:
    """A file that has changed since it was opened is an error once it is read elsewhere."""
    served = _serve(api)
    with open_url(session, f"{api.origin}/x") as file:
        assert CONTENT[:10] == file.read(10)
        served.content = noise(3_000_000, seed=2)
        file.seek(2_000_000)
        with pytest.raises(DataError, match="changed while it was being read"):
            file.read(10)


def test_breaks_and_seeks(session: Session, api: Server) -> None:
    """A stream that breaks off goes on by a range, and can still seek."""
    served = _serve(api)

    def once(seen: Seen) -> Reply:
        api.routes["/x"] = served
        return Reply(CONTENT[:500_000], headers=served.headers, announce=len(CONTENT))

    api.routes["/x"] = once
    with open_url(session, f"{api.origin}/x") as file:
        assert CONTENT[:1_000_000] == file.read(1_000_000)
        file.seek(100)
        assert CONTENT[100:200] == file.read(100)
    assert served.ranges[0] == (500_000, 3_000_000)


def test_part_that_the_caller_asked_for(session: Session, api: Server) -> None:
    """A part that the caller's own header asks for is not taken for the whole when it breaks off."""
    served = _serve(api)

    def cut(seen: Seen) -> Reply:
        whole = served(seen)
        return Reply(whole.body[:50], 206, whole.headers, announce=len(whole.body))

    api.routes["/x"] = cut
    with open_url(session, f"{api.origin}/x", headers={"Range": "bytes=100-199"}) as file:
        assert not file.seekable()
        with pytest.raises(DataError, match="broke off"):
            file.read()
    assert len(api.seen) == 1


def test_another_coding(session: Session, api: Server) -> None:
    """A compressed body is not continued with bytes of the file itself, even if its version is said to be the same."""
    packed = gzip.compress(CONTENT, 1)
    served = _serve(api)
    served.etag = '"same"'

    def once(seen: Seen) -> Reply:
        api.routes["/x"] = served
        headers = {**served.headers, "Content-Encoding": "gzip"}
        return Reply(chunks=[packed[:500_000]], headers=headers, whole=False)

    api.routes["/x"] = once
    with open_url(session, f"{api.origin}/x") as file, pytest.raises(DataError, match="broke off"):
        file.read()


def test_signed_out(session: Session, authorizer: FakeAuthorizer, api: Server) -> None:
    """After a sign-out nothing more is asked for."""
    _serve(api)
    with open_url(session, f"{api.origin}/x") as file:
        file.read(10)
        authorizer.signed_in = False
        file.seek(2_000_000)
        with pytest.raises(SignInRequired):
            file.read(10)
    assert len(api.seen) == 1


def test_what_cannot_be_opened_is_closed(session: Session, api: Server) -> None:
    """Whoever holds the connections of a file hears of it also where the file cannot be opened."""
    closed: list[bool] = []
    with pytest.raises(ApiError):
        open_url(session, f"{api.origin}/none", on_close=lambda: closed.append(True))
    assert closed == [True]
