"""The address that a next link means: whole, as its service means it where the link leaves something out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, unquote_plus, urljoin, urlsplit, urlunsplit

from nbauth.data.paging.guards import resolve
from nbauth.data.paging.request_params import folded
from nbauth.net.origins import origin_of

if TYPE_CHECKING:
    from nbauth.data.paging.page_response import PageResponse

__all__ = ["next_address", "part_address"]

# A whole URL in the form in which it is sent: nothing of it is escaped, cut off or put together anew.
_WHOLE = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]+)?/[\w!$&-:=@~]*(?:\?[\w!$&-:=?@~]+)?", re.ASCII)
_LEAST_REPEATED = 2  # segments of a path
_CONTEXTS = ("@odata.context", "odata.metadata", "@context")
# Parameters without which no request is answered, and which links leave out: the version of Azure's APIs, which its own
# libraries put onto every link (https://github.com/Azure/autorest.java/issues/1550), and keys, as Polygon's `next_url`
# leaves them out. Names in small letters without signs.
_NEEDED = frozenset({"apiversion", "apikey", "accesstoken", "subscriptionkey", "appid", "appkey"})


def next_address(link: str, response: PageResponse, path: str = "") -> str:
    """Return a next link as a whole URL.

    Args:
        link: the link as the service wrote it.
        response: the response that has it.
        path: where it stands in the body, with dots between the members; empty for a header.

    Raises:
        PaginationError: it is no URL.
    """
    if _WHOLE.fullmatch(link) and not (link[:5] == "http:" and response.url[:5].lower() == "https"):
        whole = _with_needed(link, response.request.url)
        return link if whole == link else resolve(whole, response.url)
    link = link.strip().replace("&amp;", "&")  # of services that escape it for HTML
    try:
        whole = link if "://" in link.partition("?")[0] else _whole(link, response, path)
        whole = _with_needed(_on_https(whole, response.url), response.request.url)
    except ValueError:
        whole = link
    return resolve(whole, response.url)


def part_address(link: str, here: str) -> str:
    """Return a link to a part of what is at a URL, such as a job's state, as a whole URL.

    A path that repeats the end of the URL's own, and not its beginning, was written by a service behind a gateway that
    puts the beginning in front.

    Raises:
        PaginationError: it is no URL.
    """
    url = resolve(link, here)
    own, named = urlsplit(here).path.split("/")[1:], urlsplit(link.strip()).path.split("/")[1:]
    if not link.strip().startswith("/") or link.strip().startswith("//"):
        return url
    for count in range(min(len(own) - 1, len(named)), _LEAST_REPEATED - 1, -1):
        before = own[:-count]
        if own[-count:] == named[:count] and named[: len(before)] != before:
            return urlunsplit(urlsplit(url)._replace(path="/" + "/".join([*before, *named])))
    return url


def _whole(link: str, response: PageResponse, path: str) -> str:
    here, parts = urlsplit(response.url), urlsplit(link)
    if link.lower().startswith(here.netloc.lower() + "/"):
        return f"{here.scheme}://{link}"  # only the scheme is left out
    if parts.scheme or parts.netloc:
        return urljoin(response.url, link)
    if not parts.path:
        # A link of a query alone names what changes, as HubSpot's ``?after=…``.
        return _merged(response.url, link) if parts.query else response.url
    if _is_end_of(parts.path, here.path):
        # The same address, from which a proxy or the service left the beginning out.
        return urlunsplit((here.scheme, here.netloc, here.path, parts.query, ""))
    base = _base_beside(response, path)
    if base is not None and not _starts_with(parts.path, urlsplit(base).path):
        return base.rstrip("/") + "/" + link.lstrip("/")
    return urljoin(response.url if parts.path.startswith("/") else _context(response), link)


def _is_end_of(path: str, whole: str) -> bool:
    """Tell whether one path is the other, or the end of it from a slash on."""
    return bool(path.strip("/")) and unquote(whole).endswith("/" + unquote(path).lstrip("/"))


def _starts_with(path: str, base: str) -> bool:
    return unquote(path).startswith(unquote(base).rstrip("/") + "/")


def _base_beside(response: PageResponse, path: str) -> str | None:
    """Return the address that stands beside a link as its ``base``, as Confluence's ``_links.base``."""
    above = path.split(".")[:-1]
    for length in range(len(above), 0, -1):
        base: Any = response.get(*above[:length], "base")
        if isinstance(base, str) and _has_origin_of(base, response.url):
            return base
    return None


def _context(response: PageResponse) -> str:
    """Return where a relative link of OData begins: at the context's URL, if there is one (JSON Format 4.01 §4.3)."""
    for name in _CONTEXTS:
        context: Any = response.get(name)
        if isinstance(context, str):
            base = urljoin(response.url, context)
            return base if _has_origin_of(base, response.url) else response.url
    return response.url


def _has_origin_of(url: str, other: str) -> bool:
    try:
        return origin_of(url) == origin_of(other)
    except ValueError:
        return False


def _on_https(url: str, here: str) -> str:
    """Return a link by https, where it is the page's own server and only the link's scheme is http.

    So write servers behind a proxy that does the TLS for them; see
    https://docs.djangoproject.com/en/stable/ref/settings/#secure-proxy-ssl-header.
    """
    if url[:5].lower() != "http:":
        return url
    secure = "https" + url[len("http") :]
    return secure if _has_origin_of(secure, here) else url


def _merged(url: str, query: str) -> str:
    """Return the URL with the parameters of a query instead of any of the same names."""
    given = urlsplit(query).query.split("&")
    names = {_name(item) for item in given}
    parts = urlsplit(url)
    kept = [item for item in parts.query.split("&") if item and _name(item) not in names]
    return urlunsplit(parts._replace(query="&".join([*kept, *given]), fragment=""))


def _with_needed(url: str, before: str) -> str:
    """Return a link with what every request needs, from the request before it, if the link leaves that out."""
    asked = [item for item in before.partition("?")[2].split("&") if folded(_name(item)) in _NEEDED]
    if not asked or not _has_origin_of(url, before):
        return url
    parts = urlsplit(url)
    has = {_name(item).casefold() for item in parts.query.split("&")}
    missing = [item for item in asked if _name(item).casefold() not in has]
    if not missing:
        return url
    return urlunsplit(parts._replace(query="&".join([*filter(None, [parts.query]), *missing])))


def _name(item: str) -> str:
    return unquote_plus(item.partition("=")[0])
