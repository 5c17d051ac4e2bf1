"""The formats that are read, and which of them a response is in.

A new format is a file beside this one and a line in `_MODULES`.
"""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from nbauth.data.fetch.http_errors import format_error
from nbauth.data.parse.format import Format

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import Response

    from nbauth.errors import FormatError

__all__ = ["FORMATS", "JSON", "accept", "format_of", "no_format"]

JSON = Format(
    name="JSON",
    media_types=("application/json", "text/json"),
    endings=(".json",),
    read=None,
    weight=1,
    suffix="+json",
)
# The registry. Each is the name of a module beside this one, whose FORMAT it is.
_MODULES = (
    "ndjson",
    "csv",
    "tsv",
    "parquet",
    "excel",
)
FORMATS: tuple[Format, ...] = (
    JSON,
    *(importlib.import_module(f"nbauth.data.parse.{name}").FORMAT for name in _MODULES),
)

_SAY_NOTHING = frozenset({"", "text/plain", "application/octet-stream", "binary/octet-stream"})


def accept() -> str:
    """Return the ``Accept`` header: the formats that are asked for, each with its weight (RFC 9110 §12.5.1)."""
    wanted = [f"{f.media_types[0]};q={f.weight:g}".removesuffix(";q=1") for f in FORMATS if f.weight is not None]
    return ", ".join([*wanted, "*/*;q=0.1"])


def format_of(content_type: str, *urls: str) -> Format | None:
    """Return the format of a body, or None if it is none that can be read.

    Args:
        content_type: the response's ``Content-Type``; may be empty. Where it says nothing, the URLs' endings do.
        urls: the URL that answered and the one that was asked for.
    """
    by_type, by_ending = _tables(FORMATS)
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type in _SAY_NOTHING:
        endings = (PurePosixPath(unquote(urlsplit(url).path)).suffix.lower() for url in urls)
        return next((by_ending[ending] for ending in endings if ending in by_ending), None)
    by_suffix = (f for f in FORMATS if f.suffix is not None and media_type.endswith(f.suffix))
    return by_type.get(media_type) or next(by_suffix, None)


def no_format(response: Response, start: bytes) -> FormatError:
    """Return the error of a body in no format that is read.

    Args:
        response: the response.
        start: the first bytes of its body.
    """
    if "html" in response.headers.get("Content-Type", ""):
        return format_error(response, start, "a web page, not data")
    *names, last = (f.name for f in FORMATS)
    return format_error(response, start, f"which is none of {', '.join(names)} and {last}")


@cache
def _tables(formats: tuple[Format, ...]) -> tuple[Mapping[str, Format], Mapping[str, Format]]:
    by_type = {media_type: f for f in formats for media_type in f.media_types}
    return by_type, {ending: f for f in formats for ending in f.endings}
