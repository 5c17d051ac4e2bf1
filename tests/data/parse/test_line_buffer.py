"""A table whose bytes end too early is there up to its last whole line."""

from __future__ import annotations

import csv
import io
import itertools
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loads import read
from loopback_api import Reply

from nbauth.data.fetch.response_body import Body
from nbauth.data.fetch.retry import Retries
from nbauth.data.parse import line_buffer
from nbauth.data.parse.line_buffer import LineBuffer
from nbauth.errors import DataError, ReadInterrupted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loopback_api import Server

    from nbauth.data.fetch.session import Session

CELLS = st.text(st.sampled_from('ab",\n\ré'), max_size=5)
TABLES = st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=8)


def in_pieces(content: bytes, sizes: list[int], *, until: int | None = None) -> Iterator[bytes]:
    """Yield a body in pieces of some sizes, which breaks after so many bytes."""
    content = content if until is None else content[:until]
    position = 0
    for size in itertools.cycle(sizes):
        if position >= len(content):
            break
        yield content[position : position + size]
        position += size
    if until is not None:
        raise DataError("It broke off.")


def written(rows: list[list[str]]) -> bytes:
    """Return a table as bytes."""
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue().encode()


@given(rows=TABLES, sizes=st.lists(st.integers(1, 9), min_size=1), asked=st.integers(1, 9))
def test_all_of_it(rows: list[list[str]], sizes: list[int], asked: int) -> None:
    """Nothing of a body that comes whole is lost, whatever the sizes of its pieces."""
    body = written(rows)
    assert LineBuffer(in_pieces(body, sizes)).read() == body
    lines = LineBuffer(in_pieces(body, sizes))
    assert b"".join(iter(lambda: lines.read(asked), b"")) == body
    lines = LineBuffer(in_pieces(body[:-1], sizes))
    assert (b"".join(iter(lambda: lines.read1(asked), b"")), lines.error) == (body[:-1], None)


@given(rows=TABLES, sizes=st.lists(st.integers(1, 9), min_size=1), data=st.data())
def test_what_came_before_a_break(rows: list[list[str]], sizes: list[int], data: st.DataObject) -> None:
    """A body that breaks off ends with its last whole row, also where rows hold line ends and quotation marks."""
    body = written(rows)
    until = data.draw(st.integers(0, len(body)))
    lines = LineBuffer(in_pieces(body, sizes, until=until))
    ends = [len(written(rows[:count])) for count in range(len(rows) + 1)]
    assert lines.read() == body[: max(end for end in ends if end <= until)]
    assert lines.is_whole
    assert isinstance(lines.error, DataError)
    assert lines.read() == b""


def test_one_quotation_mark_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quotation mark that nothing closes keeps no more than some lines back."""
    monkeypatch.setattr(line_buffer, "_LONGEST", 20)
    body = b'a\n5" pipe\n' + b"7\n" * 30
    lines = LineBuffer(in_pieces(body, [10], until=len(body)))
    found = lines.read()
    assert body.startswith(found)
    assert len(found) > len(body) - 30
    assert not lines.is_whole


def _stopped(after: int) -> Any:
    def read(self: Body, size: int) -> bytes:
        came = getattr(self, "came", 0)
        if came >= after:
            raise KeyboardInterrupt
        self.came = came + 1  # type: ignore[attr-defined]
        return _read(self, size)

    _read = Body.read1
    return read


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("quoted", [False, True])
def test_an_interrupt_keeps_what_came(
    session: Session,
    api: Server,
    monkeypatch: pytest.MonkeyPatch,
    quoted: bool,  # noqa: FBT001
) -> None:
    """What had come of a table when it was interrupted is in the error, with the dtypes of what came."""
    name = '"a, b\nc"' if quoted else "abc"
    body = b"id,name,when\n" + b"".join(b"%d,%b,2024-01-01T00:00:00Z\n" % (n, name.encode()) for n in range(40_000))
    api.routes["/x"] = Reply(body, content_type="text/csv")
    whole = read(session, f"{api.origin}/x")
    monkeypatch.setattr(Body, "read1", _stopped(2))
    with pytest.raises(ReadInterrupted, match=r"^Stopped. [\d,]+ rows") as caught:
        read(session, f"{api.origin}/x")
    partial = caught.value.partial
    assert 0 < len(partial) < 40_000
    pd.testing.assert_frame_equal(partial, whole[: len(partial)])


def test_interrupted_in_the_first_row(session: Session, api: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of which nothing came leaves nothing."""
    monkeypatch.setattr(Body, "read1", _stopped(0))
    api.routes["/x"] = Reply(b"a\n1\n", content_type="text/csv")
    with pytest.raises(ReadInterrupted) as caught:
        read(session, f"{api.origin}/x")
    assert len(caught.value.partial) == 0


def test_broken_off_for_good(session: Session, api: Server) -> None:
    """What came of a table at the last try is in the error, after the rows of tables before it; none comes twice."""
    body = b"a\n" + b"7\n" * 200_000
    api.routes["/x"] = Reply(body + b"12345", content_type="text/csv", announce=10_000_000)
    api.routes["/first"] = Reply(b"a\n1\n", content_type="text/csv")
    retries = Retries(most=1, pause_s=0.01)
    for urls, expected in ((["/x"], []), (["/first", "/x"], [1])):
        with pytest.raises(DataError, match="broke off") as caught:
            read(session, [api.origin + url for url in urls], retries=retries)
        assert caught.value.partial["a"].tolist() == [*expected, *[7] * 200_000]


def test_another_form_of_unicode(session: Session, api: Server) -> None:
    """What came of a table in UTF-16 is there, too."""
    body = "a\n".encode("utf-16") + "7\n".encode("utf-16-le") * 200_000
    api.routes["/x"] = Reply(body, content_type="text/csv; charset=utf-16", announce=10_000_000)
    with pytest.raises(DataError, match="broke off") as caught:
        read(session, f"{api.origin}/x", retries=Retries(most=0))
    assert caught.value.partial["a"].tolist() == [7] * 200_000
