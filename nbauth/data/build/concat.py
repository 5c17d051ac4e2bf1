"""Frames one below the other, each column in the narrowest dtype that keeps the values of all of them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbauth.data.build.column import Column
from nbauth.data.build.type_rules import NULLABLE, PLAIN, time_units
from nbauth.data.build.width import check_width
from nbauth.data.extras import is_fast

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["concat", "without_index"]


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
    """Return a frame whose index is row numbers; another index becomes its first columns."""
    return frame if frame.index.equals(pd.RangeIndex(len(frame))) else frame.reset_index()


def _column(parts: list[pd.Series[Any] | int], backend: str | None) -> pd.Series[Any]:
    """Join the parts of one column by `type_rules`; a number stands for so many rows without a value."""
    if len(_dtypes(parts)) > 1:
        # Also in a frame that has the column, nulls alone say nothing of its kind.
        parts = [part if isinstance(part, int) or part.notna().any() else len(part) for part in parts]
    dtypes = _dtypes(parts)
    if len(dtypes) == 1 and not any(isinstance(part, int) and part for part in parts):
        return pd.concat([part for part in parts if not isinstance(part, int) and len(part)], ignore_index=True)
    if dtypes and object not in dtypes and len({_family(dtype) for dtype in dtypes}) == 1:
        # With gaps, and of several units or nullabilities; never across kinds of values.
        for dtype in _shared_dtypes(dtypes):
            with suppress(ValueError, OverflowError):  # it does not hold all of them
                whole = [pd.Series(None, range(p), dtype) if isinstance(p, int) else _as(p, dtype) for p in parts]
                return pd.concat([part for part in whole if len(part)], ignore_index=True)
    column = Column(in_arrow=is_fast() or backend == "pyarrow")
    for part in parts:
        if isinstance(part, int):
            column.extend_missing(part)
        else:
            column.extend(part.astype(object).where(part.notna(), None).tolist())
    return column.take(backend)


def _dtypes(parts: list[pd.Series[Any] | int]) -> set[Any]:
    return {part.dtype for part in parts if not isinstance(part, int) and len(part)}


def _family(dtype: Any) -> str:
    """Return what dtypes have in common that can be joined without a loss."""
    if _unit_of(dtype):
        zone = dtype.pyarrow_dtype.tz if isinstance(dtype, pd.ArrowDtype) else getattr(dtype, "tz", None)
        return f"{type(dtype).__name__} {zone}"
    return PLAIN.get(str(dtype), str(dtype))


def _shared_dtypes(dtypes: set[Any]) -> list[Any]:
    """Return the dtypes that may hold values of all these, which are of one family, the best first."""
    first = next(iter(dtypes))
    if not _unit_of(first):
        return [NULLABLE.get(PLAIN.get(str(first), str(first)), first)]
    return [_of_unit(first, unit) for unit in time_units(map(_unit_of, dtypes))]


def _unit_of(dtype: Any) -> str:
    """Return the unit of a dtype of times; nothing of another."""
    if isinstance(dtype, pd.ArrowDtype):
        return getattr(dtype.pyarrow_dtype, "unit", "") if dtype.kind == "M" else ""
    if isinstance(dtype, pd.DatetimeTZDtype):
        return dtype.unit
    return str(np.datetime_data(dtype)[0]) if isinstance(dtype, np.dtype) and dtype.kind == "M" else ""


def _of_unit(dtype: Any, unit: Any) -> Any:
    if isinstance(dtype, pd.ArrowDtype):
        import pyarrow as pa

        return pd.ArrowDtype(pa.timestamp(unit, dtype.pyarrow_dtype.tz))
    return pd.DatetimeTZDtype(unit, dtype.tz) if isinstance(dtype, pd.DatetimeTZDtype) else np.dtype(f"M8[{unit}]")


def _as(part: pd.Series[Any], dtype: Any) -> pd.Series[Any]:
    """Return a part in the dtype of all.

    Raises:
        ValueError: it does not hold all of its values.
    """
    if part.dtype == dtype or not (_unit_of(dtype) or str(dtype) in PLAIN):
        return part
    converted = part.astype(dtype)
    if _unit_of(dtype) and not ((converted == part) | part.isna()).all():
        raise ValueError
    return converted
