"""Parts of a JSON document, each decoded when it is first needed.

The thread that fetches looks for the next link only; with msgspec it need not decode the rows for that.
"""

from __future__ import annotations

import codecs
import json
import re
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from nbauth.data.extras import is_fast
from nbauth.data.parse.json_text import loads, quotes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from nbauth.data.build.frame_builder import FrameBuilder

__all__ = ["Node", "PlainNode", "RawNode", "around_the_array", "node_of"]

_LONGEST_EMPTY = 1_000
_EMPTY = re.compile(rb"\s*\[\s*\]\s*")
_OBJECTS = re.compile(rb"\s*\[\s*\{")
_LISTS = re.compile(rb"\s*\[\s*\[")
_HOLE = b"[]"
_SAMPLE = 20_000  # bytes
_SAMPLE_ROWS = 100
_WORTH_A_SAMPLE = 40_000  # bytes
_MOST_KEPT = 100  # items
_ITEM = re.compile(r"[\s,]*(?=\S)")
_DECODER = json.JSONDecoder()
_WORTH_SPLITTING = 10_000  # bytes


class Node(Protocol):
    """A value of a document."""

    @property
    def is_list(self) -> bool:
        """Tell whether it is an array."""

    @property
    def is_object(self) -> bool:
        """Tell whether it is an object."""

    @property
    def is_null(self) -> bool:
        """Tell whether it is null."""

    @property
    def is_empty(self) -> bool:
        """Tell whether it is an array without items."""

    @property
    def holds_objects(self) -> bool:
        """Tell whether it is an array whose first item is an object."""

    @property
    def holds_lists(self) -> bool:
        """Tell whether it is an array whose first item is an array."""

    @property
    def identity(self) -> object:
        """A value that is equal for equal documents."""

    @property
    def size(self) -> int:
        """The bytes that it holds, about; 0 where it is decoded."""

    @property
    def start(self) -> bytes:
        """The first bytes, to be shown where it cannot be decoded."""

    def append_to(self, builder: FrameBuilder) -> None:
        """Take the items of an array into a builder, each as a row.

        Raises:
            ValueError: it is no JSON.
            RecursionError: it is nested too deeply.
        """

    def count(self) -> int:
        """Return how many items the array has."""

    def first(self, count: int) -> list[Any]:
        """Return the first items of an array, decoded; fewer where they are long."""

    def members(self) -> Mapping[str, Node]:
        """Return an object's members."""

    def items(self) -> Sequence[Node]:
        """Return an array's items."""

    def may_begin_with(self, names: Collection[str]) -> bool:
        """Tell whether the first item of an array may be an object with a member of these names."""

    def value(self) -> Any:
        """Decode it."""


class PlainNode:
    """A value that is decoded already."""

    def __init__(self, value: Any) -> None:
        self._value = value

    @property
    def is_list(self) -> bool:
        """Tell whether it is an array."""
        return isinstance(self._value, list)

    @property
    def is_object(self) -> bool:
        """Tell whether it is an object."""
        return isinstance(self._value, dict)

    @property
    def is_null(self) -> bool:
        """Tell whether it is null."""
        return self._value is None

    @property
    def is_empty(self) -> bool:
        """Tell whether it is an array without items."""
        return isinstance(self._value, list) and not self._value

    @property
    def holds_objects(self) -> bool:
        """Tell whether it is an array whose first item is an object."""
        return isinstance(self._value, list) and isinstance(next(iter(self._value), None), dict)

    @property
    def holds_lists(self) -> bool:
        """Tell whether it is an array whose first item is an array."""
        return isinstance(self._value, list) and isinstance(next(iter(self._value), None), list)

    @property
    def identity(self) -> object:
        """The value itself."""
        return self._value

    @property
    def size(self) -> int:
        """Nothing that is counted."""
        return 0

    @property
    def start(self) -> bytes:
        """Nothing: it was decoded."""
        return b""

    def append_to(self, builder: FrameBuilder) -> None:
        """Take the items of an array into a builder."""
        builder.add(self._value)

    def count(self) -> int:
        """Return how many items the array has."""
        return len(self._value)

    def first(self, count: int) -> list[Any]:
        """Return the first items of an array."""
        return list(self._value[:count]) if self.is_list else []

    def members(self) -> Mapping[str, Node]:
        """Return an object's members."""
        return {name: PlainNode(value) for name, value in self._value.items()} if self.is_object else {}

    def items(self) -> Sequence[Node]:
        """Return an array's items."""
        return [PlainNode(value) for value in self._value] if self.is_list else []

    def may_begin_with(self, names: Collection[str]) -> bool:
        """Tell whether the first item of an array is an object with a member of these names."""
        return self.holds_objects and not self._value[0].keys().isdisjoint(names)

    def value(self) -> Any:
        """Return it."""
        return self._value


