"""What comes with the extra `fast` and what comes without it are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from engines import EVEN_PAGES, PAGES, frame_of, using
from hypothesis import given, settings

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
    """Compact columns every few rows, as otherwise every some ten thousand."""
    with pytest.MonkeyPatch.context() as patch:
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
