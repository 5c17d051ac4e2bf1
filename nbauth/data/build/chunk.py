"""Chunk: some rows of a column, in as little memory as keeps every value exact."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from nbauth.data.build.type_rules import is_exact, is_unsigned

if TYPE_CHECKING:
    from nbauth.data.build.type_rules import Kind

__all__ = ["Chunk", "chunk_of", "known_chunk", "merged", "nothing"]

_KINDS: dict[frozenset[type], Kind] = {
    frozenset(): "null",
    frozenset({bool}): "bool",
    frozenset({int}): "int",
    frozenset({float}): "float",
    frozenset({int, float}): "number",
    frozenset({str}): "text",
    frozenset({Decimal}): "decimal",
    frozenset({pd.Timedelta}): "span",
}
DTYPES: dict[Kind, tuple[type, Any]] = {
    "bool": (np.bool_, False),
    "int": (np.int64, 0),
    "float": (np.float64, 0.0),
    "number": (np.float64, 0.0),
}
_CODES = {"int": "q", "float": "d"}  # of `struct`


@dataclass(frozen=True)
class Chunk:
    """Some rows of a column.

    Attributes:
        kind: what the values are; see `nbauth.data.build.type_rules`.
        size: how many rows.
        data: an array for ``bool``, ``int``, ``float`` and ``number``, where null with 0 for ``int`` and anything for
            the others; for ``text`` a list, or Arrow's (see `nbauth.data.build.arrow_text`); otherwise a list, also for
            a ``number`` that no float holds; nothing for ``null``.
        nulls: where an array's values are null; None if nowhere.
        ints: where a ``number`` array's values came as integers.
    """

    kind: Kind
    size: int
    data: Any = None
    nulls: Any = None
    ints: Any = None

    @property
    def is_arrow(self) -> bool:
        """Tell whether it is text in Arrow's memory."""
        return self.kind == "text" and not isinstance(self.data, list)

    @property
    def texts(self) -> int:
        """How many values are text, where there is nothing else but null."""
        if self.kind != "text":
            return 0
        nulls = self.data.count(None) if isinstance(self.data, list) else self.data.null_count
        return self.size - int(nulls)

    def objects(self) -> list[Any]:
        """Return the values as they came."""
        if self.kind == "null":
            return [None] * self.size
        if isinstance(self.data, list):
            return self.data
        if self.kind == "text":
            from nbauth.data.build.arrow_text import plain

            texts: list[Any] = plain(self.data).to_pylist()
            return texts
        values: list[Any] = self.data.tolist()
        if self.ints is not None:
            for row in np.flatnonzero(self.ints):
                values[row] = int(values[row])
        if self.nulls is not None:
            for row in np.flatnonzero(self.nulls):
                values[row] = None
        return values

    def has_nulls(self) -> bool:
        """Tell whether any value is null."""
        if self.kind == "null":
            return self.size > 0
        return None in self.data if isinstance(self.data, list) else self.nulls is not None

    def is_unsigned(self) -> bool:
        """Tell whether the integers fit into uint64."""
        if self.kind == "null":
            return True
        present = [value for value in self.data if value is not None] if isinstance(self.data, list) else self.data
        return is_unsigned(*_bounds(present))

    def is_exact(self) -> bool:
        """Tell whether the numbers are floats without a loss."""
        if self.kind == "int":
            return is_exact(*_bounds(self.data))
        return not isinstance(self.data, list)

    def null_mask(self) -> Any:
        """Return where the values of an array are null."""
        if self.kind == "null":
            return np.ones(self.size, np.bool_)
        return np.zeros(self.size, np.bool_) if self.nulls is None else self.nulls


def _bounds(integers: Any) -> tuple[int | None, int | None]:
    if not len(integers):
        return None, None
    if isinstance(integers, list):
        return min(integers), max(integers)
    return int(integers.min()), int(integers.max())


def nothing(rows: int) -> Chunk:
    """Return rows without a value."""
    return Chunk("null", rows)


def chunk_of(values: list[Any], *, in_arrow: bool = False) -> Chunk:
    """Take in values of any kind.

    Args:
        values: the values; the list is kept.
        in_arrow: whether text goes to Arrow's memory.
    """
    types = set(map(type, values))
    has_nulls = type(None) in types
    types.discard(type(None))
    kind: Kind = _KINDS.get(frozenset(types), "other")
    if kind == "text" and in_arrow:
        return _text(values)
    if kind not in DTYPES:
        return nothing(len(values)) if kind == "null" else Chunk(kind, len(values), values)
    dtype, filler = DTYPES[kind]
    nulls = np.fromiter((value is None for value in values), np.bool_, len(values)) if has_nulls else None
    present = [filler if value is None else value for value in values] if has_nulls else values
    if kind == "number":
        exact = all(type(value) is float or is_exact(value, value) for value in present)
        ints = np.fromiter((type(value) is int for value in values), np.bool_, len(values))
        return Chunk(kind, len(values), *((np.array(present, dtype), nulls, ints) if exact else (values,)))
    try:
        return Chunk(kind, len(values), np.array(present, dtype), nulls)
    except OverflowError:
        return Chunk("big", len(values), values)


