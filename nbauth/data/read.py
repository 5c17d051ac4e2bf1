"""A URL to a DataFrame, to frames page by page, or to a binary file."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, get_args

import pandas as pd

from nbauth.data.arrow_memory import system_allocator
from nbauth.data.asking import Asker, Question
from nbauth.data.bodies import as_file
from nbauth.data.fast import need_pyarrow
from nbauth.data.files import frame_of
from nbauth.data.frames import FrameBuilder
from nbauth.data.interrupts import held
from nbauth.data.joined import joined, without_index
from nbauth.data.loads import Load, Options
from nbauth.data.meter import Meter
from nbauth.data.streamed import Streamed
from nbauth.data.width import TooManyColumns, is_wide, too_many_columns
from nbauth.errors import ConfigError, DataError, NbauthError, ReadInterrupted
from nbauth.signin.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from nbauth.data.frames import Backend, Nested
    from nbauth.data.loads import Part
    from nbauth.data.paging.styles import Paging
    from nbauth.data.progress import Outcome, Progress
    from nbauth.data.retries import Retries
    from nbauth.data.session import Session
    from nbauth.data.walking import Fetched

__all__ = ["Form", "open_url", "pages", "read"]

Form = Literal["pandas", "arrow"]
_LONG_ROW = 30_000  # bytes


def read(
    session: Session,
    url: str | Sequence[str],
    *,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    records: str | None = None,
    paging: Paging = "auto",
    nested: Nested = "object",
    dtype_backend: Backend | None = None,
    concurrency: int = 1,
    retry_post: bool = False,
    retries: Retries | None = None,
    max_bytes: int | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Read a URL into a DataFrame: JSON with its further pages, NDJSON, CSV, TSV, Parquet or Excel, by content type.

    Args:
        session: whose tokens the requests carry.
        url: where the data is; or several URLs, whose rows come one after another in one frame.
        params: query parameters to add to the first request; next links bring their own.
        headers: request headers to add; those that hold a key go to the first URL's origin only.
        json: a document to post; None makes it a GET.
        records: the path of the rows in an answer, such as ``"data.items"``; found by itself where it is None.
        paging: how the API is paged; see `nbauth.data.paging.styles`. ``"auto"`` looks at the first answer.
        nested: what becomes of objects and lists inside a record; see `FrameBuilder`.
        dtype_backend: ``"pyarrow"`` for Arrow's dtypes.
        concurrency: how many requests at once, where the first answer tells all the others.
        retry_post: whether a POST that broke off may be sent again.
        retries: how often and how long to try again.
        max_bytes: how many bytes may come, decompressed; of Parquet and Excel, what they become counts.
        progress: who is told how far it is.

    Returns:
        One row a record, columns in the order of their first appearance, dtypes as in `nbauth.data.frames`. Empty if
        there is nothing, with columns where they are known: the header of a CSV file, OData's ``$select``.

    Raises:
        SignInRequired: a person has to sign in first; nothing was sent.
        ConfigError: an argument is wrong; nothing was sent.
        OriginNotAllowed: no profile names the URL's origin, or a next link leaves them.
        ApiError: the API answered with an error.
        PaginationError: the next links do not end, or how the pages go on cannot be told.
        FormatError: the body cannot be read.
        DataError: the connection broke, or the body was not whole. What was read is in ``partial``.
        ReadInterrupted: the person stopped it; what was read is in ``partial``.
    """
    options = Options(
        nested=nested, dtype_backend=dtype_backend, paging=paging, records=records, concurrency=concurrency,
        retries=retries,
    )  # fmt: skip
    urls: list[Any] = list(url) if isinstance(url, (list, tuple)) else [url]
    if not urls:
        raise ConfigError("url: expected at least one URL, found none.")
    questions = [
        Question(url=one, params=params, headers=headers, json=json, retry_post=retry_post, max_bytes=max_bytes)
        for one in urls
    ]
    meter = Meter(progress)
    gathered = _Gathered(options)
    outcome: Outcome = "failed"
    try:
        with system_allocator():
            for question in questions:
                gathered.take_in(Load(session, question, options, meter), meter)
            frame = gathered.frame()
        outcome = "done"
    except TooManyColumns:
        raise too_many_columns(urls[0]) from None
    except KeyboardInterrupt:
        outcome = "interrupted"
        if gathered.is_wide:  # to make its frame may take longer than the person waits
            raise _interrupted(urls[0], gathered.frame, rows=gathered.rows) from None
        with held():
            raise _interrupted(urls[0], gathered.frame()) from None
    except NbauthError as error:
        error.partial = gathered.frame() if gathered.rows else None
        raise
    finally:
        meter.finish(outcome)
    return frame


