"""Parquet by ranges: the end first, then the columns that are read, several at once, and nothing twice."""

from __future__ import annotations

import io
import itertools
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loopback_api import Reply
from ranged_files import RangedFile

from nbauth.data.fetch import parquet_ahead
from nbauth.data.fetch.byte_ranges import FileInfo, Ranges, TempCopy
from nbauth.data.fetch.http_file import open_url
from nbauth.data.fetch.parquet_ahead import ParquetAhead
from nbauth.data.fetch.parquet_file import looks_like_parquet, open_parquet
from nbauth.data.fetch.parquet_map import ParquetMap, footer_start
from nbauth.errors import DataError, SignInRequired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loopback_api import FakeAuthorizer, Seen, Server

    from nbauth.data.fetch.session import Session

COLUMNS, GROUPS, ROWS = 40, 8, 2_000
WANTED = ["c7", "c23", "c31"]


def _table(columns: int, rows: int) -> pa.Table:
    chance = np.random.default_rng(1)
    return pa.table({f"c{number}": chance.integers(0, 10**12, rows) for number in range(columns)})


def _parquet(columns: int = COLUMNS, groups: int = GROUPS, rows: int = ROWS, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(_table(columns, groups * rows), file, row_group_size=rows, **options)
    return file.getvalue()


CONTENT = _parquet()
TABLE = _table(COLUMNS, GROUPS * ROWS)


class _Source:
    """A source in memory that notes what is fetched, and fails where it is told to."""

    def __init__(self, content: bytes, last: int = 128 * 1024) -> None:
        self.content, self.size = content, len(content)
        self.first_at = max(0, self.size - last)
        self.first = content[self.first_at :]
        self.info = FileInfo(self.size, "", "", "")
        self.fetched: list[tuple[int, int]] = []
        self.fails: Callable[[int, int], BaseException | None] = lambda start, stop: None
        self.lock = threading.Lock()
        self.is_signed_in = True
        self.stopped = False

    def fetch(self, start: int, stop: int) -> bytes:
        with self.lock:
            self.fetched.append((start, stop))
        error = self.fails(start, stop)
        if error is not None:
            raise error
        return self.content[start:stop]

    def check_sign_in(self) -> None:
        if not self.is_signed_in:
            raise SignInRequired("Nobody is signed in.")

    def on_throttle(self, call: Callable[[], None]) -> None:
        self.throttle = call

    def stop(self) -> None:
        self.stopped = True

    def close(self) -> None:
        """Nothing is kept."""


@contextmanager
def _ahead(source: _Source) -> Iterator[ParquetAhead]:
    made = ParquetAhead.of(source)  # type: ignore[arg-type]
    assert made is not None
    try:
        yield made
    finally:
        made.leave()
        _settled(made)


def _settled(ahead: ParquetAhead) -> None:
    until = time.monotonic() + 20
    while ahead._parts._threads and time.monotonic() < until:  # one starts the next
        time.sleep(0.001)
    assert not ahead._parts._threads


class _File(io.RawIOBase):
    """What pyarrow reads from."""

    def __init__(self, ahead: ParquetAhead, size: int) -> None:
        self._ahead, self._size, self._at = ahead, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        data = self._ahead.read(self._at, self._size if size < 0 else self._at + size)
        self._at += len(data)
        return data


def _is_once(fetched: list[tuple[int, int]]) -> bool:
    ordered = sorted(fetched)
    return all(before[1] <= after[0] for before, after in itertools.pairwise(ordered))


def _places(content: bytes) -> ParquetMap:
    start = footer_start(content[-8:], len(content))
    assert start is not None
    return ParquetMap(content[start:], len(content))


@pytest.mark.parametrize("pre_buffer", [True, False])
def test_some_columns(*, pre_buffer: bool) -> None:
    """Who reads some columns of all row groups gets these, each byte once, and little more."""
    source, known = _Source(CONTENT), _places(CONTENT)
    with _ahead(source) as ahead:
        table = pq.ParquetFile(_File(ahead, source.size), pre_buffer=pre_buffer).read(columns=WANTED)
    assert table.equals(TABLE.select(WANTED))
    places = [known.place(group, int(name[1:])) for group in range(GROUPS) for name in WANTED]
    wanted = sum(place.stop - place.start for place in places if place)
    came = sum(stop - start for start, stop in source.fetched)
    assert _is_once(source.fetched)
    assert wanted * 0.8 <= came <= wanted * 1.1  # the last row group came with the end
    assert len(source.fetched) <= len(places)


def test_all_columns() -> None:
    """Who reads all columns gets the file once, in fewer requests than there are columns."""
    source = _Source(CONTENT)
    with _ahead(source) as ahead:
        assert pq.ParquetFile(_File(ahead, source.size)).read().equals(TABLE)
    assert _is_once(source.fetched)
    assert len(source.fetched) < COLUMNS * GROUPS


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any file is a large one."""
    monkeypatch.setattr(parquet_ahead, "_SMALL_FILE", 0)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("group", [0, 3])
def test_one_row_group(group: int) -> None:
    """Who reads one row group of a large file gets nothing of the others."""
    source, known = _Source(CONTENT), _places(CONTENT)
    with _ahead(source) as ahead:
        pq.ParquetFile(_File(ahead, source.size)).read_row_group(group, columns=WANTED)
    first, last = known.place(group, 0), known.place(group, COLUMNS - 1)
    assert first
    assert last
    assert all(first.start <= start and stop <= last.stop for start, stop in source.fetched)


def _read_of(source: _Source, *reads: tuple[int, int]) -> set[tuple[int, int]]:
    """Return in which columns of which row groups something came, when parts of a file are read."""
    known = _places(source.content)
    with _ahead(source) as ahead:
        for start, stop in reads:
            assert source.content[start:stop] == ahead.read(start, stop)
        _settled(ahead)
    assert _is_once(source.fetched)
    return {(place.group, place.column) for one in source.fetched for place in known.between(*one)}


def _bytes_of(group: int, column: int) -> tuple[int, int]:
    place = _places(CONTENT).place(group, column)
    assert place
    return place.start, place.stop


@pytest.mark.parametrize("first", [0, 3])
def test_a_column_of_a_small_file(first: int) -> None:
    """A column that is read of one row group of a small file comes of the further ones, too."""
    further = range(first, GROUPS)
    assert _read_of(_Source(CONTENT), _bytes_of(first, 7)) == {(group, 7) for group in further}
    reads = [_bytes_of(first, 7), _bytes_of(first, 20)]
    assert _read_of(_Source(CONTENT), *reads) == {(group, column) for group in further for column in (7, 20)}


def test_columns_that_are_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a small file, too, nothing more comes for who reads columns side by side, within one, or large ones."""
    (start, stop), (after, end) = _bytes_of(0, 7), _bytes_of(0, 8)  # some versions write a little between them
    assert _read_of(_Source(CONTENT), (start, end)) == {(0, 7), (0, 8)}
    assert {group for group, _ in _read_of(_Source(CONTENT), (start + 1, stop))} == {0}
    beside = _read_of(_Source(CONTENT), (start, stop), (after, end))
    assert {group for group, column in beside if column == 8} == {0}
    monkeypatch.setattr(parquet_ahead, "_MOST_GUESSED", 1_000)
    assert _read_of(_Source(CONTENT), (start, stop)) == {(0, 7)}
    monkeypatch.undo()
    monkeypatch.setattr(parquet_ahead, "_MOST_GUESSED_GROUPS", 3)
    assert _read_of(_Source(CONTENT), (start, stop)) == {(0, 7)}


@pytest.mark.usefixtures("large")
def test_ahead_of_the_reader() -> None:
    """What was read of two row groups is fetched of the next two, before anybody asks."""
    source, known = _Source(CONTENT), _places(CONTENT)
    places = [known.place(group, 7) for group in range(GROUPS)]
    with _ahead(source) as ahead:
        for place in places[:2]:
            assert place
            assert CONTENT[place.start : place.stop] == ahead.read(place.start, place.stop)
        _settled(ahead)
        assert {(place.start, place.stop) for place in places[:4] if place} == set(source.fetched)


def test_several_readers_share() -> None:
    """Several readers get the footer and the columns by one request each; the last one to leave ends it."""
    source = _Source(CONTENT)
    with _ahead(source) as ahead:
        assert ahead.join()
        tables: list[pa.Table] = []

        def read() -> None:
            tables.append(pq.ParquetFile(_File(ahead, source.size)).read(columns=WANTED))

        read()
        before = len(source.fetched)
        ahead.leave()
        assert before == len(source.fetched)
        assert tables[0].equals(TABLE.select(WANTED))
    assert not ahead.join()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_is_read(data: st.DataObject) -> None:
    """Whatever is read, in whatever order and by several threads, is what stands there."""
    content = _SMALL[data.draw(st.integers(0, len(_SMALL) - 1))]
    source = _Source(content, data.draw(st.sampled_from([8, 100, 3_000, 10**6])))
    known = _places(content)
    edges = [0, len(content), *(p.start for g in range(known.groups) for p in [known.place(g, 0)] if p)]
    edges += [p.stop for g in range(known.groups) for c in range(3) for p in [known.place(g, c)] if p]
    place = st.sampled_from(edges) | st.integers(0, len(content))
    reads = data.draw(st.lists(st.tuples(place, place, st.integers(0, 2)), max_size=25))
    wrong: list[tuple[int, int]] = []
    with _ahead(source) as ahead:

        def read(number: int) -> None:
            for start, stop, whose in reads:
                if whose == number and content[start:stop] != ahead.read(start, stop):
                    wrong.append((start, stop))

        threads = [threading.Thread(target=read, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert not [thread for thread in threads if thread.is_alive()]
    assert wrong == []


_SMALL = [
    _parquet(3, 1, 10),
    _parquet(5, 12, 300),
    _parquet(4, 6, 500, use_dictionary=False, write_page_index=True),
    _parquet(30, 3, 100, compression="zstd"),
]


def test_footer_that_came_in_part() -> None:
    """Of a footer that is longer than what came with the opening, the other part comes, and it is read as ever."""
    source = _Source(CONTENT, last=1_000)
    with _ahead(source) as ahead:
        table = pq.ParquetFile(_File(ahead, source.size)).read(columns=WANTED)
        assert ahead._map is not None
    assert table.equals(TABLE.select(WANTED))
    assert _is_once(source.fetched)


@pytest.mark.parametrize("end", [b"", b"PAR1", b"\xff\xff\xff\xffPAR1", b"no Parquet at all"])
def test_no_parquet(end: bytes) -> None:
    """What is no Parquet is none."""
    assert ParquetAhead.of(_Source(end)) is None  # type: ignore[arg-type]


def test_a_damaged_footer() -> None:
    """A footer that nobody can read is the reader's to hear of; bytes are bytes."""
    content = bytes(CONTENT[:200_000]) + b"\x00" * 50 + (50).to_bytes(4, "little") + b"PAR1"
    source = _Source(content)
    with _ahead(source) as ahead:
        for start in (0, 1_000, 150_000):
            assert content[start : start + 5_000] == ahead.read(start, start + 5_000)
        with pytest.raises((ValueError, OSError)):
            pq.ParquetFile(_File(ahead, source.size))


def test_an_error_ahead_is_nobodys() -> None:
    """What fails ahead of a reader is asked for again when it is read; only then it is an error."""
    source, known = _Source(CONTENT), _places(CONTENT)
    places = [place for group in range(GROUPS) if (place := known.place(group, 7)) is not None]
    source.fails = lambda start, stop: DataError("broke") if start == places[2].start else None
    with _ahead(source) as ahead:
        for place in places[:2]:
            ahead.read(place.start, place.stop)
        _settled(ahead)
        with pytest.raises(DataError, match="broke"):
            ahead.read(places[2].start, places[2].stop)
        source.fails = lambda start, stop: None
        for place in places[2:]:
            assert CONTENT[place.start : place.stop] == ahead.read(place.start, place.stop)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), DataError("broke")])
