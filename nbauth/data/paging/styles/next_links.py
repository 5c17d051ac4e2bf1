"""The base of the styles that follow a next link at a place that a standard names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from nbauth.data.paging.followed import followed
from nbauth.data.paging.link_header import next_link
from nbauth.data.paging.page_response import MISSING
from nbauth.data.paging.styles.style import StatelessStyle
from nbauth.errors import PaginationError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.page_response import PageResponse, Rows

__all__ = ["NextLinks"]


@dataclass(frozen=True, kw_only=True)
class NextLinks(StatelessStyle):
    """A next link in the body, in the ``Link`` header (RFC 8288), or in both, where the body's comes first.

    Attributes:
        members: the members of the body that may hold it.
        has_header: whether the header may.
    """

    members: ClassVar[tuple[str, ...]] = ()
    has_header: ClassVar[bool] = False

    def link_member(self, response: PageResponse) -> str | None:
        """Return the first member that holds a link."""
        held = ((name, response.get(name)) for name in self.members)
        return next((name for name, link in held if isinstance(link, str) and link), None)

    def next_request(self, response: PageResponse, rows: Rows) -> PageRequest | None:
        """Return the request that the link names."""
        del rows
        for name in self.members:
            link: Any = response.get(name)
            if link is not MISSING and link is not None and not isinstance(link, str):
                shown_url = redact_url(response.url)
                raise PaginationError(f"{shown_url}: {name} is not a string.", url=shown_url)
            if isinstance(link, str) and link:
                return followed(link, response)
        header = response.headers.get("Link") if self.has_header else None
        target = next_link(header, response.url) if header else None
        return followed(target, response) if target else None
