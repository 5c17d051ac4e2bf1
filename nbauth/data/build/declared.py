"""What a column becomes that has no value, where the service says what its values would be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbauth.data.build.type_rules import NULLABLE

if TYPE_CHECKING:
    from nbauth.data.build.type_rules import Declared

__all__ = ["nulls_of"]

_DTYPES: dict[Declared, str] = {
    "bool": "bool", "int": "int64", "float": "float64", "number": "float64", "time": "datetime64[us]",
    "zoned time": "datetime64[us, UTC]", "span": "timedelta64[ns]",
}  # fmt: skip


def nulls_of(declared: Declared, rows: int) -> pd.Series[Any]:
    """Return a column of nulls.

    Args:
        declared: what the service says that its values are.
        rows: how many rows it has.
    """
    dtype: Any = _DTYPES.get(declared, "object")
    if declared == "text":
        dtype = pd.Series([""]).dtype  # `str` in pandas 3, `object` before
    if rows:
        dtype = NULLABLE.get(dtype, dtype)
    values: pd.Series[Any] = pd.Series(np.full(rows, None, dtype=object), dtype=dtype)
    return values
