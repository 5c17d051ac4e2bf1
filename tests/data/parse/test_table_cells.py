"""Cells that pandas would take for numbers: each is found by its bytes, wherever it is in a block."""

import re

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nbauth.data.parse.table.cells import columns_of, exponents, zeros_in_front

SLICE = 128 * 1024
CELLS = st.sampled_from(
    [
        *(b"007", b"-0", b"-00", b"+49", b"0", b"0.5", b"00.5", b'"01"', b'" 01"', b" 01", b"", b" ", b'"', b"12E4"),
        *(b"1e5", b"a+1", b"x", b"01x", b"0x1F", b"+", b"-", b"1,5", b"01,5", b"01;5", b"2024-01-01", b"1E", b"\r"),
    ]
)
SEPARATORS = st.sampled_from([",", ";", "\t", "|"])


def table(rows: list[list[bytes]], separator: str) -> bytes:
    """Return a table's bytes."""
    return b"\n".join(separator.encode().join(row) for row in rows)


@given(st.lists(st.lists(CELLS, min_size=1, max_size=5), max_size=6), SEPARATORS, st.sampled_from([0, 1, 5, 20]))
def test_zeros_and_plus_signs_in_front_are_found_where_a_search_for_each_cell_finds_them(
    rows: list[list[bytes]], separator: str, before_border: int
) -> None:
    """The places are those that a regular expression finds, also where the parts meet in which a block is looked at."""
    assume(block := table(rows, separator))
    if before_border:
        block = b"x" * (SLICE - before_border) + b"\n" + block
    comma = re.escape(separator.encode())
    others = b".eE" if separator == "," else b".,eE"
    begin = rb"(?:(?<=\n)|(?<=" + comma + rb')|\A)"? ?'
    cell = rb"((?:[+-]?0[0-9]|\+[0-9])[0-9" + others + rb']*(?=[\r\n" ' + comma + rb"]|\Z))"
    expected = [found.start(1) for found in re.finditer(begin + cell, block)]
    assert zeros_in_front(block, separator).tolist() == expected


@given(st.lists(st.lists(CELLS, min_size=1, max_size=5), max_size=6), SEPARATORS)
def test_an_e_between_digits_is_found_where_a_search_for_each_cell_finds_it(
    rows: list[list[bytes]], separator: str
) -> None:
    """The places are those that a regular expression finds."""
    assume(block := table(rows, separator))
    comma = re.escape(separator.encode())
    border = rb'[\r\n" ' + comma + rb"]"
    cell = rb"(?:(?<=" + border + rb")|\A)[0-9]+([eE])[0-9]+(?=" + border + rb"|\Z)"
    assert exponents(block, separator).tolist() == [found.start(1) for found in re.finditer(cell, block)]


@pytest.mark.parametrize("block", [b"0", b"01", b"\n", b"+"])
def test_the_shortest_blocks_are_looked_at(block: bytes) -> None:
    """A block may have one sign."""
    assert zeros_in_front(block, ",").tolist() == ([0] if block == b"01" else [])


def test_a_place_is_told_its_column() -> None:
    """Columns are counted from the start of a place's line."""
    block = b"a,b,01\n02,b,c\n"
    assert columns_of(np.array([4, 7]), block, ",", None) == {0, 2}
