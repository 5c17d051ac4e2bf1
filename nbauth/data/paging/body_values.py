"""The values in a response's body, each read once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from nbauth.data.paging.page_response import MISSING, at, whole_number

if TYPE_CHECKING:
    from nbauth.data.paging.page_response import PageResponse
    from nbauth.data.parse.lazy_json import Node

__all__ = ["BodyValues"]


class BodyValues:
    """The values in a response's body.

    Nothing is read before somebody asks for it, and nothing twice. So a response costs what is looked for in it, and
    the rows, which are a list, stay as they are.

    Args:
        response: the response.

    Attributes:
        response: the same.
    """

    def __init__(self, response: PageResponse) -> None:
        self.response = response
        self._values: dict[str, Any] = {}

    @cached_property
    def members(self) -> frozenset[str]:
        """The names of the members."""
        return frozenset(self.response.document.members())

    def node(self, path: str) -> Node | None:
        """Return the value at a path, undecoded."""
        return at(self.response.document, tuple(path.split(".")))

    def is_list(self, path: str | None) -> bool:
        """Tell whether an array is at a path."""
        node = None if path is None else self.node(path)
        return node is not None and node.is_list

    def has_rows(self, path: str | None) -> bool:
        """Tell whether an array is at a path that holds something."""
        node = None if path is None else self.node(path)
        return node is not None and node.is_list and not node.is_empty

    def value(self, path: str) -> Any:
        """Return the text, number, truth value or null at a path, or `MISSING`.

        A list or object that holds something stays a node, since it may be the rows.
        """
        if path not in self.members and path.partition(".")[0] not in self.members:
            return MISSING
        if path not in self._values:
            node = self.node(path)
            is_large = node is not None and ((node.is_list and not node.is_empty) or bool(node.members()))
            self._values[path] = MISSING if node is None else node if is_large else node.value()
        return self._values[path]

    def nested(self, path: str) -> Any:
        """Return the same, but of a member inside members only: a name that has dots itself is not looked for."""
        return self.value(path) if path.partition(".")[0] in self.members else MISSING

    def number(self, path: str) -> int | None:
        """Return the whole number at a path, which may be written as text."""
        return whole_number(self.value(path))
