"""The items of an array, whichever way it is held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbauth.data.parse.lazy_json import RawNode

if TYPE_CHECKING:
    from nbauth.data.parse.lazy_json import Node

__all__ = ["decoded", "ends_with_object", "first_item"]

_MOST_BLANKS = 4096


def decoded(node: Node) -> list[Any]:
    """Decode an array, as quickly as it can be done; anything else has no items.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    if not node.is_list:
        return []
    if isinstance(node, RawNode):
        from nbauth.data.parse.schema_decoder import decode_rows

        return decode_rows(node.raw)
    items: list[Any] = node.value()
    return items


def first_item(node: Node) -> Any:
    """Decode an array's first item, mostly without the others; None where there is none.

    Raises:
        ValueError: it is no JSON.
    """
    if not node.is_list or node.is_empty:
        return None
    items = node.first(1) or [item.value() for item in node.items()[:1]]
    return items[0] if items else None


def ends_with_object(node: Node) -> bool:
    """Tell whether an array's last item is an object, without decoding it."""
    if isinstance(node, RawNode):
        end = bytes(node.raw[-_MOST_BLANKS:]).rstrip()
        return end.endswith(b"]") and end[:-1].rstrip().endswith(b"}")
    items: Any = node.value() if node.is_list else []
    return bool(items) and isinstance(items[-1], dict)
