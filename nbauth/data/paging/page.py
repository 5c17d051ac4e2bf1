"""One page: the response as a style of paging sees it, its rows, and what a load keeps of both."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from nbauth.data.build.width import is_wide
from nbauth.data.fetch.http_errors import format_error
from nbauth.data.parse.json_text import reason
from nbauth.data.parse.lazy_json import PlainNode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import Response

    from nbauth.data.build.frame_builder import FrameBuilder
    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.parse.lazy_json import Node

__all__ = ["MISSING", "Page", "PageResponse", "Rows", "at", "number_at", "whole_number"]

MISSING = object()
_LONG_ROW = 30_000  # bytes


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
    """Return what stands at a path, or None. A member whose name has dots in it is found, too."""
    for index, name in enumerate(path):
        members = node.members()
        if name not in members:
            whole = ".".join(path[index:])
            return members.get(whole)
        node = members[name]
    return node


def number_at(response: PageResponse, path: str | None) -> int | None:
    """Return a whole number that the body names, as a number or as text; None where there is none."""
    return None if path is None else whole_number(response.get(*path.split(".")))


def whole_number(value: Any) -> int | None:
    """Return a value that is a whole number, or the text of one; None for any other."""
    if type(value) is int:
        return value
    return int(value) if isinstance(value, str) and value.isdecimal() else None


@dataclass(frozen=True)
class Page:
    """One page as it came, its rows perhaps still to be decoded.

    Attributes:
        rows: its rows.
        response: the answer, whose body is read.
        total_rows: how many rows there are in all, where the answer says.
        next_request: the request for the page after it; None after the last.
        is_good: whether what it says of the page after it holds; if not, an error comes next.
    """

    rows: Rows
    response: Response
    total_rows: int | None
    next_request: PageRequest | None
    is_good: bool = True
    has_own_columns: ClassVar[Literal[False]] = False

    @property
    def size(self) -> int:
        """The bytes that it holds, about."""
        return self.rows.node.size

    @property
    def url(self) -> str:
        """Where it is from."""
        return self.response.url

    @property
    def may_be_wide(self) -> bool:
        """Whether it may be of many columns: its rows are long, or have many members."""
        with suppress(ValueError, RecursionError):
            if self.size:
                return self.size > _LONG_ROW * max(1, self.count())
            value = self.rows.node.value()
            first = value if self.rows.is_single else next(iter(value), None)
            return isinstance(first, dict) and is_wide(len(first))
        return False

    def count(self) -> int:
        """Return how many rows it has."""
        return self.rows.count()

    def append_to(self, builder: FrameBuilder) -> None:
        """Decode its rows into a builder.

        Raises:
            FormatError: they are no JSON.
        """
        node = self.rows.node
        try:
            if self.rows.is_single:
                builder.add([node.value()])
            else:
                node.append_to(builder)
        except (ValueError, RecursionError) as error:
            why = f"which is no valid JSON: {reason(error)}"
            raise format_error(self.response, node.start, why) from error
