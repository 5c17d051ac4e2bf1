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
| .NET's ``/Date(1700000000000)/`` | `datetime64`, in UTC | NaT |
| objects and lists | `object`, text or further columns, as `nested` says | None |
| decimals (of tables that declare them) | `object` of `Decimal` | None |
| spans of time (likewise) | `timedelta64` | NaT |
| nothing but null | `object`, or what is declared | None |
| anything mixed | `object`, each value unchanged | None |

With ``dtype_backend="pyarrow"`` the dtypes are Arrow's: `int64`, `uint64`, `bool`, `double`, `string`, `timestamp` in
microseconds or nanoseconds, `decimal`, `duration` and `null`; what is `object` above, but for nulls, stays so.
"""

from __future__ import annotations

from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, get_args

import pandas as pd

from nbauth.data.build.column import Column
from nbauth.data.build.json_cells import as_texts
from nbauth.data.build.width import check_width, is_wide
from nbauth.data.extras import is_fast, need_pyarrow
from nbauth.errors import ConfigError
from nbauth.process.interrupts import defer_interrupt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from nbauth.data.build.parsed_page import ColumnDecoder, ColumnKey, ParsedPage
    from nbauth.data.build.type_rules import Declared

__all__ = ["BLOCK_BYTES", "Backend", "FrameBuilder", "Nested", "check_choices"]

Nested = Literal["object", "json", "flatten"]
Backend = Literal["pyarrow"]
_COMPACT_ROWS = 32_768
BLOCK_BYTES = 150_000  # of pages that become columns together: what Python makes of more leaves the processor's cache
_BLOCK_PAGES = 64


class FrameBuilder:
    """Takes in pages; holds columns, not records.

    Args:
        nested: what becomes of objects and lists inside a record. ``"object"`` keeps them as Python objects, ``"json"``
            as JSON text; ``"flatten"`` makes a column of each member of an object, ``parent.child``, and keeps lists
            and empty objects. Where two members claim one name, the later column gets ``.2`` after it.
        dtype_backend: ``"pyarrow"`` for Arrow's dtypes.

    Attributes:
        is_fast: whether the extra ``fast`` is there, so that pages can be parsed into columns.
        is_flattened: whether members of objects become columns.
        is_json: whether objects and lists become JSON text.
        decoder: parses pages into columns by what is known of their types; kept here by who brings the pages.

    Raises:
        ConfigError: an unknown value, or pyarrow is not installed.
    """

    def __init__(self, nested: Nested = "object", dtype_backend: Backend | None = None) -> None:
        check_choices(nested, dtype_backend)
        self._nested = nested
        self._backend = dtype_backend
        self.is_fast = is_fast()
        self.is_flattened = nested == "flatten"
        self.is_json = nested == "json"
        self.decoder: ColumnDecoder | None = None
        self._columns: dict[ColumnKey, Column] = {}
        self._compacted = 0
        # How many rows the columns hold, and the pages behind them. One attribute: no interrupt comes between the two.
        self._taken: tuple[int, list[ParsedPage]] = (0, [])
        self._series: list[Any] = []  # of the frame that is being made
        self._made: tuple[int, list[str]] | None = None  # its rows and names

    @property
    def rows(self) -> int:
        """How many rows have come."""
        rows, waiting = self._taken
        return rows + sum(len(page.rows) for page in waiting)

    def add(self, records: Sequence[Any]) -> None:
        """Take in a page. A record that is no object becomes the row's ``value``."""
        if not records:
            return
        self._take_waiting()
        self._extend(records, [])

    def add_columns(self, rows: int, columns: Sequence[tuple[str, list[Any]]]) -> None:
        """Take in a table.

        Args:
            rows: how many rows it has.
            columns: for each key the values.
        """
        if not rows:
            return
        self._take_waiting()
        for key, values in columns:
            self._column(key).extend(self._texts(values))
        self._end_page({key for key, _ in columns}, rows, [])

    def add_parsed(self, page: ParsedPage) -> None:
        """Take in a page that is parsed. A small one waits for others: to make columns of a few rows takes longer."""
        rows, waiting = self._taken
        pages = [*waiting, page]
        is_block = len(pages) >= _BLOCK_PAGES or sum(len(one.raw) for one in pages) >= BLOCK_BYTES
        if is_block or not page.may_wait or not self._columns:
            self._take(pages)
        else:
            self._taken = rows, pages

    @property
    def is_wide(self) -> bool:
        """Tell whether to make its frame takes longer than an interrupt may wait."""
        return is_wide(len(self._columns) + len(self._series))

    @property
    def has_columns(self) -> bool:
        """Tell whether any row had a member, or one is expected."""
        return bool(self._columns)

    def expect(self, names: Sequence[str]) -> None:
        """Have columns of these names, also without a row."""
        for name in names:
            self._column((name,) if self._nested == "flatten" else name)

    def declare(self, kinds: Mapping[str, Declared | None]) -> None:
        """Have columns of these names, whose values are said to be of these kinds; None where nobody says."""
        for name, declared in kinds.items():
            column = self._column((name,) if self._nested == "flatten" else name)
            if declared is not None:
                column.declare(declared)

    @property
    def texts(self) -> frozenset[str]:
        """The columns whose text is never times."""
        return frozenset(n for n, c in zip(self._names(), self._columns.values(), strict=True) if c.is_text)

    def undo(self) -> None:
        """Take back a page that an interrupt let in by half."""
        for column in self._columns.values():
            column.fit(self._taken[0])

    def frame(self) -> pd.DataFrame:
        """Return the rows so far as a frame, columns in the order of their first appearance. Empties the builder.

        Where it is interrupted, the next call goes on.
        """
        if self._made is None:
            self.undo()  # an interrupt of the call before
            self._take_waiting()
        rows, names = self._made = self._made or (self.rows, self._names())
        for key in list(self._columns):
            # One by one, so that not everything is held twice, and an interrupt waits for one of them only.
            with defer_interrupt():
                column = self._columns[key]
                column.fit(rows)
                self._series.append(column.take(self._backend))
                del self._columns[key]
        # By position and named afterwards: names may be half surrogate pairs, which Arrow cannot hold.
        frame = pd.DataFrame(dict(enumerate(self._series)), index=pd.RangeIndex(rows), copy=False)
        frame.columns = _index(names)
        self._series, self._made = [], None
        self._columns, self._taken, self._compacted = {}, (0, []), 0
        return frame

    def table(self, *, times: bool = True) -> Any:
        """Return the rows so far as an Arrow table; values that no Arrow type keeps are text. Empties the builder.

        In a mixed column that became text, text is unchanged and all else is JSON.

        Args:
            times: whether times are timestamps, or the text as which they came.
        """
        import pyarrow as pa

        self._take_waiting()
        rows, columns, names = self.rows, self._columns, self._names()
        self._columns, self._taken, self._compacted = {}, (0, []), 0
        arrays: list[Any] = []
        for key in list(columns):
            column = columns.pop(key)
            column.fit(rows)
            arrays.append(column.take_text_or_arrow(times=times))
        safe = [name.encode("utf-8", "backslashreplace").decode() for name in names]
        if not arrays:
            # Rows without any column: a table made of columns would have none.
            return pa.Table.from_batches([pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))])
        return pa.table(arrays, names=safe)

    def _column(self, key: ColumnKey) -> Column:
        column = self._columns.get(key)
        if column is None:
            check_width(len(self._columns) + 1)
            column = self._columns[key] = Column(self._taken[0], in_arrow=self.is_fast or self._backend == "pyarrow")
        return column

    def _texts(self, values: list[Any]) -> list[Any]:
        if self.is_json and not {dict, list}.isdisjoint(map(type, values)):
            return as_texts(values)
        return values

    def _take_waiting(self) -> None:
        if self._taken[1]:
            self._take(self._taken[1])

    def _take(self, pages: list[ParsedPage]) -> None:
        assert self.decoder is not None
        columns = self.decoder.columns(pages)
        if columns is None:
            for place, page in enumerate(pages, 1):
                self._extend(page.records(), pages[place:])
            return
        for key, chunk in columns:
            self._column(key).append(chunk)
        self._end_page({key for key, _ in columns}, sum(len(page.rows) for page in pages), [])

    def _extend(self, records: Sequence[Any], waiting: list[ParsedPage]) -> None:
        rows: list[dict[Any, Any]] = [r if type(r) is dict else {"value": r} for r in records]
        if self._nested == "flatten":
            rows = [dict(_flat(row)) for row in rows]
        keys = set()
        for key, values in _columns(rows):
            self._column(key).extend(self._texts(values))
            keys.add(key)
        self._end_page(keys, len(rows), waiting)

    def _end_page(self, keys: AbstractSet[Any], rows: int, waiting: list[ParsedPage]) -> None:
        if len(keys) < len(self._columns):
            for key in self._columns.keys() - keys:
                self._columns[key].extend_missing(rows)
        taken = self._taken[0] + rows
        self._taken = taken, waiting
        if taken - self._compacted >= _COMPACT_ROWS:
            self._compacted = taken
            for column in self._columns.values():
                column.compact()

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


