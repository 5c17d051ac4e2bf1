from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbauth.data.parse.json_text import decoded_first, delimiters, loaded_lines, loads

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


_NAMES = st.sampled_from(['"a"', '"b"', '"a.2"', '":"', '"\\\\"', '"\\":"', '"{"', '"ü"'])
_SPACES = st.sampled_from(["", "", "", " ", "\n"])
_SCALARS = st.sampled_from(["1", "1.0", "true", "null", "NaN", "-Infinity", "99999999999999999999", "1e400"])


def _list(items: list[str]) -> str:
    return f"[{','.join(items)}]"


def _object(members: list[tuple[str, str, str]]) -> str:
    return "{" + ",".join(f"{name}{space}:{value}" for name, space, value in members) + "}"


_WRITTEN = st.recursive(
    _NAMES | _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4).map(_list) | st.lists(st.tuples(_NAMES, _SPACES, inner), max_size=4).map(_object)
    ),
)


@given(_WRITTEN)
def test_a_long_document_is_decoded_as_a_short_one(text: str) -> None:
    """No member with the name of another one is lost, wherever colons, quotation marks and braces stand in text."""
    expected, _ = decoded_first(text, 0)
    assert repr(loads(f"[{text},{' ' * 2_000}{text}]".encode())) == repr([expected, expected])


@pytest.mark.parametrize(
    "text", ['{"a":1,"a" :2}', '{"a":":","a":1}', '{"a":{"b":1},"a":{"{":1}}', '{"\\":":1,"a":1,"a":2}']
)
def test_members_of_one_name_are_all_kept(text: str) -> None:
    """Signs that make up for the name that is there twice deceive nobody."""
    document = loads(f"[{text}{' ' * 2_000}]".encode())
    assert repr(document) == repr([decoded_first(text, 0)[0]])
    assert any(name.endswith(".2") for name in document[0])


@pytest.mark.parametrize("text", ['{"a":1', '{"a":1}}', '{"a":tru}', '{"a":1}x', "[" * 100_000])
def test_what_is_no_json_raises_what_it_raises_of_a_short_one(text: str) -> None:
    """The error is that of the standard library, at the same place."""
    padded = " " * 2_000 + text
    with pytest.raises((ValueError, RecursionError)) as expected:
        json.loads(padded)
    with pytest.raises(type(expected.value)) as caught:
        loads(padded.encode())
    assert str(caught.value) == str(expected.value)


@given(st.lists(st.tuples(_WRITTEN, st.sampled_from(["", "", "\r", " ", "x", "\x1e", ",1"])), max_size=5))
def test_lines_are_decoded_as_each_of_them(lines: list[tuple[str, str]]) -> None:
    """Where one of them is no document, or has members of one name, nothing is said of any."""
    raw = [(text + behind).encode() for text, behind in lines]
    found = loaded_lines(raw)
    if found is not None:
        assert repr(found) == repr([loads(line) for line in raw])


@pytest.mark.parametrize(
    "lines", [[b"1,2", b"[3", b"4]"], [b"{},{}", b'{"a":[{}', b"{}]}"], [b"1 2"], [b""], [b"\xff"]]
)
def test_lines_that_are_documents_only_together_are_none(lines: list[bytes]) -> None:
    """Each line is a document of its own."""
    assert loaded_lines(lines) is None


def test_lines_may_be_blank_behind_their_documents() -> None:
    """Carriage returns and line feeds stay behind some documents."""
    assert loaded_lines([b'{"a":1}\r', b'{"a":2}\n']) == [{"a": 1}, {"a": 2}]
