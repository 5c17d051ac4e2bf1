"""``nbauth.dask.read``: a protected URL, or several, as a frame of Dask's, whose partitions are read in tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbauth.authorizer import KernelAuthorizer, load_session_of
from nbauth.data.paging.styles import style_of
from nbauth.data.query import Query
from nbauth.data.sinks import frame as frame_sink
from nbauth.data.sinks import partitions
from nbauth.errors import ConfigError, DataError
from nbauth.net.origins import redact_url
from nbauth.next_step import Install, to_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import dask.dataframe as dd
    import pandas as pd

    from nbauth.data.build.frame_builder import Backend, Nested
    from nbauth.data.paging import Paging
    from nbauth.data.sinks.partitions import Part

__all__ = ["read"]

_EXTRA = Install("nbauth[dask]")
_MOST_PARTITIONS = 200  # where nobody says how many: each is a task


def read(
    url: str | Sequence[str],
    *,
    profile: str | None = None,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    records: str | None = None,
    paging: Paging = "auto",
    nested: Nested = "object",
    dtype_backend: Backend | None = None,
    format: str | None = None,  # noqa: A002 - as `nbauth.read`
    encoding: str | None = None,
    csv: Mapping[str, Any] | None = None,
    sheet: str | int | None = None,
    npartitions: int | None = None,
    meta: pd.DataFrame | None = None,
) -> dd.DataFrame:
    """Read a protected URL into a Dask DataFrame. A cluster's workers need the sign-in: ``nbauth.share(client)``.

    The first page, or the first rows of a file, are read at once: they tell the columns, and how many pages there are.
    Each partition asks for its own pages. A list of URLs has a partition for each. So has a single URL whose pages
    cannot be told from the first one, such as those behind next links: it is one partition.

    Arguments that `nbauth.read` has, too, are its own. They are part of Dask's graph, which the scheduler keeps and
    shows: a URL, parameter or header must hold no secret.

    Args:
        url: where the data is; or a list of URLs, whose rows come one after another.
        profile: whose token to use; None takes the profile that names the URL's origin.
        params: query parameters to add.
        headers: request headers to add.
        json: a document to post.
        records: the path of the rows in an answer.
        paging: how the API is paged. ``nbauth.data.paging.Offset(…)`` and ``PageNumber(…)`` are, where an answer tells
            how many rows there are, styles whose pages can be told.
        nested: objects and lists inside a row.
        dtype_backend: ``"pyarrow"`` for Arrow's dtypes; None for pandas' own.
        format: the format of the answers; None finds it out.
        encoding: the character set of text.
        csv: arguments of `pandas.read_csv`.
        sheet: the sheet of an Excel file.
        npartitions: how many partitions at most; None for one a page, up to 200.
        meta: an empty frame with the columns and dtypes; None takes the first page's. Every partition has them.

    Returns:
        The frame. Its index begins anew in each partition, as with Dask's own readers.

    Raises:
        SignInRequired: a person has to sign in first; nothing was sent.
        ConfigError: an argument is wrong, or Dask's DataFrames are not installed; nothing was sent.
        OriginNotAllowed: no profile names the URL's origin.
        ApiError: the API answered with an error.
        DataError: the answer cannot be read. When it computes, also: a partition has other columns than `meta`, or
            values that its dtypes cannot hold, or a page has another number of rows than the first one told.
    """
    if npartitions is not None and (type(npartitions) is not int or npartitions < 1):
        raise ConfigError(f"npartitions: expected a positive integer, found {npartitions!r}.")
    try:
        import dask.dataframe as dd
    except ImportError:
        raise ConfigError("nbauth.dask.read needs Dask's DataFrames.", next_step=to_run(_EXTRA)) from None
    options = _Options(
        profile, params=params, headers=headers, json=json, records=records, paging=paging, nested=nested,
        dtype_backend=dtype_backend, format=format, encoding=encoding, csv=csv, sheet=sheet,
    )  # fmt: skip
    urls = options.query(url).urls
    authorizer = KernelAuthorizer(profile, is_one_load=True)
    for each in urls:
        authorizer.chain(each).token(each)  # raises SignInRequired and OriginNotAllowed before any traffic to the API
    with load_session_of(authorizer, may_repeat=json is None) as session:
        plan = partitions.plan(session, options.query(urls[0]))
    meta = plan.first.iloc[:0] if meta is None else meta.iloc[:0]
    if len(urls) > 1 or not plan.parts:
        chosen: list[_Partition] = [_Partition((each,)) for each in urls]
    else:
        chosen = [_Partition(urls, part) for part in _groups(plan.parts, npartitions or _MOST_PARTITIONS)]
    reading = _Reading(options, plan.records, meta)
    frame: dd.DataFrame = dd.from_map(reading, chosen, meta=meta, label="nbauth-read")
    return frame


class _Options:
    """What `nbauth.read` is told, as far as it goes along; it can be pickled."""

    def __init__(self, profile: str | None, **options: Any) -> None:
        self.profile = profile
        self._options = options
        style_of(options["paging"])

    def query(self, url: Any) -> Query:
        return Query(url, **self._options)


@dataclass(frozen=True)
class _Partition:
    urls: tuple[str, ...]
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class _Reading:
    """Reads one partition, on whatever worker."""

    options: _Options
    records: str | None
    meta: pd.DataFrame

    def __call__(self, partition: _Partition) -> pd.DataFrame:
        query = self.options.query(partition.urls[0])
        (url,) = query.urls
        authorizer = KernelAuthorizer(self.options.profile, is_one_load=True)
        authorizer.chain(url).token(url)
        with load_session_of(authorizer, may_repeat=query.json is None) as session:
            if partition.parts:
                frame = partitions.read(session, query, partition.parts, self.records)
                url = partition.parts[0].request.url
            else:
                frame = frame_sink.read(session, query)
        return _as(frame, self.meta, url)


def _groups(parts: tuple[Part, ...], most: int) -> list[tuple[Part, ...]]:
    size = -(-len(parts) // most)
    return [parts[start : start + size] for start in range(0, len(parts), size)]


def _as(frame: pd.DataFrame, meta: pd.DataFrame, url: str) -> pd.DataFrame:
    """Return a partition with the columns and dtypes of all others.

    Raises:
        DataError: it has columns that they have not, or values that would not be the same.
    """
    surplus = [name for name in frame.columns if name not in meta.columns]
    if surplus:
        raise _differs(url, f"has a column {surplus[0]!r}, which the first page has not")
    frame = frame.reindex(columns=meta.columns)
    for name, dtype in meta.dtypes.items():
        column = frame[name]
        if column.dtype == dtype:
            continue
        try:
            cast = column.astype(dtype)
            is_same = cast.isna().equals(column.isna()) and bool((cast == column)[column.notna()].all())
        except (ValueError, TypeError):
            is_same = False
        if not is_same:
            raise _differs(url, f"has values in {name!r} that are {column.dtype}, where the first page has {dtype}")
        frame[name] = cast
    return frame


def _differs(url: str, what: str) -> DataError:
    shown_url = redact_url(url)
    return DataError(
        f"{shown_url} {what}.",
        url=shown_url,
        next_step="Say what all have: meta=pd.DataFrame({…}), such as nbauth.read(…).iloc[:0] of it.",
    )
