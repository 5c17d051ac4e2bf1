"""How many columns a table may have, and which tables are so wide that their frame takes long to make."""

from __future__ import annotations

from nbauth.errors import DataError
from nbauth.net.origins import redact_url

__all__ = ["MOST_COLUMNS", "TooManyColumns", "check_width", "is_wide", "too_many_columns"]

MOST_COLUMNS = 100_000  # pandas takes some ten seconds to make a frame of so many
_WIDE = 2_000


class TooManyColumns(Exception):
    """A table has more columns than a frame can be made of in reasonable time; where it is from is not known here."""


def check_width(columns: int) -> None:
    """Make sure that a table has not too many columns.

    Raises:
        TooManyColumns: it has.
    """
    if columns > MOST_COLUMNS:
        raise TooManyColumns


def too_many_columns(url: str) -> DataError:
    """Make the error of a table with too many columns."""
    shown_url = redact_url(url)
    return DataError(
        f"{shown_url}: more than {MOST_COLUMNS:,} columns came.",
        url=shown_url,
        next_step='Ask the API for fewer; nested="json" keeps each object in one column; nbauth.open reads anything.',
    )


def is_wide(columns: int) -> bool:
    """Tell whether a frame of so many columns takes longer than an interrupt may wait."""
    return columns > _WIDE
