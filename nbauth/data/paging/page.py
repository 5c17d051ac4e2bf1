"""An answer with one page of rows, and the request that asks for one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nbauth.data.fetch.request import PageRequest
from nbauth.data.parse.lazy_json import PlainNode, RawNode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import Response

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.parse.lazy_json import Node

__all__ = ["MISSING", "Page", "PageResponse", "Rows", "at"]

MISSING = object()


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
class PageResponse:
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
    asked: PageRequest = field(repr=False)

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


@dataclass(frozen=True)
class Page:
    """One page as it came, its rows perhaps still to be decoded.

    Attributes:
        rows: its rows.
        response: the answer, whose body is read.
        total_rows: how many rows there are in all, where the answer says.
        following: the request for the page after it; None after the last.
        is_good: whether what it says of the page after it holds; if not, an error comes next.
    """

    rows: Rows
    response: Response
    total_rows: int | None
    following: PageRequest | None
    is_good: bool = True

    @property
    def size(self) -> int:
        """The bytes that it holds, about."""
        node = self.rows.node
        return len(node.raw) if isinstance(node, RawNode) else 0
