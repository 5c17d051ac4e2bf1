"""Loads by keywords, as callers write them: each makes the query and hands it to the sink."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbauth.data.query import Query
from nbauth.data.sinks import frame, parquet
from nbauth.data.sinks import pages as pages_sink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd

    from nbauth.data.fetch.progress import Progress
    from nbauth.data.fetch.retry import Retries
    from nbauth.data.fetch.session import Session

__all__ = ["pages", "read", "write"]


def read(
    session: Session, url: Any, *, retries: Retries | None = None, progress: Progress | None = None, **options: Any
) -> pd.DataFrame:
    """Read URLs into a frame."""
    return frame.read(session, Query(url, **options), retries=retries, progress=progress)


def pages(
    session: Session, url: str, *, as_: Any = "pandas", progress: Progress | None = None, **options: Any
) -> Iterator[Any]:
    """Read a URL page by page."""
    return pages_sink.pages(session, Query(url, **options), as_=as_, progress=progress)


def write(session: Session, url: str, target: str | Path, *, who: str = "", **options: Any) -> Path:
    """Read a URL into a Parquet file."""
    return parquet.write(session, Query(url, **options), target, who=who)
