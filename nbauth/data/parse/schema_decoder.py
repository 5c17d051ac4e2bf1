"""Rows parsed by msgspec into the types that the rows before them had; several times faster than into dicts.

The schema is strict: a page with another key or another type of value fails, is decoded without a schema, and widens
the schema for the pages after it. So nothing is dropped or rounded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from nbauth.data.build.chunk import chunk_of, known_chunk
from nbauth.data.build.json_cells import as_texts
from nbauth.data.parse.json_cells import json_cells
from nbauth.data.parse.json_text import delimiters, loads
from nbauth.data.parse.row_shape import Shape
from nbauth.data.parse.row_struct import level_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbauth.data.build.chunk import Chunk
    from nbauth.data.build.frame_builder import ColumnKey, FrameBuilder
    from nbauth.data.parse.row_struct import Leaf, Level

__all__ = ["SchemaDecoder", "append_array", "decode_rows"]

_MOST_SCHEMAS = 24
_MOST_LEVELS = 30  # of objects in objects
_NESTED = frozenset({dict, list, type(None)})


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
    decoder = builder.decoder = builder.decoder or SchemaDecoder(
        is_flattened=builder.is_flattened, is_json=builder.is_json
    )
    parsed = decoder.rows(raw)
    if parsed is not None and (columns := decoder.columns(parsed, delimiters(raw))) is not None:
        _check_count(len(parsed), expected)
        builder.add_chunks(len(parsed), columns)
        return
    records = decode_rows(raw)
    _check_count(len(records), expected)
    builder.add(records)
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


class SchemaDecoder:
    """Parses the pages that one builder takes in.

    Args:
        is_flattened: whether members of objects become columns.
        is_json: whether objects and lists become JSON text.
    """

    def __init__(self, *, is_flattened: bool = False, is_json: bool = False) -> None:
        self._is_flattened = is_flattened
        self._is_json = is_json
        self._shape = Shape(levels=_MOST_LEVELS if is_flattened else 0)
        self._schemas = 0
        self._level: Level | None = None
        self._decoder: Any = None

    def rows(self, raw: memoryview) -> list[Any] | None:
        """Parse an array of UTF-8; None if it does not fit the pages before, or cannot be parsed."""
        if self._decoder is None:
            return None
        try:
            return self._decoder.decode(raw)  # type: ignore[no-any-return]
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None

    def columns(self, rows: list[Any], quotes: int) -> list[tuple[ColumnKey, Chunk]] | None:
        """Return the columns of rows.

        Args:
            rows: what `rows` returned, also of several arrays.
            quotes: how many quotes delimit text in what they were parsed from.

        Returns:
            The key of each column that is known and its values. None where they do not hold all that came: of members
            with one name msgspec keeps the last.
        """
        if self._level is None:
            return None
        columns: list[tuple[ColumnKey, Chunk]] = []
        found = self._read(self._level, rows, len(rows), columns)
        return columns if found == quotes else None

    def learn(self, records: Sequence[Any]) -> None:
        """Widen the schema by records that did not fit."""
        if self._schemas >= _MOST_SCHEMAS or not records or not all(type(record) is dict for record in records):
            return
        self._shape.learn(records)
        self._schemas += 1
        self._level = level_of(self._shape, is_flattened=self._is_flattened)
        self._decoder = None if self._level is None else msgspec.json.Decoder(list[self._level.struct])  # type: ignore[name-defined]

    def _read(self, level: Level, objects: list[Any], count: int, columns: list[tuple[ColumnKey, Chunk]]) -> int | None:
        """Read the columns of objects.

        Args:
            level: what they are.
            objects: the objects, and null or nothing where there is none.
            count: how many are there.
            columns: where the columns go.

        Returns:
            How many quotes delimit their text; None where they are not to be parsed so.
        """
        names, quotes, is_whole = count * level.size, 0, count == len(objects)
        for leaf in level.leaves:
            values = leaf.get(objects) if is_whole else leaf.get_some(objects)
            if leaf.is_optional and (missing := values.count(UNSET)):
                names -= missing
                values = [None if value is UNSET else value for value in values]
            chunk, found = self._chunk(leaf, values)
            if found is None:
                return None
            quotes += found
            columns.append((leaf.key, chunk))
        for branch in level.branches:
            inner = branch.get(objects) if is_whole else branch.get_some(objects)
            names -= inner.count(UNSET)
            below = self._read(branch.level, inner, sum(map(bool, inner)), columns)
            if below is None or (branch.empty is not None and branch.empty in inner):
                return None
            quotes += below
        return quotes + 2 * names

    def _chunk(self, leaf: Leaf, values: list[Any]) -> tuple[Chunk, int | None]:
        """Return a column's values, and how many quotes delimit their text; None for objects to be flattened."""
        if leaf.kind == "text":
            return (chunk := known_chunk(values, "text")), 2 * chunk.texts
        if leaf.kind != "other":
            return known_chunk(values, leaf.kind), 0
        if self._is_json and set(map(type, values)) <= _NESTED:
            texts, quotes = json_cells(values)
            return known_chunk(texts, "text"), quotes
        quotes = delimiters(msgspec.json.encode(values)) if leaf.may_have_quotes else 0
        if self._is_flattened and any(type(value) is dict and value for value in values):
            return chunk_of(values), None
        return chunk_of(as_texts(values) if self._is_json and leaf.may_be_nested else values, in_arrow=True), quotes
