"""One page of rows, as a load keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbauth.data.parse.lazy_json import RawNode

if TYPE_CHECKING:
    from requests import Response

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.page_response import Rows

__all__ = ["Page"]


@dataclass(frozen=True)
class Page:
    """One page as it came, its rows perhaps still to be decoded.

    Attributes:
        rows: its rows.
        response: the answer, whose body is read.
        total_rows: how many rows there are in all, where the answer says.
        following: the request for the page after it; None after the last.
        is_good: whether what it says of the page after it holds; if not, an error comes next.
    """

    rows: Rows
    response: Response
    total_rows: int | None
    following: PageRequest | None
    is_good: bool = True

    @property
    def size(self) -> int:
        """The bytes that it holds, about."""
        node = self.rows.node
        return len(node.raw) if isinstance(node, RawNode) else 0
