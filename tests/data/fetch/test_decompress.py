"""Decompressing gzip piece by piece."""

from __future__ import annotations

import gzip

import pytest

from nbauth.data.fetch.decompress import Decompressor


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_members_in_pieces_of_any_size(size: int) -> None:
    """No member is lost whose first sign comes at the end of a piece."""
    data = gzip.compress(b"one") + gzip.compress(b"two") + bytes(8)
    stream, taken = Decompressor("gzip"), b""
    for start in range(0, len(data), size):
        stream.feed(data[start : start + size])
        taken += stream.take()
    assert (taken, stream.is_whole) == (b"onetwo", True)
