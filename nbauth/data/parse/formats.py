"""What an answer's body is: by its content type, and by the URL's ending where that says nothing."""

from __future__ import annotations

from email.message import Message
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import unquote, urlsplit

from nbauth.data.fetch.charsets import codec_named

__all__ = ["ACCEPT", "Format", "charset_of", "format_of", "has_lines"]

Format = Literal["json", "ndjson", "csv", "tsv", "parquet", "excel"]

ACCEPT = "application/json, application/x-ndjson;q=0.9, text/csv;q=0.8, application/vnd.apache.parquet;q=0.7, */*;q=0.1"

_TYPES: dict[str, Format] = {
    "application/json": "json",
    "text/json": "json",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "application/x-jsonl": "ndjson",
    "application/jsonlines": "ndjson",
    "application/x-jsonlines": "ndjson",
    "text/csv": "csv",
    "text/x-csv": "csv",
    "application/csv": "csv",
    "application/x-csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/vnd.apache.parquet": "parquet",
    "application/parquet": "parquet",
    "application/x-parquet": "parquet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "excel",
}
_ENDINGS: dict[str, Format] = {
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".xlsx": "excel",
}
_SAY_NOTHING = frozenset({"", "text/plain", "application/octet-stream", "binary/octet-stream"})


def format_of(content_type: str, *urls: str) -> Format | None:
    """Return the format of a body, or None if it is none that can be read.

    Args:
        content_type: the answer's ``Content-Type``; may be empty.
        urls: the URL that answered and the one that was asked for.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind in _SAY_NOTHING:
        endings = (PurePosixPath(unquote(urlsplit(url).path)).suffix.lower() for url in urls)
        return next((_ENDINGS[ending] for ending in endings if ending in _ENDINGS), None)
    return "json" if kind.endswith("+json") else _TYPES.get(kind)  # RFC 6839 §3.1


def charset_of(content_type: str) -> str:
    """Return the codec that a ``Content-Type`` names; UTF-8, with or without a mark, where it names none.

    Raises:
        LookupError: it is no character set that is read; its name.
    """
    message = Message()
    message["Content-Type"] = content_type
    codec = codec_named(message.get_content_charset() or "utf-8")
    return "utf-8-sig" if codec in ("utf-8", "ascii") else codec


def has_lines(codec: str) -> bool:
    """Tell whether the bytes of a text can be cut into lines: a line's end is one byte there, and no other's part."""
    return not codec.startswith(("utf-16", "utf-32"))
