"""One column of a DataFrame, taken in page by page and given the narrowest dtype that keeps every value."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from nbauth.data.dates import timestamps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Column"]

Kind = Literal["null", "bool", "int", "big", "float", "number", "text", "other"]

_KINDS: dict[frozenset[type], Kind] = {
    frozenset(): "null",
    frozenset({bool}): "bool",
    frozenset({int}): "int",
    frozenset({float}): "float",
    frozenset({int, float}): "number",
    frozenset({str}): "text",
}
_DTYPES: dict[Kind, tuple[type, Any]] = {"bool": (np.bool_, False), "int": (np.int64, 0), "float": (np.float64, 0.0)}
_EXACT = 2**53  # every integer up to here is a float64
_UINT64_MAX = 2**64 - 1


@dataclass(frozen=True)
class _Chunk:
    """Some rows of a column.

    Attributes:
        kind: what the values are. ``big`` are ints beyond int64, ``number`` ints and floats together.
        size: how many rows.
        data: an array for ``bool``, ``int`` and ``float``, with a filler where null; otherwise a list; nothing
            for ``null``.
        nulls: where an array's values are null; None if nowhere.
    """

    kind: Kind
    size: int
    data: Any = None
    nulls: Any = None

    def objects(self) -> list[Any]:
        """Return the values as they came."""
        if self.kind == "null":
            return [None] * self.size
        if isinstance(self.data, list):
            return self.data
        values: list[Any] = self.data.tolist()
        if self.nulls is not None:
            for row in np.flatnonzero(self.nulls):
                values[row] = None
        return values

    def has_nulls(self) -> bool:
        """Tell whether any value is null."""
        if self.kind == "null":
            return self.size > 0
        return None in self.data if isinstance(self.data, list) else self.nulls is not None


def _chunk(values: list[Any]) -> _Chunk:
    types = set(map(type, values))
    has_nulls = type(None) in types
    types.discard(type(None))
    kind: Kind = _KINDS.get(frozenset(types), "other")
    if kind == "null":
        return _Chunk("null", len(values))
    if kind not in _DTYPES:
        return _Chunk(kind, len(values), values)
    dtype, filler = _DTYPES[kind]
    nulls = np.fromiter((value is None for value in values), np.bool_, len(values)) if has_nulls else None
    present = [filler if value is None else value for value in values] if has_nulls else values
    try:
        return _Chunk(kind, len(values), np.array(present, dtype), nulls)
    except OverflowError:
        return _Chunk("big", len(values), values)


class Column:
    """A column that grows by pages.

    Args:
        rows: how many rows went by before it first appeared.
    """

    def __init__(self, rows: int = 0) -> None:
        self._chunks: list[_Chunk] = [_Chunk("null", rows)] if rows else []

    def extend(self, values: list[Any]) -> None:
        """Take in the values of further rows; the list is kept."""
        if values:
            self._chunks.append(_chunk(values))

    def extend_missing(self, rows: int) -> None:
        """Take in further rows that have no such key."""
        if not rows:
            return
        if self._chunks and self._chunks[-1].kind == "null":
            rows += self._chunks.pop().size
        self._chunks.append(_Chunk("null", rows))

    def fit(self, rows: int) -> None:
        """Make the column as long as others, after an interrupt in the middle of a page."""
        size = sum(chunk.size for chunk in self._chunks)
        while size > rows:
            size -= self._chunks.pop().size
        self.extend_missing(rows - size)

    def series(self) -> pd.Series[Any]:
        """Return the column, of the narrowest dtype that keeps every value (see `nbauth.data.frames`)."""
        kinds = {chunk.kind for chunk in self._chunks} - {"null"}
        has_nulls = any(chunk.has_nulls() for chunk in self._chunks)
        if kinds == {"bool"}:
            return self._from_arrays("bool", has_nulls=has_nulls)
        if kinds == {"int"}:
            return self._from_arrays("int", has_nulls=has_nulls)
        if kinds == {"text"}:
            return _text(list(self._objects()))
        if kinds and kinds <= {"int", "big"}:
            return _unsigned(list(self._objects()), has_nulls=has_nulls)
        if kinds and kinds <= {"int", "big", "float", "number"} and self._floats_hold_ints():
            return self._floats()
        return _objects(list(self._objects()))

    def _objects(self) -> Iterator[Any]:
        return chain.from_iterable(chunk.objects() for chunk in self._chunks)

    def _from_arrays(self, kind: Literal["bool", "int"], *, has_nulls: bool) -> pd.Series[Any]:
        dtype, filler = _DTYPES[kind]
        values = np.concatenate([np.full(c.size, filler, dtype) if c.kind == "null" else c.data for c in self._chunks])
        if not has_nulls:
            return pd.Series(values)
        nulls = np.concatenate([_null_mask(chunk) for chunk in self._chunks])
        # Nullable, so that integers stay integers: NaN would make floats of them.
        array: Any = pd.arrays.BooleanArray if kind == "bool" else pd.arrays.IntegerArray
        return pd.Series(array(values, nulls))

    def _floats_hold_ints(self) -> bool:
        for one in self._chunks:
            if one.kind == "int" and not _is_exact(one.data):
                return False
            if one.kind in ("big", "number") and not all(map(_is_exact_float, one.data)):
                return False
        return True

    def _floats(self) -> pd.Series[Any]:
        parts = []
        for one in self._chunks:
            if one.kind == "null":
                part = np.full(one.size, np.nan)
            elif isinstance(one.data, list):
                part = np.array([np.nan if value is None else float(value) for value in one.data], np.float64)
            else:
                part = one.data.astype(np.float64)
                if one.nulls is not None:
                    part[one.nulls] = np.nan
            parts.append(part)
        return pd.Series(np.concatenate(parts))


def _null_mask(one: _Chunk) -> Any:
    if one.kind == "null":
        return np.ones(one.size, np.bool_)
    return np.zeros(one.size, np.bool_) if one.nulls is None else one.nulls


def _is_exact(values: Any) -> bool:
    # Not by the absolute value: that of -2**63 overflows.
    return not len(values) or (int(values.min()) >= -_EXACT and int(values.max()) <= _EXACT)


def _is_exact_float(value: Any) -> bool:
    return type(value) is not int or -_EXACT <= value <= _EXACT


def _unsigned(values: list[int | None], *, has_nulls: bool) -> pd.Series[Any]:
    if not all(value is None or 0 <= value <= _UINT64_MAX for value in values):
        return _objects(values)
    array = np.array([0 if value is None else value for value in values], np.uint64)
    if not has_nulls:
        return pd.Series(array)
    nulls = np.fromiter((value is None for value in values), np.bool_, len(values))
    return pd.Series(pd.arrays.IntegerArray(array, nulls))


def _text(values: list[str | None]) -> pd.Series[Any]:
    parsed = timestamps(values)
    if parsed is not None:
        return parsed
    try:
        return pd.Series(values)  # `str` in pandas 3, `object` before
    except UnicodeEncodeError:  # half of a surrogate pair: JSON can write it, Arrow cannot hold it
        return _objects(values)


def _objects(values: Sequence[Any]) -> pd.Series[Any]:
    # Filled item by item: an array made of a list of lists would have two dimensions.
    array = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        array[row] = value
    return pd.Series(array, dtype=object)
