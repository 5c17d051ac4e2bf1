"""Rows parsed by msgspec into the types that the rows before them had; several times faster than into dicts.

The schema is strict: a page with another key or another type of value fails, is decoded without a schema, and widens
the schema for the pages after it. So nothing is dropped or rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from nbauth.data.build.chunk import chunk_of, known_chunk
from nbauth.data.build.frame_builder import BLOCK_BYTES
from nbauth.data.build.json_cells import as_texts
from nbauth.data.parse.json_cells import json_cells
from nbauth.data.parse.json_text import delimiters, loads
from nbauth.data.parse.row_shape import Shape
from nbauth.data.parse.row_struct import level_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbauth.data.build.chunk import Chunk
    from nbauth.data.build.frame_builder import FrameBuilder
    from nbauth.data.build.parsed_page import ColumnKey, ParsedPage
    from nbauth.data.parse.row_struct import Leaf, Level

__all__ = ["Page", "SchemaDecoder", "append_array", "decode_rows"]

_MOST_SCHEMAS = 24
_MOST_LEVELS = 30  # of objects in objects
_NESTED = frozenset({dict, list, type(None)})


def append_array(
    builder: FrameBuilder, raw: memoryview, *, expected: int | None = None, sample: Sequence[Any] = ()
) -> None:
    """Decode an array into a builder, each item as a row.

    Args:
        builder: the builder. It keeps the schema from page to page.
        raw: the bytes of the array, UTF-8.
        expected: how many rows it must have.
        sample: its first rows, where the builder keeps no schema yet, to learn one from. Not for a builder that
            flattens, whose columns are those of all rows in their order.

    Raises:
        ValueError: it is no JSON, or has not as many rows as expected.
        RecursionError: it is nested too deeply.
    """
    decoder = builder.decoder
    if not isinstance(decoder, SchemaDecoder):
        decoder = builder.decoder = SchemaDecoder(is_flattened=builder.is_flattened, is_json=builder.is_json)
        decoder.learn(sample)
    page = decoder.page(raw)
    if page is not None:
        _check_count(len(page.rows), expected)
        if page.rows:
            builder.add_parsed(page)
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


@dataclass(frozen=True)
class Page:
    """A page that is parsed by a schema.

    Attributes:
        rows: its rows, as the schema has them.
        raw: what they were parsed from.
        may_wait: whether it can become columns later, since nothing in it can fail then.
    """

    rows: list[Any]
    raw: bytes | memoryview
    may_wait: bool

    def records(self) -> list[Any]:
        """Return its rows without a schema, exactly."""
        return decode_rows(memoryview(self.raw))


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
        self._has_nested = False
        self._decoder: Any = None

    def page(self, raw: memoryview) -> Page | None:
        """Parse an array of UTF-8; None if it does not fit the pages before, or cannot be parsed."""
        if self._level is None:
            return None
        try:
            rows = self._decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None
        may_wait = not self._has_nested and len(raw) < BLOCK_BYTES
        # Of a page that waits only the rows are kept, not all of its response.
        return Page(rows, bytes(raw) if may_wait else raw, may_wait)

    def columns(self, pages: Sequence[ParsedPage]) -> list[tuple[ColumnKey, Chunk]] | None:
        """Return the columns of pages together.

        Returns:
            The key of each column that is known and its values. None where they do not hold all that came: of members
            with one name msgspec keeps the last.
        """
        if self._level is None:
            return None
        rows, raw = pages[0].rows, pages[0].raw
        if len(pages) > 1:
            rows, raw = [*chain.from_iterable(page.rows for page in pages)], b"".join(page.raw for page in pages)
        columns: list[tuple[ColumnKey, Chunk]] = []
        quotes = self._read(self._level, rows, len(rows), columns)
        return columns if quotes == delimiters(raw) else None

    def learn(self, records: Sequence[Any]) -> None:
        """Widen the schema by records that did not fit."""
        if self._schemas >= _MOST_SCHEMAS or not records or not all(type(record) is dict for record in records):
            return
        self._shape.learn(records)
        self._schemas += 1
        self._level = level_of(self._shape, is_flattened=self._is_flattened)
        if self._level is not None:
            self._has_nested = self._level.has_nested
            self._decoder = msgspec.json.Decoder(list[self._level.struct])  # type: ignore[name-defined]

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
