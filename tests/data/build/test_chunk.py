from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nbauth.data.build.chunk import chunk_of, known_chunk

_INTEGERS = st.integers(-(2**70), 2**70) | st.sampled_from([2**53, 2**53 + 1, -(2**53) - 1, 2**63, 10**400])
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(_FLOATS | st.none() | st.integers(-5, 5)) | st.lists(_FLOATS | st.none() | _INTEGERS))
def test_numbers(values: list[Any]) -> None:
    """Numbers that a typed parser brings are kept as any values are, integers apart from floats."""
    known, expected = known_chunk(values, "number"), chunk_of(values)
    assert (expected.kind, repr(expected.objects())) == (known.kind, repr(known.objects()))
    assert (expected.has_nulls(), expected.is_exact()) == (known.has_nulls(), known.is_exact())
