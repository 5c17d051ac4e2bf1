"""The next link of the `Link` header."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nbauth.data.paging.styles.next_links import NextLinks

__all__ = ["LinkHeader"]


@dataclass(frozen=True, kw_only=True)
class LinkHeader(NextLinks):
    """The ``Link`` header alone (RFC 8288); named by ``"link"``."""

    has_header: ClassVar[bool] = True


STYLE = LinkHeader
