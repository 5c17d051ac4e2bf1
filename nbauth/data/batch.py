"""Batches: some rows on their way from a response to a sink, as records, a frame or an Arrow table.

There are two kinds. Rows of text, such as a page of JSON, get their columns in a `FrameBuilder`, which may need the
rows of other batches for that. Files such as Parquet bring columns of their own. A sink asks `has_own_columns`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import pandas as pd

from nbauth.data.build.concat import without_index
from nbauth.data.build.type_rules import NULLABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nbauth.data.build.frame_builder import Backend, FrameBuilder
    from nbauth.data.fetch.request import PageRequest

__all__ = ["Batch", "ColumnBatch", "FrameBatch", "RecordBatch", "RowBatch", "TableBatch", "with_gaps"]


class RowBatch(Protocol):
    """Rows that a builder makes columns of."""

    @property
    def has_own_columns(self) -> Literal[False]:
        """False."""

    @property
    def url(self) -> str:
        """Where they are from."""

    @property
    def size(self) -> int:
        """The bytes that they hold, about; 0 where nobody knows."""

    @property
    def total_rows(self) -> int | None:
        """How many rows the load has in all, where the API says."""

    @property
    def next_request(self) -> PageRequest | None:
        """The request for the rows after these; None after the last ones, and where there is none."""

    @property
    def is_good(self) -> bool:
        """Whether `next_request` can be relied on; if not, an error comes next."""

    def append_to(self, builder: FrameBuilder) -> None:
        """Decode them into a builder.

        Raises:
            FormatError: they cannot be decoded; those before the broken one are in the builder.
            TooManyColumns: they have more columns than a frame may have.
        """


class ColumnBatch(Protocol):
    """Rows that came in columns, with types of their own."""

    @property
    def has_own_columns(self) -> Literal[True]:
        """True."""

    @property
    def rows(self) -> int:
        """How many there are."""

    @property
    def total_rows(self) -> int | None:
        """How many rows the load has in all, where that is known."""

    @property
    def names(self) -> set[str]:
        """The names of the columns."""

    @property
    def next_request(self) -> PageRequest | None:
        """The request for the rows after these, where files come in pages; None after the last ones."""

    @property
    def is_good(self) -> bool:
        """Whether `next_request` can be relied on; if not, an error comes next."""

    def dtypes(self) -> dict[str, str]:
        """Return the dtypes that another batch of the same file may have otherwise; none where a schema holds them."""

    def to_frame(self, backend: Backend | None) -> pd.DataFrame:
        """Return them as a frame."""

    def to_arrow(self) -> Any:
        """Return them as a table of Arrow's."""


Batch = RowBatch | ColumnBatch


@dataclass(frozen=True)
class RecordBatch:
    """Decoded records.

    Attributes:
        records: a dict for each row.
        url: where they are from.
    """

    records: Sequence[dict[str, Any]]
    url: str
    has_own_columns: ClassVar[Literal[False]] = False
    size: ClassVar[int] = 0
    total_rows: ClassVar[None] = None
    next_request: ClassVar[None] = None
    is_good: ClassVar[bool] = True

    def append_to(self, builder: FrameBuilder) -> None:
        """Take them into a builder."""
        builder.add(self.records)


@dataclass(frozen=True)
class FrameBatch:
    """A frame that a parser made.

    Attributes:
        frame: the frame, with the dtypes that the caller wants.
        total_rows: how many rows the load has in all, where that is known.
        next_request: the request for the page after it, where files come in pages.
        is_good: whether that can be relied on.
        is_of_text: whether its integers are what a text says, sign by sign, so that they can be that text again.
    """

    frame: pd.DataFrame
    total_rows: int | None = None
    next_request: PageRequest | None = None
    is_good: bool = True
    is_of_text: bool = False
    has_own_columns: ClassVar[Literal[True]] = True

    @property
    def names(self) -> set[str]:
        """The names of the columns."""
        return set(map(str, self.frame.columns))

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(self.frame)

    def dtypes(self) -> dict[str, str]:
        """Return its dtypes."""
        return {str(name): str(dtype) for name, dtype in self.frame.dtypes.items()}

    def to_frame(self, backend: Backend | None) -> pd.DataFrame:
        """Return the frame."""
        del backend  # it was read with it
        return self.frame

    def to_arrow(self) -> Any:
        """Return it as a table; an index that says more than row numbers is in front of the columns."""
        import pyarrow as pa

        return pa.Table.from_pandas(without_index(self.frame), preserve_index=False)


@dataclass(frozen=True)
class TableBatch:
    """A table of Arrow's.

    Attributes:
        table: the table.
        next_request: the request for the page after it, where files come in pages.
        is_good: whether that can be relied on.
    """

    table: Any
    next_request: PageRequest | None = None
    is_good: bool = True
    total_rows: ClassVar[None] = None
    has_own_columns: ClassVar[Literal[True]] = True

    @property
    def rows(self) -> int:
        """How many rows it has."""
        rows: int = self.table.num_rows
        return rows

    @property
    def names(self) -> set[str]:
        """The names of the columns."""
        return set(self.table.column_names)

    def dtypes(self) -> dict[str, str]:
        """Return nothing: all tables of a file have its schema."""
        return {}

    def to_frame(self, backend: Backend | None) -> pd.DataFrame:
        """Return it as a frame; integers and truth values that have gaps stay such."""
        if backend == "pyarrow":
            return self.table.to_pandas(types_mapper=pd.ArrowDtype)  # type: ignore[no-any-return]
        frame: pd.DataFrame = self.table.to_pandas()
        return with_gaps(frame, self.table.schema, self.table.select)

    def to_arrow(self) -> Any:
        """Return the table."""
        return self.table


def with_gaps(frame: pd.DataFrame, schema: Any, read: Callable[[list[str]], Any]) -> pd.DataFrame:
    """Return a frame with nullable dtypes where pandas made floats of integers, or objects of truth values.

    Args:
        frame: what pandas made of a table of Arrow's.
        schema: the table's schema.
        read: returns some columns of the table.
    """
    kinds = {field.name: NULLABLE.get(str(field.type)) for field in schema}
    names = [name for name in frame.columns if kinds.get(name) and frame[name].dtype.kind in "fO"]
    if names:
        types = {schema.field(name).type: pd.Series([], dtype=kinds[name]).dtype for name in names}
        nullable = read(names).to_pandas(types_mapper=types.get, ignore_metadata=True)
        for name in names:
            frame[name] = nullable[name].array
    return frame
