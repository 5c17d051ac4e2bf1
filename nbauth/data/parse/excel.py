"""Excel files: the first sheet, as pandas reads it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from nbauth.data.extras import need_for_format
from nbauth.data.fetch.http_errors import format_error
from nbauth.data.fetch.response_body import spooled
from nbauth.data.parse.decoded_size import MOST_CELLS, TooManyCells
from nbauth.data.parse.json_text import reason
from nbauth.data.parse.parquet import _excel_frame
from nbauth.errors import DataError, NbauthError
from nbauth.net.origins import redact_url
from nbauth.next_step import Install
from nbauth.process.shielded import shielded

if TYPE_CHECKING:
    from requests import Response

    from nbauth.data.fetch.response_body import Body, ByteLimit


__all__ = ["read_excel"]


def read_excel(response: Response, body: Body, byte_limit: ByteLimit, *, backend: Any = None) -> pd.DataFrame:
    """Read the first sheet of an Excel file. Arguments are those of `read_parquet`.

    Raises:
        FormatError: it is no Excel file.
        DataError: the body is not whole, too much comes of it, or openpyxl is not installed.
    """
    need_for_format(response, "openpyxl", "an Excel file", Install("excel"))
    options: dict[str, Any] = {"dtype_backend": backend} if backend else {}
    with spooled(body) as file:
        if not file.seek(0, 2):
            return pd.DataFrame()
        file.seek(0)
        try:
            frame: pd.DataFrame = shielded(partial(_excel_frame, file, byte_limit, response.url, options))
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
