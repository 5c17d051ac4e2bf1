"""A URL in parts that can be read apart from each other, in several processes: the pages that its first one tells."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nbauth.data.build.frame_builder import FrameBuilder
from nbauth.data.fetch.progress import LoadProgress
from nbauth.data.fetch.request import RequestSpec
from nbauth.data.paging.page import Page
from nbauth.data.paging.styles.offset import Offset
from nbauth.data.reader import Reader
from nbauth.data.sinks.frame import FrameSink
from nbauth.errors import DataError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.fetch.session import Session
    from nbauth.data.query import Query

__all__ = ["Part", "Plan", "plan", "read"]


@dataclass(frozen=True)
class Part:
    """One page.

    Attributes:
        request: its request.
        rows: how many rows it has to have, where that is known.
    """

    request: PageRequest
    rows: int | None = None


@dataclass(frozen=True)
class Plan:
    """What the first page tells.

    Attributes:
        first: its rows.
        parts: every page, the first one too; none where only the page before tells where one is.
        records: the path of the rows.
    """

    first: pd.DataFrame
    parts: tuple[Part, ...]
    records: str | None


def plan(session: Session, query: Query) -> Plan:
    """Ask for the first page of a URL, or the first rows of a file. Errors are those of `nbauth.data.sinks.frame.read`.

    Args:
        session: whose tokens the request carries.
        query: what is read, and how; of one URL.
    """
    progress = LoadProgress()
    reader = Reader(session, query, query.requests[0], progress)
    first_request = reader.first
    builder = FrameBuilder(query.nested, query.dtype_backend)
    with closing(reader.batches(prefetch=False, in_parts=True)) as batches:
        batch = next(batches, None)
        if batch is not None and batch.has_own_columns:
            return Plan(batch.to_frame(query.dtype_backend), (), None)
        further: list[PageRequest] = []
        rows, total = 0, None
        if isinstance(batch, Page):
            rows, total = batch.count(), batch.total_rows
            further = batch.plan()
            if further and (further[0] != batch.next_request or not all(map(_can_be_asked, further))):
                further = []
            reader.add(batch, builder)
        style, records = reader.detected
        reader.end(builder)
    requests = [first_request, *further] if further else []
    return Plan(builder.frame(), _parts(requests, rows if isinstance(style, Offset) else None, total), records)


def read(session: Session, query: Query, parts: Sequence[Part], records: str | None) -> pd.DataFrame:
    """Read some of the pages into a DataFrame. Errors are those of `nbauth.data.sinks.frame.read`, too.

    Args:
        session: whose tokens the requests carry.
        query: how the URL is read that they are of.
        parts: the pages.
        records: the path of the rows.

    Raises:
        DataError: a page has not as many rows as were planned: rows were added, or left out.
    """
    one = replace(query, paging="none", records=query.records or records)
    sink, progress = FrameSink(one), LoadProgress()
    (asked,) = query.requests
    for part in parts:
        before, request = sink.rows, part.request
        headers = {**(asked.headers or {}), **request.headers}
        spec = RequestSpec(url=request.url, headers=headers, json=request.body, retry_post=asked.retry_post)
        sink.take_in(Reader(session, one, spec, progress), progress)
        if part.rows is not None and sink.rows - before != part.rows:
            shown_url = redact_url(request.url)
            raise DataError(
                f"{shown_url}: {sink.rows - before:,} rows came where the first page told of {part.rows:,}.",
                url=shown_url,
                next_step="Make the frame again; or read it page after page: nbauth.read(…).",
            )
    return sink.frame()


def _can_be_asked(request: PageRequest) -> bool:
    return request.method in (None, "GET" if request.body is None else "POST")


def _parts(requests: list[PageRequest], step: int | None, total: int | None) -> tuple[Part, ...]:
    if step is None or not requests:
        return tuple(map(Part, requests))
    last = None if total is None else total - step * (len(requests) - 1)
    return (*(Part(request, step) for request in requests[:-1]), Part(requests[-1], last))
