"""The error of what should be JSON and is not, with what to type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbauth.data.fetch.http_errors import format_error
from nbauth.data.parse.json_text import reason
from nbauth.data.parse.json_wrapping import begins_json

if TYPE_CHECKING:
    from requests import Response

    from nbauth.errors import FormatError

__all__ = ["no_json"]

_ENCODING = 'Name its character set, as in encoding="cp1252".'
_FORMAT = 'If it is in another format, say which, as in format="csv"; nbauth.open(URL) gives it to other tools.'


def no_json(response: Response, start: bytes, error: Exception, *, what: str = "which") -> FormatError:
    """Return the error of a body, or a part of it, that is no JSON.

    Args:
        response: the response.
        start: the first bytes.
        error: what a parser raised.
        what: what is no JSON, as in "whose line 3".
    """
    step = _ENCODING if isinstance(error, UnicodeDecodeError) else None
    if step is None and start and not begins_json(start[:1_000].lstrip()):
        step = _FORMAT
    return format_error(response, start, f"{what} is no valid JSON: {reason(error)}", next_step=step)