class RawNode:
    """A value as the bytes of it; UTF-8, and looked through by msgspec.

    Args:
        raw: the bytes, without blanks around them.
        members: an object's members, where they are known.

    Attributes:
        raw: the same.
    """

    def __init__(self, raw: bytes | memoryview, members: Mapping[str, Node] | None = None) -> None:
        self.raw = memoryview(raw)
        self._start = bytes(self.raw[:1])
        self._members = members
        self._items: Sequence[Node] | None = None
        self._count: int | None = None

    @cached_property
    def quotes(self) -> int:
        """How many quotation marks it has."""
        return quotes(self.raw)

    @property
    def is_list(self) -> bool:
        """Tell whether it is an array."""
        return self._start == b"["

    @property
    def is_object(self) -> bool:
        """Tell whether it is an object."""
        return self._start == b"{"

    @property
    def is_null(self) -> bool:
        """Tell whether it is null."""
        return self._start == b"n"

    @property
    def is_empty(self) -> bool:
        """Tell whether it is an array without items."""
        return self.is_list and len(self.raw) < _LONGEST_EMPTY and _EMPTY.fullmatch(self.raw) is not None

    @property
    def holds_objects(self) -> bool:
        """Tell whether it is an array whose first item is an object."""
        return _OBJECTS.match(self.raw) is not None

    @property
    def holds_lists(self) -> bool:
        """Tell whether it is an array whose first item is an array."""
        return _LISTS.match(self.raw) is not None

    @property
    def identity(self) -> object:
        """The bytes."""
        return self.raw

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self.raw)

    @property
    def start(self) -> bytes:
        """The first bytes."""
        return bytes(self.raw[:1000])

    def append_to(self, builder: FrameBuilder, *, expected: int | None = None) -> None:
        """Decode the items of an array into a builder.

        Args:
            builder: the builder.
            expected: how many items it must have.

        Raises:
            ValueError: it is no JSON, or has not as many items as expected.
            RecursionError: it is nested too deeply.
        """
        from nbauth.data.parse.schema_decoder import append_array

        # The first page would be decoded without a schema, which takes three times as long; its first rows show one.
        is_sampled = builder.decoder is None and not builder.is_flattened and self.size >= _WORTH_A_SAMPLE
        append_array(builder, self.raw, expected=expected, sample=self.first(_SAMPLE_ROWS) if is_sampled else ())

    def count(self) -> int:
        """Return how many items the array has.

        Raises:
            ValueError: it is no JSON.
        """
        import msgspec

        if self._count is None:
            self._count = len(msgspec.json.decode(self.raw, type=list[msgspec.Raw]))
        return self._count

    def first(self, count: int) -> list[Any]:
        """Return the first items of an array, as far as they stand at its start."""
        text = bytes(self.raw[1:_SAMPLE]).decode("utf-8", "ignore") if self.is_list else ""
        items: list[Any] = []
        position = 0
        with suppress(ValueError, RecursionError):
            while len(items) < count and (start := _ITEM.match(text, position)) is not None:
                item, position = _DECODER.raw_decode(text, start.end())
                items.append(item)
        return items

    def members(self) -> Mapping[str, Node]:
        """Return an object's members.

        Raises:
            ValueError: it is no JSON.
        """
        if self._members is None:
            self._members = self._find_members() if self.is_object else {}
        return self._members

    def items(self) -> Sequence[Node]:
        """Return an array's items, undecoded.

        Raises:
            ValueError: it is no JSON.
        """
        import msgspec

        if not self.is_list:
            return []
        if self._items is None:
            items = [RawNode(memoryview(item)) for item in msgspec.json.decode(self.raw, type=list[msgspec.Raw])]
            if len(items) > _MOST_KEPT:
                return items
            self._items = items  # such as tables, which are looked into more than once
        return self._items

    def may_begin_with(self, names: Collection[str]) -> bool:
        """Tell whether the first item of an array may be an object with a member of these names."""
        return self.holds_objects and any(f'"{name}"'.encode() in self.start for name in names)

    def _find_members(self) -> Mapping[str, Node]:
        content, split = self.raw.obj, None
        if isinstance(content, bytes) and len(content) == len(self.raw):
            split = around_the_array(content)
        if split is not None:
            around, array = split
            parts = _members(memoryview(around))
            holes = [name for name, part in (parts or {}).items() if part.raw == _HOLE]
            if parts is not None and len(holes) == 1:  # none: it is deeper inside
                parts[holes[0]] = RawNode(array)
                return parts
        return _members(self.raw) or PlainNode(self.value()).members()

    def value(self) -> Any:
        """Decode it with the standard library, as for small or unusual documents.

        Raises:
            ValueError: it is no JSON.
        """
        return loads(bytes(self.raw))


def around_the_array(content: bytes) -> tuple[bytes, memoryview] | None:
    """Split a document whose only array is the rows into the document with an empty array, and the array.

    Its brackets are found four times as fast as a parser passes over the rows. None for a short document, which is
    parsed, and for one in which other brackets are.
    """
    if len(content) < _WORTH_SPLITTING:
        return None
    start, end = content.find(b"["), content.find(b"]")
    if not 0 < start < end or content.rfind(b"[") != start or content.rfind(b"]") != end:
        return None
    return content[:start] + _HOLE + content[end + 1 :], memoryview(content)[start : end + 1]


def _members(raw: memoryview) -> dict[str, RawNode] | None:
    """Return an object's members; None where msgspec would lose one, or cannot tell."""
    import msgspec

    try:
        members = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    parts = {name: RawNode(memoryview(part)) for name, part in members.items()}
    # msgspec keeps the last of members with one name. Each name has two quotes, so a missing one shows.
    expected = 2 * len(parts) + sum(part.quotes for part in parts.values())
    if quotes(raw) != expected or any("\\" in name or '"' in name for name in parts):
        return None
    return parts


def node_of(content: bytes) -> Node:
    """Return a document's root.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    if is_fast():
        stripped = content.removeprefix(codecs.BOM_UTF8).strip(b" \t\r\n")
        # Anything else is short, or in another form of Unicode.
        if stripped[:1] in (b"[", b"{") and stripped[1:2] != b"\0":
            return RawNode(stripped)
    return PlainNode(loads(content))
