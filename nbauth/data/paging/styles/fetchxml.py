"""Dataverse's FetchXML, whose next page is the same query with another page and the answer's paging cookie.

See https://learn.microsoft.com/power-apps/developer/data-platform/fetchxml/page-results
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import quoteattr  # writes XML, and reads none

from nbauth.data.paging.guards import canonical
from nbauth.data.paging.request_params import set_in_query
from nbauth.data.paging.styles.style import Sign, StatelessStyle
from nbauth.errors import PaginationError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from typing import Self

    from nbauth.data.fetch.request import PageRequest, RequestSpec
    from nbauth.data.paging.envelope import Envelope
    from nbauth.data.paging.page_response import PageResponse, Rows

__all__ = ["FetchXml", "annotated"]

_MORE = "@Microsoft.Dynamics.CRM.morerecords"
_COOKIE = "@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"
_ANNOTATIONS = f"{_COOKIE[1:]},{_MORE[1:]}"
_ROOT = re.compile(r"""<fetch\b(?:\s+[\w:.-]+\s*=\s*(?:'[^']*'|"[^"]*"))*\s*/?>""")
_PAGE = re.compile(r"""(\spage\s*=\s*)(['"])\s*(\d{1,9})\s*\2""")
_OLD_COOKIE = re.compile(r"""\spaging-cookie\s*=\s*(?:'[^']*'|"[^"]*")""")
_OF_COOKIE = re.compile(r"""\spagingcookie\s*=\s*(?:'([^']*)'|"([^"]*)")""")
_INCLUDED = re.compile(r'(odata\.)?include-annotations\s*=\s*"?([^";]*)"?', re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class FetchXml(StatelessStyle):
    """The query's own page and paging cookie; the response says whether there is more."""

    knows_its_end: ClassVar[bool] = True

    @classmethod
    def shown_by(cls, envelope: Envelope, sign: Sign) -> Self | None:
        """Return it for the annotation that says whether there is more, where the request holds FetchXML."""
        if sign is not Sign.ANNOTATION or not isinstance(envelope.value(_MORE), bool):
            return None
        return None if _parameter(envelope.response.request.url) is None else cls()

    @property
    def next_step(self) -> str:
        """What to type where the page is ignored."""
        return 'Read it page by page: page="2" and so on in the FetchXML, each with paging="none".'

    def next_request(self, response: PageResponse, rows: Rows) -> PageRequest | None:
        """Return the request for the query's next page."""
        del rows
        parameter = _parameter(response.request.url)
        if response.get(_MORE) is not True or parameter is None:
            return None
        name, query = parameter
        root = _ROOT.search(query)
        if root is None:
            place = redact_url(response.url)
            raise PaginationError(f"{place}: the answer says {_MORE}, and {name} has no fetch element.", url=place)
        element = _on_next_page(root[0], response.get(_COOKIE))
        following = query[: root.start()] + element + query[root.end() :]
        return replace(response.request, url=canonical(set_in_query(response.request.url, {name: following})))


STYLE = FetchXml


def annotated(spec: RequestSpec) -> RequestSpec:
    """Return a request that asks for the annotations which tell of more, if it holds FetchXML: they come on request."""
    has_xml = any(name.lower() == "fetchxml" for name in spec.params or ()) or _parameter(spec.url) is not None
    if not has_xml:
        return spec
    headers = dict(spec.headers or {})
    name = next((name for name in headers if name.lower() == "prefer"), "Prefer")
    preferred = headers.get(name, "")
    included = _INCLUDED.search(preferred)
    if included is None:
        headers[name] = ", ".join(filter(None, [preferred, f'odata.include-annotations="{_ANNOTATIONS}"']))
    elif included[2].strip() != "*":
        wanted = f'{included[1] or ""}include-annotations="{included[2]},{_ANNOTATIONS}"'
        headers[name] = preferred[: included.start()] + wanted + preferred[included.end() :]
    return replace(spec, headers=headers)


def _parameter(url: str) -> tuple[str, str] | None:
    """Return the name and the value of the parameter with the FetchXML."""
    parameters = parse_qsl(urlsplit(url).query) if "fetchxml" in url.lower() else []
    return next(((name, value) for name, value in parameters if name.lower() == "fetchxml"), None)


def _on_next_page(element: str, told: Any) -> str:
    """Return the start of the query for its next page, with the cookie that an answer told; none is told of some."""
    page = _PAGE.search(element)
    if page is None:
        element = element.replace("<fetch", '<fetch page="2"', 1)
    else:
        following = f"{page[1]}{page[2]}{int(page[3]) + 1}{page[2]}"
        element = element[: page.start()] + following + element[page.end() :]
    element = _OLD_COOKIE.sub("", element)
    cookie = _OF_COOKIE.search(told) if isinstance(told, str) else None
    if cookie is None:
        return element
    value = unquote(unquote(html.unescape(cookie[1] or cookie[2] or "")))  # it is escaped twice
    return element.replace("<fetch", f"<fetch paging-cookie={quoteattr(value)}", 1) if value else element
