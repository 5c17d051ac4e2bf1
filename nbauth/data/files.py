"""Files that must be read from several places, Parquet and Excel: kept on disk while they are read."""

from __future__ import annotations

import importlib.util
import tempfile
from functools import partial
from typing import IO, TYPE_CHECKING, Any

import pandas as pd

from nbauth.data.decoded_size import MOST_CELLS, TooManyCells, check_excel, check_parquet, limited_book
from nbauth.data.failures import format_error
from nbauth.data.fast import FAST_EXTRA
from nbauth.data.joined import NULLABLE
from nbauth.data.json_text import reason
from nbauth.data.width import TooManyColumns, too_many_columns
from nbauth.errors import DataError, NbauthError
from nbauth.shielded import shielded
from nbauth.signin.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from requests import Response

    from nbauth.data.bodies import Allowance, Body

__all__ = ["frame_of", "read_excel", "read_parquet", "read_parquet_parts"]

_IN_MEMORY = 16_000_000
_PIECE = 1024 * 1024
_ROWS_AT_ONCE = 50_000


def read_parquet(response: Response, body: Body, allowance: Allowance, *, backend: Any = None) -> pd.DataFrame:
    """Read Parquet.

    Args:
        response: the answer.
        body: its body.
        allowance: how many bytes may still come; what the file becomes counts, too.
        backend: pandas' ``dtype_backend``, or None.

    Raises:
        FormatError: it is no Parquet.
        DataError: the body is not whole, too much comes of it, or pyarrow is not installed.
    """
    _need(response, "pyarrow", "Parquet", FAST_EXTRA)
    with _kept(body) as file:
        if not file.seek(0, 2):
            return pd.DataFrame()
        file.seek(0)
        try:
            return shielded(partial(_parquet_frame, file, allowance, response.url, backend=backend))
        except TooManyColumns:
            raise too_many_columns(response.url) from None
        except (ValueError, OSError) as error:  # pyarrow's own errors are these
            raise format_error(response, b"", f"which cannot be read as Parquet: {reason(error)}") from error


def _parquet_frame(file: IO[bytes], allowance: Allowance, url: str, *, backend: Any) -> pd.DataFrame:
    import pyarrow.parquet as pq

    check_parquet(file, allowance, url)
    options: dict[str, Any] = {"dtype_backend": backend} if backend else {}
    frame = pd.read_parquet(file, engine="pyarrow", **options)
    if backend:
        return frame
    file.seek(0)
    opened = pq.ParquetFile(file)
    return _with_gaps(frame, opened.schema_arrow, lambda names: opened.read(columns=names))


def read_parquet_parts(response: Response, body: Body, allowance: Allowance) -> Iterator[Any]:
    """Yield Parquet as tables of Arrow's, some ten thousand rows each. Errors are those of `read_parquet`."""
    _need(response, "pyarrow", "Parquet", FAST_EXTRA)
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _kept(body) as file:
        if not file.seek(0, 2):
            return
        file.seek(0)
        try:
            shielded(lambda: check_parquet(file, allowance, response.url))
            opened = pq.ParquetFile(file)
            for batch in opened.iter_batches(_ROWS_AT_ONCE):
                yield pa.Table.from_batches([batch])
            if not opened.metadata.num_rows:
                yield opened.schema_arrow.empty_table()
        except TooManyColumns:
            raise too_many_columns(response.url) from None
        except (ValueError, OSError) as error:
            raise format_error(response, b"", f"which cannot be read as Parquet: {reason(error)}") from error


def read_excel(response: Response, body: Body, allowance: Allowance, *, backend: Any = None) -> pd.DataFrame:
    """Read the first sheet of an Excel file. Arguments are those of `read_parquet`.

    Raises:
        FormatError: it is no Excel file.
        DataError: the body is not whole, too much comes of it, or openpyxl is not installed.
    """
    _need(response, "openpyxl", "an Excel file", "Run: %pip install 'nbauth[excel]'")
    options: dict[str, Any] = {"dtype_backend": backend} if backend else {}
    with _kept(body) as file:
        if not file.seek(0, 2):
            return pd.DataFrame()
        file.seek(0)
        try:
            frame: pd.DataFrame = shielded(partial(_excel_frame, file, allowance, response.url, options))
        except TooManyCells:
            place = redact_url(response.url)
            raise DataError(
                f"{place}: a sheet came whose frame would have more than {MOST_CELLS:,} cells, most of them empty.",
                url=place,
                next_step="Delete what stands far out in it; nbauth.open gives the file to whatever else reads it.",
            ) from None
        except NbauthError:
            raise
        except Exception as error:  # openpyxl lets through whatever its parsers meet
            raise format_error(response, b"", f"which cannot be read as Excel: {reason(error)}") from error
    return frame


def _excel_frame(file: IO[bytes], allowance: Allowance, url: str, options: dict[str, Any]) -> pd.DataFrame:
    check_excel(file, allowance, url)
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


def _need(response: Response, module: str, what: str, next_step: str) -> None:
    if importlib.util.find_spec(module) is None:
        response.close()
        place = redact_url(response.url)
        raise DataError(f"{place} answered with {what}, which needs {module}.", url=place, next_step=next_step)


def _kept(body: Body) -> IO[bytes]:
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - the caller closes it
    try:
        with body:
            while piece := body.read(_PIECE):
                file.write(piece)
    except BaseException:
        file.close()
        raise
    return file
