"""A URL to a Parquet file, in little memory whatever its size; after a break the load goes on."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbauth.data.build.frame_builder import FrameBuilder
from nbauth.data.extras import need_pyarrow
from nbauth.data.fetch.progress import LoadProgress
from nbauth.data.paging.styles import style_of
from nbauth.data.reader import CannotResume, Reader, Resume
from nbauth.data.sinks.part_types import PartTypes
from nbauth.errors import DataError, ReadInterrupted
from nbauth.net.origins import redact_url
from nbauth.process.interrupts import defer_interrupt, interrupts_noted
from nbauth.process.shielded import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.data.batch import Batch
    from nbauth.data.build.frame_builder import Nested
    from nbauth.data.fetch.progress import Outcome, Progress
    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.fetch.retry import Retries
    from nbauth.data.fetch.session import Session
    from nbauth.data.query import Query
    from nbauth.data.sinks.parquet_parts import Parts

__all__ = ["write"]

logger = logging.getLogger(__name__)

_ROWS_AT_ONCE = 25_000
_BYTES_AT_ONCE = 8_000_000


@interrupts_noted
def write(
    session: Session,
    query: Query,
    target: str | Path,
    *,
    retries: Retries | None = None,
    progress: Progress | None = None,
    who: str = "",
) -> Path:
    """Read a URL into a Parquet file. Arguments and errors are those of `nbauth.data.sinks.frame.read`.

    The file is there when all rows are, and not before. Pages that came before a break are kept beside it, and
    the same call goes on after them, if it is made within a day and for the same person (``who``).

    Types are those that all pages need, as in a frame; but Parquet knows no Python objects: objects and lists inside a
    record are JSON text, unless they are flattened, and a column that is mixed is text.

    Returns:
        The file's path.
    """
    need_pyarrow("to=")
    load("nbauth.data.sinks.parquet_parts", "nbauth.data.sinks.parquet_target")
    from nbauth.data.sinks.checkpoint import fingerprint
    from nbauth.data.sinks.parquet_parts import Parts
    from nbauth.data.sinks.parquet_target import place_of

    path = Path(target).expanduser()
    file = place_of(path)
    query = replace(query, nested="json" if query.nested == "object" else query.nested)
    (spec,) = query.requests
    load_progress = LoadProgress(progress)
    new_reader = partial(Reader, session, query, spec, load_progress, retries=retries)
    outcome: Outcome = "failed"
    parts: Parts | None = None
    shown_url = redact_url(spec.url)
    request = fingerprint(
        spec.url, query.params, dict(query.headers or {}), query.json, query.records, query.nested, query.paging, who,
        query.format, query.encoding, query.csv and dict(query.csv), query.sheet,
    )  # fmt: skip
    try:
        with Parts(file, request) as parts:
            load_progress.add_rows(parts.checkpoint.rows)
            try:
                _fill(parts, query, new_reader, load_progress)
                parts.finish()  # it takes the file's place in one step; stopped before, the same call does it again
            except KeyboardInterrupt:
                outcome = "interrupted"
                kept = f"{parts.checkpoint.rows:,} rows of {shown_url} are kept beside {path.name}"
                raise ReadInterrupted(
                    f"Stopped. {kept if parts.can_resume else f'Nothing of {shown_url} is kept'}.",
                    url=shown_url,
                    next_step="The same call goes on after them." if parts.can_resume else None,
                ) from None
        outcome = "done"
    except OSError as error:
        is_kept = parts is not None and parts.can_resume
        raise DataError(
            f"{path.name} cannot be written: {error.strerror or error}.",
            url=shown_url,
            next_step="What came is kept: the same call goes on after it." if is_kept else None,
        ) from error
    finally:
        load_progress.finish(outcome)
    return path


def _fill(parts: Parts, query: Query, new_reader: Callable[..., Reader], load_progress: LoadProgress) -> None:
    """Load the rows that are still missing."""
    checkpoint = parts.checkpoint
    if checkpoint.is_complete:
        return
    if checkpoint.next_request is not None:
        style = checkpoint.style or style_of(query.paging)
        resume = Resume(request=checkpoint.next_request, style=style, records=checkpoint.records, rows=checkpoint.rows)
        try:
            ParquetSink(new_reader(resume=resume), parts, query.nested).run()
        except CannotResume:
            logger.info("%s: the link to go on with is no longer good; starting over.", redact_url(query.urls[0]))
            parts.start_over()
            load_progress.forget_rows()
        else:
            return
    ParquetSink(new_reader(), parts, query.nested).run()


class ParquetSink:
    """Takes one load into parts."""

    def __init__(self, reader: Reader, parts: Parts, nested: Nested) -> None:
        self._reader = reader
        self._parts = parts
        self._builder = FrameBuilder(nested, "pyarrow")
        self._next_request: PageRequest | None = None  # the request after the rows in the builder
        self._whole = 0  # so many of them are of pages that came whole
        self._waiting = 0  # bytes of them
        self._types: PartTypes | None = None
        self._names: list[str] = []

    def run(self) -> None:
        """Take in everything."""
        try:
            for batch in self._reader.batches(prefetch=True, in_parts=True):
                self._take(batch)
                if self._builder.rows >= _ROWS_AT_ONCE or self._waiting >= _BYTES_AT_ONCE:
                    self._keep_built()
        except BaseException:
            self._builder.undo()
            is_whole = self._whole and self._builder.rows == self._whole and not self._builder.is_wide
            if is_whole and self._next_request is not None:
                self._keep_built()
            raise
        self._next_request = None
        if self._builder.rows or not self._parts.checkpoint.parts:
            self._reader.end(self._builder)
            self._keep_built()
        self._parts.complete()

    def _take(self, batch: Batch) -> None:
        if batch.has_own_columns and batch.is_good:
            self._next_request = batch.next_request
            self._types = self._types or PartTypes(self._parts.target.name, self._parts.schemas())
            self._keep(self._types.table(batch), may_be_times=False)
        elif not batch.has_own_columns and batch.is_good:  # else it is asked for again when the load goes on
            self._reader.add(batch, self._builder)
            self._whole, self._next_request = self._builder.rows, batch.next_request
            self._waiting += batch.size

    def _keep_built(self) -> None:
        # A wide table takes longer than an interrupt may wait: what is lost of it then is asked for again.
        with nullcontext() if self._builder.is_wide else defer_interrupt():
            if not self._builder.has_columns:
                self._builder.expect(self._names[:1])  # rows of empty objects: a file has no row without a column
            texts = self._builder.texts
            self._keep(self._builder.table(times=False), texts=texts)
            self._waiting = self._whole = 0

    def _keep(self, table: Any, *, may_be_times: bool = True, texts: frozenset[str] = frozenset()) -> None:
        self._names = self._names or table.column_names
        style, records = self._reader.detected
        self._parts.add(
            table,
            next_request=self._next_request,
            style=style,
            records=records,
            may_be_times=may_be_times,
            texts=texts,
        )
