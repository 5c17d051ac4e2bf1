"""A table is found wherever its columns and rows stand, and however they are called and spelled."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_responses import page_response

from nbauth.data.build.frame_builder import FrameBuilder
from nbauth.data.paging.detect import detect, rows_in
from nbauth.data.paging.envelope import Envelope
from nbauth.data.paging.styles.auto import Auto

pytestmark = pytest.mark.usefixtures("engine")

CELLS = {"long": st.integers(-9, 9), "string": st.sampled_from(["a", "007"]), "real": st.floats(-2, 2)}
KEYS = [
    ("name", "type"),
    ("ColumnName", "ColumnType"),
    ("column_name", "data_type"),
    ("Column", "PropertyType"),
    ("id", "type"),
]
BESIDE = {"took": 3, "truncated": False, "stats": {"elapsed": 1.5}, "query": "q"}


def _spelled(words: str) -> st.SearchStrategy[str]:
    first, *rest = words.split()
    camel = first + "".join(word.title() for word in rest)
    return st.sampled_from([camel, camel[0].upper() + camel[1:], "_".join([first, *rest]), "-".join([first, *rest])])


@st.composite
def _tables(draw: st.DrawFn) -> tuple[Any, str, list[dict[str, Any]], list[str]]:
    """Draw an answer, the path of its rows, the rows, and the names of the columns."""
    names = draw(st.lists(st.sampled_from(["id", "name", "t", "x y", "a.b"]), min_size=1, max_size=4, unique=True))
    types = [draw(st.sampled_from(list(CELLS))) for _ in names]
    cells = draw(st.lists(st.tuples(*(CELLS[one] for one in types)), max_size=4))
    key, kind = draw(st.sampled_from(KEYS))
    columns: list[Any] = [{key: name, kind: one} for name, one in zip(names, types, strict=True)]
    columns = draw(st.sampled_from([columns, names]))
    called = draw(st.sampled_from(["columns", "fields", "column names", "headers"]).flatmap(_spelled))
    path = draw(st.sampled_from(["rows", "data", "values", "records", "data array"]).flatmap(_spelled))
    holder = draw(st.sampled_from([None, "schema", "metadata", "manifest"]))
    held = {called: columns} if holder is None else {holder: {called: columns}}
    members = {**held, path: cells, **{name: BESIDE[name] for name in draw(st.sets(st.sampled_from(list(BESIDE))))}}
    answer: Any = dict(draw(st.permutations(list(members.items()))))
    if draw(st.booleans()):
        outer = draw(st.sampled_from(["tables", "Tables", "results"]))
        answer, path = {outer: [answer]}, f"{outer}.0.{path}"
    above = draw(st.sampled_from([None, "result", "properties", "queryResult"]))
    if above is not None:
        answer, path = {above: answer}, f"{above}.{path}"
    return answer, path, [dict(zip(names, row, strict=True)) for row in cells], names


@given(_tables(), st.booleans())
def test_found(drawn: tuple[Any, str, list[dict[str, Any]], list[str]], is_named: bool) -> None:  # noqa: FBT001
    """The rows come under their names with nothing said, and so they do where their path is named."""
    answer, path, rows, names = drawn
    envelope = Envelope(page_response(answer), path if is_named else None)
    layout = detect(envelope, Auto())
    builder = FrameBuilder()
    rows_in(envelope, layout).node.append_to(builder)
    frame = builder.frame()
    assert layout.assumed is None
    assert list(frame) == names
    assert frame.astype(object).where(frame.notna(), None).to_dict("records") == rows
