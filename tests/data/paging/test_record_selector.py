"""Where the rows of an answer are."""

from __future__ import annotations

import pytest
from page_responses import page_response

from nbauth.data.paging.record_selector import rows_at
from nbauth.errors import FormatError


def test_rows_at() -> None:
    """The rows are at the path that was named, also where it has dots of its own; null is none, an object is one."""
    assert rows_at(page_response({"a": {"b": [1, 2]}}), "a.b").node.value() == [1, 2]
    assert rows_at(page_response({"a.b": [1]}), "a.b").node.value() == [1]
    assert rows_at(page_response({"a": None}), "a").is_empty
    assert rows_at(page_response({"a": {"x": 1}}), "a").is_single
    with pytest.raises(FormatError, match=r"nothing at records='c.d'; it has a, b\."):
        rows_at(page_response({"a": 1, "b": 2}), "c.d")


def test_rows_at_an_index() -> None:
    """A number in a path leads to an item of an array, as in Power BI's results; one that is not there is an error."""
    answer = page_response({"results": [{"tables": [{"rows": [1]}, {"rows": [2, 3]}]}], "n": {"0": [4]}})
    assert rows_at(answer, "results.0.tables.1.rows").node.value() == [2, 3]
    assert rows_at(answer, "n.0").node.value() == [4]
    assert rows_at(page_response([{"rows": [1]}]), "0.rows").node.value() == [1]
    for path in ("results.1.tables", "results.tables", "results.-1", "results.0.tables.2"):
        with pytest.raises(FormatError, match="has nothing at"):
            rows_at(answer, path)