def pages(
    session: Session,
    url: str,
    *,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    records: str | None = None,
    paging: Paging = "auto",
    nested: Nested = "object",
    dtype_backend: Backend | None = None,
    as_: Form = "pandas",
    retry_post: bool = False,
    retries: Retries | None = None,
    max_bytes: int | None = None,
    progress: Progress | None = None,
) -> Iterator[Any]:
    """Read a URL page by page, in bounded memory; the first request is made when the first page is asked for.

    Arguments and errors are those of `read`. With ``as_="arrow"`` tables of Arrow's come instead of DataFrames. Objects
    and lists inside a record are JSON text there, unless they are flattened; and so is all but text in a column that is
    mixed.

    Returns:
        An iterator of DataFrames. Each has the dtypes that its own rows need. Empty pages are left out; if there is
        no row at all, one empty frame comes. NDJSON, CSV, TSV and Parquet come some thousand rows at once, Excel whole.
    """
    if as_ not in get_args(Form):
        raise ConfigError(f"as_: expected one of {', '.join(get_args(Form))}, found {as_!r}.")
    if as_ == "arrow":
        need_pyarrow('as_="arrow"')
        nested = "json" if nested == "object" else nested
        dtype_backend = "pyarrow"
    options = Options(nested=nested, dtype_backend=dtype_backend, paging=paging, records=records, retries=retries)
    question = Question(url=url, params=params, headers=headers, json=json, retry_post=retry_post, max_bytes=max_bytes)
    return _pages(session, question, options, as_, Meter(progress))


def open_url(
    session: Session,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    on_close: Callable[[], None] = lambda: None,
) -> BinaryIO:
    """Open a URL as a binary file, streamed and decompressed; for `pd.read_csv` and whatever takes a file.

    Args:
        session: whose tokens the request carries.
        url: where the data is.
        headers: request headers to add.
        on_close: called when the file is closed, or cannot be opened.

    Returns:
        A file, in one request as long as it is read from its start to its end. Where the server offers byte ranges, it
        can seek, and only what is read comes; a file that has changed by then is a `DataError`. Closing it closes the
        connection. A body that breaks off goes on by a byte range, or else raises `DataError` from the read that
        meets it.

    Raises:
        SignInRequired: a person has to sign in first; nothing was sent.
        OriginNotAllowed: no profile names the URL's origin.
        ApiError: the API answered with an error.
        DataError: the API could not be reached.
    """
    try:
        asker = Asker(session, Question(url=url, headers=headers), Meter(), accept="*/*")
        return as_file(Streamed(asker, asker.ask(asker.first), on_close))
    except KeyboardInterrupt:
        on_close()
        raise _interrupted(url, None) from None
    except BaseException:
        on_close()
        raise


