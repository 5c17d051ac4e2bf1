"""Frames one below the other, each column in the narrowest dtype that keeps the values of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbauth.data.columns import Column
from nbauth.data.fast import is_fast

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["joined", "without_index"]

_NULLABLE = {"int64": "Int64", "uint64": "UInt64", "bool": "boolean"}


def joined(frames: Sequence[pd.DataFrame], backend: str | None = None) -> pd.DataFrame:
    """Return the rows of all frames in one, columns in the order of their first appearance.

    `pandas.concat` makes floats of integers that some frames lack or have as uint64, and so rounds them.

    Args:
        frames: the frames; what they have as an index, but for row numbers, becomes columns.
        backend: ``"pyarrow"`` for Arrow's dtypes.
    """
    plain = [without_index(frame) for frame in frames]
    if len(plain) == 1:
        return plain[0]
    columns = {name: _column([f.get(name, len(f)) for f in plain], backend) for f in plain for name in f.columns}
    return pd.DataFrame(columns, index=pd.RangeIndex(sum(map(len, plain))), copy=False)


def without_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose index are row numbers; any other is in front of its columns."""
    return frame if frame.index.equals(pd.RangeIndex(len(frame))) else frame.reset_index()


def _column(parts: list[pd.Series[Any] | int], backend: str | None) -> pd.Series[Any]:
    """Join the parts of one column; a number stands for so many rows of a frame that has no such column."""
    there = [part for part in parts if not isinstance(part, int) and len(part)]
    dtypes: set[Any] = {part.dtype for part in there}
    if len(dtypes) == 1 and len(there) == sum(1 for part in parts if isinstance(part, int) or len(part)):
        return pd.concat(there, ignore_index=True)
    if dtypes and len({_family(dtype) for dtype in dtypes}) == 1:
        # With gaps, and of several units or nullabilities; never across kinds of values.
        dtype = _NULLABLE.get(str(next(iter(dtypes))), next(iter(dtypes)))
        if len(dtypes) > 1:
            dtype = _NULLABLE.get(_family(dtype), dtype)
        whole = [pd.Series([pd.NA] * p, dtype=dtype) if isinstance(p, int) else _as(p, dtype) for p in parts]
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
    name = str(dtype)
    if isinstance(dtype, pd.DatetimeTZDtype) or (isinstance(dtype, np.dtype) and dtype.kind == "M"):
        return f"datetime64 {getattr(dtype, 'tz', None)}"
    return {nullable: plain for plain, nullable in _NULLABLE.items()}.get(name, name)


def _as(part: pd.Series[Any], dtype: Any) -> pd.Series[Any]:
    return part.astype(dtype) if str(dtype) in _NULLABLE.values() else part