def test_what_a_reader_breaks_off(error: BaseException) -> None:
    """What a reader breaks off is no place where another one waits."""
    source, known = _Source(CONTENT), _places(CONTENT)
    place = known.place(0, 7)
    assert place
    source.fails = lambda start, stop: error
    with _ahead(source) as ahead:
        with pytest.raises(type(error)):
            ahead.read(place.start, place.stop)
        source.fails = lambda start, stop: None
        assert CONTENT[place.start : place.stop] == ahead.read(place.start, place.stop)


def test_threads_that_a_fork_left_behind() -> None:
    """A part whose thread is no more, as after a fork, is fetched by who reads it."""
    source, known = _Source(CONTENT), _places(CONTENT)
    place = known.place(0, 7)
    assert place
    with _ahead(source) as ahead:
        ended = threading.Thread(target=lambda: None)
        ended.start()
        ended.join()
        ahead._parts.want(place.start, place.stop)
        ahead._parts._parts[place.start].thread = ended
        assert CONTENT[place.start : place.stop] == ahead.read(place.start, place.stop)


def test_a_finalizer_waits_for_nothing() -> None:
    """Who leaves waits for nobody: a finalizer runs in any thread, even one that the lock's holder waits for."""
    source = _Source(CONTENT)
    with _ahead(source) as ahead:
        assert ahead.join()
        thread = threading.Thread(target=ahead.leave)
        with ahead._lock:
            thread.start()
            thread.join(20)
        assert not thread.is_alive()


