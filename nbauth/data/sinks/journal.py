"""The parts of a load on disk, as Arrow holds them in memory: to write and to read them costs next to nothing.

They have the types that Parquet would give them, since the file that they become is one: Parquet knows no seconds, for
example. So it does not matter whether a part went to the file at once or by the disk.
"""

from __future__ import annotations

import hashlib
import io
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from nbauth.data.build.memory_pool import POOL

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["as_parquet_has_it", "read_part", "read_schema", "write_part"]

# What comes back from Parquet as it was. Other types are asked about by writing them.
_KEPT = frozenset(
    map(
        str,
        (
            pa.null(), pa.bool_(), pa.float32(), pa.float64(), pa.string(), pa.large_string(), pa.binary(),
            pa.large_binary(), pa.date32(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(),
            pa.uint32(), pa.uint64(), *map(pa.duration, ("ms", "us", "ns")), *map(pa.timestamp, ("ms", "us", "ns")),
            *(pa.timestamp(unit, "UTC") for unit in ("ms", "us", "ns")),
        ),
    )
)  # fmt: skip


def as_parquet_has_it(table: Any) -> Any:
    """Return a table with the types that it has when Parquet gives it back.

    Raises:
        pyarrow.ArrowException: Parquet has no such type.
    """
    if all(str(kind) in _KEPT or pa.types.is_decimal128(kind) for kind in table.schema.types):
        return table
    from pyarrow import dataset

    sink = pa.BufferOutputStream(POOL)
    pq.write_table(table, sink, compression="none", memory_pool=POOL)
    fragment = dataset.ParquetFileFormat().make_fragment(sink.getvalue())
    return fragment.to_table(use_threads=False, memory_pool=POOL)


def write_part(table: Any, file: IO[bytes]) -> str:
    """Write a part; return the SHA-256 of its content."""
    digested = _Digested(file)
    with pa.ipc.new_stream(digested, table.schema) as writer:
        writer.write_table(table)
    return digested.digest.hexdigest()


def read_part(file: IO[bytes], columns: Sequence[str] | None = None) -> Any:
    """Return a part, or some of its columns."""
    table = pa.ipc.open_stream(file.read()).read_all()
    return table if columns is None else table.select(columns)


def read_schema(file: IO[bytes]) -> Any:
    """Return the schema of a part."""
    with pa.ipc.open_stream(file) as reader:
        return reader.schema


class _Digested(io.RawIOBase):
    """A file whose content is digested while it is written."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self.digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def write(self, data: Any, /) -> int:
        self.digest.update(data)
        return self._file.write(data)
