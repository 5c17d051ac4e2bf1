"""What comes with the extra `fast` and what comes without it are the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from engines import EVEN_PAGES, PAGES, frame_of, using
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXTS = [
    '[{"a": 1, "a": 2}]',
    '[{"a": {"b": 1, "b": 2}}]',
    '[{"a": 1}, {"a": 2, "a": 3}]',
    '[{"a": "x", "a": "y"}]',
    '[{"a": "\\u0022", "a": "y"}, {"a": "\\u0022"}]',
    '[{"a": NaN, "b": -Infinity}]',
    '[{"a": 1.0}, {"a": 1}]',
    '[{"a": 1e400}]',
    '[{"a": -0}, {"a": -0.0}]',
    '[{"a": 1E2}]',
    '[{"a": "\\ud800"}]',
    '[{"a": "\\ud83d\\ude00"}]',
    '[{"a" : "x" , "b":[ ]}]',
    '[{"a":null},\n{"b":null}]',
    "[]",
    "[[1, 2], [3]]",
    "[1, null, true]",
]
# Objects whose members may have one name: as pairs, and written so.
_NAMES = st.sampled_from("abc")
_LEAVES = st.integers(-3, 3) | st.none() | st.sampled_from(["", '"', "\\", '\\"', '":"', "x", "\u00fc"])
_INNER = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=2) | st.lists(st.tuples(_NAMES, inner), max_size=2).map(tuple)
)
# Objects in objects, of one shape but for what APIs leave out or have as null.
_ADDRESS = st.fixed_dictionaries({"city": st.sampled_from(["Bern", '"', "Köln"])}, optional={"zip": st.integers(0, 9)})
_TAGS = st.fixed_dictionaries({}, optional={"x": st.none() | st.booleans(), "y": st.lists(st.text("ab"), max_size=2)})
_CUSTOMER = st.fixed_dictionaries(
    {"id": st.integers(0, 9), "address": _ADDRESS | st.none()}, optional={"tags": _TAGS, "a.b": st.integers(0, 3)}
)
_NESTED_ROW = st.fixed_dictionaries({"id": st.integers(0, 9), "customer": _CUSTOMER}, optional={"ship": _ADDRESS})
_NESTED_PAGES = st.lists(st.lists(_NESTED_ROW, min_size=1, max_size=4), min_size=2, max_size=5)
_ROWS = st.lists(st.lists(st.tuples(_NAMES, _INNER), max_size=4).map(tuple), max_size=4)


def _written(value: Any, *, is_ascii: bool) -> str:
    if isinstance(value, tuple):
        members = [f"{json.dumps(name)}:{_written(inner, is_ascii=is_ascii)}" for name, inner in value]
        return f"{{{','.join(members)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_written(inner, is_ascii=is_ascii) for inner in value)}]"
    if isinstance(value, str) and is_ascii:
        return '"' + "".join(rf"\u{ord(sign):04x}" for sign in value) + '"'
    return json.dumps(value, ensure_ascii=is_ascii)


def _once(value: Any) -> Any:
    if isinstance(value, tuple):
        return {name: _once(inner) for name, inner in value}
    return [*map(_once, value)] if isinstance(value, list) else value


def _same(*frames: Any) -> None:
    one, two = frames
    assert one.columns.tolist() == two.columns.tolist()
    assert one.dtypes.tolist() == two.dtypes.tolist()
    for position in range(one.shape[1]):
        cells = [frame.iloc[:, position].tolist() for frame in frames]
        assert [type(cell) for cell in cells[0]] == [type(cell) for cell in cells[1]]
        assert repr(cells[0]) == repr(cells[1])


def _both(*pages: Any, **options: Any) -> list[Any]:
    frames = []
    for one in ("fast", "plain"):
        with using(one):
            frames.append(frame_of(*pages, **options))
    return frames


@pytest.fixture(autouse=True, scope="module")
def often() -> Iterator[None]:
    """Do every few rows and pages what is otherwise done every some ten thousand and some hundred KB."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nbauth.data.build.frame_builder.BLOCK_BYTES", 150)
        patch.setattr("nbauth.data.parse.lazy_json._WORTH_A_SAMPLE", 60)
        patch.setattr("nbauth.data.parse.lazy_json._SAMPLE_ROWS", 1)
        patch.setattr("nbauth.data.build.frame_builder._COMPACT_ROWS", 3)
        yield


