"""A URL to a DataFrame, to frames page by page, or to a binary file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import pandas as pd
import requests

from nbauth.data import readers
from nbauth.data.bodies import Body, as_file
from nbauth.data.content import ACCEPT, format_of
from nbauth.data.failures import api_error, format_error, network_error
from nbauth.data.frames import FrameBuilder
from nbauth.data.headers import carried_over
from nbauth.data.pagination import Chain, Page, page_of
from nbauth.data.progress import SilentProgress
from nbauth.errors import ConfigError, DataError, ReadInterrupted
from nbauth.signin.origins import origin_of, redact_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from requests import Response

    from nbauth.data.content import Format
    from nbauth.data.frames import Nested
    from nbauth.data.progress import Outcome, Progress
    from nbauth.data.session import Session

__all__ = ["open_url", "pages", "read"]


def read(
    session: Session,
    url: str,
    *,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    nested: Nested = "object",
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Read a URL into a DataFrame: JSON with its further pages, NDJSON, CSV, TSV or Parquet, by content type.

    Args:
        session: whose tokens the requests carry.
        url: where the data is.
        params: query parameters to add to the first request; next links bring their own.
        headers: request headers to add; those that hold a key go to the first URL's origin only.
        nested: what becomes of objects and lists inside a record; see `FrameBuilder`.
        progress: who is told how far it is.

    Returns:
        One row a record, columns in the order of their first appearance, dtypes as in `nbauth.data.frames`. Empty if
        there is nothing, with columns where they are known (the header of a CSV file).

    Raises:
        SignInRequired: a person has to sign in first; nothing was sent.
        OriginNotAllowed: no profile names the URL's origin, or a next link leaves them.
        ApiError: the API answered with an error.
        PaginationError: the next links do not end.
        FormatError: the body cannot be read.
        DataError: the connection broke, or the body was not whole. What was read is in ``partial``.
        ReadInterrupted: the person stopped it; what was read is in ``partial``.
    """
    builder = FrameBuilder(nested)
    meter = _Meter(progress or SilentProgress())
    outcome: Outcome = "failed"
    whole: pd.DataFrame | None = None
    try:
        for part in _parts(session, _Question(url, params, headers), meter):
            if isinstance(part, pd.DataFrame):
                whole = part
            else:
                builder.add(part)
        frame = builder.frame() if whole is None else whole
        outcome = "done"
    except KeyboardInterrupt:
        outcome = "interrupted"
        raise _interrupted(url, builder.frame()) from None
    except DataError as error:
        error.partial = builder.frame() if builder.rows else None
        raise
    finally:
        meter.progress.finish(outcome)
    return frame


def pages(
    session: Session,
    url: str,
    *,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    nested: Nested = "object",
    progress: Progress | None = None,
) -> Iterator[pd.DataFrame]:
    """Read a URL page by page, in bounded memory; the first request is made when the first page is asked for.

    Arguments and errors are those of `read`.

    Returns:
        An iterator of DataFrames. Each has the dtypes that its own rows need. Empty pages are left out; if there is
        no row at all, one empty frame comes. NDJSON comes some thousand lines at once, and CSV, TSV and Parquet whole.
    """
    FrameBuilder(nested)  # a wrong argument fails here and not at the first page
    return _pages(session, _Question(url, params, headers), nested, _Meter(progress or SilentProgress()))


def open_url(session: Session, url: str, *, headers: Mapping[str, str] | None = None) -> BinaryIO:
    """Open a URL as a binary file, streamed and decompressed; for `pd.read_csv` and whatever takes a file.

    Args:
        session: whose tokens the request carries.
        url: where the data is.
        headers: request headers to add.

    Returns:
        A file to read from its start to its end; it cannot seek. Closing it closes the connection. A body that breaks
        off raises `DataError` from the read that meets it.

    Raises:
        SignInRequired: a person has to sign in first; nothing was sent.
        OriginNotAllowed: no profile names the URL's origin.
        ApiError: the API answered with an error.
        DataError: the API could not be reached.
    """
    try:
        return as_file(Body(_get(session, url, None, {"Accept": "*/*", **(headers or {})})))
    except KeyboardInterrupt:
        raise _interrupted(url, None) from None


@dataclass(frozen=True)
class _Question:
    """What the caller asked for."""

    url: str
    params: Mapping[str, Any] | None
    headers: Mapping[str, str] | None


