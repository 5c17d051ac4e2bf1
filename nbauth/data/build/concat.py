"""Frames one below the other, each column in the narrowest dtype that keeps the values of all of them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbauth.data.build.column import Column
from nbauth.data.build.width import check_width
from nbauth.data.extras import is_fast

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["NULLABLE", "concat", "without_index"]

NULLABLE = {
    **{f"int{bits}": f"Int{bits}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"UInt{bits}" for bits in (8, 16, 32, 64)},
    "bool": "boolean",
}
_PLAIN = {nullable: plain for plain, nullable in NULLABLE.items()}


def concat(frames: Sequence[pd.DataFrame], backend: str | None = None) -> pd.DataFrame:
    """Return the rows of all frames in one, columns in the order of their first appearance.

    `pandas.concat` makes floats of integers that some frames lack or have as uint64, and so rounds them.

    Args:
        frames: the frames; what they have as an index, but for row numbers, becomes columns.
        backend: ``"pyarrow"`` for Arrow's dtypes.
    """
    plain = [without_index(frame) for frame in frames]
    if len(plain) == 1:
        return plain[0]
    names = dict.fromkeys(name for frame in plain for name in frame.columns)
    check_width(len(names))
    columns = {name: _column([frame.get(name, len(frame)) for frame in plain], backend) for name in names}
    return pd.DataFrame(columns, index=pd.RangeIndex(sum(map(len, plain))), copy=False)


def without_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose index are row numbers; any other is in front of its columns."""
    return frame if frame.index.equals(pd.RangeIndex(len(frame))) else frame.reset_index()


def _column(parts: list[pd.Series[Any] | int], backend: str | None) -> pd.Series[Any]:
    """Join the parts of one column; a number stands for so many rows of a frame that has no such column."""
    there = [part for part in parts if not isinstance(part, int) and len(part)]
    dtypes: set[Any] = {part.dtype for part in there}
    has_gaps = any(isinstance(part, int) and part for part in parts)
    if len(dtypes) == 1 and not has_gaps:
        return pd.concat(there, ignore_index=True)
    if dtypes and object not in dtypes and len({_family(dtype) for dtype in dtypes}) == 1:
        # With gaps, and of several units or nullabilities; never across kinds of values.
        dtype = next(iter(dtypes))
        dtype = NULLABLE.get(_PLAIN.get(str(dtype), str(dtype)), dtype)
        whole = [pd.Series(None, range(p), dtype) if isinstance(p, int) else _as(p, dtype) for p in parts]
        with suppress(pd.errors.OutOfBoundsDatetime, OverflowError):  # no unit holds all of them
            return pd.concat([part for part in whole if len(part)], ignore_index=True)
    column = Column(in_arrow=is_fast() or backend == "pyarrow")
    for part in parts:
        if isinstance(part, int):
            column.extend_missing(part)
        else:
            column.extend(part.astype(object).where(part.notna(), None).tolist())
    return column.take(backend)


def _family(dtype: Any) -> str:
    """Return what dtypes have in common that can be joined without a loss."""
    if isinstance(dtype, pd.DatetimeTZDtype) or (isinstance(dtype, np.dtype) and dtype.kind == "M"):
        return f"datetime64 {getattr(dtype, 'tz', None)}"
    return _PLAIN.get(str(dtype), str(dtype))


def _as(part: pd.Series[Any], dtype: Any) -> pd.Series[Any]:
    return part.astype(dtype) if str(dtype) in _PLAIN else part
