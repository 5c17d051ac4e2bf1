"""Whether a column's cells are numbers, or text that looks so: postcodes, telephone numbers, names of nothing.

| cells, but for blank ones | become |
|---|---|
| integers | integers; with gaps floats as in pandas, and `Int64` where a float would not hold them |
| numbers, one with a point or a negative exponent among them | floats, if these hold each integer |
| a zero in front of digits; a plus, where no cell has a minus or a point | text |
| 12E4 and Infinity, where no cell has a point | text |
| anything else | text, in which NA, null and None are words |
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from nbauth.data.build.type_rules import is_exact

__all__ = ["NULL_WORDS", "decimal_commas", "is_number", "numbers"]

# What pandas takes for no value (`pandas.read_csv`, na_values), but for the blank cell.
NULL_WORDS = (
    *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>"),
    *("N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)
_NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?(?i:inf(?:inity)?)"
_INTEGER = r"[-+]?[0-9]+"
_IN_FRONT = r"[-+]?0[0-9].*"
_POINT = r".*(?:\.|[eE][-+]).*"
_GROUPED = r"[-+]?[0-9]{1,3}(?:\.[0-9]{3})*(?:,[0-9]+)?"  # 1.234,5
_PLAIN = r"[-+]?[0-9]+(?:,[0-9]+)?"
_INT64, _UINT64 = 2**63, 2**64


def numbers(texts: pd.Series[Any]) -> pd.Series[Any] | bool:
    """Return a column's cells as integers; or whether they are numbers, which pandas' floats hold.

    Args:
        texts: the cells; None or NaN where they are blank.
    """
    cells = texts.str.strip()
    values = cells[cells.notna() & ~cells.isin(NULL_WORDS)]
    if not len(values):
        return True
    if not _all(values, _NUMBER) or _any(values, _IN_FRONT):
        return False
    has_point = _any(values, _POINT)
    has_plus, has_minus = _any(values, r"\+.*"), _any(values, "-.*")
    if has_plus and not has_minus and not has_point:
        return False
    is_integer = values.str.fullmatch(_INTEGER).astype(bool)
    if not is_integer.all():
        return has_point and all(_has_float(int(text)) for text in values[is_integer & (values.str.len() > 15)])  # noqa: PLR2004 - digits
    integers = [int(text) for text in values]
    least, most = min(integers), max(integers)
    if len(values) < len(cells) and is_exact(least, most):
        return True
    return _integers(texts, values, integers)


def _integers(texts: pd.Series[Any], values: pd.Series[Any], integers: list[int]) -> pd.Series[Any] | bool:
    least, most = min(integers), max(integers)
    is_signed = least >= -_INT64 and most < _INT64
    if not is_signed and (least < 0 or most >= _UINT64):
        return False
    kind: Any = "Int64" if is_signed else "UInt64"
    column = pd.Series(pd.NA, texts.index, kind)
    column[values.index] = pd.array(np.array(integers, kind.lower()), dtype=kind)
    return column if len(values) < len(texts) else column.astype(kind.lower())


def is_number(text: str) -> bool:
    """Tell whether a cell is a number."""
    return re.fullmatch(_NUMBER, text.strip()) is not None


def decimal_commas(texts: pd.Series[Any]) -> pd.Series[Any] | None:
    """Return a column whose cells have commas for points, and maybe points between thousands; None if it is none."""
    cells = texts.str.strip()
    values = cells[cells.notna() & ~cells.isin(NULL_WORDS)]
    has_comma = len(values) > 0 and _any(values, ".*,.*")
    if not has_comma or _any(values, _IN_FRONT) or not values.str.fullmatch(f"{_GROUPED}|{_PLAIN}").all():
        return None
    plain = values.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    return plain.astype("float64").reindex(texts.index)


def _has_float(number: int) -> bool:
    """Tell whether a float has this very value."""
    return int(float(number)) == number


def _all(values: pd.Series[Any], pattern: str) -> bool:
    return bool(values.str.fullmatch(pattern).all())


def _any(values: pd.Series[Any], pattern: str) -> bool:
    return bool(values.str.fullmatch(pattern).any())
