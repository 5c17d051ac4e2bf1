"""The parts of one result, whose number the first answer tells, as Snowflake's partitions.

See https://docs.snowflake.com/developer-guide/sql-api/handling-responses
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from nbauth.data.fetch.request import PageRequest
from nbauth.data.paging.guards import canonical, resolve
from nbauth.data.paging.next_address import part_address
from nbauth.data.paging.places import plain
from nbauth.data.paging.request_params import get_int, set_in_query
from nbauth.data.paging.styles.style import Sign, StatelessStyle

if TYPE_CHECKING:
    from typing import Self

    from nbauth.data.paging.envelope import Envelope
    from nbauth.data.paging.page_response import PageResponse, Rows

__all__ = ["Parts"]

_LISTS = ("partitioninfo",)
_ADDRESSES = ("statementstatusurl",)


@dataclass(frozen=True, kw_only=True)
class Parts(StatelessStyle):
    """The first answer holds the first part and tells how many there are; the others come by GET, by their numbers.

    Attributes:
        url: where they are.
        count: how many there are, with the first.
        parameter: the parameter for a part's number, which begins at 0.
    """

    knows_its_end: ClassVar[bool] = True

    url: str = ""
    count: int = 1
    parameter: str = "partition"

    @classmethod
    def shown_by(cls, envelope: Envelope, sign: Sign) -> Self | None:
        """Return it for a list of several parts beside the first one's rows."""
        response = envelope.response
        if sign is not Sign.HEADER or not response.document.is_object:
            return None
        members = response.document.members()
        inner = (item for node in members.values() if node.is_object for item in node.members().items())
        lists = (node for name, node in inner if plain(name) in _LISTS and node.is_list)
        count = next((node.count() for node in lists), 0)
        if count < 2:  # noqa: PLR2004 - one part is whole
            return None
        named: Any = next((node.value() for name, node in members.items() if plain(name) in _ADDRESSES), None)
        own = part_address(named, response.url) if isinstance(named, str) else response.request.url
        url = own if envelope.link is None else resolve(envelope.link, response.url)
        return cls(url=url, count=count)

    def next_request(self, response: PageResponse, rows: Rows) -> PageRequest | None:
        """Return the request for the next part."""
        del rows
        number = self._number(response) + 1
        return self._request(number) if number < self.count else None

    def plan(self, response: PageResponse, rows: Rows) -> list[PageRequest]:
        """Return the requests for all further parts."""
        del rows
        return [self._request(number) for number in range(self._number(response) + 1, self.count)]

    def _number(self, response: PageResponse) -> int:
        return get_int(response.request.url, self.parameter) or 0

    def _request(self, number: int) -> PageRequest:
        return PageRequest(canonical(set_in_query(self.url, {self.parameter: number})))


STYLE = Parts
