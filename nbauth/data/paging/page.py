"""One page of rows, as a load keeps it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from nbauth.data.build.width import is_wide
from nbauth.data.parse.json_errors import no_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from requests import Response

    from nbauth.data.build.frame_builder import FrameBuilder
    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.page_response import Rows

__all__ = ["Page"]

_LONG_ROW = 30_000  # bytes


@dataclass(frozen=True)
class Page:
    """One page, whose rows may still have to be decoded.

    Attributes:
        rows: its rows.
        response: the response, whose body is read.
        total_rows: how many rows there are in all, where the response says.
        next_request: the request for the page after it; None after the last.
        is_good: whether what it says of the page after it holds; if not, an error comes next.
        on_count: told how many rows it has, when they are decoded, if somebody has to know.
        plan: returns the requests for all pages after it, where it tells them; else none.
    """

    rows: Rows
    response: Response
    total_rows: int | None
    next_request: PageRequest | None
    is_good: bool = True
    on_count: Callable[[int], None] | None = None
    plan: Callable[[], list[PageRequest]] = field(default=list, repr=False)
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
        node, before = self.rows.node, builder.rows
        try:
            if self.rows.is_single:
                builder.add([node.value()])
            else:
                node.append_to(builder)
        except (ValueError, RecursionError) as error:
            raise no_json(self.response, node.start, error) from error
        if self.on_count is not None:
            self.on_count(builder.rows - before)
