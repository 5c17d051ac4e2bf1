"""One column of a DataFrame, taken in page by page and given the narrowest dtype that keeps every value."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from nbauth.data.build.chunk import DTYPES, chunk_of, merged, nothing
from nbauth.data.build.declared import nulls_of
from nbauth.data.build.timestamps import is_time, timestamps
from nbauth.data.build.type_rules import as_text, join

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nbauth.data.build.chunk import Chunk
    from nbauth.data.build.type_rules import Declared, Target

__all__ = ["Column"]


class Column:
    """A column that grows by pages.

    Args:
        rows: how many rows went by before it first appeared.
        in_arrow: whether text is held in Arrow's memory.
    """

    def __init__(self, rows: int = 0, *, in_arrow: bool = False) -> None:
        self._chunks: list[Chunk] = [nothing(rows)] if rows else []
        self._in_arrow = in_arrow
        self._compact = 0  # so many chunks are
        self._declared: Declared | None = None

    def declare(self, declared: Declared) -> None:
        """Note what the values are said to be: text is never times then, and nulls alone get a dtype."""
        self._declared = declared

    @property
    def is_text(self) -> bool:
        """Whether its text stays text, whatever it looks like."""
        return self._declared in ("text", "any")

    def extend(self, values: list[Any]) -> None:
        """Take in the values of further rows; the list is kept."""
        if values:
            self._chunks.append(chunk_of(values, in_arrow=self._in_arrow))

    def append(self, chunk: Chunk) -> None:
        """Take in further rows."""
        self._chunks.append(chunk)

    def extend_missing(self, rows: int) -> None:
        """Take in further rows that have no such key."""
        if not rows:
            return
        if len(self._chunks) > self._compact and self._chunks[-1].kind == "null":
            rows += self._chunks.pop().size
        self._chunks.append(nothing(rows))

    def fit(self, rows: int) -> None:
        """Make the column as long as others, after an interrupt in the middle of a page."""
        size = sum(chunk.size for chunk in self._chunks)
        while size > rows:
            size -= self._chunks.pop().size
        self._compact = min(self._compact, len(self._chunks))
        self.extend_missing(rows - size)

    def compact(self) -> None:
        """Pack the values that were added since the last call, so that they take less memory."""
        self._chunks[self._compact :] = merged(self._chunks[self._compact :])
        self._compact = len(self._chunks)

    def take(self, backend: str | None = None) -> pd.Series[Any]:
        """Return the column, of the narrowest dtype that keeps every value (see `type_rules`), and let it go.

        Args:
            backend: ``"pyarrow"`` for Arrow's dtypes.
        """
        if backend == "pyarrow" and (array := self.take_arrow()) is not None:
            return pd.Series(pd.arrays.ArrowExtensionArray(array), copy=False)
        has_nulls = any(chunk.has_nulls() for chunk in self._chunks)
        match target := self._target():
            case "bool" | "int":
                return self._from_arrays(target, has_nulls=has_nulls)
            case "uint":
                return _unsigned(list(self._objects()), has_nulls=has_nulls)
            case "float":
                return self._floats()
            case "text":
                return self._text()
            case "null" | "mixed" | "decimal" | "span":
                return self._others(target)

    def take_arrow(self) -> Any | None:
        """Return the column as a chunked array, and let it go; None if no type of Arrow's keeps all values."""
        from nbauth.data.build import arrow_arrays

        self.compact()
        array = arrow_arrays.array_of(self._chunks, self._target(), may_be_times=not self.is_text)
        if array is not None and self._declared is not None and array.null_count == len(array):
            array = arrow_arrays.nulls_of(self._declared, len(array))
        if array is not None:
            self._let_go()
        return array

    def take_text_or_arrow(self, *, times: bool = True) -> Any:
        """Return the column as a chunked array of Arrow's; where no type of Arrow's keeps all values, as text.

        Args:
            times: whether times are timestamps, or the text as which they came.
        """
        import pyarrow as pa

        from nbauth.data.build.memory_pool import POOL

        has_text = any(chunk.is_arrow for chunk in self._chunks)
        if has_text and not times and all(chunk.is_arrow or chunk.kind == "null" for chunk in self._chunks):
            from nbauth.data.build.arrow_series import text_arrays

            return pa.chunked_array([part.cast(pa.string(), memory_pool=POOL) for part in text_arrays(self._let_go())])
        if not times and self._declared in ("time", "zoned time"):
            self._declared = None  # nulls of text would make text of the other parts' times
        array = self.take_arrow()
        if array is not None:
            return array
        texts = [as_text(value) for value in self._objects()]
        self._let_go()
        return pa.chunked_array([pa.array(texts, pa.string(), memory_pool=POOL)])

    def _target(self) -> Target:
        chunks = self._chunks
        return join(
            {chunk.kind for chunk in chunks},
            are_unsigned=lambda: all(chunk.is_unsigned() for chunk in chunks),
            are_exact=lambda: all(chunk.is_exact() for chunk in chunks),
        )

    def _objects(self) -> Iterator[Any]:
        return chain.from_iterable(chunk.objects() for chunk in self._chunks)

    def _let_go(self) -> list[Chunk]:
        chunks, self._chunks, self._compact = self._chunks, [], 0
        return chunks

    def _from_arrays(self, kind: Literal["bool", "int"], *, has_nulls: bool) -> pd.Series[Any]:
        dtype, filler = DTYPES[kind]
        chunks = self._let_go()
        values = _concatenated([np.full(c.size, filler, dtype) if c.kind == "null" else c.data for c in chunks])
        if not has_nulls:
            return pd.Series(values, copy=False)
        nulls = _concatenated([chunk.null_mask() for chunk in chunks])
        # Nullable, so that integers stay integers: NaN would make floats of them.
        array: Any = pd.arrays.BooleanArray if kind == "bool" else pd.arrays.IntegerArray
        return pd.Series(array(values, nulls), copy=False)

    def _floats(self) -> pd.Series[Any]:
        parts = []
        for chunk in self._let_go():
            if chunk.kind == "null":
                part = np.full(chunk.size, np.nan)
            else:
                part = chunk.data.astype(np.float64, copy=chunk.nulls is not None)
                if chunk.nulls is not None:
                    part[chunk.nulls] = np.nan
            parts.append(part)
        return pd.Series(_concatenated(parts), copy=False)

    def _others(self, target: Literal["null", "mixed", "decimal", "span"]) -> pd.Series[Any]:
        values = list(self._objects())
        if target == "null" and self._declared is not None:
            return nulls_of(self._declared, len(values))
        return pd.Series(pd.to_timedelta(values).as_unit("ns")) if target == "span" else _objects(values)

    def _text(self) -> pd.Series[Any]:
        if not self._in_arrow or any(isinstance(chunk.data, list) for chunk in self._chunks):
            return (_plain_text if self.is_text else _text)(list(self._objects()))
        from nbauth.data.build import arrow_series

        self.compact()
        times = None if self.is_text else arrow_series.times(self._chunks)
        if times is not None:
            self._let_go()
            return times
        if not self.is_text and is_time(arrow_series.first_text(self._chunks)):
            return _text(list(self._objects()))  # written in several ways
        return arrow_series.text(self._let_go())


def _concatenated(arrays: list[Any]) -> Any:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _unsigned(values: list[int | None], *, has_nulls: bool) -> pd.Series[Any]:
    array = np.array([0 if value is None else value for value in values], np.uint64)
    if not has_nulls:
        return pd.Series(array)
    nulls = np.fromiter((value is None for value in values), np.bool_, len(values))
    return pd.Series(pd.arrays.IntegerArray(array, nulls))


def _text(values: list[str | None]) -> pd.Series[Any]:
    parsed = timestamps(values)
    return _plain_text(values) if parsed is None else parsed


def _plain_text(values: list[str | None]) -> pd.Series[Any]:
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
