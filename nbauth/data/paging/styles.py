"""The styles of paging that a caller can name, with their parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping  # noqa: TC003 - `Function` below needs them
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from nbauth.errors import ConfigError

if TYPE_CHECKING:
    from nbauth.data.paging.page import PageResponse

__all__ = ["Cursor", "Named", "NextUrl", "Offset", "PageNumber", "Paging", "Style", "style_of"]

Named = Literal["auto", "none", "odata", "link", "next", "cursor", "offset", "page"]
_Where = Literal["query", "body", "header"]


@dataclass(frozen=True, kw_only=True)
class NextUrl:
    """The next page's address stands in the body.

    Attributes:
        path: where, with dots between the members.
    """

    path: str = "next"


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """The answer names a cursor, which the next request sends; none, or an empty one, is the end.

    Attributes:
        parameter: what the request calls it; with ``send="body"`` a path with dots.
        path: where it stands in the body, with dots between the members.
        header: the answer's header that holds it, instead of `path`.
        send: whether it goes into the query, the JSON body or a header of the request.
    """

    parameter: str = "cursor"
    path: str = "next_cursor"
    header: str | None = None
    send: _Where = "query"


@dataclass(frozen=True, kw_only=True)
class Offset:
    """The request says how many rows to leave out.

    It goes on by as many rows as came, whatever was asked for, until the total is reached where the answer names one,
    else until an empty page comes. A short page is no end: a server may cap its pages.

    Attributes:
        offset: the parameter for the rows to leave out.
        limit: the parameter for the size of a page.
        size: how many rows to ask for; None leaves that to the URL or the server.
        start: how many rows to leave out first.
        base: what the API calls the first row: 0, or 1 where it counts from one.
        total: where the body names the number of all rows, with dots between the members.
        echo: where the body repeats the offset; another one than was asked for is an error.
        send: whether the parameters go into the query or the JSON body.
    """

    offset: str = "offset"
    limit: str = "limit"
    size: int | None = None
    start: int = 0
    base: int = 0
    total: str | None = None
    echo: str | None = None
    send: Literal["query", "body"] = "query"


@dataclass(frozen=True, kw_only=True)
class PageNumber:
    """The request says which page it wants.

    It goes on until the last page where the answer names their number, or the total is reached where it names that,
    else until an empty page comes, or a 404 after the first page. A short page is no end: a server may filter.

    Attributes:
        parameter: the parameter for the page's number.
        limit: the parameter for the size of a page.
        size: how many rows to ask for; None leaves that to the URL or the server.
        first: the number of the first page.
        pages: where the body names the number of pages, with dots between the members.
        total: where the body names the number of all rows.
        echo: where the body repeats the page's number; another one than was asked for is an error.
        send: whether the parameters go into the query or the JSON body.
    """

    parameter: str = "page"
    limit: str = "per_page"
    size: int | None = None
    first: int = 1
    pages: str | None = None
    total: str | None = None
    echo: str | None = None
    send: Literal["query", "body"] = "query"


Function = Callable[["PageResponse"], "str | Mapping[str, Any] | None"]
Style = Literal["auto", "none", "odata", "link"] | NextUrl | Cursor | Offset | PageNumber | Function
Paging = Named | NextUrl | Cursor | Offset | PageNumber | Function

_BY_NAME: dict[str, Style] = {
    "auto": "auto",
    "none": "none",
    "odata": "odata",
    "link": "link",
    "next": NextUrl(),
    "cursor": Cursor(),
    "offset": Offset(),
    "page": PageNumber(),
}


def style_of(paging: Paging) -> Style:
    """Return the style that a caller means.

    Raises:
        ConfigError: it is no style.
    """
    if isinstance(paging, str):
        if paging in _BY_NAME:
            return _BY_NAME[paging]
    elif isinstance(paging, (NextUrl, Cursor, Offset, PageNumber)):
        _check(paging)
        return paging
    elif callable(paging):
        return paging
    raise ConfigError(
        f"paging: expected one of {', '.join(get_args(Named))}, a style of nbauth.data.paging or a function, "
        f"found {paging!r}."
    )


def _check(style: NextUrl | Cursor | Offset | PageNumber) -> None:
    send = getattr(style, "send", "query")
    allowed = get_args(_Where) if isinstance(style, Cursor) else ("query", "body")
    if send not in allowed:
        raise ConfigError(f"send: expected one of {', '.join(allowed)}, found {send!r}.")
    for name in ("size", "start", "base", "first"):
        number = getattr(style, name, None)
        smallest = 1 if name == "size" else 0
        if number is not None and (type(number) is not int or number < smallest):
            raise ConfigError(f"{name}: expected an integer of at least {smallest}, found {number!r}.")
