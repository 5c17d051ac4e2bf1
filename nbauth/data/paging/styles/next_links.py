"""Next links where a standard puts them: OData's members, and the `Link` header."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from nbauth.data.paging.guards import resolve
from nbauth.data.paging.link_header import next_link
from nbauth.data.paging.page import MISSING
from nbauth.data.paging.record_selector import NEXT
from nbauth.data.paging.styles.style import Sign, StatelessStyle
from nbauth.errors import PaginationError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from typing import Self

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.envelope import Envelope
    from nbauth.data.paging.page import PageResponse, Rows

__all__ = ["Auto", "LinkHeader", "OData"]


@dataclass(frozen=True, kw_only=True)
class _NextLinks(StatelessStyle):
    """A next link where a standard puts it; the body's comes before the header's."""

    members: ClassVar[tuple[str, ...]] = ()
    has_header: ClassVar[bool] = False

    def next_request(self, response: PageResponse, rows: Rows) -> PageRequest | None:
        """Return the request that the link names."""
        del rows
        for name in self.members:
            link: Any = response.get(name)
            if link is not MISSING and link is not None and not isinstance(link, str):
                place = redact_url(response.url)
                raise PaginationError(f"{place}: {name} is not a string.", url=place)
            if isinstance(link, str) and link:
                return replace(response.request, url=resolve(link, response.url))
        header = response.headers.get("Link") if self.has_header else None
        target = next_link(header, response.url) if header else None
        return replace(response.request, url=resolve(target, response.url)) if target else None


@dataclass(frozen=True, kw_only=True)
class Auto(_NextLinks):
    """OData's members and the ``Link`` header; named by ``"auto"``.

    A load that is named so has the style that its first answer shows; this one, if it shows no other.
    """

    members: ClassVar[tuple[str, ...]] = NEXT
    has_header: ClassVar[bool] = True

    @classmethod
    def shown_by(cls, envelope: Envelope, sign: Sign) -> Self | None:
        """Be shown by OData's form, or by the header."""
        is_shown = (sign is Sign.ODATA and envelope.form == "odata") or (
            sign is Sign.LINK and envelope.link is not None
        )
        return cls() if is_shown else None


@dataclass(frozen=True, kw_only=True)
class OData(_NextLinks):
    """OData's members alone; named by ``"odata"``. The rows are in ``value``, or the answer itself is."""

    members: ClassVar[tuple[str, ...]] = NEXT
    rows_member: ClassVar[str | None] = "value"
    is_page: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True)
class LinkHeader(_NextLinks):
    """The ``Link`` header alone (RFC 8288); named by ``"link"``."""

    has_header: ClassVar[bool] = True
