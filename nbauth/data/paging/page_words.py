"""Names that speak of pages, whatever their case and separators: flags, totals, cursors, addresses, their objects."""

from __future__ import annotations

from functools import lru_cache

from nbauth.data.paging.more import is_flag
from nbauth.data.paging.next_members import is_next
from nbauth.data.paging.places import ENVELOPES, plain
from nbauth.data.paging.totals import SURE_TOTALS

__all__ = ["is_of_pages"]


@lru_cache(maxsize=4096)
def is_of_pages(name: str) -> bool:
    """Tell whether a member of this name speaks of pages, so that it is no member of a row."""
    short = plain(name)
    return short in ENVELOPES or is_flag(short) or is_next(short) or SURE_TOTALS.fullmatch(short) is not None
