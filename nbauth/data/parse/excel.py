"""Excel files: one sheet, whose cells are what they are in it: text that looks like a number is text."""

from __future__ import annotations

from functools import partial
from typing import IO, TYPE_CHECKING, Any

import pandas as pd

from nbauth.data.batch import FrameBatch
from nbauth.data.extras import need_for_format
from nbauth.data.fetch.http_errors import format_error
from nbauth.data.fetch.response_body import spooled
from nbauth.data.parse.decoded_size import MOST_CELLS, TooManyCells, check_excel, check_sheet, limited_book
from nbauth.data.parse.format import Format
from nbauth.data.parse.json_text import reason
from nbauth.errors import DataError, NbauthError
from nbauth.net.origins import redact_url
from nbauth.next_step import Install
from nbauth.process.shielded import shielded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.data.fetch.response_body import Body
    from nbauth.data.parse.format import ReadContext
    from nbauth.errors import FormatError


__all__ = ["FORMAT"]


# Of pandas' own words for nothing none counts: a cell that is blank is so in the file.
_AS_THEY_ARE: dict[str, Any] = {"dtype": object, "keep_default_na": False, "na_values": [""]}
_ROWS_TO_TELL = 5
_MOST_NAMED = 20


def _sheet(body: Body, context: ReadContext) -> pd.DataFrame:
    """Read the sheet that the caller names, or the one that holds a table.

    Raises:
        FormatError: it is no Excel file, has no such sheet, or several of which one has to be named.
        DataError: the body is not whole, too much comes of it, or openpyxl is not installed.
    """
    response = context.response
    need_for_format(response, "openpyxl", "an Excel file", Install("nbauth[excel]"))
    with spooled(body) as file:
        if not file.seek(0, 2):
            return pd.DataFrame()
        file.seek(0)
        try:
            frame: pd.DataFrame = shielded(partial(_frame, file, context))
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


def _frame(file: IO[bytes], context: ReadContext) -> pd.DataFrame:
    check_excel(file, context.byte_limit, context.url)
    with pd.ExcelFile(limited_book(file), engine="openpyxl") as book:
        chosen = _chosen(book, context)
        name = chosen if isinstance(chosen, str) else str(book.sheet_names[chosen])
        check_sheet(file, name, context.byte_limit, context.url)
        frame: pd.DataFrame = pd.read_excel(book, sheet_name=chosen, **_AS_THEY_ARE)
    if context.backend:
        return frame.infer_objects().convert_dtypes(dtype_backend=context.backend)
    return frame.infer_objects()


def _chosen(book: pd.ExcelFile, context: ReadContext) -> int | str:
    """Return which sheet is read."""
    names = [str(name) for name in book.sheet_names]
    if context.sheet is not None:
        is_there = context.sheet in names if isinstance(context.sheet, str) else 0 <= context.sheet < len(names)
        if not is_there:
            raise _sheet_error(context, f"which has no sheet {context.sheet!r}", names)
        return context.sheet
    tables = [number for number in range(len(names)) if len(names) == 1 or _holds_table(book, number)]
    if tables and (len(tables) == 1 or tables[0] == 0):
        chosen = tables[0]
        others = [names[number] for number in tables if number != chosen]
        if chosen != 0 or others:
            beside = f"; {_listed(others)} hold tables, too" if others else ", the only one that holds a table"
            context.assume(
                f"{redact_url(context.url)}: the sheet {names[chosen]!r} was read{beside}. sheet= names another."
            )
        return chosen
    if tables:
        raise _sheet_error(context, "whose first sheet holds no table", names)
    return next((number for number in range(len(names)) if _has_cells(book, number)), 0)


def _holds_table(book: pd.ExcelFile, number: int) -> bool:
    """Tell whether a sheet begins with names of columns, and has a row below them; an index may have no name."""
    start = _start(book, number)
    if len(start) < 2 or start.shape[1] < 2:  # noqa: PLR2004 - names and a row, of two cells
        return False
    names = start.iloc[0, 1:]
    return bool(names.map(lambda name: isinstance(name, str)).all() and start.iloc[1:].notna().any(axis=None))


def _has_cells(book: pd.ExcelFile, number: int) -> bool:
    return bool(_start(book, number).notna().any(axis=None))


def _start(book: pd.ExcelFile, number: int) -> pd.DataFrame:
    try:
        return pd.read_excel(book, sheet_name=number, header=None, nrows=_ROWS_TO_TELL, **_AS_THEY_ARE)
    except AttributeError:  # a sheet with a chart alone
        return pd.DataFrame()


def _sheet_error(context: ReadContext, why: str, names: list[str]) -> FormatError:
    step = f"Name one, as in sheet={names[-1]!r}. It has {_listed(names)}."
    return format_error(context.response, b"", why, next_step=step)


def _listed(names: list[str]) -> str:
    shown = [repr(name) for name in names[:_MOST_NAMED]]
    return ", ".join(shown) + (f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else "")


def _read(body: Body, context: ReadContext) -> Iterator[FrameBatch]:
    frame = _sheet(body, context)
    yield FrameBatch(frame, len(frame))


FORMAT = Format(
    name="Excel",
    media_types=("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",),
    endings=(".xlsx",),
    read=_read,
)
