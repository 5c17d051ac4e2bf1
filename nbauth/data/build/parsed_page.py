"""What a builder needs of pages that are parsed by the types of those before, and of who parses them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbauth.data.build.chunk import Chunk

__all__ = ["ColumnDecoder", "ColumnKey", "ParsedPage"]

ColumnKey = str | tuple[str, ...]  # a path where objects are flattened


class ColumnDecoder(Protocol):
    """Parses pages into columns, by the types that the pages before had."""

    def columns(self, pages: Sequence[ParsedPage]) -> list[tuple[ColumnKey, Chunk]] | None:
        """Return the columns of pages together; None where they do not hold all that came."""


class ParsedPage(Protocol):
    """A page that fits the pages before, and is no column yet."""

    @property
    def rows(self) -> list[Any]:
        """Its rows, as they are parsed."""

    @property
    def raw(self) -> bytes | memoryview:
        """What they were parsed from."""

    @property
    def may_wait(self) -> bool:
        """Whether it may become columns later, since nothing in it can fail then."""

    def records(self) -> list[Any]:
        """Return what came, exactly."""
