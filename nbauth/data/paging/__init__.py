"""How an API hands out its rows page by page, and how the next page is asked for."""

from nbauth.data.paging.page import PageResponse
from nbauth.data.paging.styles import Cursor, NextUrl, Offset, PageNumber, Paging

__all__ = ["Answer", "Cursor", "NextUrl", "Offset", "PageNumber", "PageResponse", "Paging"]

Answer = PageResponse  # the name that earlier functions of users know
