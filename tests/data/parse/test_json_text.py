from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbauth.data.parse.json_text import delimiters

_TEXT = st.text(st.sampled_from('"\\u0022nab ü'), max_size=8)
_DOCUMENTS = st.recursive(
    _TEXT | st.none(), lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4)
)


def _texts(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(_texts, value.values()))
    return sum(map(_texts, value)) if isinstance(value, list) else isinstance(value, str)


@given(_DOCUMENTS, st.booleans())
def test_each_text_has_two_delimiters(document: Any, is_ascii: bool) -> None:  # noqa: FBT001
    """Each name and each text has two, whatever is escaped in it."""
    raw = json.dumps(document, ensure_ascii=is_ascii).encode()
    assert delimiters(raw) == delimiters(memoryview(raw)) == 2 * _texts(document)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", 0),
        (b'"', 1),
        (rb'"\""', 2),
        (rb'"\\"', 2),
        (rb'"\\\""', 2),
        (rb'"\\\\"', 2),
        (rb'["\\","\"\\\\\"","\u0022"]', 6),
        (rb'{"a\"":"\\\\\\"}', 4),
    ],
)
def test_runs_of_backslashes(raw: bytes, expected: int) -> None:
    """A backslash behind another escapes nothing."""
    assert delimiters(raw) == expected
