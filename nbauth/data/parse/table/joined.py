"""The blocks of one table below each other: each column in the dtype that all its cells have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nbauth.data.build.type_rules import EXACT, PLAIN, is_exact

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["MustBeText", "joined"]

_INTEGERS = frozenset({"int", "uint"})


class MustBeText(Exception):
    """Columns have text in some blocks, and in others numbers whose text is lost.

    Attributes:
        columns: their positions.
        frame: the rows, where these columns have values of several kinds.
    """

    def __init__(self, columns: set[int], frame: pd.DataFrame) -> None:
        super().__init__(columns)
        self.columns = columns
        self.frame = frame


def joined(blocks: Sequence[dict[int, pd.Series[Any]]], words: Collection[int], text: Any) -> pd.DataFrame:
    """Return the rows of all blocks.

    Args:
        blocks: their columns, which are numbered; they are taken out, so that no two copies of all are in memory.
        words: columns that have nothing but NA or its like in some block.
        text: the dtype of text.

    Raises:
        MustBeText: columns whose text is wanted that is no longer there.
    """
    blocks = [block for block in blocks if len(block[0])] or blocks[:1]
    if len(blocks) == 1:
        return pd.DataFrame(blocks[0], copy=False)
    columns: dict[int, pd.Series[Any]] = {}
    lost: dict[int, pd.Series[Any]] = {}
    for number in list(blocks[0]):
        parts = [block.pop(number) for block in blocks]
        column = _column(parts, text, has_words=number in words)
        if column is None:
            column = lost[number] = pd.concat([part.astype(object) for part in parts], ignore_index=True)
        columns[number] = column
    frame = pd.DataFrame(columns, copy=False)
    if lost:
        raise MustBeText(set(lost), frame)
    return frame


def _column(  # noqa: PLR0911 - a table of kinds
    parts: list[pd.Series[Any]], text: Any, *, has_words: bool
) -> pd.Series[Any] | None:
    """Return a column's parts as one; None where their text is needed."""
    if len({part.dtype for part in parts}) == 1 and parts[0].dtype != object:
        if isinstance(parts[0].dtype, np.dtype):
            return pd.Series(np.concatenate([part.to_numpy() for part in parts]), copy=False)
        arrays: list[Any] = [part.array for part in parts]
        # What `pd.concat` calls, in the end (pandas.api.extensions.ExtensionArray).
        return pd.Series(arrays[0]._concat_same_type(arrays), copy=False)  # noqa: SLF001
    kinds = [_kind(part) for part in parts]
    present = set(kinds) - {"null"}
    has_minus = "uint" in present and any(
        kind == "int" and part.min() < 0 for kind, part in zip(kinds, parts, strict=True)
    )
    if "text" in present or has_minus:
        if has_words or not present <= {"text", *_INTEGERS}:
            return None
        whole = [_as_text(part, kind, text) for part, kind in zip(parts, kinds, strict=True)]
    elif present and present <= _INTEGERS:
        return _integers(parts, kinds)
    elif present and present <= {"float", *_INTEGERS}:
        return _numbers(parts, kinds)
    elif len(present) > 1 and not present <= {"big", *_INTEGERS}:
        return None
    elif present == {"bool"} and any(map(_is_arrow, parts)):
        whole = [part.astype("bool[pyarrow]") for part in parts]
    else:
        whole = [part.astype(object) for part in parts] if present else parts
    return pd.concat(whole, ignore_index=True)


def _integers(parts: list[pd.Series[Any]], kinds: list[str]) -> pd.Series[Any]:
    """Join integers, some parts without any: with gaps they are floats as in pandas, if these hold them."""
    has_gaps = any(kind == "null" for kind in kinds) or any(part.isna().any() for part in parts)
    in_arrow = any(map(_is_arrow, parts))
    names = ("uint64", "UInt64") if "uint" in kinds else ("int64", "Int64")
    kind: Any = f"{names[0]}[pyarrow]" if in_arrow else names[has_gaps]
    whole = pd.concat([part.astype(kind) for part in parts], ignore_index=True)
    if has_gaps and not in_arrow and not _is_large(whole):
        return whole.astype("float64")
    return whole


def _numbers(parts: list[pd.Series[Any]], kinds: list[str]) -> pd.Series[Any] | None:
    large = any(kind in _INTEGERS and _is_large(part) for kind, part in zip(kinds, parts, strict=True))
    if not large:
        kind: Any = "double[pyarrow]" if any(map(_is_arrow, parts)) else "float64"
        return pd.concat([part.astype(kind) for part in parts], ignore_index=True)
    floats = [part.dropna() for kind, part in zip(kinds, parts, strict=True) if kind == "float"]
    if not all((part % 1 == 0).all() and (part.abs() <= EXACT).all() for part in floats):
        return None
    return _integers(parts, kinds)


def _is_arrow(part: pd.Series[Any]) -> bool:
    return isinstance(part.dtype, pd.ArrowDtype)


def _is_large(part: pd.Series[Any]) -> bool:
    values = part.dropna()
    return len(values) > 0 and not is_exact(values.min(), values.max())


def _as_text(part: pd.Series[Any], kind: str, text: Any) -> pd.Series[Any]:
    if kind == "text":
        return part
    if kind == "null":
        return pd.Series([None] * len(part), dtype=text)
    return part.astype(object).map(str, na_action="ignore").astype(text)


def _kind(part: pd.Series[Any]) -> str:
    """Return what kind of values a part has."""
    if not part.notna().any():
        return "null"
    name = str(part.dtype)
    plain = PLAIN.get(name, name).partition("[")[0]
    for kind in ("uint", "int", "float", "double", "bool"):
        if plain.startswith(kind):
            return "float" if kind == "double" else kind
    if part.dtype == object:
        return {"boolean": "bool", "string": "text", "integer": "big"}.get(
            pd.api.types.infer_dtype(part, skipna=True), "other"
        )
    return "text"
