"""The envelope of a response: everything in it but its rows."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal

from nbauth.data.paging.body_values import BodyValues
from nbauth.data.paging.counts import counts_of
from nbauth.data.paging.link_header import next_link
from nbauth.data.paging.more import said_in
from nbauth.data.paging.places import places
from nbauth.data.paging.record_selector import is_odata, odata_2_rows
from nbauth.data.paging.row_places import RowPlace, row_place
from nbauth.data.paging.table import find_table

if TYPE_CHECKING:
    from nbauth.data.paging.counts import PageCounts, RowCounts
    from nbauth.data.paging.more import Said
    from nbauth.data.paging.page_response import PageResponse
    from nbauth.data.paging.places import Place
    from nbauth.data.paging.tables.found import FoundTable

__all__ = ["Envelope"]


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
        self._places: dict[str | None, list[Place]] = {}
        self._said: dict[str | None, Said] = {}

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
    def table(self) -> FoundTable | None:
        """The table that it holds."""
        if self.form is not None:
            return None  # a collection of objects
        return find_table(self.response, self.named, lambda: self.rows_path)

    @cached_property
    def header_names(self) -> tuple[str, ...]:
        """The names of the headers; those of one API are the same again and again, so that what they mean is kept."""
        return tuple(self.response.headers)

    @cached_property
    def link(self) -> str | None:
        """The target of the ``Link`` header's next link."""
        return next_link(self.response.headers.get("Link", ""), self.response.url)

    @cached_property
    def counts(self) -> RowCounts | PageCounts | None:
        """The rows or pages that are counted."""
        return counts_of(self, self.places, self.rows_path)

    @property
    def places(self) -> list[Place]:
        """The objects beside and above the rows, as far as it is known where those are."""
        return self.places_around(self.rows_path)

    @property
    def row_count(self) -> int:
        """How many rows it has, as far as it is known where those are."""
        rows = None if self.rows_path is None else self.node(self.rows_path)
        return rows.count() if rows is not None and rows.is_list else 0

    def places_around(self, rows_path: str | None) -> list[Place]:
        """Return the objects beside and above the rows at a path."""
        if rows_path not in self._places:
            self._places[rows_path] = list(places(self.response.document, rows_path))
        return self._places[rows_path]

    def said(self, rows_path: str | None) -> Said:
        """Return what it says of the rows that are not in it."""
        if rows_path not in self._said:
            around = self.places_around(rows_path)
            self._said[rows_path] = said_in(self, around, has_rows=rows_path is not None)
        return self._said[rows_path]
