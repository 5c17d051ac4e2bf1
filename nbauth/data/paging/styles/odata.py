"""OData's next links."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nbauth.data.paging.record_selector import NEXT
from nbauth.data.paging.styles.next_links import NextLinks

__all__ = ["OData"]


@dataclass(frozen=True, kw_only=True)
class OData(NextLinks):
    """OData's members alone; named by ``"odata"``. The rows are in ``value``, or the response itself is."""

    members: ClassVar[tuple[str, ...]] = NEXT
    rows_member: ClassVar[str | None] = "value"
    responses_are_pages: ClassVar[bool] = False


STYLE = OData
