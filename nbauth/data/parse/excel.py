"""Excel files: the first sheet, as pandas reads it."""

from __future__ import annotations

from functools import partial
from typing import IO, TYPE_CHECKING, Any

import pandas as pd

from nbauth.data.batch import FrameBatch
from nbauth.data.extras import need_for_format
from nbauth.data.fetch.http_errors import format_error
from nbauth.data.fetch.response_body import spooled
from nbauth.data.parse.decoded_size import MOST_CELLS, TooManyCells, check_excel, limited_book
from nbauth.data.parse.format import Format
from nbauth.data.parse.json_text import reason
from nbauth.errors import DataError, NbauthError
from nbauth.net.origins import redact_url
from nbauth.next_step import Install
from nbauth.process.shielded import shielded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.data.fetch.response_body import Body, ByteLimit
    from nbauth.data.parse.format import ReadContext


__all__ = ["FORMAT"]


def _first_sheet(body: Body, context: ReadContext) -> pd.DataFrame:
    """Read the first sheet of an Excel file.

    Raises:
        FormatError: it is no Excel file.
        DataError: the body is not whole, too much comes of it, or openpyxl is not installed.
    """
    response, byte_limit, backend = context.response, context.byte_limit, context.backend
    need_for_format(response, "openpyxl", "an Excel file", Install("nbauth[excel]"))
    options: dict[str, Any] = {"dtype_backend": backend} if backend else {}
    with spooled(body) as file:
        if not file.seek(0, 2):
            return pd.DataFrame()
        file.seek(0)
        try:
            frame: pd.DataFrame = shielded(partial(_frame, file, byte_limit, response.url, options))
        except TooManyCells:
            shown_url = redact_url(response.url)
            raise DataError(
                f"{shown_url}: a sheet came whose frame would have more than {MOST_CELLS:,} cells, most of them empty.",
                url=shown_url,
                next_step="Delete what stands far out in it; nbauth.open gives the file to whatever else reads it.",
            ) from None
        except NbauthError:
            raise
        except Exception as error:  # openpyxl lets through whatever its parsers meet
            raise format_error(response, b"", f"which cannot be read as Excel: {reason(error)}") from error
    return frame


def _frame(file: IO[bytes], byte_limit: ByteLimit, url: str, options: dict[str, Any]) -> pd.DataFrame:
    check_excel(file, byte_limit, url)
    with pd.ExcelFile(limited_book(file), engine="openpyxl") as book:
        frame: pd.DataFrame = pd.read_excel(book, **options)
    return frame


def _read(body: Body, context: ReadContext) -> Iterator[FrameBatch]:
    frame = _first_sheet(body, context)
    yield FrameBatch(frame, len(frame))


FORMAT = Format(
    name="Excel",
    media_types=("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",),
    endings=(".xlsx",),
    read=_read,
)
