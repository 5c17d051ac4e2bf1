"""The next page's address in the body."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nbauth.data.paging.followed import followed
from nbauth.data.paging.next_members import addresses
from nbauth.data.paging.page_response import MISSING
from nbauth.data.paging.record_selector import NEXT
from nbauth.data.paging.styles.known_cursors import is_cursor
from nbauth.data.paging.styles.style import Sign, StatelessStyle
from nbauth.errors import PaginationError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from typing import Self

    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.envelope import Envelope
    from nbauth.data.paging.page_response import PageResponse, Rows

__all__ = ["NextUrl", "is_address", "text_of_next"]

_ODATA_2 = "d.__next"
_RELATIVE = re.compile(r"[\w.~%/:()'$-]*\?[\w.~%$\[\]-]+=")  # such as ``items?page=2``, or without the scheme alone
_HEADER = re.compile(r"\bnext(?:$|[-_]?(?:page|link|ur[il]|href|records))", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class NextUrl(StatelessStyle):
    """The next page's address stands in the body, or in a header of its own.

    Attributes:
        path: where, with dots between the members.
        header: the response's header that holds it, instead of `path`.
    """

    path: str = "next"
    header: str | None = None

    @classmethod
    def shown_by(cls, envelope: Envelope, sign: Sign) -> Self | None:
        """Return it for OData 2, for an address, and for a member that is null where the address would be."""
        if sign is Sign.ODATA_2 and envelope.form == "odata 2":
            return cls(path=_ODATA_2)
        if sign is Sign.HEADER:
            header = _header(envelope)
            return None if header is None else cls(header=header)
        if sign is Sign.ADDRESS:
            own = NEXT if envelope.is_odata else ()  # which the form's own style follows
            paths = (path for path in addresses(envelope.places) if path not in own)
            found = (path for path in paths if is_address(envelope.value(path)))
        elif sign is Sign.EMPTY:
            found = (path for path in addresses(envelope.places) if envelope.value(path) is None)
        else:
            return None
        return next((cls(path=path) for path in found), None)

    @property
    def next_path(self) -> str | None:
        """Where the address stands, unless that is a header."""
        return None if self.header else self.path

    def link_member(self, response: PageResponse) -> str | None:
        """Return the member that holds the address, where it stands in no other."""
        del response
        return None if self.header or "." in self.path else self.path

    def next_request(self, response: PageResponse, rows: Rows) -> PageRequest | None:
        """Return the request that the link names."""
        del rows
        link: Any = response.headers.get(self.header) if self.header else _at(response, self.path)
        if link is MISSING or link is None or link == "" or link is False:
            return None
        if not isinstance(link, str):
            shown_url = redact_url(response.url)
            raise PaginationError(f"{shown_url}: {self.path} is not a string.", url=shown_url)
        return followed(link, response, "" if self.header else self.path)


STYLE = NextUrl


def _at(response: PageResponse, path: str) -> Any:
    """Return the value at a path, or `MISSING`. A further page may have it further up: a chunk of Databricks'."""
    outer, dot, inner = path.partition(".")
    link = response.get(*path.split("."))
    is_further_up = link is MISSING and dot and outer not in response.document.members()
    return response.get(*inner.split(".")) if is_further_up else link


def _header(envelope: Envelope) -> str | None:
    """Return the name of the header that holds the next page's address: Office 365's ``NextPageUri`` and its like.

    See https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-reference#pagination
    """
    headers = envelope.response.headers
    return next((name for name in _next_headers(envelope.header_names) if is_address(headers[name].strip())), None)


@lru_cache(maxsize=256)
def _next_headers(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if _HEADER.search(name))


def is_address(value: Any) -> bool:
    """Tell whether a value is an address, and no cursor."""
    return isinstance(value, str) and (value.startswith(("/", "?")) or "://" in value or bool(_RELATIVE.match(value)))


def text_of_next(envelope: Envelope, rows_path: str | None) -> str | None:
    """Return the path of a member that is called as an address is and holds another text: a cursor, most likely."""
    paths = addresses(envelope.places_around(rows_path))
    return next((path for path in paths if "next" in path.lower() and _is_other_text(envelope.value(path))), None)


def _is_other_text(value: Any) -> bool:
    return isinstance(value, str) and " " not in value and is_cursor(value) and not is_address(value)
