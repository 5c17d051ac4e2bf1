"""The styles of paging. Each is one class, in a file of its own, and one line in the registry."""

from nbauth.data.paging.styles.cursor import Cursor
from nbauth.data.paging.styles.next_url import NextUrl
from nbauth.data.paging.styles.offset import Offset
from nbauth.data.paging.styles.page_number import PageNumber
from nbauth.data.paging.styles.registry import STYLES, Named, Paging, style_of
from nbauth.data.paging.styles.style import Paginator, Sign, Style

__all__ = [
    "STYLES", "Cursor", "Named", "NextUrl", "Offset", "PageNumber", "Paginator", "Paging", "Sign", "Style", "style_of",
]  # fmt: skip
