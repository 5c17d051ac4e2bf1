"""One page that is a file: its rows, as a style of paging and as a load see them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from nbauth.data.batch import FrameBatch, TableBatch
from nbauth.data.build.concat import concat
from nbauth.data.paging.page_response import Rows
from nbauth.data.parse.lazy_json import PlainNode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbauth.data.batch import Batch, ColumnBatch, RowBatch
    from nbauth.data.build.frame_builder import Backend, FrameBuilder
    from nbauth.data.fetch.request import PageRequest

__all__ = ["FilePage", "file_rows", "one_batch"]


class _FileNode(PlainNode):
    """The rows of a file, of which no more is known than how many there are and whether they came before."""

    def __init__(self, rows: int, checksum: int | None) -> None:
        super().__init__(None)
        self._rows = rows
        self._checksum = checksum

    @property
    def is_empty(self) -> bool:
        """Tell whether there is none."""
        return not self._rows

    @property
    def identity(self) -> object:
        """The checksum of the file."""
        return self._checksum

    def first(self, count: int) -> list[Any]:
        """Return the checksum, which stands for a first row that nothing is known of."""
        return [self._checksum][:count] if self._rows else []

    def count(self) -> int:
        """Return how many there are."""
        return self._rows


@dataclass(frozen=True)
class FilePage:
    """A page of lines.

    Attributes:
        batches: the lines.
        url: where they are from.
        next_request: the request for the page after it; None after the last.
        is_good: whether what it says of the page after it holds; if not, an error comes next.
    """

    batches: Sequence[RowBatch]
    url: str
    next_request: PageRequest | None
    is_good: bool
    has_own_columns: ClassVar[Literal[False]] = False
    total_rows: ClassVar[None] = None

    @property
    def size(self) -> int:
        """The bytes that it holds, about."""
        return sum(batch.size for batch in self.batches)

    def append_to(self, builder: FrameBuilder) -> None:
        """Decode its rows into a builder.

        Raises:
            FormatError: a line is no JSON; those before it are in the builder.
        """
        for batch in self.batches:
            batch.append_to(builder)


def file_rows(rows: int, checksum: int | None) -> Rows:
    """Return the rows of a file as styles and guards see them."""
    return Rows(_FileNode(rows, checksum))


def one_batch(
    batches: Sequence[Batch], url: str, next_request: PageRequest | None, backend: Backend | None, *, is_good: bool
) -> Batch:
    """Return a page's batches as one."""
    lines = [batch for batch in batches if not batch.has_own_columns]
    if lines or not batches:
        return FilePage(lines, url, next_request, is_good)
    columns: list[ColumnBatch] = [batch for batch in batches if batch.has_own_columns]
    whole: FrameBatch | TableBatch
    if all(isinstance(batch, TableBatch) for batch in columns):
        import pyarrow as pa

        whole = TableBatch(pa.concat_tables([batch.to_arrow() for batch in columns]))
    else:
        frames = [batch.to_frame(backend) for batch in columns]
        whole = FrameBatch(frames[0] if len(frames) == 1 else concat(frames, backend))
    return replace(whole, next_request=next_request, is_good=is_good)
