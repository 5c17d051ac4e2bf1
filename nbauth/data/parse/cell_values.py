"""The cells of a column, which JSON writes as text or numbers, to the values that their type declares.

A cell that cannot be read as its type says stays as it came: nothing is lost, and the column shows that.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from nbauth.data.build.type_rules import Declared, is_exact

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CellKind", "declared_as", "is_number", "values_of"]

# Beside the kinds that a frame knows, how some services write times: seconds or days since 1970, as text or numbers.
Epoch = Literal[
    "epoch seconds", "local epoch seconds", "epoch milliseconds", "epoch nanoseconds", "epoch days",
    "offset epoch seconds",
]  # fmt: skip
CellKind = Declared | Epoch

_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_DIGITS = re.compile(r"[-+0-9]*", re.ASCII)
_TRUTH = {"true": True, "false": False, "1": True, "0": False, "t": True, "f": False}
# .NET's constant format, in which Kusto writes them too: [-][d.]hh:mm:ss[.fffffff].
_SPAN = re.compile(r"(-?)(?:(\d+)[.:])?(\d{1,2}):(\d\d):(\d\d)(?:\.(\d{1,9}))?", re.ASCII)
_UTC = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?) (?:UTC|Z|\+00:00)", re.ASCII)  # Trino's
_EXACT = Context(prec=60)
_NS_A_SECOND, _NS_A_DAY = 10**9, 86_400 * 10**9
_SCALES: dict[str, int] = {
    "epoch seconds": _NS_A_SECOND, "local epoch seconds": _NS_A_SECOND, "epoch milliseconds": 10**6,
    "epoch nanoseconds": 1, "epoch days": _NS_A_DAY,
}  # fmt: skip
_MOST_NS = 2**63 - 1


def declared_as(kind: CellKind | None) -> Declared | None:
    """Return what a column is that has such cells."""
    if kind in get_args(Epoch):
        return "time" if kind in ("local epoch seconds", "epoch days") else "zoned time"
    return kind  # type: ignore[return-value]


def is_number(cell: str) -> bool:
    """Tell whether a text is a number, as services write them."""
    return isinstance(_float(cell), float)


def values_of(cells: list[Any], kind: CellKind | None) -> list[Any]:
    """Return the values of a column's cells; the same list where nothing is to be done."""
    types = set(map(type, cells))
    if kind in _SCALES:
        return _times(cells, _SCALES[kind], zone="" if kind in ("local epoch seconds", "epoch days") else "Z")
    if kind == "offset epoch seconds":
        return _each(cells, _with_offset)
    if kind == "float" and int in types:
        cells = [float(cell) if type(cell) is int and is_exact(cell, cell) else cell for cell in cells]
    if kind == "bool" and int in types:  # Kusto's first version
        return _each(cells, _truth)
    if kind in ("time", "zoned time") and _UTC.fullmatch(str(next(filter(None, cells), ""))) is None:
        return cells  # mostly
    read = _OF_TEXT.get(kind) if kind is not None and str in types else None
    return cells if read is None else _each(cells, read, quick=_QUICK.get(kind) if types == {str} else None)


def _each(cells: list[Any], read: Callable[[Any], Any], quick: Callable[[str], Any] | None = None) -> list[Any]:
    # Python's int takes more than JSON and SQL write, such as 1_000.
    if quick is not None and (quick is not int or _DIGITS.fullmatch("".join(cells))):
        try:
            return list(map(quick, cells))
        except (ValueError, InvalidOperation):
            pass
    return [cell if cell is None else read(cell) for cell in cells]


def _integer(cell: Any) -> Any:
    return int(cell) if type(cell) is str and _WHOLE.fullmatch(cell) else cell


def _float(cell: Any) -> Any:
    try:
        return float(cell) if type(cell) is str else cell
    except ValueError:
        return cell


def _number(cell: Any) -> Any:
    whole = _integer(cell)
    return whole if type(whole) is int else _float(cell)


def _decimal(cell: Any) -> Any:
    try:
        return Decimal(cell) if type(cell) is str else cell
    except InvalidOperation:
        return cell


def _truth(cell: Any) -> Any:
    return _TRUTH.get(str(cell).lower(), cell)


def _utc(cell: Any) -> Any:
    match = _UTC.fullmatch(cell) if type(cell) is str else None
    return cell if match is None else f"{match[1]}Z"


def _span(cell: Any) -> Any:
    if type(cell) is not str:
        return cell
    match = _SPAN.fullmatch(cell)
    try:
        if match is None:
            return pd.Timedelta(cell).as_unit("ns") if cell.lstrip("-").startswith("P") else cell
        sign, days, hours, minutes, seconds, fraction = match.groups()
        whole = ((int(days or 0) * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds)
        nanoseconds = whole * _NS_A_SECOND + int((fraction or "").ljust(9, "0"))
        return pd.Timedelta(-nanoseconds if sign else nanoseconds, "ns")
    except (ValueError, OverflowError):  # pandas holds 292 years
        return cell


def _nanoseconds(cell: Any, scale: int) -> int | None:
    """Return a time in nanoseconds, exactly; None where the cell is none."""
    try:
        moment = _EXACT.multiply(Decimal(cell if type(cell) is str else repr(cell)), scale)
        return int(moment) if moment == moment.to_integral_value() else None
    except (InvalidOperation, ValueError, OverflowError):
        return None


def _times(cells: list[Any], scale: int, *, zone: str) -> list[Any]:
    """Return numbers since 1970 as ISO 8601, in which a column takes times; all in the same number of digits."""
    moments = [None if cell is None else _nanoseconds(cell, scale) for cell in cells]
    if any(moment is None and cell is not None for moment, cell in zip(moments, cells, strict=True)):
        return cells
    present = [0 if moment is None else moment for moment in moments]
    if all(moment % 1000 == 0 for moment in present):
        times = np.array([moment // 1000 for moment in present], "int64").view("M8[us]")
    elif all(abs(moment) <= _MOST_NS for moment in present):
        times = np.array(present, "int64").view("M8[ns]")
    else:
        return cells
    texts = np.datetime_as_string(times).tolist()
    return [None if moment is None else text + zone for moment, text in zip(moments, texts, strict=True)]


def _with_offset(cell: Any) -> Any:
    """Return Snowflake's TIMESTAMP_TZ: seconds since 1970 in UTC, and minutes that the time zone is from -1440."""
    seconds = str(cell).partition(" ")[0]
    return _times([seconds], _NS_A_SECOND, zone="Z")[0] if _nanoseconds(seconds, _NS_A_SECOND) is not None else cell


_OF_TEXT: dict[CellKind | None, Callable[[Any], Any]] = {
    "int": _integer, "float": _float, "number": _number, "decimal": _decimal, "bool": _truth, "span": _span,
    "time": _utc, "zoned time": _utc,
}  # fmt: skip
_QUICK: dict[CellKind | None, Callable[[str], Any]] = {"int": int, "float": float, "decimal": Decimal}
