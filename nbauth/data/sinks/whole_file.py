"""The Parquet file of a load, written part by part while further rows are fetched.

It is begun with the schema of the first part. Most loads need no other; where a later part does, or anything else
fails, the file is given up, and made of the parts on disk at the end.

The thread that takes the rows in writes it, as another one fetches ahead meanwhile. A third one would cost more than
it saves: Arrow's default allocator keeps some 25 MB for each thread that encodes.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack, suppress
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nbauth.data.build.memory_pool import POOL
from nbauth.data.build.width import is_wide
from nbauth.data.sinks.first_schema import FirstSchema
from nbauth.data.sinks.parquet_schema import cast
from nbauth.process.interrupts import defer_interrupt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from nbauth.data.sinks.parquet_schema import Times

__all__ = ["WholeFile", "parquet_writer"]

logger = logging.getLogger(__name__)

_LOOKED_AT = 1_000
_PAYS = 0.75  # of the values that are looked at may differ from each other, at the most


class WholeFile:
    """The file that parts go to as they come. Nothing is left of it until `finish`.

    Args:
        new_file: opens the file: whole and in its place when its block ends, gone if that ends by an error.
    """

    def __init__(self, new_file: Callable[[], AbstractContextManager[IO[bytes]]]) -> None:
        self._new_file = new_file
        self._open = ExitStack()
        self._file: IO[bytes] | None = None
        self._first: FirstSchema | None = None
        self._writer: Any = None
        self._is_given_up = False

    def add(self, table: Any, times: Mapping[str, Times]) -> None:
        """Take in a part.

        Args:
            table: the part.
            times: its columns of text that are times.
        """
        if is_wide(table.num_columns):
            self.give_up()  # an interrupt would have to wait for it too long
        if self._is_given_up:
            return
        try:
            self._file = self._file or self._open.enter_context(self._new_file())
            self._write(table, times)
        except Exception as error:  # noqa: BLE001 - the file is made of the parts, and they say what fails there, too
            logger.debug("The file is made of its parts at the end: %s", type(error).__name__)
            self.give_up()

    def finish(self) -> bool:
        """Put the file into its place, and tell whether it is there: not where it was given up."""
        if self._is_given_up or self._file is None:
            return False
        try:
            self._writer.close()
            self._open.close()
        except Exception as error:  # noqa: BLE001 - likewise
            logger.debug("The file is made of its parts after all: %s", type(error).__name__)
            self.give_up()
            return False
        self._is_given_up = True  # there is nothing more to be done
        return True

    def give_up(self) -> None:
        """Remove what is there of the file, if anything; a second call does nothing."""
        if self._is_given_up:
            return
        with defer_interrupt():
            self._is_given_up = True
            if self._writer is not None:
                with suppress(Exception):
                    self._writer.close()
                self._writer.is_open = False  # else it would try again when it is let go
            with suppress(_NeedsAll, OSError), self._open:
                raise _NeedsAll("given up")

    def _write(self, table: Any, times: Mapping[str, Times]) -> None:
        kinds = {name: found.kind for name, found in times.items()}
        if self._first is None:
            self._first = FirstSchema(table, kinds)
        elif not self._first.holds(table, kinds):
            raise _NeedsAll("a part needs other types than those before")
        schema = self._first.schema
        table = cast(_with_times(table, times, schema), schema)
        if self._writer is None:
            self._writer = parquet_writer(self._file, schema, table)
        self._writer.write_table(table)


class _NeedsAll(Exception):
    """The file cannot be written part by part."""


def parquet_writer(file: Any, schema: Any, table: Any) -> Any:
    """Return what writes a Parquet file.

    Args:
        file: where it goes.
        schema: its schema.
        table: the first rows, in that schema, which show what pays.
    """
    return pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=_dictionaries(table), memory_pool=POOL)


def _with_times(table: Any, times: Mapping[str, Times], schema: Any) -> Any:
    """Return a part with the times that are at hand in place of their text."""
    for name, found in times.items():
        if schema.field(name).type == found.array.type:
            table = table.set_column(table.schema.get_field_index(name), name, found.array)
    return table


def _dictionaries(table: Any) -> bool | list[str]:
    """Return the columns in which values come again and again; True where nobody looked.

    A dictionary of values that are there but once takes time and room.
    """
    if not table.num_rows or is_wide(table.num_columns) or any(map(pa.types.is_nested, table.schema.types)):
        return True
    step = max(1, table.num_rows // _LOOKED_AT)
    try:
        some = table.take(pa.array(range(0, table.num_rows, step)))
        return [name for name, column in zip(some.column_names, some.columns, strict=True) if _repeats(column)]
    except pa.ArrowNotImplementedError:  # values of some types cannot be compared
        return True


def _repeats(column: Any) -> bool:
    return bool(pc.count_distinct(column).as_py() <= _PAYS * (len(column) - column.null_count))
