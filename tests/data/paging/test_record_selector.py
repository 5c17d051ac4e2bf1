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
