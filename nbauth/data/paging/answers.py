"""An answer with one page of rows, and the request that asks for one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nbauth.data.nodes import PlainNode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbauth.data.nodes import Node

__all__ = ["MISSING", "Answer", "Ask", "Rows", "at"]

MISSING = object()


@dataclass(frozen=True)
class Ask:
    """A request for one page.

    Attributes:
        url: where.
        body: the JSON document to post, or None.
        headers: headers of this request only.
    """

    url: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rows:
    """The rows of one page: an array's items, or one row that is the value itself."""

    node: Node
    is_single: bool = False

    @property
    def is_empty(self) -> bool:
        """Tell whether there is none."""
        return not self.is_single and self.node.is_empty

    def count(self) -> int:
        """Return how many there are."""
        return 1 if self.is_single else self.node.count()

    @staticmethod
    def none() -> Rows:
        """Return no rows."""
        return Rows(PlainNode([]))


@dataclass(frozen=True)
class Answer:
    """An answer, as a function given as ``paging`` sees it.

    Attributes:
        url: where it came from, after redirects.
        status: the HTTP status.
        headers: its headers; names in any case.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    document: Node = field(repr=False)
    asked: Ask = field(repr=False)

    def json(self) -> Any:
        """Return the decoded body."""
        return self.document.value()

    def get(self, *path: str) -> Any:
        """Return the value at a path in the body, or `MISSING`."""
        found = at(self.document, path)
        return MISSING if found is None else found.value()


def at(node: Node, path: tuple[str, ...]) -> Node | None:
    """Return what stands at a path, or None. A member whose name has dots in it is found, too."""
    for index, name in enumerate(path):
        members = node.members()
        if name not in members:
            whole = ".".join(path[index:])
            return members.get(whole)
        node = members[name]
    return node
