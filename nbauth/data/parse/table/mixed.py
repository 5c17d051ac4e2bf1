"""The error of columns that begin with numbers and go on with text, where nobody can read them again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nbauth.data.fetch.http_errors import format_error

if TYPE_CHECKING:
    from collections.abc import Collection

    from requests import Response

    from nbauth.data.parse.table.dialect import Dialect
    from nbauth.errors import FormatError

__all__ = ["mixed_error"]

_MOST_NAMED = 5


def mixed_error(response: Response, dialect: Dialect, separator: str, columns: Collection[int]) -> FormatError:
    """Make an error that says which columns have to be named as text, and how.

    Args:
        response: the response.
        dialect: how its table is written.
        separator: what its format has between the cells.
        columns: their positions.
    """
    names = [str(dialect.names[number]) for number in sorted(columns)]
    shown = ", ".join(map(repr, names[:_MOST_NAMED])) + (", …" if len(names) > _MOST_NAMED else "")
    words: dict[str, Any] = {"dtype": dict.fromkeys(names, "str")}
    if dialect.separator != separator:
        words["sep"] = dialect.separator
    if dialect.decimal != ".":
        words["decimal"] = dialect.decimal
    return format_error(
        response,
        b"",
        f"where numbers come first and text further on: {shown}. How the numbers were written is lost by then",
        next_step=f"Say that they are text: csv={json.dumps(words, ensure_ascii=False)}",
    )
