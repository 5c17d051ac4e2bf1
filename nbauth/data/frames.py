"""Pages of records to a DataFrame that holds what the pages held.

What a column becomes, by the values that all pages have for its key. A key that a record lacks is null there.

| values | dtype | nulls |
|---|---|---|
| integers | `int64`; beyond it `uint64` if all fit, else `object` | `Int64`, `UInt64` |
| true and false | `bool` | `boolean` |
| numbers with a fraction or an exponent | `float64` | NaN |
| both kinds of numbers | `float64` if every integer is at most 2**53, else `object` | NaN, or None |
| text | pandas' default for text | as pandas has it |
| ISO 8601 times, all with an offset | `datetime64`, in UTC | NaT |
| ISO 8601 times without, or dates | `datetime64` | NaT |
| objects and lists | `object`, text or further columns, as `nested` says | None |
| nothing but null | `object` | None |
| anything mixed | `object`, each value as it came | None |
"""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, get_args

import pandas as pd

from nbauth.data.columns import Column
from nbauth.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["FrameBuilder", "Nested"]

Nested = Literal["object", "json", "flatten"]
_Path = tuple[str, ...]


class FrameBuilder:
    """Takes in pages; holds columns, not records.

    Args:
        nested: what becomes of objects and lists inside a record. ``"object"`` keeps them as Python objects, ``"json"``
            as JSON text; ``"flatten"`` makes a column of each member of an object, ``parent.child``, and keeps lists
            and empty objects. Where two members claim one name, the later column gets ``.2`` after it.

    Raises:
        ConfigError: an unknown value of `nested`.
    """

    def __init__(self, nested: Nested = "object") -> None:
        if nested not in get_args(Nested):
            raise ConfigError(f"nested: expected one of {', '.join(get_args(Nested))}, found {nested!r}.")
        self._nested = nested
        self._columns: dict[str | _Path, Column] = {}
        self.rows = 0

    def add(self, records: Sequence[Any]) -> None:
        """Take in a page. A record that is no object becomes the row's ``value``."""
        if not records:
            return
        rows: list[dict[Any, Any]] = [r if type(r) is dict else {"value": r} for r in records]
        if self._nested == "flatten":
            rows = [dict(_flat(row)) for row in rows]
        keys = dict.fromkeys(chain.from_iterable(rows))
        for key in keys:
            column = self._columns.get(key)
            if column is None:
                column = self._columns[key] = Column(self.rows)
            values = [row.get(key) for row in rows]
            if self._nested == "json" and not {dict, list}.isdisjoint(map(type, values)):
                values = [_json(value) if isinstance(value, (dict, list)) else value for value in values]
            column.extend(values)
        if len(keys) < len(self._columns):
            for key in self._columns.keys() - keys.keys():
                self._columns[key].extend_missing(len(rows))
        self.rows += len(rows)

    def frame(self) -> pd.DataFrame:
        """Return what has come so far, columns in the order of their first appearance."""
        for column in self._columns.values():
            column.fit(self.rows)
        series = [column.series() for column in self._columns.values()]
        # By position and named afterwards: names may be half surrogate pairs, which Arrow cannot hold.
        frame = pd.DataFrame(dict(enumerate(series)), index=pd.RangeIndex(self.rows), copy=False)
        frame.columns = _index(self._names())
        return frame

    def _names(self) -> list[str]:
        names: list[str] = []
        taken: set[str] = set()
        for key in self._columns:
            wanted = key if isinstance(key, str) else ".".join(key)
            name, number = wanted, 1
            while name in taken:
                number += 1
                name = f"{wanted}.{number}"
            taken.add(name)
            names.append(name)
        return names


def _flat(row: dict[str, Any], above: _Path = ()) -> Iterator[tuple[_Path, Any]]:
    for name, value in row.items():
        if type(value) is dict and value:
            yield from _flat(value, (*above, name))
        else:
            yield (*above, name), value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _index(names: list[str]) -> pd.Index[Any]:
    try:
        return pd.Index(names)
    except UnicodeEncodeError:
        return pd.Index(names, dtype=object)
