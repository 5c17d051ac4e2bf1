"""URLs to one DataFrame. After an error or an interrupt, the rows that were read are in the exception."""

from __future__ import annotations

from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from nbauth.data.batch import FrameBatch
from nbauth.data.build.agreed import agreed
from nbauth.data.build.concat import concat
from nbauth.data.build.frame_builder import FrameBuilder
from nbauth.data.build.width import TooManyColumns, is_wide, too_many_columns
from nbauth.data.fetch.http_errors import read_interrupted
from nbauth.data.fetch.progress import LoadProgress
from nbauth.data.reader import Reader
from nbauth.data.readers import readers
from nbauth.errors import NbauthError
from nbauth.process.interrupts import defer_interrupt, interrupts_noted, raise_lost_interrupt

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbauth.data.batch import Batch
    from nbauth.data.fetch.progress import Outcome, Progress
    from nbauth.data.fetch.retry import Retries
    from nbauth.data.fetch.session import Session
    from nbauth.data.paging.page import Page
    from nbauth.data.query import Query

__all__ = ["read"]


@interrupts_noted
def read(
    session: Session, query: Query, *, retries: Retries | None = None, progress: Progress | None = None
) -> pd.DataFrame:
    """Read URLs into a DataFrame: JSON with its further pages, NDJSON, CSV, TSV, Parquet or Excel, by content type.

    Args:
        session: whose tokens the requests carry.
        query: what is read, and how.
        retries: how often and how long to try again.
        progress: who is told how far it is.

    Returns:
        One row a record, columns in the order of their first appearance, dtypes as in
        `nbauth.data.build.frame_builder`. Empty if there is nothing, with columns where they are known: the header of
        a CSV file, OData's ``$select``.

    Raises:
        SignInRequired: a person has to sign in first; nothing was sent.
        ConfigError: the URL or a header cannot be sent; nothing was.
        OriginNotAllowed: no profile names the URL's origin, or a next link leaves them.
        ApiError: the API answered with an error.
        PaginationError: the next links do not end, or how the pages go on cannot be told.
        FormatError: the body cannot be read.
        DataError: the connection broke, or the body was not whole. What was read is in ``partial``.
        ReadInterrupted: the person stopped it; what was read is in ``partial``.
    """
    load_progress = LoadProgress(progress)
    sink = FrameSink(query)
    outcome: Outcome = "failed"
    try:
        makers = [
            partial(Reader, session, query, spec, load_progress.part(), retries=retries) for spec in query.requests
        ]
        with closing(readers(makers, at_once=query.urls_at_once)) as each:
            for reader in each:
                sink.take_in(reader, load_progress)
        frame = sink.frame()
        raise_lost_interrupt()
        outcome = "done"
    except TooManyColumns:
        raise too_many_columns(query.urls[0]) from None
    except KeyboardInterrupt:
        outcome = "interrupted"
        if sink.is_wide:  # to make its frame may take longer than the person waits
            raise read_interrupted(query.urls[0], sink.frame, rows=sink.rows) from None
        with defer_interrupt():
            raise read_interrupted(query.urls[0], sink.frame()) from None
    except NbauthError as error:
        error.partial = sink.frame() if sink.rows else None
        raise
    finally:
        load_progress.finish(outcome)
    return frame


class FrameSink:
    """What one or several loads have brought so far."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._builder = FrameBuilder(query.nested, query.dtype_backend)
        self._frames: list[pd.DataFrame] = []
        self._of_text: set[int] = set()  # which of them
        self._is_of_file = False  # whether the builder holds nothing but a file that may have to be read again
        self._later: list[Callable[[], None]] = []  # what an interrupt left to be taken in
        self._rows_left = 0  # so many rows are in that

    @property
    def rows(self) -> int:
        return self._builder.rows + sum(map(len, self._frames)) + self._rows_left

    @property
    def is_wide(self) -> bool:
        return bool(self._later) or self._builder.is_wide or any(is_wide(frame.shape[1]) for frame in self._frames)

    def take_in(self, reader: Reader, load_progress: LoadProgress) -> None:
        attempt = 0
        while True:
            try:
                self._add_all(reader)
            except NbauthError as error:
                if not reader.try_again(error.__cause__ or error, attempt):
                    self._append(error.partial)
                    raise
                if self._is_of_file:
                    self._builder = FrameBuilder(self._query.nested, self._query.dtype_backend)
                load_progress.forget_rows()
                load_progress.add_rows(self.rows)
                attempt += 1
                continue
            return

    def _add_all(self, reader: Reader) -> None:
        batches = reader.batches(prefetch=True)
        batch: Batch | None = None
        is_taken = False  # whether the batch is, whole
        rows = self.rows
        self._is_of_file = False
        try:
            for batch in batches:
                is_taken = False
                if reader.can_start_over and not self._is_of_file:
                    self._end_builder()
                    self._is_of_file = True
                if batch.has_own_columns:
                    self._append(batch.to_frame(self._query.dtype_backend), is_of_text=_is_of_text(batch))
                else:
                    reader.add(batch, self._builder)
                rows, is_taken = self.rows, True
            if not rows:
                reader.end(self._builder)
        except KeyboardInterrupt as error:
            # What had come is kept: the page that was being taken in, and those behind it.
            batches.close()
            is_open = self.rows == rows and not is_taken
            rest = [page for page in reader.pending if page is not batch or is_open]
            self._take_rest(reader, rest)
            self._append(getattr(error, "partial", None))
            raise
        finally:
            batches.close()  # an error that is kept would keep its thread

    def _take_rest(self, reader: Reader, rest: list[Page]) -> None:
        def take() -> None:
            self._rows_left = 0
            self._builder.undo()
            for page in rest:
                reader.add(page, self._builder)

        if not self._builder.is_wide and not any(page.may_be_wide for page in rest):
            take()
            return
        with suppress(ValueError, RecursionError):
            self._rows_left = sum(page.count() for page in rest)
        self._later.append(take)

    def _append(self, frame: pd.DataFrame | None, *, is_of_text: bool = False) -> None:
        if frame is not None:
            self._end_builder()
            self._of_text |= {len(self._frames)} if is_of_text else set()
            self._frames.append(frame)

    def frame(self) -> pd.DataFrame:
        while self._later:
            self._later.pop(0)()
        self._end_builder()
        if len(self._frames) > 1:
            self._frames = [concat(agreed(self._frames, self._of_text), self._query.dtype_backend)]
            self._of_text = set()
        return self._frames[0] if self._frames else pd.DataFrame()

    def _end_builder(self) -> None:
        if self._builder.rows or not self._frames:
            frame = self._builder.frame()  # what it held it lets go at its end only: an interrupt loses nothing
            if len(frame) or frame.shape[1]:
                self._frames.append(frame)


def _is_of_text(batch: Batch) -> bool:
    return isinstance(batch, FrameBatch) and batch.is_of_text
