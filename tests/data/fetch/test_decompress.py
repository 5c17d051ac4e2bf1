"""Decompressing gzip piece by piece: by isal as by zlib."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbauth.data.fetch import decompress
from nbauth.data.fetch.decompress import Decompressor

TEXTS = st.one_of(st.binary(max_size=200), st.binary(max_size=50).map(lambda piece: piece * 1000))
SIZES = st.sampled_from([1, 7, 1000, 65536])


def _member(text: bytes, level: int, name: bytes) -> bytes:
    """Return a member of gzip, with a file's name as gzip writes it, or without."""
    packed = gzip.compress(text, level, mtime=0)
    return packed[:3] + b"\x08" + packed[4:10] + name + b"\0" + packed[10:] if name else packed


def _taken(data: bytes, size: int, longest: int) -> tuple[bytes, bool, bool]:
    """Return what comes of pieces of such a size, whether it is whole, and whether it is damaged."""
    stream = Decompressor("gzip")
    taken: list[bytes] = []
    try:
        for start in range(0, len(data), size):
            stream.feed(data[start : start + size])
            while part := stream.take(longest):
                taken.append(part)
    except zlib.error:
        return b"".join(taken), False, True
    return b"".join(taken), stream.is_whole, False


def _both(data: bytes, size: int, longest: int) -> tuple[tuple[bytes, bool, bool], tuple[bytes, bool, bool]]:
    assert decompress._igzip() is not None, "isal is one of the tests' requirements"
    by_isal = _taken(data, size, longest)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decompress, "_igzip", lambda: None)
        return by_isal, _taken(data, size, longest)


@given(
    st.lists(st.tuples(TEXTS, st.sampled_from([0, 1, 6, 9]), st.sampled_from([b"", b"x.csv"])), min_size=1, max_size=3),
    st.sampled_from([b"", b"\0" * 8, b"what is no member"]),
    SIZES,
    st.one_of(st.just(0), SIZES),
)
def test_isal_gives_what_zlib_gives(
    members: list[tuple[bytes, int, bytes]], behind: bytes, size: int, longest: int
) -> None:
    """Members of any text, name and level, with padding behind them, in pieces of any size."""
    data = b"".join(_member(*member) for member in members) + behind
    by_isal, by_zlib = _both(data, size, longest)
    assert by_isal == by_zlib == (b"".join(text for text, _, _ in members), True, False)


@given(TEXTS, st.integers(min_value=1), SIZES, SIZES)
def test_what_ends_early_is_whole_for_neither(text: bytes, cut: int, size: int, longest: int) -> None:
    """What is cut off is missed, and what came before it is handed out, but for the last sign at the most."""
    data = _member(text, 6, b"")
    (by_isal, *isal), (by_zlib, *zlib_) = _both(data[: cut % (len(data) - 1) + 1], size, longest)
    assert isal == zlib_ == [False, False]
    assert text.startswith(by_isal)
    assert text.startswith(by_zlib)
    assert abs(len(by_isal) - len(by_zlib)) <= 258  # the longest match of deflate


@given(TEXTS, st.sampled_from([b"", b"x.csv"]), st.integers(min_value=0), st.integers(0, 7), SIZES)
def test_no_damage_goes_unseen(text: bytes, name: bytes, place: int, bit: int, size: int) -> None:
    """A bit that is another one ends in an error, or in a body that is not whole, or in what zlib takes for whole."""
    data, longest = bytearray(_member(text, 6, name)), 1000
    data[place % len(data)] ^= 1 << bit
    by_isal, by_zlib = _both(bytes(data), size, longest)
    if by_isal[1] or by_zlib[1]:
        assert by_isal == by_zlib


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_members_in_pieces_of_any_size(size: int) -> None:
    """No member is lost whose first sign comes at the end of a piece."""
    data = gzip.compress(b"one") + gzip.compress(b"two") + bytes(8)
    stream, taken = Decompressor("gzip"), b""
    for start in range(0, len(data), size):
        stream.feed(data[start : start + size])
        taken += stream.take()
    assert (taken, stream.is_whole) == (b"onetwo", True)
