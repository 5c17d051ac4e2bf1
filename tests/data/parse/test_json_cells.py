from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbauth.data.build.json_cells import as_texts
from nbauth.data.parse.json_cells import json_cells

_TEXT = st.text(st.sampled_from('"\\\0u0nab ü,: 3e-4'), max_size=6)
_NUMBERS = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**70), 2**70)
    | st.sampled_from([1e15, 1e16, 1e-4, 1e-5, 1.5e-5, 1e-7, 123456789012345680.0, 5e-324, -0.0, 1e22])
)
_INNER = st.recursive(
    _TEXT | _NUMBERS | st.booleans() | st.none() | st.just("\0"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=12,
)
_NESTED = st.lists(_INNER, max_size=5) | st.dictionaries(_TEXT, _INNER, max_size=3)
_CELLS = st.lists(_NESTED | st.none(), min_size=1, max_size=5)


def _dumps(cell: Any) -> Any:
    return json.dumps(cell, ensure_ascii=False) if isinstance(cell, (dict, list)) else cell


def _texts(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(_texts, value.values()))
    return sum(map(_texts, value)) if isinstance(value, list) else isinstance(value, str)


@given(_CELLS)
@settings(max_examples=400)
def test_cells_are_as_python_writes_them(cells: list[Any]) -> None:
    """Each cell is the JSON that `json.dumps` makes of it, and its quotes are counted."""
    assert json_cells(cells) == ([_dumps(cell) for cell in cells], 2 * _texts(cells))


@given(st.lists(_NESTED | _INNER, max_size=5))
def test_all_else_stays(cells: list[Any]) -> None:
    """Objects and lists become JSON, all else stays."""
    assert as_texts(cells) == [_dumps(cell) for cell in cells]


@pytest.mark.parametrize("cells", [[["a", "\0", "b"], {}], [["\0", "\0", "\0"], ["\0"]], [{"\0": ["\0", "\0"]}]])
def test_separators_in_cells(cells: list[Any]) -> None:
    """What stands between the cells may stand in them, too."""
    expected = [json.dumps(cell, ensure_ascii=False) for cell in cells]
    assert expected == as_texts(cells) == json_cells(cells)[0]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_msgspec_does_not_know(value: Any) -> None:
    """Constants and halves of surrogate pairs come as the standard library writes them."""
    assert as_texts([[value], None, 1]) == [json.dumps([value], ensure_ascii=False), None, 1]