def known_chunk(values: list[Any], kind: Kind) -> Chunk:
    """Add values that are all of one kind, or null, as a typed parser yields them. No NaN is among them."""
    if kind == "text":
        return _text(values)
    if kind in ("int", "bool"):
        packed = _packed(values, kind) if values and values[0] is not None else None
        return _by_arrow(values, kind) if packed is None else Chunk(kind, len(values), packed)
    if kind == "number":
        return _numbers(values)
    return chunk_of(values, in_arrow=True)


def _numbers(values: list[Any]) -> Chunk:
    types = set(map(type, values))
    if types == {float}:
        return Chunk("float", len(values), _packed(values, "float"))
    if float not in types:
        return chunk_of(values)
    import pyarrow as pa

    from nbauth.data.build.memory_pool import POOL

    try:
        array = pa.array(values, pa.float64(), memory_pool=POOL)
    except (OverflowError, pa.ArrowInvalid):  # an integer that no float holds
        return chunk_of(values)
    data = array.to_numpy(zero_copy_only=False, writable=True)
    nulls = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
    if int not in types:
        return Chunk("float", len(values), data, nulls)
    ints = np.fromiter((type(value) is int for value in values), np.bool_, len(values))
    return Chunk("number", len(values), data, nulls, ints)


def _by_arrow(values: list[Any], kind: Kind) -> Chunk:
    import pyarrow as pa

    from nbauth.data.build.memory_pool import POOL

    try:
        array = pa.array(values, pa.int64() if kind == "int" else pa.bool_(), memory_pool=POOL)
    except (OverflowError, pa.ArrowInvalid):  # beyond int64
        return chunk_of(values)
    if array.null_count == len(array):
        return nothing(len(array))
    if not array.null_count:
        return Chunk(kind, len(array), array.to_numpy(zero_copy_only=False))
    if kind == "bool":
        data = array.fill_null(DTYPES[kind][1]).to_numpy(zero_copy_only=False)
        return Chunk(kind, len(array), data, array.is_null().to_numpy(zero_copy_only=False))
    # From Arrow's memory as it is: its functions take longer than it takes to make the array.
    validity, integers = array.buffers()
    nulls = np.unpackbits(np.frombuffer(validity, np.uint8), count=len(array), bitorder="little") == 0
    data = np.frombuffer(integers, np.int64, len(array)).copy()
    data[nulls] = DTYPES[kind][1]
    return Chunk(kind, len(array), data, nulls)


def _packed(values: list[Any], kind: Literal["int", "bool", "float"]) -> Any | None:
    """Return values as an array; None where one of them is null, or beyond int64.

    In half of the time of `numpy.array`, which asks each value for what it is.
    """
    try:
        if kind == "bool":
            return np.frombuffer(bytearray(values), np.bool_)
        array: Any = np.empty(len(values), DTYPES[kind][0])
        struct.pack_into(f"{len(values)}{_CODES[kind]}", array, 0, *values)
    except (TypeError, struct.error):
        return None
    return array


def merged(chunks: list[Chunk]) -> list[Chunk]:
    """Return the chunks with neighbours of one kind in one piece, and text as small as it can be."""
    pieces: list[Chunk] = []
    run: list[Chunk] = []
    for chunk in chunks:
        if run and not _goes_with(run[-1], chunk):
            pieces.append(_joined(run))
            run = []
        run.append(chunk)
    return [*pieces, _joined(run)] if run else pieces


def _goes_with(before: Chunk, chunk: Chunk) -> bool:
    if before.kind != chunk.kind or isinstance(before.data, list) or isinstance(chunk.data, list):
        return False
    return before.kind in DTYPES or before.is_arrow


def _joined(run: list[Chunk]) -> Chunk:
    first, size = run[0], sum(chunk.size for chunk in run)
    if first.is_arrow:
        import pyarrow as pa

        from nbauth.data.build.arrow_text import compacted, plain
        from nbauth.data.build.memory_pool import POOL

        return Chunk("text", size, compacted(pa.concat_arrays([plain(chunk.data) for chunk in run], POOL)))
    if len(run) == 1:
        return first
    nulls = None if all(chunk.nulls is None for chunk in run) else np.concatenate([c.null_mask() for c in run])
    ints = None if first.ints is None else np.concatenate([chunk.ints for chunk in run])
    return Chunk(first.kind, size, np.concatenate([chunk.data for chunk in run]), nulls, ints)


def _text(values: list[Any]) -> Chunk:
    from nbauth.data.build.arrow_text import text_array

    try:
        array = text_array(values)
    except UnicodeEncodeError:  # half of a surrogate pair: JSON can write it, Arrow cannot hold it
        return Chunk("text", len(values), values)
    return nothing(len(values)) if array.null_count == len(values) else Chunk("text", len(values), array)
