"""Parquet: read from several places of the file, which is kept on disk meanwhile."""

from __future__ import annotations

from functools import partial
from typing import IO, TYPE_CHECKING, Any

import pandas as pd

from nbauth.data.batch import FrameBatch, TableBatch, with_gaps
from nbauth.data.build.width import TooManyColumns, too_many_columns
from nbauth.data.extras import FAST_EXTRA, need_for_format
from nbauth.data.fetch.http_errors import format_error
from nbauth.data.fetch.response_body import spooled
from nbauth.data.parse.decoded_size import check_parquet
from nbauth.data.parse.format import Format
from nbauth.data.parse.json_text import reason
from nbauth.process.shielded import shielded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.data.fetch.response_body import Body, ByteLimit
    from nbauth.data.parse.format import ReadContext

__all__ = ["FORMAT"]

_ROWS_AT_ONCE = 50_000


def _whole(body: Body, context: ReadContext) -> pd.DataFrame:
    """Read Parquet.

    Raises:
        FormatError: it is no Parquet.
        DataError: the body is not whole, too much comes of it, or pyarrow is not installed.
    """
    response, byte_limit, backend = context.response, context.byte_limit, context.backend
    need_for_format(response, "pyarrow", "Parquet", FAST_EXTRA)
    with spooled(body) as file:
        if not file.seek(0, 2):
            return pd.DataFrame()
        file.seek(0)
        try:
            return shielded(partial(_frame, file, byte_limit, response.url, backend=backend))
        except TooManyColumns:
            raise too_many_columns(response.url) from None
        except (ValueError, OSError) as error:  # pyarrow's own errors are these
            raise format_error(response, b"", f"which cannot be read as Parquet: {reason(error)}") from error


def _frame(file: IO[bytes], byte_limit: ByteLimit, url: str, *, backend: Any) -> pd.DataFrame:
    import pyarrow.parquet as pq

    check_parquet(file, byte_limit, url)
    options: dict[str, Any] = {"dtype_backend": backend} if backend else {}
    frame = pd.read_parquet(file, engine="pyarrow", **options)
    if backend:
        return frame
    file.seek(0)
    parquet = pq.ParquetFile(file)
    return with_gaps(frame, parquet.schema_arrow, lambda names: parquet.read(columns=names))


def _parts(body: Body, context: ReadContext) -> Iterator[Any]:
    """Yield Parquet as tables of Arrow's, some ten thousand rows each. Errors are those of `_whole`."""
    response, byte_limit = context.response, context.byte_limit
    need_for_format(response, "pyarrow", "Parquet", FAST_EXTRA)
    import pyarrow as pa
    import pyarrow.parquet as pq

    with spooled(body) as file:
        if not file.seek(0, 2):
            return
        file.seek(0)
        try:
            shielded(lambda: check_parquet(file, byte_limit, response.url))
            parquet = pq.ParquetFile(file)
            for batch in parquet.iter_batches(_ROWS_AT_ONCE):
                yield pa.Table.from_batches([batch])
            if not parquet.metadata.num_rows:
                yield parquet.schema_arrow.empty_table()
        except TooManyColumns:
            raise too_many_columns(response.url) from None
        except (ValueError, OSError) as error:
            raise format_error(response, b"", f"which cannot be read as Parquet: {reason(error)}") from error


def _read(body: Body, context: ReadContext) -> Iterator[FrameBatch | TableBatch]:
    if context.in_parts:
        yield from map(TableBatch, _parts(body, context))
    else:
        frame = _whole(body, context)
        yield FrameBatch(frame, len(frame))


FORMAT = Format(
    name="Parquet",
    media_types=("application/vnd.apache.parquet", "application/parquet", "application/x-parquet"),
    endings=(".parquet",),
    read=_read,
    weight=0.7,
)
