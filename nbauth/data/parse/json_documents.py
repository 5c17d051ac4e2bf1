"""Several JSON documents in one body that are no lines: one after another, or as RFC 7464 separates them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from json import detect_encoding
from typing import TYPE_CHECKING, Any

from nbauth.data.batch import RecordBatch
from nbauth.data.parse.json_errors import no_json
from nbauth.data.parse.json_text import decoded_first
from nbauth.data.parse.json_wrapping import as_json
from nbauth.data.parse.ndjson import FORMAT, read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbauth.data.fetch.response_body import Body
    from nbauth.data.parse.format import ReadContext

__all__ = ["DOCUMENTS", "SEQUENCE"]

_ROWS_AT_ONCE = 5_000


def _read(body: Body, context: ReadContext) -> Iterator[RecordBatch]:
    """Yield the documents; of one that is an array of objects, its items.

    Raises:
        FormatError: one is no JSON; those before it were yielded.
        DataError: the body is not whole.
    """
    with body:
        content = body.readall()
    content_type = context.response.headers.get("Content-Type", "")
    rows: list[Any] = []
    position = 0
    try:
        content = as_json(content, content_type, context.encoding)
        text = content.decode(detect_encoding(content), "surrogatepass")
        while (position := _next(text, position)) < len(text):
            document, position = decoded_first(text, position)
            is_list_of_rows = isinstance(document, list) and isinstance(next(iter(document), None), dict)
            rows += document if is_list_of_rows else [document]
            if len(rows) >= _ROWS_AT_ONCE:
                yield RecordBatch(rows, context.url)
                rows = []
    except (ValueError, RecursionError) as error:
        yield RecordBatch(rows, context.url)
        raise no_json(context.response, content, error) from error
    yield RecordBatch(rows, context.url)


def _next(text: str, position: int) -> int:
    """Return where the next document begins."""
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


DOCUMENTS = replace(FORMAT, read=_read)
SEQUENCE = replace(FORMAT, read=partial(read_lines, separator=b"\x1e"))