def test_nothing_starts_after_the_last_one_left() -> None:
    """What is still wanted when the last reader leaves while somebody holds the lock starts no thread."""
    source, known = _Source(CONTENT), _places(CONTENT)
    place = known.place(0, 7)
    assert place
    with _ahead(source) as ahead:
        with ahead._lock:
            ahead._parts.want(place.start, place.stop)
            thread = threading.Thread(target=ahead.leave)
            thread.start()
            thread.join(20)
        ahead._parts.start_threads()
        assert not ahead._parts._threads
        assert ahead.join() is False
        ahead._parts._joined += 1  # for the block, which leaves, too
    assert source.fetched == []


def test_too_many_requests() -> None:
    """An API that asks for fewer requests gets half as many at once."""
    source = _Source(CONTENT)
    with _ahead(source) as ahead:
        source.throttle()
        assert ahead._parts._at_once == 4
        assert pq.ParquetFile(_File(ahead, source.size)).read(columns=WANTED).equals(TABLE.select(WANTED))


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is fetched ahead, and what is not read to its end, is bounded."""
    monkeypatch.setattr("nbauth.data.fetch.file_parts._MOST_AHEAD", 60_000)
    monkeypatch.setattr("nbauth.data.fetch.file_parts._MOST_HELD", 100_000)
    source, known = _Source(CONTENT, 10_000), _places(CONTENT)
    with _ahead(source) as ahead:
        for group in range(GROUPS):
            for column in range(0, COLUMNS, 5):
                place = known.place(group, column)
                assert place
                assert CONTENT[place.start : place.start + 100] == ahead.read(place.start, place.start + 100)
                held = sum(part.size for part in ahead._parts._parts.values() if part.start < ahead._footer_start)
                assert held <= 100_000 + 60_000 + 20_000
        assert held == ahead._parts._held - sum(
            part.size for part in ahead._parts._parts.values() if part.start >= ahead._footer_start
        )
        _settled(ahead)


def test_after_a_sign_out() -> None:
    """After a sign-out nothing is read, whatever is here already."""
    source = _Source(CONTENT)
    with _ahead(source) as ahead:
        ahead.read(source.size - 100, source.size)
        source.is_signed_in = False
        with pytest.raises(SignInRequired):
            ahead.read(source.size - 100, source.size)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://x/a.parquet", True),
        ("https://x/a.PARQUET?sig=1", True),
        ("https://x/a.pq", True),
        ("https://x/a.csv?b=c.parquet", False),
        ("https://x/parquet", False),
    ],
)
def test_names(url: str, *, expected: bool) -> None:
    """A Parquet file is known by the end of its path."""
    assert expected == looks_like_parquet(url)


@pytest.fixture
def served(api: Server) -> RangedFile:
    """The file, on the API."""
    made = api.routes["/x.parquet"] = RangedFile(CONTENT)
    return made


@pytest.mark.parametrize("from_end", [True, False, 400, 416, 501])
def test_ranges_from_the_end(session: Session, api: Server, served: RangedFile, from_end: bool | int) -> None:  # noqa: FBT001
    """A server that knows no ranges from the end is asked for others; one without versions sends the whole."""
    served.from_end = from_end
    source = open_parquet(session, f"{api.origin}/x.parquet")
    assert isinstance(source, Ranges)
    assert (len(CONTENT), CONTENT[1_000:2_000]) == (source.size, source.fetch(1_000, 2_000))
    assert (from_end is True) == (source.first_at > 0)
    served.etag = 'W/"weak"'
    copy = open_parquet(session, f"{api.origin}/x.parquet")
    assert isinstance(copy, TempCopy)
    assert CONTENT[1_000:2_000] == copy.fetch(1_000, 2_000)
    copy.close()


def test_small_and_empty(session: Session, api: Server, served: RangedFile) -> None:
    """A small file comes whole by one request; an empty one is empty."""
    served.content = _SMALL[0]
    with open_url(session, f"{api.origin}/x.parquet") as file:
        assert pq.ParquetFile(file).read().num_rows == 10
    assert len(api.seen) == 1
    served.content = b""
    assert open_parquet(session, f"{api.origin}/x.parquet").size == 0


def test_by_a_file(session: Session, api: Server, served: RangedFile) -> None:
    """A file that is opened by its URL brings the wanted columns, and no stream of the whole."""
    with open_url(session, f"{api.origin}/x.parquet?sig=secret") as file:
        table = pq.ParquetFile(file).read(columns=WANTED)
    assert table.equals(TABLE.select(WANTED))
    assert served.ranges[0][1] == len(CONTENT)
    assert _is_once(served.ranges)
    assert served.sent < 128 * 1024 + len(CONTENT) * len(WANTED) / COLUMNS * 1.5
    assert {"identity"} == {seen.headers["accept-encoding"] for seen in api.seen}


def test_straight_on(session: Session, api: Server, served: RangedFile) -> None:
    """Read from its start to its end, it is a stream of the same version."""
    with open_url(session, f"{api.origin}/x.parquet") as file:
        assert file.read() == CONTENT
    assert len(api.seen) == 2
    with open_url(session, f"{api.origin}/x.parquet") as file:
        served.content = CONTENT[:-1]
        with pytest.raises(DataError, match="changed while it was being read"):
            file.read()


def test_headers_of_the_caller(session: Session, api: Server, served: RangedFile) -> None:
    """A range or a coding that the caller asks for is what is asked for."""
    with open_url(session, f"{api.origin}/x.parquet", headers={"Range": "bytes=0-9"}) as file:
        assert CONTENT[:10] == file.read()
    assert [seen.headers["range"] for seen in api.seen] == ["bytes=0-9"]


def test_signed_out(session: Session, authorizer: FakeAuthorizer, api: Server, served: RangedFile) -> None:
    """After a sign-out nothing is read on, and nothing is sent."""
    with open_url(session, f"{api.origin}/x.parquet") as file:
        file.seek(-8, 2)
        file.read(8)
        authorizer.signed_in = False
        before = len(api.seen)
        for place in (100, len(CONTENT) - 50_000):
            file.seek(place)
            with pytest.raises(SignInRequired):
                file.read(10)
    assert before == len(api.seen)


def test_breaks_and_busy_servers(session: Session, api: Server, served: RangedFile) -> None:
    """Parts that break off, a server that is busy and a token that is refused are mended, ahead of the reader, too."""
    answers: list[Callable[[Seen], Reply]] = [
        lambda seen: Reply(status=503, headers={"Retry-After": "0"}),
        lambda seen: Reply(reset=True),
        lambda seen: Reply(status=429, headers={"Retry-After": "0"}),
    ]
    lock = threading.Lock()
    number = 0

    def answer(seen: Seen) -> Reply:
        nonlocal number
        with lock:
            number += 1
            return answers[number % len(answers)](seen) if number % 4 == 0 else served(seen)

    api.routes["/x.parquet"] = answer
    with open_url(session, f"{api.origin}/x.parquet") as file:
        assert pq.ParquetFile(file).read(columns=WANTED).equals(TABLE.select(WANTED))


def test_a_file_that_changes(session: Session, api: Server, served: RangedFile) -> None:
    """A file that changes while it is read is an error, and no mixture."""
    with open_url(session, f"{api.origin}/x.parquet") as file:
        parquet = pq.ParquetFile(file)
        served.content = _parquet(compression=None)
        with pytest.raises(DataError, match="changed while it was being read"):
            parquet.read(columns=WANTED)
