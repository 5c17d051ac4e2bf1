"""What the first bytes of a body show: which format it is in, whatever its server says."""

from __future__ import annotations

import codecs
import csv
import json
import re
from typing import Literal

from nbauth.data.parse.json_wrapping import begins_json, unwrapped

__all__ = ["Sign", "could_be_table", "is_text", "known_as", "shown_by"]

Sign = Literal[
    "json", "ndjson", "json-seq", "documents", "parquet", "gzip", "zip", "page", "markup", "other", "text", ""
]

_SHOWN: tuple[tuple[bytes, Sign], ...] = (
    (b"PAR1", "parquet"),
    (b"\x1f\x8b\x08", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),  # an empty one
)
# Formats that are not read. Their error names them.
_NAMES: tuple[tuple[bytes, str], ...] = (
    (b"Obj\x01", "Avro"),
    (b"ORC", "ORC"),
    (b"ARROW1", "an Arrow or Feather file"),
    (b"FEA1", "a Feather file"),
    (b"\xff\xff\xff\xff", "a stream of Arrow's"),
    (b"PARE", "encrypted Parquet"),
    (b"%PDF-", "a PDF document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel file of before 2007 (.xls), or another such document"),
    (b"{\\rtf", "an RTF document"),
    (b"\x28\xb5\x2f\xfd", "compressed by Zstandard"),
    (b"BZh", "compressed by bzip2"),
    (b"\xfd7zXZ\x00", "compressed by xz"),
    (b"\x04\x22\x4d\x18", "compressed by LZ4"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 or NetCDF file"),
    (b"CDF\x01", "a NetCDF file"),
    (b"CDF\x02", "a NetCDF file"),
    (b"\x93NUMPY", "an array of NumPy's"),
    (b"\x80\x04\x95", "a pickle, which is never opened: it can run any code"),
    (b"\x80\x05\x95", "a pickle, which is never opened: it can run any code"),
    (b"$FL2@(#)", "an SPSS file"),
    (b"\x89PNG\r\n\x1a\n", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
)
_TAR_AT = 257
_XML = re.compile(rb"<\?xml(?!.{0,500}<(?:!doctype\s+html|html)[\s>])", re.IGNORECASE | re.DOTALL)
_PAGE = re.compile(rb"<(?:!doctype\s+html|html|head|body|script|title)[\s>]", re.IGNORECASE)
_MARKUP = re.compile(
    rb"<(?:\?xml|!doctype|!--|(?:table|svg|p|div|span|h[1-6]|center|br|hr|b|i|font|form|meta|link|style|pre|ul|ol|a)"
    rb"\b(?!>,)|[\w.-]+:[\w.-]+|[A-Za-z][\w.-]*(?:\s+[\w:.-]+\s*=|\s*/?>\s*<))",
    re.IGNORECASE,
)
_NO_TEXT = frozenset((*range(0x09), 0x0B, *range(0x0E, 0x1A), 0x1C, 0x1D, 0x1F))
_TEXT = bytes(sign for sign in range(256) if sign not in _NO_TEXT)
# The end of a document of several lines, and what follows. Inside of one there is a comma between.
_NEXT_DOCUMENT = re.compile(rb"\n[}\]]\s*[{\[]")
_JOINTS = (b"}{", b"][")  # of documents without anything between
_SEQUENCE = b"\x1e"  # RFC 7464
_BLANK = b" \t\r\n"
_BOMS = (  # the longer ones first: UTF-32's begins as UTF-16's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEPARATORS = "\t;|,"
_MOST_LINES = 50
_LOOK = 4 * 1024  # bytes: what is no text shows itself soon
_NAME = re.compile(r"[^\W\d][\w .,\-/()%#:°$€]{0,63}")


def shown_by(start: bytes, *, could_be_json: bool = True) -> Sign:
    """Return what the first bytes show.

    Args:
        start: the first bytes.
        could_be_json: whether nobody says that they are a table; what may be a line of a table is JSON then.

    Returns:
        A format's sign; ``documents`` are several JSON documents that are no lines, ``page`` is a web page, ``markup``
        other HTML or XML, ``other`` what `known_as` names, ``text`` any other text; nothing if they say nothing.
    """
    if start[:1] not in (b"{", b"[") and not is_text(start):
        known = next((sign for magic, sign in _SHOWN if start.startswith(magic)), None)
        if known is not None:
            return known
        if known_as(start):
            return "other"
    return _shown_by_text(_as_utf8(start).lstrip(_BLANK), could_be_json=could_be_json)


def _shown_by_text(text: bytes, *, could_be_json: bool) -> Sign:
    if text.startswith((b"%PDF-", b"{\\rtf")):
        return "other"
    if text.startswith(b"<"):
        is_page = _PAGE.search(text[:1000]) and not _XML.match(text)
        return "page" if is_page else "markup" if _MARKUP.match(text) else "text"
    document = text.removeprefix(_SEQUENCE) if text.startswith(_SEQUENCE) else unwrapped(text).lstrip(_BLANK)
    if begins_json(document, is_sure=not could_be_json):
        return "json-seq" if text.startswith(_SEQUENCE) else _kind_of_json(document)
    return "text" if is_text(text) and text else ""


def known_as(start: bytes) -> str | None:
    """Return what people call the format that the first bytes show, if it is one that is not read."""
    if start[_TAR_AT : _TAR_AT + 5] == b"ustar":
        return "a tar archive"
    return next((name for magic, name in _NAMES if start.startswith(magic)), None)


def is_text(start: bytes) -> bool:
    """Tell whether bytes are text, of whatever character set."""
    return not _as_utf8(start[:_LOOK]).translate(None, _TEXT)


def could_be_table(start: bytes, *, is_whole: bool) -> str | None:
    """Return what stands between cells, if text of which nobody says what it is could be a table; else None.

    It could be one if it has names, and rows of as many cells.

    Args:
        start: its first bytes.
        is_whole: whether nothing comes after them.
    """
    lines = _as_utf8(start).decode("utf-8", "replace").splitlines()
    lines = [line for line in (lines if is_whole else lines[:-1]) if line.strip()][:_MOST_LINES]
    return next((separator for separator in _SEPARATORS if _is_table(lines, separator)), None)


def _is_table(lines: list[str], separator: str) -> bool:
    try:
        rows = list(csv.reader(lines, delimiter=separator))
    except csv.Error:
        return False
    names = [name.strip() for name in rows[0]] if rows else []
    if len(rows) < 2 or len(names) < 2 or len(set(names)) < len(names):  # noqa: PLR2004
        return False
    return all(map(_NAME.fullmatch, names)) and all(len(row) == len(names) for row in rows)


def _kind_of_json(document: bytes) -> Sign:
    """Tell one document from several."""
    if not _may_be_several(document):
        return "json"
    text = document.decode("utf-8", "replace")
    try:
        first, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return "json"  # its first document is longer
    rest = text[end:].lstrip()
    if not rest.startswith(("{", "[")):
        return "json"
    is_list_of_rows = isinstance(first, list) and isinstance(next(iter(first), None), dict)
    is_line = "\n" in text[end : len(text) - len(rest)] and "\n" not in text[:end]
    return "ndjson" if is_line and not is_list_of_rows else "documents"


def _may_be_several(document: bytes) -> bool:
    """Tell whether another document may follow the first: what looks like the end of one may stand in a text."""
    end = document.find(b"\n")
    if end >= 0:
        begins = document[end : end + _LOOK].lstrip(_BLANK)[:1]
        if document[:end].rstrip(_BLANK)[-1:] in (b"}", b"]") and begins in (b"{", b"["):
            return True
        if _NEXT_DOCUMENT.search(document) is not None:
            return True
    start = document[:_LOOK]
    return any(joint in start for joint in _JOINTS)


def _as_utf8(start: bytes) -> bytes:
    """Return the start of a text in UTF-8 and without a mark; what is no text as it is."""
    for mark, codec in _BOMS:
        if start.startswith(mark):
            return start.decode(codec, "ignore").encode()
    if start[:1] in b"[{" and b"\x00" in start[:4]:
        return start.decode(json.detect_encoding(start), "ignore").encode()
    return start
