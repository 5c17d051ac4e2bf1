"""A URL to frames or Arrow tables, one for each page, in bounded memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from nbauth.data.build.frame_builder import FrameBuilder
from nbauth.data.extras import need_pyarrow
from nbauth.data.fetch.http_errors import read_interrupted
from nbauth.data.fetch.progress import LoadProgress
from nbauth.data.reader import Reader
from nbauth.errors import ConfigError
from nbauth.process.interrupts import interrupts_noted_in_each_step, raise_lost_interrupt

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from nbauth.data.batch import Batch
    from nbauth.data.fetch.progress import Outcome, Progress
    from nbauth.data.fetch.retry import Retries
    from nbauth.data.fetch.session import Session
    from nbauth.data.query import Query


__all__ = ["Form", "pages"]


Form = Literal["pandas", "arrow"]


def pages(
    session: Session,
    query: Query,
    *,
    as_: Form = "pandas",
    retries: Retries | None = None,
    progress: Progress | None = None,
) -> Iterator[Any]:
    """Read a URL page by page, in bounded memory; the first request is made when the first page is asked for.

    Arguments and errors are those of `nbauth.data.sinks.frame.read`. With ``as_="arrow"`` tables of Arrow's come
    instead of DataFrames. Objects and lists inside a record are JSON text there, unless they are flattened; and so is
    all but text in a column that is mixed.

    Returns:
        An iterator of DataFrames. Each has the dtypes that its own rows need. Empty pages are left out; if there is
        no row at all, one empty frame comes. NDJSON, CSV, TSV and Parquet come some thousand rows at once, Excel whole,
        and files that come in pages a file at once.
    """
    if as_ not in get_args(Form):
        raise ConfigError(f"as_: expected one of {', '.join(get_args(Form))}, found {as_!r}.")
    if as_ == "arrow":
        need_pyarrow('as_="arrow"')
        query = replace(query, nested="json" if query.nested == "object" else query.nested, dtype_backend="pyarrow")
    return interrupts_noted_in_each_step(_pages(session, query, as_, retries, LoadProgress(progress)))


def _pages(
    session: Session, query: Query, as_: Form, retries: Retries | None, load_progress: LoadProgress
) -> Generator[Any]:
    (spec,) = query.requests
    outcome: Outcome = "failed"
    is_empty = True
    nothing: Any = None  # a file's columns, where it has no row
    try:
        reader = Reader(session, query, spec, load_progress, retries=retries)
        for batch in reader.batches(prefetch=False, in_parts=True):
            page = _page_of(batch, reader, query, as_)
            raise_lost_interrupt()
            if page is None:
                continue
            if not len(page):
                nothing = page
                continue
            is_empty = False
            yield page
        if is_empty and nothing is not None:
            yield nothing
        elif is_empty:
            builder = FrameBuilder(query.nested, query.dtype_backend)
            reader.end(builder)
            yield builder.table() if as_ == "arrow" else builder.frame()
        outcome = "done"
    except KeyboardInterrupt:
        outcome = "interrupted"
        raise read_interrupted(spec.url, None) from None
    except GeneratorExit:
        outcome = "done"  # the caller has had enough
        raise
    finally:
        load_progress.finish(outcome)


def _page_of(batch: Batch, reader: Reader, query: Query, as_: Form) -> Any | None:
    """Return a batch in the caller's form; None where it has no row."""
    if batch.has_own_columns:
        return batch.to_arrow() if as_ == "arrow" else batch.to_frame(query.dtype_backend)
    builder = FrameBuilder(query.nested, query.dtype_backend)
    reader.add(batch, builder)
    if not builder.rows:
        return None
    return builder.table() if as_ == "arrow" else builder.frame()
