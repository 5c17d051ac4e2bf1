"""The base of the styles whose requests hold a number: that of the rows to leave out, or of the page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from nbauth.data.paging.guards import canonical
from nbauth.data.paging.page_response import number_at
from nbauth.data.paging.request_params import get_int, in_body, set_in_body, set_in_query
from nbauth.errors import ConfigError, PaginationError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.page_response import PageResponse

__all__ = [
    "MOST_PLANNED", "check_echo", "check_numbers", "check_send", "check_total", "empty_is_end", "first_request",
    "given", "most_equal_pages", "sent_by", "with_values",
]  # fmt: skip

MOST_PLANNED = 1_000_000
_SEND = ("query", "body")


def first_request(request: PageRequest, name: str, number: int, size: Mapping[str, int], send: str) -> PageRequest:
    """Return a request with the size of a page, if there is one, and with a number, unless it has one."""
    values = {**({name: number} if given(request, name, send) is None else {}), **size}
    return with_values(request, values, send) if values else request


def given(request: PageRequest, name: str, send: str) -> int | None:
    """Return the number that a request holds."""
    return in_body(request.body, name) if send == "body" else get_int(request.url, name)


def with_values(request: PageRequest, values: Mapping[str, int], send: str) -> PageRequest:
    """Return a request that holds these numbers."""
    if send == "body":
        return replace(request, body=set_in_body(request.body, values))
    return replace(request, url=canonical(set_in_query(request.url, values)))


def most_equal_pages(echo: str | None) -> int:
    """Return how many equal pages in a row are one too many.

    An API that does not know the parameter answers its first page again, unless it repeats what it was asked for.
    """
    return 2 if echo is None else 3


def sent_by(request: PageRequest) -> Literal["query", "body"]:
    """Return where a request holds such numbers: in the JSON object that it posts, or else in the query."""
    return "body" if isinstance(request.body, dict) else "query"


def check_send(send: str) -> None:
    """Check where the numbers go."""
    if send not in _SEND:
        raise ConfigError(f"send: expected one of {', '.join(_SEND)}, found {send!r}.")


def check_numbers(**numbers: int | None) -> None:
    """Check the numbers among a style's parameters; a size is one at least."""
    for name, number in numbers.items():
        smallest = 1 if name == "size" else 0
        if number is not None and (type(number) is not int or number < smallest):
            raise ConfigError(f"{name}: expected an integer of at least {smallest}, found {number!r}.")


def check_echo(response: PageResponse, path: str | None, expected: int, parameter: str) -> None:
    """Check that a response begins where the request said, if it repeats that.

    Raises:
        PaginationError: it begins elsewhere.
    """
    number = number_at(response, path)
    if number is not None and number != expected:
        shown_url = redact_url(response.url)
        raise PaginationError(
            f"{shown_url}: the answer begins at {path} {number}, and {expected} was asked for by {parameter}=.",
            url=shown_url,
            next_step="Say how the API is paged: paging=nbauth.data.paging.Offset(…) or PageNumber(…).",
        )


def check_total(response: PageResponse, rows: int, total: int | None) -> None:
    """Check that an empty page comes after all rows, if the response names their number.

    Raises:
        PaginationError: it comes before.
    """
    if total is not None and rows < total:
        shown_url = redact_url(response.url)
        raise PaginationError(
            f"{shown_url}: an empty page came after {rows:,} rows, and the answer says that there are {total:,}.",
            url=shown_url,
        )


def empty_is_end(url: str, *, is_more_known: bool) -> bool:
    """Return True: a response without any body is the end.

    Raises:
        PaginationError: the responses before it said that there is more.
    """
    if is_more_known:
        shown_url = redact_url(url)
        raise PaginationError(
            f"{shown_url}: an empty answer came, and the answer before says that there is more.", url=shown_url
        )
    return True
