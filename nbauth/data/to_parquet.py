"""A URL to a Parquet file, in little memory whatever its size, and on from where it broke off."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from nbauth.data.arrow_memory import system_allocator
from nbauth.data.asking import Question
from nbauth.data.fast import need_pyarrow
from nbauth.data.frames import FrameBuilder
from nbauth.data.joined import without_index
from nbauth.data.loads import Load, Options
from nbauth.data.meter import Meter
from nbauth.data.walking import Fetched
from nbauth.errors import ConfigError, FormatError, ReadInterrupted
from nbauth.signin.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbauth.data.frames import Nested
    from nbauth.data.paging.answers import Ask
    from nbauth.data.paging.styles import Paging
    from nbauth.data.parquet_parts import Parts
    from nbauth.data.progress import Outcome, Progress
    from nbauth.data.retries import Retries
    from nbauth.data.session import Session

__all__ = ["write"]

_ROWS_AT_ONCE = 25_000
_BYTES_AT_ONCE = 8_000_000


def write(
    session: Session,
    url: str,
    target: str | Path,
    *,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    records: str | None = None,
    paging: Paging = "auto",
    nested: Nested = "object",
    concurrency: int = 1,
    retry_post: bool = False,
    retries: Retries | None = None,
    max_bytes: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Read a URL into a Parquet file. Arguments and errors are those of `nbauth.data.read.read`.

    The file is there when all rows are, and not before. Pages of JSON that came before a break are kept beside it, and
    the same call goes on after them.

    Types are those that all pages need, as in a frame; but Parquet knows no Python objects: objects and lists inside a
    record are JSON text, unless they are flattened, and a column that is mixed is text.

    Returns:
        The file's path.
    """
    need_pyarrow("to=")
    from nbauth.data.parquet_parts import Parts, fingerprint

    path = Path(target).expanduser()
    if path.is_dir() or not path.name:
        raise ConfigError(f"to: expected a file such as data.parquet, found the directory {str(path)!r}.")
    kind = "json" if nested == "object" else nested
    question = Question(url=url, params=params, headers=headers, json=json, retry_post=retry_post, max_bytes=max_bytes)
    Options(nested=kind, paging=paging, records=records, concurrency=concurrency)  # checked before anything is made
    named = paging if not callable(paging) else getattr(paging, "__qualname__", "")
    parts = Parts(path, fingerprint(url, params, dict(headers or {}), json, records, kind, named))
    note = parts.note
    options = Options(
        nested=kind,
        paging=paging if callable(paging) or note.following is None else note.style,
        records=note.records if note.following is not None else records,
        concurrency=concurrency,
        retries=retries,
        rows_before=note.rows,
    )
    meter = Meter(progress)
    meter.read(note.rows)
    outcome: Outcome = "failed"
    try:
        with system_allocator():
            _take_in(Load(session, question, options, meter), parts, note.following, kind)
            parts.finish()
        outcome = "done"
    except KeyboardInterrupt:
        outcome = "interrupted"
        place = redact_url(url)
        raise ReadInterrupted(
            f"Stopped. {parts.note.rows:,} rows of {place} are kept beside {path.name}.",
            url=place,
            next_step="The same call goes on after them." if parts.note.following else None,
        ) from None
    finally:
        meter.finish(outcome)
    return path


def _take_in(load: Load, parts: Parts, begin: Ask | None, nested: Nested) -> None:
    builder = FrameBuilder(nested, "pyarrow")
    following: Ask | None = None
    waiting = 0
    first: dict[str, Any] | None = None

    def keep(table: Any) -> None:
        style, records = load.recognised
        parts.add(table, following=following, style=style, records=records)

    for part in load.parts(prefetch=True, in_parts=True, begin=begin):
        if isinstance(part, pd.DataFrame):
            first = first or dict(part.dtypes.astype(str))
            _check_types(part, first, redact_url(str(parts.target)))
            keep(_table(part))
        elif hasattr(part, "to_pandas"):
            keep(part)
        else:
            load.add(part, builder)
            if isinstance(part, Fetched):
                following, waiting = part.following, waiting + part.size
            if builder.rows >= _ROWS_AT_ONCE or waiting >= _BYTES_AT_ONCE:
                keep(builder.table(times=False))
                waiting = 0
    following = None
    if builder.rows or not parts.note.parts:
        load.end(builder)
        keep(builder.table(times=False))


def _table(frame: pd.DataFrame) -> Any:
    import pyarrow as pa

    return pa.Table.from_pandas(without_index(frame), preserve_index=False)


def _check_types(part: pd.DataFrame, first: dict[str, Any], target: str) -> None:
    """Make sure that the parts of a table have the same dtypes: 007 may be 7 in one and text in another."""
    for name, dtype in part.dtypes.astype(str).items():
        if {dtype, first.get(str(name))} not in ({dtype}, {"int64", "float64"}):
            raise FormatError(
                f"{target}: the column {name!r} is {first.get(str(name))} at first and {dtype} further on.",
                next_step="Read it without to=, and write the frame.",
            )