def check_choices(nested: Nested, dtype_backend: Backend | None) -> None:
    """Check the caller's options.

    Raises:
        ConfigError: an unknown value, or pyarrow is not installed.
    """
    if nested not in get_args(Nested):
        raise ConfigError(f"nested: expected one of {', '.join(get_args(Nested))}, found {nested!r}.")
    if dtype_backend not in (None, *get_args(Backend)):
        raise ConfigError(f"dtype_backend: expected 'pyarrow' or None, found {dtype_backend!r}.")
    if dtype_backend == "pyarrow":
        need_pyarrow('dtype_backend="pyarrow"')


def _columns(rows: list[dict[Any, Any]]) -> Iterator[tuple[Any, list[Any]]]:
    """Yield each key and its values, in the order in which the keys first appear; null where a row lacks it."""
    first = rows[0] if rows else {}
    are_alike = set(map(len, rows)) == {len(first)}
    for key in first:
        try:
            values = [*map(itemgetter(key), rows)] if are_alike else [row.get(key) for row in rows]
        except KeyError:
            are_alike, values = False, [row.get(key) for row in rows]
        yield key, values
    if not are_alike:  # else all rows have the keys of the first one, and no other
        for key in dict.fromkeys(chain.from_iterable(rows)):
            if key not in first:
                yield key, [row.get(key) for row in rows]


def _flat(row: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in row.items():
        if type(value) is dict and value:
            yield from _flat(value, (*above, name))
        else:
            yield (*above, name), value


def _index(names: list[str]) -> pd.Index[Any]:
    try:
        return pd.Index(names)
    except UnicodeEncodeError:
        return pd.Index(names, dtype=object)
