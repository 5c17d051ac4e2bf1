"""The public functions that load: `read`, `pages`, `open` and `session`. Tokens go only where a profile allows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from nbauth import kernel
from nbauth.authorizer import KernelAuthorizer, load_session_of, session_of
from nbauth.errors import ConfigError
from nbauth.frontend import front_end
from nbauth.frontend.tables import as_whom, signed_in_by
from nbauth.net.origins import redact_url
from nbauth.process.shielded import load
from nbauth.signin.profile.resolve import by_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

    import pandas as pd
    import pyarrow as pa

    from nbauth.data.build.frame_builder import Nested
    from nbauth.data.fetch.session import Session
    from nbauth.data.paging import Paging

__all__ = ["open", "pages", "read", "session"]


def session(profile: str | None = None) -> Session:
    """Return a `requests.Session` whose tokens go only where a profile allows it.

    Args:
        profile: the profile whose origins it serves; None serves every profile's, and the origin of each request
            picks profile and token. A redirect gets tokens of that profile only.

    Raises:
        ConfigError: the profile is wrong.
        SignInRequired: a person has to sign in first.
    """
    authorizer = KernelAuthorizer(profile)
    if not any(kernel.is_signed_in(p) for p in authorizer.profiles):
        first = by_name(kernel.config(), profile)
        kernel.credential_of(first, first.login_scopes)  # raises SignInRequired
    return session_of(authorizer)


def _authorizer_for(urls: Sequence[str], profile: str | None) -> KernelAuthorizer:
    authorizer = KernelAuthorizer(profile, is_one_load=True)
    for url in urls:
        authorizer.chain(url).token(url)  # raises SignInRequired and OriginNotAllowed before any traffic to the API
    return authorizer


@overload
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
    dtype_backend: Literal["pyarrow"] | None = None,
    concurrency: int | None = None,
    retry_post: bool = False,
    max_bytes: int | None = None,
    format: str | None = None,
    encoding: str | None = None,
    csv: Mapping[str, Any] | None = None,
    sheet: str | int | None = None,
    to: None = None,
) -> pd.DataFrame: ...


@overload
def read(
    url: str,
    *,
    profile: str | None = None,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    records: str | None = None,
    paging: Paging = "auto",
    nested: Nested = "object",
    dtype_backend: Literal["pyarrow"] | None = None,
    concurrency: int | None = None,
    retry_post: bool = False,
    max_bytes: int | None = None,
    format: str | None = None,
    encoding: str | None = None,
    csv: Mapping[str, Any] | None = None,
    sheet: str | int | None = None,
    to: str | Path,
) -> Path: ...


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
    dtype_backend: Literal["pyarrow"] | None = None,
    concurrency: int | None = None,
    retry_post: bool = False,
    max_bytes: int | None = None,
    format: str | None = None,  # noqa: A002 - what pandas, Arrow and Spark call it
    encoding: str | None = None,
    csv: Mapping[str, Any] | None = None,
    sheet: str | int | None = None,
    to: str | Path | None = None,
) -> pd.DataFrame | Path:
    """Read a protected URL into a DataFrame: JSON with its further pages, NDJSON, CSV, TSV, Parquet or Excel.

    Args:
        url: where the data is; or a list of URLs, whose rows come one after another in one frame.
        profile: whose token to use; None takes the profile that names the URL's origin: of several the one that is
            signed in, or else the default one. Redirects and next links get tokens of that profile only.
        params: query parameters to add.
        headers: request headers to add.
        json: a document to post, for APIs whose queries are posted; None makes it a GET.
        records: the path of the rows in an answer, such as ``"data.items"``; None finds them where it can.
        paging: how the API is paged: ``"auto"`` looks at the first answer; ``"odata"``, ``"link"``, ``"next"``,
            ``"cursor"``, ``"offset"``, ``"page"`` or ``"none"``; a style of `nbauth.data.paging` with its parameters;
            or a function that gets each answer and returns the next URL, parameters to change, or None.
        nested: objects and lists inside a row: as Python objects, as JSON text, or flattened into columns.
        dtype_backend: ``"pyarrow"`` for Arrow's dtypes; None for pandas' own.
        concurrency: how many requests at once, from 1 to 10: of the URLs of a list, and of pages where the first answer
            tells how many rows there are, or next links go on in one number that grows. None takes eight URLs of a list
            at once, and one page after another.
        retry_post: whether a POST that broke off may be sent again.
        max_bytes: how many bytes may come, decompressed; of Parquet and Excel, what they become counts.
        format: ``"json"``, ``"ndjson"``, ``"csv"``, ``"tsv"``, ``"parquet"`` or ``"excel"``, where the server says
            another one or none; None finds it out.
        encoding: the character set of text, such as ``"cp1252"``, where the server says another one or none.
        csv: arguments of `pandas.read_csv`, such as ``{"sep": ";"}``: a table of text is then read by pandas alone.
        sheet: the sheet of an Excel file, by its name or its number from 0.
        to: a Parquet file to write instead of returning a frame, in little memory whatever its size. It is there when
            all rows are; after a break the same call goes on where it was.

    Returns:
        One row a record, columns in the order of their first appearance. See `nbauth.data.build.frame_builder` for the
        dtypes. With `to` the file's path.

    Raises:
        SignInRequired: a person has to sign in first; nothing was sent.
        ConfigError: an argument is wrong; nothing was sent.
        OriginNotAllowed: no profile names the URL's origin, or a next link leaves them.
        ApiError: the API answered with an error.
        DataError: the answer cannot be read, or has more than 100,000 columns. What came before is in ``partial``.
        ReadInterrupted: the person stopped it; what was read is in ``partial``.
    """
    load("nbauth.data.sinks.frame")
    from nbauth.data.query import Query
    from nbauth.data.sinks import frame as frame_sink

    if to is not None and not isinstance(url, str):
        raise ConfigError("to= takes one URL; write each to a file of its own.")
    if to is not None and dtype_backend is not None:
        raise ConfigError("to= takes no dtype_backend: Parquet has types of its own.")
    query = Query(
        url,
        params=params,
        headers=headers,
        json=json,
        records=records,
        paging=paging,
        nested=nested,
        dtype_backend=dtype_backend,
        concurrency=concurrency,
        retry_post=retry_post,
        max_bytes=max_bytes,
        format=format,
        encoding=encoding,
        csv=csv,
        sheet=sheet,
    )
    first = query.urls[0]
    authorizer = _authorizer_for(query.urls, profile)
    taken = kernel.just_taken(authorizer.chain(first).profile)
    note = "" if taken is None else f"Signed in to {taken.profile} as {as_whom(taken)}{signed_in_by(taken)}"
    progress = front_end.progress(f"Reading {redact_url(first)}", note)
    with load_session_of(authorizer, may_repeat=json is None or retry_post) as session_:
        if to is None:
            return frame_sink.read(session_, query, progress=progress)
        load("nbauth.data.sinks.parquet")
        from nbauth.data.sinks import parquet

        who = authorizer.chain(first).who(first)
        return parquet.write(session_, query, to, progress=progress, who=who)


@overload
def pages(
    url: str,
    *,
    profile: str | None = None,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    records: str | None = None,
    paging: Paging = "auto",
    nested: Nested = "object",
    dtype_backend: Literal["pyarrow"] | None = None,
    as_: Literal["pandas"] = "pandas",
    concurrency: int | None = None,
    retry_post: bool = False,
    max_bytes: int | None = None,
    format: str | None = None,
    encoding: str | None = None,
    csv: Mapping[str, Any] | None = None,
    sheet: str | int | None = None,
) -> Iterator[pd.DataFrame]: ...


@overload
def pages(
    url: str,
    *,
    profile: str | None = None,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    records: str | None = None,
    paging: Paging = "auto",
    nested: Nested = "object",
    dtype_backend: Literal["pyarrow"] | None = None,
    as_: Literal["arrow"],
    concurrency: int | None = None,
    retry_post: bool = False,
    max_bytes: int | None = None,
    format: str | None = None,
    encoding: str | None = None,
    csv: Mapping[str, Any] | None = None,
    sheet: str | int | None = None,
) -> Iterator[pa.Table]: ...


def pages(
    url: str,
    *,
    profile: str | None = None,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    records: str | None = None,
    paging: Paging = "auto",
    nested: Nested = "object",
    dtype_backend: Literal["pyarrow"] | None = None,
    as_: Literal["pandas", "arrow"] = "pandas",
    concurrency: int | None = None,
    retry_post: bool = False,
    max_bytes: int | None = None,
    format: str | None = None,  # noqa: A002 - what pandas, Arrow and Spark call it
    encoding: str | None = None,
    csv: Mapping[str, Any] | None = None,
    sheet: str | int | None = None,
) -> Iterator[pd.DataFrame] | Iterator[pa.Table]:
    """Read a protected URL page by page, in bounded memory.

    Arguments and errors are those of `read`; the first request is made when the first page is asked for. With
    ``as_="arrow"`` tables of Arrow's come instead of DataFrames.

    Returns:
        An iterator of DataFrames, one a page; files come some ten thousand rows at once.
    """
    load("nbauth.data.sinks.pages")
    from nbauth.data.query import Query, check_one_url
    from nbauth.data.sinks import pages as pages_sink

    query = Query(
        check_one_url(url, "pages"),
        params=params,
        headers=headers,
        json=json,
        records=records,
        paging=paging,
        nested=nested,
        dtype_backend=dtype_backend,
        concurrency=concurrency,
        retry_post=retry_post,
        max_bytes=max_bytes,
        format=format,
        encoding=encoding,
        csv=csv,
        sheet=sheet,
    )
    session_ = load_session_of(_authorizer_for(query.urls, profile), may_repeat=json is None or retry_post)
    return _closing(session_, pages_sink.pages(session_, query, as_=as_))


def _closing(session: Session, batches: Iterator[Any]) -> Iterator[Any]:
    # Not left to the garbage collector: an interrupt in the finalizers of its connections would leave them open.
    with session:
        yield from batches


def open(url: str, *, profile: str | None = None, headers: Mapping[str, str] | None = None) -> BinaryIO:  # noqa: A001 - a contract name, as in gzip.open
    """Open a protected URL as a binary file, streamed; for `pd.read_csv` and other tools that take a file.

    Where the server offers byte ranges it can seek, as `pd.read_parquet` and `zipfile.ZipFile` need it, and only what
    is read comes; a file that changes meanwhile is an error. Read straight on, it is one request.

    Arguments and errors are those of `read`.
    """
    load("nbauth.data.query", "nbauth.data.fetch.http_file")
    from nbauth.data.fetch import http_file
    from nbauth.data.query import check_one_url

    url = check_one_url(url, "open")
    session_ = load_session_of(_authorizer_for([url], profile))
    return http_file.open_url(session_, url, headers=headers, on_close=session_.close)
