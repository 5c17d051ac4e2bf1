"""No paging: the first response has all rows, even if it has a next link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from nbauth.data.paging.styles.style import StatelessStyle

if TYPE_CHECKING:
    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.page_response import PageResponse, Rows

__all__ = ["OnePage"]


@dataclass(frozen=True, kw_only=True)
class OnePage(StatelessStyle):
    """The first response alone."""

    is_callers_word: ClassVar[bool] = True
    responses_are_pages: ClassVar[bool] = False

    def next_request(self, response: PageResponse, rows: Rows) -> PageRequest | None:
        """Return nothing."""
        del response, rows
        return None


STYLE = OnePage
