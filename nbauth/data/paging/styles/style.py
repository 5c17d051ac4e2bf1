"""The protocol of a style of paging, and the order in which the signs of each style count."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from typing import Self

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.envelope import Envelope
    from nbauth.data.paging.page_response import PageResponse, Rows

__all__ = ["Paginator", "Sign", "StatelessStyle", "Style"]

_NO_CONTENT = 204


class Sign(Enum):
    """What shows a style in a first response. The signs are looked for in this order, and the first one counts.

    A protocol's own form comes first. What says that there is more comes before what may only be empty here.
    """

    ODATA_2 = "the form of OData 2"
    HEADER = "a header that is there for a cursor alone"
    ANNOTATION = "an annotation of OData's that only one service has"
    ODATA = "the form of OData"
    ADDRESS = "a member with the next page's address"
    CURSOR = "a member with a cursor"
    LINK = "the Link header"
    MORE_COUNTED = "numbers that say that there is more"
    NEXT_NUMBER = "a member with the next page's number"
    EMPTY = "a member for the next page, without a value"
    COUNTED = "numbers that do not say whether there is more"


class Paginator(Protocol):
    """What leads through the pages of one load."""

    def next_request(self, response: PageResponse, rows: Rows) -> PageRequest | None:
        """Return the request for the page after this one; None after the last page."""

    def plan(self, response: PageResponse, rows: Rows) -> list[PageRequest]:
        """Return the requests for all further pages, if the first response tells them; else none."""


@dataclass(frozen=True)
class Style(ABC):
    """A style of paging: its parameters, as a frozen dataclass, and all that is its own.

    The parameters are what JSON can hold, since a checkpoint notes them under the name that the registry has.

    Attributes:
        knows_its_end: whether it counts, so that a link or a cursor in a response says nothing more.
        checks_total: whether all rows that a response says there are must have come at the end.
        is_callers_word: whether its end is the caller's word, whatever a response says.
        is_unsaid: whether a load may have it of which neither the caller nor the first response says how it is paged.
        rows_member: the member that holds the rows, in every response of this style.
        responses_are_pages: whether every response is a page, so that its only list is the rows whatever its name.
        is_counted: whether its requests hold a number, which an API that does not know it ignores.
    """

    knows_its_end: ClassVar[bool] = False
    is_callers_word: ClassVar[bool] = False
    is_unsaid: ClassVar[bool] = False
    checks_total: ClassVar[bool] = True
    rows_member: ClassVar[str | None] = None
    responses_are_pages: ClassVar[bool] = True
    is_counted: ClassVar[bool] = False

    @classmethod
    def shown_by(cls, envelope: Envelope, sign: Sign) -> Self | None:
        """Return the style with the parameters that a first response shows by this sign; None if it shows none."""
        del envelope, sign
        return None

    @abstractmethod
    def paginator(self, *, rows_before: int = 0) -> Paginator:
        """Return what leads through one load; each begins anew.

        Args:
            rows_before: how many rows came before the first response, in an earlier load that broke off.
        """

    def check(self) -> None:  # noqa: B027 - a style without parameters has none to check
        """Check the parameters.

        Raises:
            ConfigError: one of them is wrong.
        """

    def first_request(self, request: PageRequest) -> PageRequest:
        """Return the first request, from the one that the caller made."""
        return request

    @property
    def most_equal_pages(self) -> int:
        """How many equal pages in a row are one too many."""
        return 3

    @property
    def next_step(self) -> str | None:
        """What to type where its pages come again; None where nothing is known."""
        return None

    @property
    def next_path(self) -> str | None:
        """The path of the one member that says where the next page is, if there is one."""
        return None

    @property
    def total_path(self) -> str | None:
        """The path of the number of all rows, if the style knows it."""
        return None

    @property
    def rows_left_out(self) -> int:
        """How many rows the first request leaves out, as the caller says."""
        return 0

    def link_member(self, response: PageResponse) -> str | None:
        """Return the member whose text alone tells the next request; None where anything else may have a part in it.

        Args:
            response: a response that has a next request. Of others only that text and the rows are different.
        """
        del response
        return None

    def page_size(self, response: PageResponse) -> int | None:
        """Return how many rows a whole page has, by the request and the response; None where that is not told."""
        del response
        return None

    @property
    def beyond_is_end(self) -> bool:
        """Whether a 416 for a further page means that there is none."""
        return False

    def after_empty(self, response: PageResponse, step: int) -> PageRequest | None:
        """Return the request for the page after one without rows, which says that there is more; None if it has none.

        Args:
            response: the response.
            step: how many rows the largest page had before.
        """
        del response, step
        return None

    def missing_is_end(self, response: PageResponse | None) -> bool:
        """Tell whether a 404 for a further page means that there is none.

        Args:
            response: the page before it; None before the first response.
        """
        del response
        return False

    def empty_is_end(self, url: str, status: int) -> bool:
        """Tell whether a further response without any body is the end.

        Args:
            url: where the response came from.
            status: its HTTP status.

        Raises:
            PaginationError: the responses before it said that there is more.
        """
        del url
        return status == _NO_CONTENT


@dataclass(frozen=True)
class StatelessStyle(Style):
    """A style in which a response alone tells the next request, so that it needs no state for a load.

    All that one needs is `next_request`; `shown_by`, if a response can show it.
    """

    def paginator(self, *, rows_before: int = 0) -> Paginator:
        """Return itself: there is nothing to begin anew."""
        del rows_before
        return self

    @abstractmethod
    def next_request(self, response: PageResponse, rows: Rows) -> PageRequest | None:
        """Return the request for the page after this one; None after the last page."""

    def plan(self, response: PageResponse, rows: Rows) -> list[PageRequest]:
        """Return nothing: only the next response will tell."""
        del response, rows
        return []
