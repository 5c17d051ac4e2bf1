"""A cursor that the response names and the next request sends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from nbauth.data.paging.guards import canonical
from nbauth.data.paging.page_response import MISSING
from nbauth.data.paging.request_params import set_in_body, set_in_query
from nbauth.data.paging.styles.style import Sign, StatelessStyle
from nbauth.errors import ConfigError, PaginationError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.envelope import Envelope
    from nbauth.data.paging.page_response import PageResponse, Rows

__all__ = ["Cursor"]

_Where = Literal["query", "body", "header"]
# Where the cursor stands, and what requests call it.
_PATHS = (
    ("nextPageToken", "pageToken"), ("next_page_token", "page_token"), ("next_cursor", "cursor"),
    ("nextCursor", "cursor"), ("meta.next_cursor", "cursor"), ("meta.nextCursor", "cursor"),
    ("pagination.next_cursor", "cursor"), ("pagination.nextCursor", "cursor"),
    ("response_metadata.next_cursor", "cursor"), ("paging.next.after", "after"), ("paging.cursors.after", "after"),
    ("nextToken", "nextToken"), ("continuationToken", "continuationToken"),
    ("continuation_token", "continuation_token"),
)  # fmt: skip
_HEADERS = (("x-ms-continuationtoken", "continuationToken"), ("x-next-cursor", "cursor"))
# Where the number of the next page stands, not its address.
_NEXT_NUMBERS = ("next", "next_page", "nextPage", "meta.next_page", "meta.nextPage", "pagination.next_page")


@dataclass(frozen=True, kw_only=True)
class Cursor(StatelessStyle):
    """The response names a cursor, which the next request sends; none, or an empty one, is the end.

    Attributes:
        parameter: what the request calls it; with ``send="body"`` a path with dots.
        path: where it stands in the body, with dots between the members.
        header: the response's header that holds it, instead of `path`.
        send: whether it goes into the query, the JSON body or a header of the request.
    """

    parameter: str = "cursor"
    path: str = "next_cursor"
    header: str | None = None
    send: _Where = "query"

    @classmethod
    def shown_by(cls, envelope: Envelope, sign: Sign) -> Self | None:
        """Return it for a header, a cursor, the next page's number, and an empty member where a cursor would be."""
        named: Iterable[tuple[str, str]] = ()  # the path, and the request's name for it
        if sign is Sign.HEADER:
            headers = envelope.response.headers
            return next((cls(parameter=name, header=header) for header, name in _HEADERS if header in headers), None)
        if sign is Sign.CURSOR:
            named = ((path, name) for path, name in _PATHS if _is_cursor(envelope.nested(path)))
        elif sign is Sign.NEXT_NUMBER:
            named = ((path, "page") for path in _NEXT_NUMBERS if envelope.number(path))
        elif sign is Sign.EMPTY:
            named = ((path, name) for path, name in _PATHS if envelope.nested(path) in (None, ""))
        return next((cls(parameter=name, path=path) for path, name in named), None)

    def check(self) -> None:
        """Check where the cursor goes."""
        if self.send not in get_args(_Where):
            raise ConfigError(f"send: expected one of {', '.join(get_args(_Where))}, found {self.send!r}.")

    @property
    def next_path(self) -> str | None:
        """Where the cursor stands, unless that is a header."""
        return None if self.header else self.path

    def next_request(self, response: PageResponse, rows: Rows) -> PageRequest | None:
        """Return the request that sends the cursor."""
        del rows
        request = response.request
        if self.header is not None:
            cursor: Any = response.headers.get(self.header)
        else:
            cursor = response.get(*self.path.split("."))
        if cursor is MISSING or cursor is None or cursor == "" or cursor is False:
            return None
        if not isinstance(cursor, (str, int)) or isinstance(cursor, bool):
            place, where = redact_url(response.url), self.header or self.path
            raise PaginationError(f"{place}: {where} is neither text nor a number.", url=place)
        if self.send == "query":
            return replace(request, url=canonical(set_in_query(request.url, {self.parameter: cursor})))
        if self.send == "body":
            return replace(request, body=set_in_body(request.body, {self.parameter: cursor}))
        return replace(request, headers={**request.headers, self.parameter: str(cursor)})


STYLE = Cursor


def _is_cursor(value: Any) -> bool:
    return type(value) in (str, int) and bool(value)
