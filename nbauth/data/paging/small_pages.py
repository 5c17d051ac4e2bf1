"""Small pages: a load that waits for most of its time, and could ask for more rows at once."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.envelope import Envelope
    from nbauth.data.paging.page_response import Rows

__all__ = ["SmallPages"]

_ENOUGH_PAGES = 10
_WORTH_SAYING_S = 2.0
_MOST_OF = 0.5  # of the time
_SMALL = 500  # rows
_PREFERENCE = "maxpagesize"
_SIZES = ("$top", _PREFERENCE)
# Where `$top` is the size of a page; elsewhere in OData it is the number of rows in all.
# https://learn.microsoft.com/graph/query-parameters
# https://learn.microsoft.com/sharepoint/dev/sp-add-ins/use-odata-query-operations-in-sharepoint-rest-requests
_BY_TOP = {"graph.microsoft.": 999, ".sharepoint.": 5000}


class SmallPages:
    """Tells once how a load of OData would be quicker.

    Args:
        first: the first request.
        headers: the caller's.
        hint: told so.
    """

    def __init__(self, first: PageRequest, headers: Mapping[str, str], hint: Callable[[str], None]) -> None:
        self._hint = hint
        self._is_settled = _says_a_size(first, headers)
        self._pages = 0
        self._waited_s = 0.0
        self._began = time.monotonic()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time until a page has come."""
        began = time.monotonic()
        yield
        self._waited_s += time.monotonic() - began

    def saw(self, envelope: Envelope, rows: Rows) -> None:
        """Look at a page that another one follows."""
        self._pages += 1
        if self._is_settled or self._pages < _ENOUGH_PAGES or self._waited_s < _WORTH_SAYING_S:
            return
        if self._waited_s < _MOST_OF * (time.monotonic() - self._began):
            return
        self._is_settled = True
        with suppress(ValueError, RecursionError):  # whoever decodes it says so
            count = rows.count()
            if count <= _SMALL and envelope.is_odata:
                rows_each = "1 row" if count == 1 else f"{count:,} rows"
                self._hint(f"pages of {rows_each} take long; larger ones: {_how(envelope.response.url)}")


def _says_a_size(first: PageRequest, headers: Mapping[str, str]) -> bool:
    names = {name.lower() for name, _ in parse_qsl(urlsplit(first.url).query, keep_blank_values=True)}
    prefers = next((value for name, value in headers.items() if name.lower() == "prefer"), "")
    return not names.isdisjoint(_SIZES) or _PREFERENCE in str(prefers).lower()


def _how(url: str) -> str:
    host = f"{urlsplit(url).hostname}"
    top = next((size for part, size in _BY_TOP.items() if part in host), None)
    return 'headers={"Prefer": "odata.maxpagesize=5000"}' if top is None else f'params={{"$top": {top}}}'
