from __future__ import annotations

import random
from typing import TYPE_CHECKING

from ranged_files import noise

from nbauth.data.fetch.read_ahead import ReadAhead

if TYPE_CHECKING:
    from collections.abc import Callable


class _Noted:
    """A source in memory that notes what is fetched."""

    def __init__(self, content: bytes, first: int) -> None:
        self.content, self.size, self.first = content, len(content), content[:first]
        self.first_at = 0
        self.fetched: list[tuple[int, int]] = []

    def fetch(self, start: int, stop: int) -> bytes:
        self.fetched.append((start, stop))
        return self.content[start:stop]


BIG = noise(30_000_000)


def _reader(first: int = 65_536) -> tuple[_Noted, Callable[[int, int], bytes]]:
    source = _Noted(BIG, first)
    return source, ReadAhead(source).read  # type: ignore[arg-type]


def test_straight_on() -> None:
    """Who reads straight on gets more and more in one request, up to eight MiB, and no byte twice."""
    source, read = _reader()
    at = 0
    while piece := read(at, at + 100_000):
        assert BIG[at : at + 100_000] == piece
        at += len(piece)
    sizes = [stop - start for start, stop in source.fetched]
    assert (len(BIG), len(BIG) - 65_536) == (at, sum(sizes))
    assert len(source.fetched) <= 11
    assert max(sizes) <= 8 * 1024 * 1024 + 100_000


def test_who_jumps_gets_little_more() -> None:
    """Who jumps gets little more than asked for; the index at the end comes with its length in the last bytes."""
    source, read = _reader()
    assert BIG[-8:] == read(len(BIG) - 8, len(BIG))
    assert BIG[-5_000:-8] == read(len(BIG) - 5_000, len(BIG) - 8)
    assert BIG[10_000_000:10_000_100] == read(10_000_000, 10_000_100)
    assert BIG[9_000_000:9_300_000] == read(9_000_000, 9_300_000)
    assert [(len(BIG) - 65_536, len(BIG)), (10_000_000, 10_065_536), (9_000_000, 9_300_000)] == source.fetched
    assert read(len(BIG), len(BIG) + 5) == b""


def test_who_jumps_ahead_gets_no_more_for_it() -> None:
    """Who jumps forward, each time to what has just come or a little beyond it, gets no larger parts for it."""
    source, read = _reader()
    for start in range(1_000_000, 5_000_000, 50_000):
        assert BIG[start : start + 30_000] == read(start, start + 30_000)
    sizes = [stop - start for start, stop in source.fetched]
    assert max(sizes) <= 65_536
    assert sum(sizes) <= 4_200_000


def test_reads_at_random_places() -> None:
    """Whatever is read in whatever order, and however much at once, is what stands there."""
    chance = random.Random(4)  # noqa: S311 - no secret
    _, read = _reader()
    for _ in range(300):
        start = chance.choice([chance.randrange(len(BIG)), chance.randrange(200_000)])
        stop = start + chance.choice([1, 1_000, 100_000, 9_000_000])
        for _ in range(chance.randrange(1, 4)):
            assert BIG[start:stop] == read(start, stop)
            start, stop = stop, stop + (stop - start)
