"""The envelope of a response: everything in it but its rows."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal

from nbauth.data.paging.body_values import BodyValues
from nbauth.data.paging.counts import INSIDE, counts_of
from nbauth.data.paging.link_header import next_link
from nbauth.data.paging.record_selector import is_odata, odata_2_rows
from nbauth.data.paging.row_places import RowPlace, row_place

if TYPE_CHECKING:
    from nbauth.data.paging.counts import PageCounts, RowCounts
    from nbauth.data.paging.page_response import PageResponse

__all__ = ["Envelope"]

# Members that say whether there is more, and what they say then.
_MORE = (
    *(("has_more", True), ("hasMore", True), ("has_next", True), ("hasNext", True), ("has_next_page", True)),
    *(("hasNextPage", True), ("more", True), ("moreAvailable", True), ("isLast", False), ("is_last", False)),
)
_LARGE = 100_000  # bytes of an object that holds the rows, where looking further inside takes time
_BESIDE_ROWS = ("", "pageInfo.", "page_info.")  # the second is GraphQL's


class Envelope(BodyValues):
    """What one response says beside its rows. As with its values, all is read once, and when it is asked for.

    Args:
        response: the response.
        named: the path of the rows, if the caller named it.

    Attributes:
        named: the same.
    """

    def __init__(self, response: PageResponse, named: str | None = None) -> None:
        super().__init__(response)
        self.named = named

    @cached_property
    def is_odata(self) -> bool:
        """Whether it is a collection as OData 3 and 4 write it."""
        return is_odata(self)

    @cached_property
    def form(self) -> Literal["odata", "odata 2"] | None:
        """The protocol's form that the response has, unless the caller says where the rows are."""
        if self.named is not None:
            return None
        if self.is_odata:
            return "odata"
        return None if odata_2_rows(self.response.document.members()) is None else "odata 2"

    @cached_property
    def rows_path(self) -> str | None:
        """The path of the rows, if the caller named it or the envelope's form or names tell; it may be a guess."""
        if self.named is not None:
            return self.named
        document = self.response.document
        return "value" if self.is_odata else odata_2_rows(document.members()) or self.place.path

    @cached_property
    def place(self) -> RowPlace:
        """Where the rows of an object probably are, by its names alone."""
        return row_place(self, self.response.url) if self.response.document.is_object else RowPlace()

    @cached_property
    def link(self) -> str | None:
        """The target of the ``Link`` header's next link."""
        return next_link(self.response.headers.get("Link", ""), self.response.url)

    @cached_property
    def places(self) -> tuple[str, ...]:
        """The objects in which things are said of all the rows, each as the start of a path: the document itself first.

        They are those beside the rows and above them, two levels deep.
        """
        places = ["", *(f"{name}." for name in self._objects(""))]
        above = [outer + name + "." for outer in places[1:] for name in self._objects(outer)]
        return (*places, *above)

    def names(self, place: str) -> list[str]:
        """Return the names in one of these objects."""
        if not place:
            return list(self.response.document.members())
        node = self.node(place.removesuffix("."))
        return list(node.members()) if node is not None else []

    def _objects(self, place: str) -> list[str]:
        node = self.response.document if not place else self.node(place.removesuffix("."))
        members = {} if node is None else node.members()
        return [name for name, inner in members.items() if inner.is_object and inner.size < _LARGE and "." not in name]

    @cached_property
    def counts(self) -> RowCounts | PageCounts | None:
        """The rows or pages that are counted."""
        return counts_of(self, self.rows_path)

    def more(self, rows_path: str | None) -> str | None:
        """Return the path of a member that says that there is more.

        Args:
            rows_path: the path of the rows; such members stand beside or above them, too.
        """
        above = (rows_path or "").split(".")[:-1]
        beside = [".".join([*above[: count + 1], ""]) for count in range(len(above))]
        for inside in (*INSIDE, *(outer + inner for outer in ["", *beside] for inner in _BESIDE_ROWS)):
            for name, sign in _MORE:
                if self.nested(inside + name) is sign:
                    return inside + name
        # Spring's; elsewhere it may be anything.
        return "last=false" if rows_path == "content" and self.nested("last") is False else None
