"""Tests of what a load says that it assumed."""

from __future__ import annotations

import warnings

import pytest

from nbauth.data.fetch.progress import LoadProgress
from nbauth.errors import AssumptionWarning


def test_what_was_assumed_is_warned_of_once_and_names_the_callers_line() -> None:
    """The warning leads to the line that called, not into the package."""
    progress = LoadProgress()
    progress.assume("It was taken for a table.")
    progress.assume("It was taken for a table.")
    with pytest.warns(AssumptionWarning, match="taken for a table") as caught:
        progress.finish("done")
    assert [warning.filename for warning in caught] == [__file__]


def test_nothing_is_warned_of_where_a_load_failed() -> None:
    """Its error says what is wrong; what was assumed before is no news."""
    progress = LoadProgress()
    progress.assume("It was taken for a table.")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        progress.finish("failed")
