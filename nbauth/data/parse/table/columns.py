"""Columns of a block: numbered, since a table may have two of one name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Columns", "columns_in"]

Columns = dict[int, "pd.Series[Any]"]


def columns_in(frame: pd.DataFrame) -> Columns:
    """Return a frame's columns."""
    return {number: column for number, (_, column) in enumerate(frame.items())}
