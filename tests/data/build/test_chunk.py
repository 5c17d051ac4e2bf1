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


@given(
    st.sampled_from(["int", "bool"]).flatmap(
        lambda kind: st.tuples(
            st.just(kind),
            st.lists(
                (st.booleans() if kind == "bool" else st.integers(-9, 9) | _INTEGERS) | st.sampled_from([None] * 3),
                max_size=40,
            )
            | st.lists(st.booleans() if kind == "bool" else st.integers(-(2**63), 2**63 - 1), max_size=40),
        )
    )
)
def test_integers_and_truth_values(case: tuple[Any, list[Any]]) -> None:
    """Those that a typed parser brings are kept as any values are, in memory that can be written to."""
    kind, values = case
    known, expected = known_chunk(values, kind), chunk_of(values)
    assert (known.kind, known.size, known.objects()) == (expected.kind, expected.size, expected.objects())
    assert list(map(type, known.objects())) == list(map(type, expected.objects()))
    if known.kind in ("int", "bool"):
        assert (known.data.dtype, known.data.tolist()) == (expected.data.dtype, expected.data.tolist())
        assert known.null_mask().tolist() == expected.null_mask().tolist()
    if known.kind == "int":
        assert known.data.flags.writeable
