"""Which format a body is in: by the caller's word, by its first bytes, by what its server says, in this order.

What it is packed in, gzip or a zip archive, is taken off.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbauth.data.fetch.http_errors import format_error
from nbauth.data.fetch.response_body import FileBody
from nbauth.data.parse import formats
from nbauth.data.parse.annotated_csv import FORMAT as ANNOTATED
from nbauth.data.parse.annotated_csv import is_annotated
from nbauth.data.parse.first_bytes import could_be_table, known_as, shown_by
from nbauth.data.parse.json_documents import DOCUMENTS, SEQUENCE
from nbauth.data.parse.json_text import loads
from nbauth.data.parse.json_wrapping import as_json, unwrapped
from nbauth.data.parse.packed import unzipped
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import Response

    from nbauth.data.fetch.response_body import Body, ByteLimit
    from nbauth.data.parse.first_bytes import Sign
    from nbauth.data.parse.format import Format
    from nbauth.errors import FormatError

__all__ = ["Opened", "json_of", "no_format", "opened"]

_START = 64 * 1024  # of what is looked at
_START_OF_LINES = 64  # where lines are announced, which may come slowly
_MOST_LAYERS = 3
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")  # UTF-16's and UTF-32's: their lines cannot be told by bytes
_OTHERS = frozenset({"CSV", "TSV", "Parquet", "Excel"})  # what JSON is none of
_TABLES = frozenset({"CSV", "TSV"})
_LINES = frozenset({"CSV", "TSV", "NDJSON"})
_KNOWN = _OTHERS | _LINES | {"JSON"}  # told apart by their bytes; of others the server's word counts
_DOCUMENTS = {"ndjson": None, "json-seq": SEQUENCE, "documents": DOCUMENTS}
_SAY = (
    'Say what it is, as in format="csv", with encoding=, csv= or sheet= if they help; '
    "nbauth.open(URL) gives it to other tools."
)
_OPEN = "nbauth.open(URL) gives it to whatever reads it."
_OF_PAGE = (
    "If it is a sign-in page, the URL is not an API's, or the API wants another token. "
    "pandas.read_html(nbauth.open(URL)) reads tables of a page."
)


@dataclass(frozen=True)
class Opened:
    """A body whose format is known.

    Attributes:
        format: its format; None if it is none that is read.
        body: the body, without what it was packed in.
        announced: the format that the server names, if the body is JSON instead: an error's, perhaps.
    """

    format: Format | None
    body: Body
    announced: Format | None = None

    def contradicted(self, response: Response, start: bytes) -> FormatError:
        """Return the error of JSON without rows where the server says a table: a report of an error, most likely."""
        why = f"which is JSON, not {'' if self.announced is None else self.announced.name}"
        step = 'If it is the data, say nbauth.read(URL, format="json").'
        return format_error(response, start, why, next_step=step)


def opened(
    body: Body,
    response: Response,
    asked: str,
    byte_limit: ByteLimit,
    *,
    named: str | None = None,
    assume: Callable[[str], None] = lambda _: None,
) -> Opened:
    """Return a body with its format.

    Args:
        body: the body; what is looked at of it is read again.
        response: the response.
        asked: the URL that was asked for.
        byte_limit: how many bytes may still come.
        named: the name of the format, if the caller says it.
        assume: notes what is taken for granted.

    Raises:
        FormatError: it is a web page, or something else that is not read.
        DataError: it is not whole, or too much comes.
    """
    said = next((f for f in formats.FORMATS if f.name.lower() == named), None)
    content_type = response.headers.get("Content-Type", "")
    names = [formats.file_name(response.headers.get("Content-Disposition", "")), response.url, asked]
    for _ in range(_MOST_LAYERS):
        announced = said or formats.format_of(content_type, *names)
        name = "" if announced is None else announced.name
        size = _START_OF_LINES if name in _LINES else _START
        start = body.peek(size)[:_START]
        sign = shown_by(start, could_be_json=name not in _TABLES)
        if sign == "gzip":
            body.unpack()
        elif sign == "zip" and name != "Excel":
            body, inside = unzipped(body, response, byte_limit)
            content_type, names = ("" if formats.format_by_ending(inside) else content_type), [inside, *names]
        else:
            break
    if announced is None and sign in ("text", ""):
        body.check()  # there may be too little of it to tell
    is_trusted = announced is not None and announced.name not in _KNOWN
    if sign == "page" or (sign in ("markup", "other") and said is None and not is_trusted):
        body.close()
        raise _not_read(response, start, sign)
    if said is not None:
        if said.name in _OTHERS and (other := _other(sign, said)) is not None:
            body.close()
            raise format_error(response, start, f"which is {other.name}, not {said.name}")
        if said.name == "CSV" and is_annotated(start):
            return Opened(ANNOTATED, body)
        return Opened(_DOCUMENTS.get(sign) or said if said.name == "NDJSON" else said, body)
    if sign == "text" and not is_trusted and (announced is None or announced.name not in _TABLES):
        by_name = formats.format_by_ending(*names) if announced in (None, formats.JSON) else None
        announced = by_name or _guessed(start, response, assume, is_whole=len(start) < size) or announced
    return _by_sign(sign, start, body, announced)


def json_of(
    response: Response,
    content: bytes,
    asked: str,
    byte_limit: ByteLimit,
    *,
    named: str | None = None,
    encoding: str | None = None,
) -> bytes:
    """Return the JSON of a later response, whose body is read.

    Args:
        response: the response.
        content: its body.
        asked: the URL that was asked for.
        byte_limit: how many bytes may still come.
        named: the name of the format, if the caller says it.
        encoding: the character set, likewise.

    Raises:
        FormatError: it is none.
        DataError: too much comes of it.
        ValueError: it is not in the character set that the caller names.
    """
    content_type = response.headers.get("Content-Type", "")
    is_plain = content[:1] in (b"[", b"{") and formats.format_of(content_type) is formats.JSON
    if not is_plain and content.strip():
        byte_limit.give_back(len(content))
        found = opened(FileBody(io.BytesIO(content), response, byte_limit), response, asked, byte_limit, named=named)
        with found.body:
            if found.format is None:
                raise no_format(response, content)
            if found.format is not formats.JSON or found.announced is not None:
                raise format_error(response, content, "where the pages before were JSON")
            content = found.body.readall()
    return as_json(content, content_type, encoding)


def no_format(response: Response, start: bytes) -> FormatError:
    """Return the error of a body in no format that is read.

    Args:
        response: the response.
        start: the first bytes of its body.
    """
    *names, last = (f.name for f in formats.FORMATS)
    return format_error(response, start, f"which is none of {', '.join(names)} and {last}", next_step=_SAY)


def _not_read(response: Response, start: bytes, sign: Sign) -> FormatError:
    if sign == "page":
        return format_error(response, start, "a web page, not data", next_step=_OF_PAGE)
    what = known_as(start) or ("XML or HTML" if sign == "markup" else "another document")
    return format_error(response, start, f"which is {what}", next_step=_OPEN)


def _other(sign: Sign, said: Format) -> Format | None:
    """Return the format that is sure to be another one than is said; None if there is none."""
    if sign in _DOCUMENTS or sign == "json":
        return formats.JSON
    name = {"parquet": "Parquet", "zip": "Excel"}.get(sign)
    return None if name in (None, said.name) else formats.format_named(name)


def _by_sign(sign: Sign, start: bytes, body: Body, announced: Format | None) -> Opened:
    name = "" if announced is None else announced.name
    instead = announced if name in _OTHERS else None
    if sign == "parquet":
        return Opened(formats.format_named("Parquet"), body)
    if sign == "zip":
        return Opened(formats.format_named("Excel"), body)
    if sign == "ndjson" and start.startswith(_WIDE_MARKS):
        sign = "documents"
    if sign in _DOCUMENTS:
        return Opened(_DOCUMENTS[sign] or formats.format_named("NDJSON"), body, instead)
    if sign == "json":
        if name == "NDJSON" and unwrapped(start) is start and _has_lines(start):
            return Opened(announced, body)
        return Opened(formats.JSON, body, instead)
    return Opened(ANNOTATED if name == "CSV" and is_annotated(start) else announced, body)


def _has_lines(start: bytes) -> bool:
    """Tell whether what is said to be lines begins with one that is a whole document, and no array of rows."""
    first, end, _ = start.lstrip().partition(b"\n")
    try:
        document = loads(first)
    except (ValueError, RecursionError):
        return not end  # it is longer than what was looked at, or broke off
    return not (isinstance(document, list) and isinstance(next(iter(document), None), dict))


def _guessed(start: bytes, response: Response, assume: Callable[[str], None], *, is_whole: bool) -> Format | None:
    separator = could_be_table(start, is_whole=is_whole)
    if separator is None:
        return None
    name = "TSV" if separator == "\t" else "CSV"
    kind = formats.format_of(response.headers.get("Content-Type", ""))
    said = "does not say what it is" if kind is None else f"says that it is {kind.name}"
    assume(
        f"{redact_url(response.url)}: a table came, and the server {said}; it was taken for {name}. "
        f'Say format="{name.lower()}" to confirm, or name the format that it is in.'
    )
    return formats.format_named(name)
