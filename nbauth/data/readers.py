"""Readers: the body of one answer to records or to a frame. A new format goes here and into `content`."""

from __future__ import annotations

import importlib.util
import io
import json
import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from nbauth.data.bodies import Body, as_file
from nbauth.data.content import charset_of
from nbauth.data.dates import timestamps
from nbauth.data.failures import format_error
from nbauth.errors import DataError
from nbauth.signin.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from requests import Response

__all__ = ["NOTHING", "read_json", "read_ndjson", "read_parquet", "read_table"]

NOTHING = object()  # `null` is a document, too

_LINES_AT_ONCE = 5_000
# One NaN object for all: pages that are equal then compare equal.
_CONSTANTS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def read_json(response: Response, on_bytes: Callable[[int], None]) -> Any:
    """Decode a JSON document; `NOTHING` for an empty body.

    Raises:
        FormatError: it is no JSON.
        DataError: the body is not whole.
    """
    with Body(response, on_bytes) as body:
        content = body.readall()
    if not content.strip():
        return NOTHING
    try:
        return _loads(content)
    except (ValueError, RecursionError) as error:
        raise format_error(response, content, f"which is no valid JSON: {_reason(error)}") from error


def read_ndjson(response: Response, on_bytes: Callable[[int], None]) -> Iterator[list[Any]]:
    """Decode one JSON document a line, some thousand lines at once.

    Raises:
        FormatError: a line is no JSON.
        DataError: the body is not whole.
    """
    codec = _codec(response)
    records: list[Any] = []
    with as_file(Body(response, on_bytes)) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                records.append(_loads(line if codec == "utf-8-sig" else line.decode(codec)))
            except (ValueError, RecursionError) as error:
                raise format_error(response, line, f"whose line {number} is no valid JSON: {_reason(error)}") from error
            if len(records) >= _LINES_AT_ONCE:
                yield records
                records = []
    yield records


def read_table(response: Response, separator: str, on_bytes: Callable[[int], None]) -> pd.DataFrame:
    """Read CSV or TSV as `pd.read_csv` does, and columns of ISO 8601 times as times.

    Raises:
        FormatError: it is no table, or not in the character set that the server says.
        DataError: the body is not whole.
    """
    codec = _codec(response)
    body = Body(response, on_bytes)
    with as_file(body) as file:
        try:
            # In one piece: parts of one column would each get a dtype of their own, and 007 be 7 in some.
            frame = pd.read_csv(file, sep=separator, encoding=codec, low_memory=False)
        except pd.errors.EmptyDataError:
            frame = pd.DataFrame()
        except (ValueError, LookupError) as error:
            # A parser may hide what its file raised behind an error of its own, or stop there as at an end.
            if body.error is None:
                raise format_error(response, b"", f"which cannot be read as a table: {_reason(error)}") from error
        if body.error is not None:
            raise body.error
    return _with_times(frame)


def read_parquet(response: Response, on_bytes: Callable[[int], None]) -> pd.DataFrame:
    """Read Parquet.

    Raises:
        FormatError: it is no Parquet.
        DataError: the body is not whole, or pyarrow is not installed.
    """
    if importlib.util.find_spec("pyarrow") is None:
        response.close()
        place = redact_url(response.url)
        raise DataError(
            f"{place} answered with Parquet, which needs pyarrow.",
            url=place,
            next_step="Run: %pip install 'nbauth[fast]'",
        )
    with Body(response, on_bytes) as body:
        content = body.readall()
    if not content:
        return pd.DataFrame()
    try:
        return pd.read_parquet(io.BytesIO(content), engine="pyarrow")
    except (ValueError, OSError) as error:  # pyarrow's own errors are these
        raise format_error(response, content, f"which cannot be read as Parquet: {_reason(error)}") from error


def _loads(content: bytes | str) -> Any:
    return json.loads(content, object_pairs_hook=_object, parse_constant=_CONSTANTS.__getitem__)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its members; of members with one name, the later ones get ``.2`` and so on after it."""
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    names = set(members)
    members = {}
    for name, value in pairs:
        free, number = name, 1
        while free in members or (number > 1 and free in names):
            number += 1
            free = f"{name}.{number}"
        members[free] = value
    return members


def _codec(response: Response) -> str:
    try:
        return charset_of(response.headers.get("Content-Type", ""))
    except LookupError:
        response.close()
        raise format_error(response, b"", "whose character set is not known") from None


def _with_times(frame: pd.DataFrame) -> pd.DataFrame:
    for position in range(frame.shape[1]):
        column = frame.iloc[:, position]
        first = column.first_valid_index() if pd.api.types.is_string_dtype(column) or column.dtype == object else None
        if first is None or timestamps([column[first]]) is None:
            continue
        parsed = timestamps(column.astype(object).where(column.notna(), None).tolist())
        if parsed is not None:
            frame.isetitem(position, parsed.array)
    return frame


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return f"it is not in {error.encoding}"
    return str(error).partition("\n")[0].strip().rstrip(".")
