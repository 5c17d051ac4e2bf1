"""Pages that begin behind the last row of the page before, which the next request names by a member of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from nbauth.data.paging.guards import canonical
from nbauth.data.paging.request_params import set_in_body, set_in_query
from nbauth.data.paging.styles.known_cursors import is_cursor, known_last_row
from nbauth.data.paging.styles.style import Sign, StatelessStyle
from nbauth.errors import PaginationError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from typing import Self

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.envelope import Envelope
    from nbauth.data.paging.page_response import PageResponse, Rows

__all__ = ["LastRow"]


@dataclass(frozen=True, kw_only=True)
class LastRow(StatelessStyle):
    """The request names the last row that came, as Stripe's ``starting_after``.

    Attributes:
        parameter: what the request calls it.
        path: where a row has what identifies it, with dots between the members.
        more: where the body says whether there is more.
    """

    knows_its_end: ClassVar[bool] = True

    parameter: str = "starting_after"
    path: str = "id"
    more: str = "has_more"

    @classmethod
    def shown_by(cls, envelope: Envelope, sign: Sign) -> Self | None:
        """Return it for an answer whose service's own word says so."""
        known = known_last_row(envelope) if sign is Sign.CURSOR else None
        return None if known is None else cls(parameter=known.parameter, path=known.last_row, more=known.beside[0])

    @property
    def most_equal_pages(self) -> int:
        """Two: an API that does not know the parameter answers its first page again."""
        return 2

    @property
    def next_step(self) -> str:
        """What to type where the service does not know the parameter."""
        return (
            f"The last row's {self.path} was sent as {self.parameter}. If the API calls it otherwise, say so, as in "
            'paging=lambda answer: {"after": answer.json()["data"][-1]["id"]} if answer.json()["has_more"] else None.'
        )

    def next_request(self, response: PageResponse, rows: Rows) -> PageRequest | None:
        """Return the request for the rows behind the last one."""
        request = response.request
        if response.get(*self.more.split(".")) is not True or rows.is_empty:
            return None
        row: Any = rows.node.items()[-1].value()
        for name in self.path.split("."):
            row = row.get(name) if isinstance(row, dict) else None
        if not is_cursor(row):
            place = redact_url(response.url)
            raise PaginationError(
                f"{place}: the answer says {self.more}, and its last row has no {self.path} to go on from.", url=place
            )
        if isinstance(request.body, dict):
            return replace(request, body=set_in_body(request.body, {self.parameter: row}))
        return replace(request, url=canonical(set_in_query(request.url, {self.parameter: row})))


STYLE = LastRow