@dataclass
class _Meter:
    """Counts what has come, for who watches."""

    progress: Progress
    rows: int = 0
    requests: int = 0
    total_rows: int | None = None
    _before: int = 0
    _bytes: int = 0

    def asked(self, response: Response) -> None:
        self.requests += 1 + len(response.history)
        self._before, self._bytes = self._before + self._bytes, 0

    def received(self, wire_bytes: int) -> None:
        self._bytes = wire_bytes
        self._tell()

    def read(self, rows: int, total_rows: int | None = None) -> None:
        self.rows += rows
        self.total_rows = self.total_rows if total_rows is None else total_rows
        self._tell()

    def _tell(self) -> None:
        self.progress.update(
            rows=self.rows,
            requests=self.requests,
            received_bytes=self._before + self._bytes,
            total_rows=self.total_rows,
        )


def _pages(session: Session, question: _Question, nested: Nested, meter: _Meter) -> Iterator[pd.DataFrame]:
    outcome: Outcome = "failed"
    came = False
    try:
        for part in _parts(session, question, meter):
            if isinstance(part, pd.DataFrame):
                came = True
                yield part
            elif part:
                came = True
                yield _frame(part, nested)
        if not came:
            yield pd.DataFrame()
        outcome = "done"
    except KeyboardInterrupt:
        outcome = "interrupted"
        raise _interrupted(question.url, None) from None
    except GeneratorExit:
        outcome = "done"  # the caller has had enough
        raise
    finally:
        meter.progress.finish(outcome)


def _frame(records: list[Any], nested: Nested) -> pd.DataFrame:
    builder = FrameBuilder(nested)
    builder.add(records)
    return builder.frame()


def _parts(session: Session, question: _Question, meter: _Meter) -> Iterator[list[Any] | pd.DataFrame]:
    """Yield the records of each page, or the frame of a file that has its own columns."""
    headers = {"Accept": ACCEPT, **(question.headers or {})}
    response = _get(session, question.url, question.params, headers)
    try:
        meter.asked(response)
        match _format(response, question.url):
            case "json":
                for page in _json_pages(session, response, headers, meter):
                    meter.read(len(page.records), page.total_rows)
                    yield page.records
            case "ndjson":
                for records in readers.read_ndjson(response, meter.received):
                    meter.read(len(records))
                    yield records
            case "parquet":
                frame = readers.read_parquet(response, meter.received)
                meter.read(len(frame), len(frame))
                yield frame
            case "csv" | "tsv" as kind:
                frame = readers.read_table(response, "," if kind == "csv" else "\t", meter.received)
                meter.read(len(frame), len(frame))
                yield frame
            case None:
                meter.read(0, 0)
    finally:
        response.close()


def _json_pages(session: Session, response: Response, headers: Mapping[str, str], meter: _Meter) -> Iterator[Page]:
    chain = Chain(session.allows)
    first = requested = response.history[0].url if response.history else response.url
    while True:
        document = readers.read_json(response, meter.received)
        if document is readers.NOTHING:
            page = Page([])
        else:
            page = page_of(document, link_header=response.headers.get("Link"), url=response.url)
        yield page
        following = chain.follow(page, requested=requested, url=response.url)
        if following is None:
            return
        requested = following
        same_origin = origin_of(following) == origin_of(first)
        response = _get(session, following, None, carried_over(headers, same_origin=same_origin))
        meter.asked(response)
        found = _format(response, following)
        if found is None:
            return
        if found != "json":
            raise format_error(response, _first_bytes(response), "where the pages before were JSON")


def _get(session: Session, url: str, params: Mapping[str, Any] | None, headers: Mapping[str, str]) -> Response:
    if not isinstance(url, str):
        raise ConfigError(f"url: expected a string, found {type(url).__name__}.")
    try:
        response = session.get(url, params=dict(params or {}), headers=dict(headers), stream=True)
    except requests.RequestException as error:
        raise network_error(error, url) from error
    if not response.ok or 300 <= response.status_code < 400:  # noqa: PLR2004 - RFC 9110 §15.4
        raise api_error(response)
    return response


def _format(response: Response, url: str) -> Format | None:
    """Return what the body is, or None for nothing at all."""
    found = format_of(response.headers.get("Content-Type", ""), response.url, url)
    if found is None and (start := _first_bytes(response)).strip():
        raise format_error(response, start)
    return found


def _first_bytes(response: Response) -> bytes:
    with as_file(Body(response)) as file:
        return file.read(1000)


def _interrupted(url: str, partial: pd.DataFrame | None) -> ReadInterrupted:
    place = redact_url(url)
    rows = 0 if partial is None else len(partial)
    return ReadInterrupted(
        f"Stopped. {rows:,} rows of {place} had been read.",
        url=place,
        partial=partial,
        next_step="They are in sys.last_value.partial." if rows else None,
    )
