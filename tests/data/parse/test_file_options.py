"""Tests of what a caller says about a file."""

from __future__ import annotations

from typing import Any

import pytest

from nbauth.data.query import Query
from nbauth.errors import ConfigError

_URL = "https://api.example.com/rows"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", "xml"),
        ("format", 1),
        ("encoding", "punycode"),
        ("encoding", 1252),
        ("csv", ";"),
        ("csv", {1: ";"}),
        ("sheet", True),
        ("sheet", ["Data"]),
    ],
)
def test_a_wrong_word_about_a_file_is_an_error_that_names_it(name: str, value: Any) -> None:
    """Nothing is sent with an argument that no file can fit."""
    with pytest.raises(ConfigError, match=f"{name}: expected"):
        Query(_URL, **{name: value})


@pytest.mark.parametrize("name", ["filepath_or_buffer", "chunksize", "iterator"])
def test_what_pandas_is_not_asked(name: str) -> None:
    """Where the file is, and how it is handed out, is not said by `csv=`."""
    with pytest.raises(ConfigError, match=f"csv: {name} cannot be given"):
        Query(_URL, csv={name: 1})


def test_right_words_about_a_file_are_taken() -> None:
    """Each format's name, a character set, pandas' arguments and a sheet's name or number."""
    Query(_URL, format="ndjson", encoding="cp1252", csv={"sep": ";"}, sheet=0)
    Query(_URL, format="excel", sheet="Data")
