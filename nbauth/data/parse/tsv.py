"""TSV: a table as CSV, with tabs between the cells."""

from __future__ import annotations

from functools import partial

from nbauth.data.parse.csv import read_table
from nbauth.data.parse.format import Format

__all__ = ["FORMAT"]

FORMAT = Format(
    name="TSV",
    media_types=("text/tab-separated-values",),
    endings=(".tsv",),
    read=partial(read_table, separator="\t"),
)
