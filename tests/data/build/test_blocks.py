"""Small pages become columns together."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from engines import EVEN_PAGES
from hypothesis import HealthCheck, given, settings

from nbauth.data.build import frame_builder
from nbauth.data.build.column import Column
from nbauth.data.build.frame_builder import FrameBuilder
from nbauth.data.parse.schema_decoder import SchemaDecoder, append_array

if TYPE_CHECKING:
    from collections.abc import Callable

PAGES = [[{"id": n, "name": f"n{n}", "x": n / 2} | ({"y": None} if n % 3 else {})] * 2 for n in range(8)]


def _raw(page: list[Any]) -> memoryview:
    return memoryview(json.dumps(page).encode())


def _add(builder: FrameBuilder, page: list[Any]) -> None:
    append_array(builder, _raw(page))


def _exact(pages: list[list[Any]]) -> pd.DataFrame:
    builder = FrameBuilder()
    for page in pages:
        builder.add(page)
    return builder.frame()


def test_rows_count_at_once() -> None:
    """A page counts as soon as it is taken in, also while it waits for others."""
    builder = FrameBuilder()
    counts = []
    for page in PAGES:
        _add(builder, page)
        counts.append(builder.rows)
    assert counts == [2, 4, 6, 8, 10, 12, 14, 16]
    pd.testing.assert_frame_equal(_exact(PAGES), builder.frame())
    assert builder.rows == 0


def test_few_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns are made of some hundred KB, not of each page."""
    made = []
    columns = SchemaDecoder.columns

    def counted(decoder: SchemaDecoder, pages: Any) -> Any:
        made.append(len(pages))
        return columns(decoder, pages)

    monkeypatch.setattr(SchemaDecoder, "columns", counted)
    builder = FrameBuilder()
    pages = [[{"id": n, "name": "n" * 1000}] * 10 for n in range(50)]
    for page in pages:
        _add(builder, page)
    pd.testing.assert_frame_equal(_exact(pages), builder.frame())
    assert made == [15, 15, 15, 4]


def test_members_of_one_name_among_pages_that_wait() -> None:
    """A page with two members of one name, among others that wait, comes as it came."""
    builder = FrameBuilder()
    texts = ['[{"a": 1}]', '[{"a": 2}]', '[{"a": 3, "a": 4}]', '[{"a": 5}]', '[{"a": 6}, {"a": 7}]']
    for text in texts:
        append_array(builder, memoryview(text.encode()))
    assert builder.rows == 6
    frame = builder.frame()
    assert frame["a"].tolist() == [1, 2, 3, 5, 6, 7]
    assert frame["a.2"].tolist()[2] == 4


@pytest.mark.parametrize("block", [1, 100, 300, 150_000])
@given(pages=EVEN_PAGES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_blocks_are_pages_one_by_one(pages: list[list[Any]], block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many pages make a block, the frame is that of pages one by one, and so are an Arrow table's columns."""
    monkeypatch.setattr(frame_builder, "BLOCK_BYTES", block)
    builder, arrow = FrameBuilder(), FrameBuilder("json", "pyarrow")
    one_by_one = FrameBuilder("json", "pyarrow")
    for page in pages:
        _add(builder, page)
        _add(arrow, page)
        one_by_one.add(page)
    pd.testing.assert_frame_equal(_exact(pages), builder.frame())
    expected, table = one_by_one.table(), arrow.table()
    assert expected.schema == table.schema
    assert repr(expected.to_pylist()) == repr(table.to_pylist())  # NaN is equal to nothing


class _Interrupts:
    """Raises an interrupt at one of the calls of some methods, before or after it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.left = at
        for owner, name in (
            (Column, "append"),
            (Column, "extend"),
            (Column, "extend_missing"),
            (Column, "compact"),
            (SchemaDecoder, "columns"),
            (FrameBuilder, "_end_page"),
        ):
            monkeypatch.setattr(owner, name, self._around(getattr(owner, name)))

    def _around(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **options: Any) -> Any:
            self._step()
            result = method(*args, **options)
            self._step()
            return result

        return called

    def _step(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("block", [1, 150, 150_000])
def test_an_interrupt_at_every_step(block: int) -> None:
    """Whatever an interrupt breaks off, each page is in it once or not at all, and the builder tells which."""
    expected = _exact(PAGES)
    at, was_interrupted = 0, True
    while was_interrupted:
        at, was_interrupted = at + 1, False
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(frame_builder, "BLOCK_BYTES", block)
            patch.setattr(frame_builder, "_COMPACT_ROWS", 5)
            builder = FrameBuilder()
            _Interrupts(patch, at)
            for page in PAGES:
                before = builder.rows
                try:
                    _add(builder, page)
                except KeyboardInterrupt:
                    was_interrupted = True
                    builder.undo()
                    if builder.rows == before:
                        _add(builder, page)
                assert builder.rows == before + len(page)
            try:
                frame = builder.frame()
            except KeyboardInterrupt:
                was_interrupted = True
                frame = builder.frame()
            pd.testing.assert_frame_equal(expected, frame)
    assert at > 50
