"""How many bytes a Parquet or an Excel file takes when it is decoded; this is checked before.

Both are compressed inside: a dictionary holds a value once for a million rows, and a sheet names one cell in its last
column and one in its last row. What a file says of its own size is checked first, and then what is really there.
"""

from __future__ import annotations

import zipfile
from typing import IO, TYPE_CHECKING, Any

from nbauth.data.build.width import check_width

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.data.fetch.response_body import ByteLimit

__all__ = ["MOST_CELLS", "TooManyCells", "check_excel", "check_parquet", "check_sheet", "limited_book"]

MOST_CELLS = 100_000_000  # of the frame of a sheet; a full one of 95 columns

_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}
_ROWS_AT_ONCE = 4_096
_ROWS_OF_DELTAS = 16  # where each value may be made of a prefix of the one before, however long that is
_DELTAS = frozenset({"DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"})
_CELL = 8  # bytes of what holds a value or nothing
_MOST_ROWS = 1_048_576  # of a sheet (ECMA-376); a reader goes through the missing ones, too


class _Counter:
    """Counts the decoded size of a file against the bytes that may still come; the file's own are counted already."""

    def __init__(self, byte_limit: ByteLimit, file_size: int, url: str) -> None:
        self._byte_limit = byte_limit
        self._free = file_size
        self._url = url

    def add(self, size: int) -> None:
        """Count some bytes."""
        paid = max(0, size - self._free)
        self._free = max(0, self._free - size)
        self._byte_limit.take(paid, self._url)


def check_parquet(file: IO[bytes], byte_limit: ByteLimit, url: str) -> None:
    """Make sure that a Parquet file becomes no more than is allowed.

    Args:
        file: the file.
        byte_limit: how many bytes may still come.
        url: where it is from.

    Raises:
        DataError: it becomes more.
        TooManyColumns: it has too many.
        ValueError, OSError: it is no Parquet.
    """
    import pyarrow.parquet as pq

    counter = _Counter(byte_limit, file.seek(0, 2), url)
    file.seek(0)
    metadata = pq.read_metadata(file)
    file.seek(0)
    check_width(metadata.num_columns)
    if byte_limit.limit is None:
        return
    texts: dict[str, bool] = {}  # the leaves whose values have lengths of their own; whether they are written as deltas
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for number in range(group.num_columns):
            chunk, leaf = group.column(number), metadata.schema.column(number)
            width = _WIDTHS.get(chunk.physical_type, leaf.length if chunk.physical_type != "BYTE_ARRAY" else 0)
            values = max(chunk.num_values, group.num_rows)
            if not width or leaf.max_repetition_level:
                is_delta = not _DELTAS.isdisjoint(chunk.encodings)
                texts[chunk.path_in_schema] = texts.get(chunk.path_in_schema, False) or is_delta
                counter.add(chunk.num_values * (width or 0))
            else:
                counter.add(max(chunk.total_uncompressed_size, values * width))
    if texts:
        rows = _ROWS_OF_DELTAS if any(texts.values()) else _ROWS_AT_ONCE
        file.seek(0)
        # As dictionaries: nothing is as long as it will be before it is counted. Arrow makes none of deltas.
        opened = pq.ParquetFile(file, read_dictionary=[name for name, is_delta in texts.items() if not is_delta])
        for batch in opened.iter_batches(rows, columns=list(texts), use_threads=False):
            counter.add(sum(map(_expanded, batch.columns)))
    file.seek(0)


def _expanded(array: Any) -> int:
    """Return the bytes that an array of Arrow's has where no value is shared."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(array.type):
        lengths = pc.take(pc.binary_length(array.dictionary), array.indices)
        return int(pc.sum(lengths).as_py() or 0) + 4 * len(array)
    if pa.types.is_struct(array.type):
        return sum(map(_expanded, array.flatten())) + len(array) // 8
    if pa.types.is_map(array.type):
        return _expanded(array.keys) + _expanded(array.items) + 4 * len(array)
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        return _expanded(array.flatten()) + 4 * len(array)
    return int(array.nbytes)


def check_excel(file: IO[bytes], byte_limit: ByteLimit, url: str) -> None:
    """Make sure that an Excel file becomes no more than is allowed.

    Raises:
        DataError: it becomes more.
        Exception: it is no Excel file.
    """
    if byte_limit.limit is None:
        return
    size = file.seek(0, 2)
    file.seek(0)
    with zipfile.ZipFile(file) as archive:  # reads no more of a member than it says here
        _Counter(byte_limit, size, url).add(sum(member.file_size for member in archive.infolist()))
    file.seek(0)


def check_sheet(file: IO[bytes], name: str, byte_limit: ByteLimit, url: str) -> None:
    """Make sure that the frame of a sheet becomes no more than is allowed.

    Raises:
        DataError: it becomes more.
        Exception: it is no Excel file; openpyxl lets through what it met, of any kind.
    """
    if byte_limit.limit is None:
        return
    import openpyxl

    size = file.seek(0, 2)
    file.seek(0)
    sheet = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)[name]
    counter = _Counter(byte_limit, size, url)
    bound_rows(sheet)
    counted = 0
    for needed in _frame_sizes(sheet):
        counter.add(max(0, needed - counted))
        counted = max(counted, needed)
    file.seek(0)


def bound_rows(sheet: Any) -> None:
    """Make openpyxl raise a ValueError after as many rows as a sheet can have."""
    usual = sheet.iter_rows

    def bounded(*args: Any, **options: Any) -> Iterator[Any]:
        for number, row in enumerate(usual(*args, **options)):
            if number >= _MOST_ROWS:
                raise ValueError(f"it has more than {_MOST_ROWS:,} rows")
            yield row

    sheet.iter_rows = bounded


class TooManyCells(Exception):
    """The frame of a sheet would have more cells than can be meant; where it is from is not known here."""


def limited_book(file: IO[bytes]) -> Any:
    """Return an Excel file as pandas takes it; a sheet that is too large is an error before the frame is made.

    A frame is as wide as its widest row. Two cells, one in the last column and one in the last row, make one of 10^10.
    """
    import openpyxl
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

    class Limited(ReadOnlyWorksheet):  # type: ignore[misc]
        @property
        def rows(self) -> Iterator[Any]:
            width = 0
            for number, row in enumerate(super().rows, 1):
                filled = next((n for n in range(len(row), 0, -1) if row[n - 1].value not in (None, "")), 0)
                width = max(width, filled)
                if filled and number * width > MOST_CELLS:
                    raise TooManyCells
                yield row

    # As pandas opens it.
    book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
    for sheet in book.worksheets:
        bound_rows(sheet)
        sheet.__class__ = Limited
    return book


def _frame_sizes(sheet: Any) -> Iterator[int]:
    """Yield, row by row, how large the frame of a sheet is so far: each row becomes as wide as the widest."""
    sheet.reset_dimensions()  # what a sheet says of its own size need not be so
    width = texts = rows = waiting = 0
    for row in sheet.iter_rows(values_only=True):
        waiting += 1
        if not row:
            continue  # counts once a row with something in it follows
        rows, waiting = rows + waiting, 0
        width = max(width, len(row))
        texts += sum(len(value) for value in row if isinstance(value, str))
        yield rows * width * _CELL + texts
