"""A response with one page, and its rows, as a style of paging sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from nbauth.data.parse.lazy_json import PlainNode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.parse.lazy_json import Node

__all__ = ["HEADER", "MISSING", "PageResponse", "Rows", "at", "number_at", "whole_number"]

MISSING = object()
_LONGEST_LINKS = 50_000  # bytes; longer, it is rows
_RELATION = ("rel", "relation", "Rel", "name", "type")  # HAL, STAC, OGC API: rel; FHIR: relation
HEADER = "header:"  # in front of a header's name, where a path may lead to a header, too
_MOST_DIGITS = 18


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
    """The response with one page, as a function given as ``paging`` sees it.

    Attributes:
        url: where it came from, after redirects.
        status: the HTTP status.
        headers: its headers; names in any case.
        document: its body, decoded where somebody looks.
        asked: the request, which is `request`, too.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    document: Node = field(repr=False)
    asked: PageRequest = field(repr=False)

    @property
    def request(self) -> PageRequest:
        """The request that it answers."""
        return self.asked

    def json(self) -> Any:
        """Return the decoded body."""
        return self.document.value()

    def get(self, *path: str) -> Any:
        """Return the value at a path in the body, or `MISSING`."""
        node = at(self.document, path)
        return MISSING if node is None else node.value()


def at(node: Node, path: tuple[str, ...]) -> Node | None:
    """Return the value at a path, or None: a name leads to a member, a number to an item of an array.

    A member whose name has dots in it is found, too. In an array of links a name is a link's relation, as in
    ``links.next.href``.
    """
    for index, name in enumerate(path):
        if node.is_list:
            if name.isdecimal():
                item = next(islice(node.items(), int(name), None), None)
            else:
                item = _related(node, name) if index else None  # a document that is an array is the rows
            if item is None:
                return None
            node = item
            continue
        members = node.members()
        if name not in members:
            whole = ".".join(path[index:])
            return members.get(whole)
        node = members[name]
    return node


def _related(links: Node, relation: str) -> Node | None:
    """Return the link of a relation, from an array as HAL, FHIR, STAC and OGC API write it."""
    if not links.holds_objects or links.size > _LONGEST_LINKS:
        return None
    for link in links.items():
        names = link.members()
        if any(name in names and names[name].value() == relation for name in _RELATION):
            return link
    return None


def number_at(response: PageResponse, path: str | None) -> int | None:
    """Return a whole number that the body names, or a header, as a number or as text; None where there is none."""
    if path is not None and path.startswith(HEADER):
        text = (response.headers.get(path.removeprefix(HEADER)) or "").strip()
        return whole_number(text) if len(text) <= _MOST_DIGITS else None
    return None if path is None else whole_number(response.get(*path.split(".")))


def whole_number(value: Any) -> int | None:
    """Return a value that is a whole number, or the text of one; None for any other."""
    if type(value) is int:
        return value
    return int(value) if isinstance(value, str) and value.isdecimal() else None
