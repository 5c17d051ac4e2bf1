"""CSV: a table as a careful analyst reads it, or with `csv=` as `pd.read_csv` does."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from nbauth.data.batch import FrameBatch
from nbauth.data.parse.format import Format
from nbauth.process.shielded import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.data.fetch.response_body import Body
    from nbauth.data.parse.format import ReadContext

__all__ = ["FORMAT", "read_table"]


def read_table(body: Body, context: ReadContext, *, separator: str) -> Iterator[FrameBatch]:
    """Yield a table as one frame, or in parts.

    Args:
        body: its bytes.
        context: what the response says of them, and what is wanted.
        separator: what its format has between the cells.
    """
    load("nbauth.data.parse.pandas_csv", "nbauth.data.parse.table.reader")  # which loads of JSON need not wait for
    from nbauth.data.parse.pandas_csv import parts_by_pandas, table_by_pandas
    from nbauth.data.parse.table.reader import parts_of_table, whole_table

    in_parts, whole = (parts_of_table, whole_table) if context.csv is None else (parts_by_pandas, table_by_pandas)
    if context.in_parts:
        yield from map(FrameBatch, in_parts(body, context, separator))
    else:
        yield FrameBatch(whole(body, context, separator), is_of_text=context.csv is None)


FORMAT = Format(
    name="CSV",
    media_types=("text/csv", "text/x-csv", "application/csv", "application/x-csv"),
    endings=(".csv",),
    read=partial(read_table, separator=","),
    weight=0.8,
    suffix="+csv",
)