class _Gathered:
    """What one or several loads have brought so far."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._builder = FrameBuilder(options.nested, options.dtype_backend)
        self._frames: list[pd.DataFrame] = []
        self._is_of_file = False  # whether the builder holds nothing but a file that may have to be read again
        self._later: list[Callable[[], None]] = []  # what an interrupt left to be taken in
        self._rows_left = 0  # so many rows are in that

    @property
    def rows(self) -> int:
        return self._builder.rows + sum(map(len, self._frames)) + self._rows_left

    @property
    def is_wide(self) -> bool:
        return bool(self._later) or self._builder.is_wide or any(is_wide(frame.shape[1]) for frame in self._frames)

    def take_in(self, load: Load, meter: Meter) -> None:
        attempt = 0
        while True:
            try:
                self._add_all(load)
            except KeyboardInterrupt:
                raise
            except DataError as error:
                if not load.try_again(error.__cause__ or error, attempt):
                    self._append(error.partial)
                    raise
                if self._is_of_file:
                    self._builder = FrameBuilder(self._options.nested, self._options.dtype_backend)
                meter.start_over()
                meter.read(self.rows)
                attempt += 1
                continue
            return

    def _add_all(self, load: Load) -> None:
        parts = load.parts(prefetch=True)
        part: Part | None = None
        rows = self.rows
        self._is_of_file = False
        try:
            for part in parts:
                if load.can_start_over and not self._is_of_file:
                    self._end_builder()
                    self._is_of_file = True
                if isinstance(part, pd.DataFrame):
                    self._append(part)
                else:
                    load.add(part, self._builder)
                rows = self.rows
            if not rows:
                load.end(self._builder)
        except KeyboardInterrupt as error:
            # What had come is kept: the page that was being taken in, and those behind it.
            parts.close()
            self._take_rest(load, [one for one in load.left if one is not part or self.rows == rows])
            self._append(getattr(error, "partial", None))
            raise
        finally:
            parts.close()  # an error that is kept would keep its thread

    def _take_rest(self, load: Load, rest: list[Fetched]) -> None:
        def take() -> None:
            self._rows_left = 0
            self._builder.undo()
            for one in rest:
                load.add(one, self._builder)

        if not self._builder.is_wide and not any(map(_is_wide_page, rest)):
            take()
            return
        with suppress(ValueError, RecursionError):
            self._rows_left = sum(one.rows.count() for one in rest)
        self._later.append(take)

    def _append(self, frame: pd.DataFrame | None) -> None:
        if frame is not None:
            self._end_builder()
            self._frames.append(frame)

    def frame(self) -> pd.DataFrame:
        while self._later:
            self._later.pop(0)()
        self._end_builder()
        if len(self._frames) > 1:
            self._frames = [joined(self._frames, self._options.dtype_backend)]
        return self._frames[0] if self._frames else pd.DataFrame()

    def _end_builder(self) -> None:
        if self._builder.rows or not self._frames:
            frame = self._builder.frame()  # what it held it lets go at its end only: an interrupt loses nothing
            if len(frame) or frame.shape[1]:
                self._frames.append(frame)


def _is_wide_page(page: Fetched) -> bool:
    """Tell whether a page that is not taken in yet may be of many columns: its rows are long, or have many members."""
    rows = page.rows
    with suppress(ValueError, RecursionError):
        if page.size:
            return page.size > _LONG_ROW * max(1, rows.count())
        value = rows.node.value()
        first = value if rows.is_single else next(iter(value), None)
        return isinstance(first, dict) and is_wide(len(first))
    return False


def _pages(session: Session, question: Question, options: Options, as_: Form, meter: Meter) -> Iterator[Any]:
    outcome: Outcome = "failed"
    came = False
    try:
        load = Load(session, question, options, meter)
        for part in load.parts(prefetch=False, in_parts=True):
            made = _part(part, load, options, as_)
            if made is not None:
                came = True
                yield made
        if not came:
            builder = FrameBuilder(options.nested, options.dtype_backend)
            load.end(builder)
            yield builder.table() if as_ == "arrow" else builder.frame()
        outcome = "done"
    except KeyboardInterrupt:
        outcome = "interrupted"
        raise _interrupted(question.url, None) from None
    except GeneratorExit:
        outcome = "done"  # the caller has had enough
        raise
    finally:
        meter.finish(outcome)


def _part(part: Any, load: Load, options: Options, as_: Form) -> Any | None:
    if isinstance(part, pd.DataFrame):
        return _as(part, as_)
    if hasattr(part, "to_pandas"):  # a table of Arrow's
        if as_ == "arrow":
            return part
        return frame_of(part, options.dtype_backend)
    builder = FrameBuilder(options.nested, options.dtype_backend)
    load.add(part, builder)
    if not builder.rows:
        return None
    return builder.table() if as_ == "arrow" else builder.frame()


def _as(frame: pd.DataFrame, as_: Form) -> Any:
    if as_ == "pandas":
        return frame
    import pyarrow as pa

    return pa.Table.from_pandas(without_index(frame), preserve_index=False)


def _interrupted(
    url: str, partial: pd.DataFrame | Callable[[], pd.DataFrame] | None, *, rows: int | None = None
) -> ReadInterrupted:
    place = redact_url(url)
    if rows is None:
        rows = len(partial) if isinstance(partial, pd.DataFrame) else 0
    return ReadInterrupted(
        f"Stopped. {rows:,} rows of {place} had been read.",
        url=place,
        partial=partial,
        next_step="They are in sys.last_value.partial." if rows else None,
    )
