"""How an API hands out its rows page by page, and how the next page is asked for."""

from nbauth.data.paging.page_response import PageResponse
from nbauth.data.paging.styles import Paging
from nbauth.data.paging.styles.cursor import Cursor
from nbauth.data.paging.styles.function import Request
from nbauth.data.paging.styles.next import NextUrl
from nbauth.data.paging.styles.offset import Offset
from nbauth.data.paging.styles.page import PageNumber

__all__ = ["Answer", "Cursor", "NextUrl", "Offset", "PageNumber", "PageResponse", "Paging", "Request"]

Answer = PageResponse  # the name that earlier functions of users know
