"""From a response to the next request: OData next links, RFC 8288 `Link` headers, and guards against endless chains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urljoin

from requests.utils import requote_uri

from nbauth.data.link_header import next_link
from nbauth.errors import OriginNotAllowed, PaginationError
from nbauth.signin.origins import redact_url

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Chain", "Page", "page_of"]

_NEXT = ("@odata.nextLink", "odata.nextLink", "@nextLink", "nextLink")  # OData 4, 3 and 4.01; Azure Resource Manager
_COUNT = ("@odata.count", "odata.count", "@count", "count")
_MOST_EMPTY_PAGES = 100
_MOST_EQUAL_PAGES = 3


@dataclass(frozen=True)
class Page:
    """One page of an answer.

    Attributes:
        records: its rows as they came: objects, or whatever else the array held.
        next_link: the next page's address as the server wrote it, or None.
        total_rows: how many rows there are in all, where the server says.
    """

    records: list[Any]
    next_link: str | None = None
    total_rows: int | None = None


def page_of(document: Any, *, link_header: str | None, url: str) -> Page:
    """Find the rows of a JSON document and what leads to the next ones.

    An object whose ``value`` is a list is a collection if a next link or OData's context stands beside it, or nothing
    but annotations and a count. A list is a page of its items. Anything else is one row.

    Args:
        document: the decoded body.
        link_header: the answer's ``Link`` header.
        url: where the answer came from.

    Raises:
        PaginationError: the next link is not a string.
    """
    following = next_link(link_header, url) if link_header else None
    if isinstance(document, list):
        return Page(document, following)
    if not (isinstance(document, dict) and _is_collection(document)):
        return Page([document], following)
    for name in _NEXT:
        link = document.get(name)
        if link is not None and not isinstance(link, str):
            raise PaginationError(f"{redact_url(url)}: {name} is not a string.", url=redact_url(url))
        if link:
            following = link
            break
    total = next((document[name] for name in _COUNT if type(document.get(name)) is int), None)
    return Page(document["value"], following, total)


def _is_collection(document: dict[str, Any]) -> bool:
    if not isinstance(document.get("value"), list):
        return False
    if any(document.get(name) for name in _NEXT):
        return True
    context = document.get("@odata.context", document.get("odata.metadata"))
    if isinstance(context, str):
        return not context.endswith("$entity")  # OData JSON Format 4.01 §10.7: one entity that has a `value`
    return all(name == "value" or name in _NEXT or name in _COUNT or name.startswith("@") for name in document)


class Chain:
    """The pages of one load: resolves their next links and ends a chain that would not end.

    Args:
        allows: tells whether a request to a URL may carry a token.
    """

    def __init__(self, allows: Callable[[str], bool]) -> None:
        self._allows = allows
        self._seen: set[str] = set()
        self._empty_pages = 0
        self._equal_pages = 1
        self._last: list[Any] = []

    def follow(self, page: Page, *, requested: str, url: str) -> str | None:
        """Return the next page's URL, or None after the last page.

        Args:
            page: the page that was read.
            requested: the URL that was asked for.
            url: the URL that answered, after redirects; a relative link starts from it (RFC 3986 §5.1.3).

        Raises:
            OriginNotAllowed: the next link leaves the origins that a profile names.
            PaginationError: the link cannot be read, was followed before, or more and more pages bring nothing new.
        """
        self._seen |= {_canonical(requested), _canonical(url)}
        if not page.next_link:
            return None
        here = redact_url(url)
        try:
            following = _canonical(urljoin(url, page.next_link))
        except ValueError:
            raise PaginationError(f"{here}: the next link is not a URL.", url=here) from None
        if not self._allows(following):
            raise OriginNotAllowed(
                f"{here}: the next link leads to {redact_url(following)}, which no profile allows.",
                url=redact_url(following),
                next_step="If the API is to be trusted there, add the origin to the profile's apis.",
            )
        if following in self._seen:
            raise PaginationError(
                f"{here}: the next link leads to {redact_url(following)}, which was read before; it loops.", url=here
            )
        self._check_progress(page, here)
        return following

    def _check_progress(self, page: Page, here: str) -> None:
        if not page.records:
            self._empty_pages += 1
            if self._empty_pages >= _MOST_EMPTY_PAGES:
                raise PaginationError(
                    f"{here}: {_MOST_EMPTY_PAGES} empty pages in a row, each with a next link.", url=here
                )
            return
        self._empty_pages = 0
        self._equal_pages = self._equal_pages + 1 if page.records == self._last else 1
        self._last = page.records
        if self._equal_pages >= _MOST_EQUAL_PAGES:
            raise PaginationError(
                f"{here}: the same page came {_MOST_EQUAL_PAGES} times in a row behind different next links.", url=here
            )


def _canonical(url: str) -> str:
    return requote_uri(urldefrag(url.strip())[0])
