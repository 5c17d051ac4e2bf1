"""The formats that are read, and which of them a response is in.

A new format is a file beside this one and a line in `_MODULES`.
"""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from nbauth.data.parse.format import Format

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FORMATS", "JSON", "accept", "file_name", "format_by_ending", "format_named", "format_of"]

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

# What is said of a body of any format: of old Excel's type too, since CSV and pages of HTML come as that.
_SAY_NOTHING = frozenset(
    {
        *("", "text/plain", "application/octet-stream", "binary/octet-stream", "application/x-octet-stream"),
        *("application/force-download", "application/x-download", "application/download", "application/unknown"),
        *("application/gzip", "application/x-gzip", "application/zip", "application/x-zip-compressed"),
        *("application/vnd.ms-excel", "application/excel", "application/x-excel", "application/x-msexcel"),
    }
)
_PACKED = frozenset({".gz", ".gzip", ".zip"})
_FILE_NAME = re.compile(r'(?:^|;)\s*filename(\*?)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)', re.IGNORECASE)


def accept() -> str:
    """Return the ``Accept`` header: the formats that are asked for, each with its weight (RFC 9110 §12.5.1)."""
    wanted = [f"{f.media_types[0]};q={f.weight:g}".removesuffix(";q=1") for f in FORMATS if f.weight is not None]
    return ", ".join([*wanted, "*/*;q=0.1"])


def format_of(content_type: str, *urls: str) -> Format | None:
    """Return the format of a body, or None if it is none that can be read.

    Args:
        content_type: the response's ``Content-Type``; may be empty. Where it says nothing, the URLs' endings do.
        urls: the file's name, if the response tells it, the URL that answered and the one that was asked for.
    """
    by_type, _ = _tables(FORMATS)
    media_type = content_type.partition(";")[0].partition(",")[0].strip().lower()
    if media_type in _SAY_NOTHING:
        return format_by_ending(*urls)
    by_suffix = (f for f in FORMATS if f.suffix is not None and media_type.endswith(f.suffix))
    return by_type.get(media_type) or next(by_suffix, None)


def format_by_ending(*names: str) -> Format | None:
    """Return the format that the ending of a URL or a file's name shows; the first one counts."""
    by_ending = _tables(FORMATS)[1]
    return next((by_ending[ending] for ending in map(_ending, names) if ending in by_ending), None)


def format_named(name: str) -> Format:
    """Return the format of a name, which must be there."""
    return next(f for f in FORMATS if f.name == name)


def file_name(disposition: str) -> str:
    """Return the file's name that a ``Content-Disposition`` tells (RFC 6266, RFC 8187); nothing if it tells none."""
    named: dict[bool, str] = {bool(star): value.strip('"') for star, value in _FILE_NAME.findall(disposition)}
    return named.get(True, named.get(False, "")).rpartition("'")[2]


def _ending(name: str) -> str:
    """Return the ending of a URL's path or of a file's name, without that of what it is packed in."""
    suffixes = PurePosixPath(unquote(urlsplit(name).path if "://" in name else name).lower()).suffixes[-2:]
    return suffixes[0] if len(suffixes) > 1 and suffixes[1] in _PACKED else "".join(suffixes[-1:])


@cache
def _tables(formats: tuple[Format, ...]) -> tuple[Mapping[str, Format], Mapping[str, Format]]:
    by_type = {media_type: f for f in formats for media_type in f.media_types}
    return by_type, {ending: f for f in formats for ending in f.endings}
