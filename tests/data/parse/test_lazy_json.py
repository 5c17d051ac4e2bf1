from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbauth.data.parse import lazy_json
from nbauth.data.parse.lazy_json import RawNode, node_of

TEXT = st.text(st.sampled_from('[]{}",:\\ab é'), max_size=6)
SCALAR = st.one_of(TEXT, st.integers(-5, 5), st.none(), st.booleans())
ROWS = st.lists(st.dictionaries(TEXT, SCALAR, max_size=3), max_size=3)
DOCUMENTS = st.dictionaries(TEXT, st.one_of(SCALAR, ROWS, st.dictionaries(TEXT, ROWS, max_size=2)), max_size=4)


@pytest.fixture(autouse=True)
def _splitting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lazy_json, "_WORTH_SPLITTING", 0)


@given(DOCUMENTS, st.sampled_from([None, 1]), st.booleans())
def test_members_are_what_a_parser_finds(document: dict[str, Any], indent: int | None, is_ascii: bool) -> None:  # noqa: FBT001
    """A document's members are what a parser finds, whatever brackets stand in its text."""
    content = json.dumps(document, indent=indent, ensure_ascii=is_ascii).encode()
    found = node_of(content).members()
    assert document == {name: node.value() for name, node in found.items()}


@pytest.mark.parametrize(
    "content",
    [
        b'{"value": [{"a": 1}], "nextLink": "https://x/2"}',
        b'{"value": [{"a": "]"}], "nextLink": "https://x/2"}',
        b'{"meta": {"tags": [1]}, "value": 5}',
        b'{"a": "[", "b": "]"}',
        b'{"a": "]", "b": "["}',
        b'{"a": [1], "b": [2]}',
        b'{"a": "[]", "b": 1}',
        b'{"a": [], "b": {}}',
        b'{"a": [1]}',
    ],
)
def test_brackets_in_text(content: bytes) -> None:
    """Neither brackets in text nor arrays further inside are taken for the rows."""
    found = node_of(content).members()
    assert json.loads(content) == {name: node.value() for name, node in found.items()}


def test_the_only_array_is_not_parsed_twice() -> None:
    """The rows of a page are handed on as they are, without looking into them."""
    content = b'{"value": [{"a": nonsense}], "nextLink": "https://x/2"}'
    found = node_of(content).members()
    assert isinstance(found["value"], RawNode)
    assert found["value"].raw.tobytes() == b'[{"a": nonsense}]'
    with pytest.raises(ValueError, match="Expecting value"):
        found["value"].value()
