"""Pages that the response's ``Content-Range`` counts in rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from nbauth.data.paging.header_counts import OFFSETS, named_in, row_range
from nbauth.data.paging.request_params import get_int
from nbauth.data.paging.styles import numbered
from nbauth.data.paging.styles.style import Sign, StatelessStyle
from nbauth.errors import PaginationError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from typing import Self

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.envelope import Envelope
    from nbauth.data.paging.page_response import PageResponse, Rows

__all__ = ["RowRanges"]


@dataclass(frozen=True, kw_only=True)
class RowRanges(StatelessStyle):
    """The response says which rows of all it holds, as ``Content-Range: 0-24/319``; the request, how many to leave out.

    Attributes:
        offset: the parameter for the rows to leave out.
        base: what the response calls the first row of all: 0, or 1 where it counts from one.
    """

    is_counted: ClassVar[bool] = True

    offset: str = "offset"
    base: int = 0

    @classmethod
    def shown_by(cls, envelope: Envelope, sign: Sign) -> Self | None:
        """Return it for a range of rows that is not all of them, unless a link says where the next ones are."""
        held = row_range(envelope.response) if sign is Sign.HEADER else None
        if held is None or envelope.link is not None:
            return None
        request = envelope.response.request
        offset = named_in(request, OFFSETS)
        asked = 0 if offset is None else get_int(request.url, offset) or 0
        if held.first not in (asked, asked + 1):
            offset, asked = None, 0  # that parameter is another thing, such as a time
        return cls(offset=offset or "offset", base=int(held.first == asked + 1))

    @property
    def most_equal_pages(self) -> int:
        """Two: a response that repeats what was asked for is checked for that."""
        return 2

    @property
    def next_step(self) -> str:
        """What to type where the API calls it otherwise."""
        return (
            f"The API may not know the parameter {self.offset}. Say what it calls it, as in "
            'paging=nbauth.data.paging.Offset(offset="skip", limit="top"); or paging="none" if one page is all.'
        )

    def next_request(self, response: PageResponse, rows: Rows) -> PageRequest | None:
        """Return the request for the rows after these."""
        held, asked = row_range(response), get_int(response.request.url, self.offset) or 0
        if held is None:
            return None
        first = held.first - self.base
        if first != asked:
            shown_url = redact_url(response.url)
            raise PaginationError(
                f"{shown_url}: the answer begins at row {first}, and {asked} was asked for by {self.offset}=.",
                url=shown_url,
                next_step=self.next_step,
            )
        following = first + rows.count()
        is_last = not held.is_part if held.total is None else following >= held.total
        if rows.is_empty:
            numbered.check_total(response, following, held.total)
        if is_last or rows.is_empty:
            return None
        return numbered.with_values(response.request, {self.offset: following}, "query")


STYLE = RowRanges
