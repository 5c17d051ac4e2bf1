"""Tables of text that are joined: a column that is text in one of them is text in all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["agreed"]


def agreed(frames: Sequence[pd.DataFrame], of_text: Collection[int]) -> list[pd.DataFrame]:
    """Return frames whose integers are text where another frame has text: 10115 beside A12 is no number.

    Args:
        frames: the frames.
        of_text: which of them were read from text.
    """
    if not of_text:
        return list(frames)
    texts = {name for frame in frames if frame.columns.is_unique for name in frame.columns if _is_text(frame[name])}
    return [_with_texts(frame, texts) if number in of_text else frame for number, frame in enumerate(frames)]


def _with_texts(frame: pd.DataFrame, texts: set[str]) -> pd.DataFrame:
    names = [name for name, dtype in frame.dtypes.items() if name in texts and dtype.kind in "iu"]
    if not names or not frame.columns.is_unique:
        return frame
    changed = frame.copy(deep=False)
    for name in names:
        changed[name] = frame[name].astype(object).map(str, na_action="ignore")
    return changed


def _is_text(column: pd.Series[Any]) -> bool:
    if column.dtype == object:
        return pd.api.types.infer_dtype(column, skipna=True) == "string"
    return pd.api.types.is_string_dtype(column.dtype)