@pytest.mark.parametrize(
    "time",
    [
        "2024-02-29",
        "0001-01-01",
        "2024-02-29T23:59",
        "2024-02-29 23:59",
        "2024-02-29T23:59:58",
        "2024-02-29T23:59:58Z",
        "2024-02-29 23:59:58+00:00",
        "2024-02-29T23:59:58.1Z",
        "2024-02-29T23:59:58.1200Z",
        "0001-01-01T00:00:00.123456",
        "2024-02-29T23:59:58.1234560Z",
        "2024-02-29T23:59:58.123456789",
        "9999-12-31T23:59:59.999999Z",
        "1969-12-31T23:59:59.9Z",
    ],
)
def test_times_that_turn_out_to_be_text(time: str) -> None:
    """Times that were taken as such, and a later page that has none: the text is there again, digit by digit."""
    page = [{"a": time}, {"a": None}, {"a": time}, {"a": time}]
    with using("fast"):
        assert frame_of(page, page)["a"].dtype.kind == "M"
        frame = frame_of(page, page, [{"a": "soon"}])
        assert frame["a"].dropna().tolist() == [time] * 6 + ["soon"]
    _same(*_both(page, page))
    _same(*_both(page, page, [{"a": "soon"}]))
    _same(*_both(page, page, [{"a": 7}]))
    _same(*_both(page, page, [{"a": "2024-01-01"}]))
    _same(*_both(page, [{"a": "2024-01-01T00:00:00.1234567Z"}]))


def test_few_values() -> None:
    """Text of which few values recur comes as it came."""
    page = [{"a": value, "b": f"{value}{number}"} for number, value in enumerate(["x", "y", None, "x"] * 50)]
    _same(*_both(page, page, [{"a": "z"}]))


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
@pytest.mark.parametrize("before", TEXTS[:8:2], ids=range(4))
def test_odd_texts(text: str, before: str) -> None:
    """Duplicate members, constants, odd numbers, escapes and blanks come alike, alone and in the middle of a load."""
    _same(*_both(texts=[text]))
    _same(*_both(texts=[before, before, text, before, text]))


@pytest.mark.parametrize("backend", [None, "pyarrow"])
@pytest.mark.parametrize("nested", ["object", "json", "flatten"])
@given(pages=PAGES | EVEN_PAGES)
@settings(max_examples=150)
def test_engines_agree(pages: list[list[Any]], nested: Any, backend: Any) -> None:
    """With the extra `fast` and without it the frames are equal, dtypes included."""
    _same(*_both(*pages, nested=nested, dtype_backend=backend))


@pytest.mark.parametrize("nested", ["object", "json", "flatten"])
@given(rows=_ROWS, other=_ROWS, is_ascii=st.booleans())
@settings(max_examples=150)
def test_members_of_one_name(rows: list[Any], other: list[Any], is_ascii: bool, nested: Any) -> None:  # noqa: FBT001
    """Members of one name come alike, in pages whose shape is known and in others."""
    known = json.dumps([*map(_once, rows), *map(_once, other)])
    pages = [known, _written(rows, is_ascii=is_ascii), known, _written(other, is_ascii=is_ascii)]
    _same(*_both(texts=pages, nested=nested))


@pytest.mark.parametrize("nested", ["object", "json", "flatten"])
@given(pages=_NESTED_PAGES)
@settings(max_examples=150)
def test_objects_in_objects(pages: list[Any], nested: Any) -> None:
    """Objects of one shape, with members left out, empty or null now and then, come alike."""
    _same(*_both(*pages, *pages, nested=nested))


@pytest.mark.parametrize(
    "pages",
    [
        [[{"a": {"b": 1}}], [{"a": {"b": 2}}, {"a": {}}]],
        [[{"a": {"b": 1}}], [{"a": {}}]],
        [[{"a": {"b": 1}}, {"a": {"c": 1}}], [{"a": {}}, {"a": {"c": 3}}]],
        [[{"a": {"b": 1}}, {"a": None}], [{"a": None}, {"a": {"b": 3}}], [{"a": {"b": 4}}]],
        [[{"a": {"b": {"c": 1}}}, {"a": {"b": None}}], [{"a": None}], [{"a": {"b": {"c": 2}}}]],
        [[{"a": {"b": 1}}, {"a": 5}], [{"a": {"b": 2}}, {"a": "x"}]],
        [[{"a": {}}], [{"a": {}}], [{"a": {"b": 1}}]],
        [[{"a": [1]}], [{"a": [{"b": 1}]}], [{"a": {"b": 1}}]],
        [[{"a": {"b": 1}, "a.b": 2}], [{"a": {"b": 3}, "a.b": 4}]],
        [[{"a": {"b": 1}}, {}], [{}, {"a": {"b": 2}}, {"c": 1}]],
    ],
    ids=range(10),
)
@pytest.mark.parametrize("nested", ["object", "json", "flatten"])
def test_what_a_member_is_changes(pages: list[Any], nested: Any) -> None:
    """An object here that is empty, null or a value there comes alike."""
    _same(*_both(*pages, nested=nested))
    _same(*_both(*pages[::-1], *pages, nested=nested))


def test_deep_objects() -> None:
    """Objects that are deeper than is parsed into types come alike."""
    row: dict[str, Any] = {"a": 1}
    for _ in range(40):
        row = {"a": row, "b": None}
    _same(*_both([row], [row, row], nested="flatten"))
