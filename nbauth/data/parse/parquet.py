"""Files that must be read from several places, Parquet and Excel: kept on disk while they are read."""

from __future__ import annotations

from functools import partial
from typing import IO, TYPE_CHECKING, Any

import pandas as pd

from nbauth.data.build.concat import NULLABLE
from nbauth.data.build.width import TooManyColumns, too_many_columns
from nbauth.data.extras import FAST_EXTRA, need_for_format
from nbauth.data.fetch.http_errors import format_error
from nbauth.data.fetch.response_body import spooled
from nbauth.data.parse.decoded_size import check_excel, check_parquet, limited_book
from nbauth.data.parse.json_text import reason
from nbauth.process.shielded import shielded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from requests import Response

    from nbauth.data.fetch.response_body import Body, ByteLimit

__all__ = ["frame_of", "read_parquet", "read_parquet_parts"]

_ROWS_AT_ONCE = 50_000


def read_parquet(response: Response, body: Body, byte_limit: ByteLimit, *, backend: Any = None) -> pd.DataFrame:
    """Read Parquet.

    Args:
        response: the answer.
        body: its body.
        byte_limit: how many bytes may still come; what the file becomes counts, too.
        backend: pandas' ``dtype_backend``, or None.

    Raises:
        FormatError: it is no Parquet.
        DataError: the body is not whole, too much comes of it, or pyarrow is not installed.
    """
    need_for_format(response, "pyarrow", "Parquet", FAST_EXTRA)
    with spooled(body) as file:
        if not file.seek(0, 2):
            return pd.DataFrame()
        file.seek(0)
        try:
            return shielded(partial(_parquet_frame, file, byte_limit, response.url, backend=backend))
        except TooManyColumns:
            raise too_many_columns(response.url) from None
        except (ValueError, OSError) as error:  # pyarrow's own errors are these
            raise format_error(response, b"", f"which cannot be read as Parquet: {reason(error)}") from error


def _parquet_frame(file: IO[bytes], byte_limit: ByteLimit, url: str, *, backend: Any) -> pd.DataFrame:
    import pyarrow.parquet as pq

    check_parquet(file, byte_limit, url)
    options: dict[str, Any] = {"dtype_backend": backend} if backend else {}
    frame = pd.read_parquet(file, engine="pyarrow", **options)
    if backend:
        return frame
    file.seek(0)
    opened = pq.ParquetFile(file)
    return _with_gaps(frame, opened.schema_arrow, lambda names: opened.read(columns=names))


def read_parquet_parts(response: Response, body: Body, byte_limit: ByteLimit) -> Iterator[Any]:
    """Yield Parquet as tables of Arrow's, some ten thousand rows each. Errors are those of `read_parquet`."""
    need_for_format(response, "pyarrow", "Parquet", FAST_EXTRA)
    import pyarrow as pa
    import pyarrow.parquet as pq

    with spooled(body) as file:
        if not file.seek(0, 2):
            return
        file.seek(0)
        try:
            shielded(lambda: check_parquet(file, byte_limit, response.url))
            opened = pq.ParquetFile(file)
            for batch in opened.iter_batches(_ROWS_AT_ONCE):
                yield pa.Table.from_batches([batch])
            if not opened.metadata.num_rows:
                yield opened.schema_arrow.empty_table()
        except TooManyColumns:
            raise too_many_columns(response.url) from None
        except (ValueError, OSError) as error:
            raise format_error(response, b"", f"which cannot be read as Parquet: {reason(error)}") from error


def _excel_frame(file: IO[bytes], byte_limit: ByteLimit, url: str, options: dict[str, Any]) -> pd.DataFrame:
    check_excel(file, byte_limit, url)
    with pd.ExcelFile(limited_book(file), engine="openpyxl") as book:
        frame: pd.DataFrame = pd.read_excel(book, **options)
    return frame


def frame_of(table: Any, backend: Any = None) -> pd.DataFrame:
    """Return an Arrow table as a frame; integers and truth values that have gaps stay such.

    Args:
        table: the table.
        backend: ``"pyarrow"`` for Arrow's dtypes.
    """
    if backend == "pyarrow":
        return table.to_pandas(types_mapper=pd.ArrowDtype)  # type: ignore[no-any-return]
    frame: pd.DataFrame = table.to_pandas()
    return _with_gaps(frame, table.schema, table.select)


def _with_gaps(frame: pd.DataFrame, schema: Any, read: Callable[[list[str]], Any]) -> pd.DataFrame:
    """Return the frame with nullable dtypes where pandas made floats of integers, or objects of truth values."""
    kinds = {field.name: NULLABLE.get(str(field.type)) for field in schema}
    names = [name for name in frame.columns if kinds.get(name) and frame[name].dtype.kind in "fO"]
    if names:
        types = {schema.field(name).type: pd.Series([], dtype=kinds[name]).dtype for name in names}
        found = read(names).to_pandas(types_mapper=types.get, ignore_metadata=True)
        for name in names:
            frame[name] = found[name].array
    return frame
