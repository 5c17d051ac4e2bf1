"""Rows parsed by msgspec into the types that the rows before them had; several times faster than into dicts.

The schema is strict: a page with another key or another type of value fails, is decoded without a schema, and widens
the schema for the pages after it. So nothing is dropped or rounded.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from nbauth.data.parse.json_cells import json_cells
from nbauth.data.parse.json_text import delimiters, loads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nbauth.data.build.frame_builder import FrameBuilder
    from nbauth.data.build.type_rules import Kind

__all__ = ["SchemaDecoder", "append_array", "decode_rows"]

_MOST_SCHEMAS = 24
_MOST_KEYS = 500
_NESTED = frozenset({dict, list, type(None)})
_KINDS: dict[frozenset[type], Kind] = {
    frozenset({str}): "text",
    frozenset({int}): "int",
    frozenset({bool}): "bool",
    frozenset({float}): "number",
    frozenset({int, float}): "number",
}


def append_array(builder: FrameBuilder, raw: memoryview, *, expected: int | None = None) -> None:
    """Decode an array into a builder, each item as a row.

    Args:
        builder: the builder. It keeps the schema from page to page.
        raw: the bytes of the array, UTF-8.
        expected: how many rows it must have.

    Raises:
        ValueError: it is no JSON, or has not as many rows as expected.
        RecursionError: it is nested too deeply.
    """
    if builder.decoder is None and not builder.is_flattened:
        builder.decoder = SchemaDecoder(is_json=builder.is_json)
    decoder = builder.decoder
    typed = None if decoder is None else decoder.columns(raw)
    if typed is not None:
        rows, columns = typed
        _check_count(rows, expected)
        builder.add_columns(rows, columns)
        return
    records = decode_rows(raw)
    _check_count(len(records), expected)
    builder.add(records)
    if decoder is not None:
        decoder.learn(records)


def _check_count(rows: int, expected: int | None) -> None:
    if expected is not None and rows != expected:
        raise ValueError(f"expected {expected} items, found {rows}")


def decode_rows(raw: memoryview) -> list[Any]:
    """Decode an array without a schema, exactly.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    try:
        rows: list[Any] = msgspec.json.decode(raw)
        if b"{" not in bytes(raw):
            return rows
        if delimiters(msgspec.json.encode(rows)) == delimiters(raw):
            return rows  # of members with one name msgspec keeps the last; each name has two quotes
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass  # NaN, half of a surrogate pair, another form of Unicode, or no JSON: the standard library tells
    return loads(bytes(raw))  # type: ignore[no-any-return]


class _Field(NamedTuple):
    key: str
    get: Callable[[Any], list[Any]]
    kind: Kind
    is_optional: bool  # whether a row may lack it
    has_nulls: bool  # whether a row may lack it or have null there
    may_have_quotes: bool  # whether its values are text, or may hold any


class SchemaDecoder:
    """Parses the pages that one builder takes in.

    Args:
        is_json: whether objects and lists become JSON text.
    """

    def __init__(self, *, is_json: bool = False) -> None:
        self._is_json = is_json
        self._types: dict[str, set[type]] = {}
        self._optional: set[str] = set()
        self._schemas = 0
        self._decoder: Any = None
        self._fields: list[_Field] = []

    def columns(self, raw: memoryview) -> tuple[int, list[tuple[str, list[Any], Kind]]] | None:
        """Parse a page, an array of UTF-8.

        Returns:
            The number of rows, and for each key the values and their kind, ``other`` for any; None if the page does
            not fit the pages before, or cannot be parsed.
        """
        if self._decoder is None:
            return None
        try:
            rows = self._decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None
        if not rows:
            return 0, []
        columns: list[tuple[str, list[Any], Kind]] = []
        names = len(rows) * len(self._fields)
        expected = 0
        for field in self._fields:
            values = field.get(rows)
            if field.is_optional and (missing := values.count(UNSET)):
                names -= missing
                values = [None if value is UNSET else value for value in values]
            kind = field.kind
            if kind == "text":
                expected += 2 * (len(values) - (values.count(None) if field.has_nulls else 0))
            elif field.may_have_quotes and self._is_json and set(map(type, values)) <= _NESTED:
                values, quotes = json_cells(values)
                expected, kind = expected + quotes, "text"
            elif field.may_have_quotes:
                expected += delimiters(msgspec.json.encode(values))
            columns.append((field.key, values, kind))
        # Of members with one name msgspec keeps the last. Such a page has more quotes than are accounted for.
        return (len(rows), columns) if delimiters(raw) == expected + 2 * names else None

    def learn(self, records: Sequence[Any]) -> None:
        """Widen the schema by records that did not fit."""
        if self._schemas >= _MOST_SCHEMAS or not records or not all(type(record) is dict for record in records):
            return
        is_first = not self._types
        for record in records:
            for key, value in record.items():
                if key not in self._types:
                    self._types[key] = set()
                    if not is_first:
                        self._optional.add(key)
                self._types[key].add(type(value))
        for record in records:
            if len(record) < len(self._types):
                self._optional |= self._types.keys() - record.keys()
        self._schemas += 1
        self._make()

    def _make(self) -> None:
        self._decoder = None
        if len(self._types) > _MOST_KEYS or any('"' in k or "\\" in k or not k.isprintable() for k in self._types):
            return
        self._fields = []
        definitions: list[tuple[str, Any] | tuple[str, Any, Any]] = []
        names: dict[str, str] = {}
        for number, (key, types) in enumerate(self._types.items()):
            name, is_optional = f"f{number}", key in self._optional
            kind = _KINDS.get(frozenset(types - {type(None)}), "other")
            wanted = _type_of(types)
            definitions.append((name, wanted | UnsetType, UNSET) if is_optional else (name, wanted))
            has_nulls = is_optional or type(None) in types
            may_have_quotes = not types.isdisjoint({str, dict, list})
            self._fields.append(_Field(key, _getter(number), kind, is_optional, has_nulls, may_have_quotes))
            names[name] = key
        struct = msgspec.defstruct("Row", definitions, rename=names, gc=False, kw_only=True, forbid_unknown_fields=True)
        self._decoder = msgspec.json.Decoder(list[struct])  # type: ignore[valid-type]


@cache
def _getter(number: int) -> Callable[[Any], list[Any]]:
    # Half the time of `operator.attrgetter`; the name is ours, as in `collections.namedtuple`.
    return eval(f"lambda rows: [row.f{number} for row in rows]")  # type: ignore[no-any-return] # noqa: S307


def _type_of(types: set[type]) -> Any:
    if not types <= {bool, int, float, str, type(None)}:
        return Any
    wanted: Any = type(None)
    for type_ in types - {type(None)}:
        wanted |= type_
    # Where no integer is admitted beside a float, msgspec makes floats of them.
    return wanted | int if float in types else wanted
