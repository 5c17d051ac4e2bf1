"""The default style: the one that the first response shows, or else next links where a standard puts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from nbauth.data.paging.odata_count import lacks_rows
from nbauth.data.paging.record_selector import NEXT
from nbauth.data.paging.styles.next_links import NextLinks
from nbauth.data.paging.styles.style import Sign

if TYPE_CHECKING:
    from typing import Self

    from nbauth.data.paging.envelope import Envelope

__all__ = ["Auto"]


@dataclass(frozen=True, kw_only=True)
class Auto(NextLinks):
    """OData's members and the ``Link`` header; named by ``"auto"``.

    A load that is named so has the style that its first response shows; this one, if it shows no other.
    """

    members: ClassVar[tuple[str, ...]] = NEXT
    has_header: ClassVar[bool] = True
    is_unsaid: ClassVar[bool] = True

    @classmethod
    def shown_by(cls, envelope: Envelope, sign: Sign) -> Self | None:
        """Return it for OData's form, and for a next link in the header."""
        is_shown = (sign is Sign.ODATA and envelope.form == "odata" and not lacks_rows(envelope)) or (
            sign is Sign.LINK and envelope.link is not None
        )
        return cls() if is_shown else None


STYLE = Auto
