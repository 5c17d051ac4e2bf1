"""Guards: which next links are refused, since they leave the API, were followed before or bring nothing new."""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urldefrag, urljoin, urlsplit, urlunsplit

from nbauth.data.fetch.chain import may_carry, who_names
from nbauth.data.paging.novelty import Novelty
from nbauth.errors import OriginNotAllowed, PaginationError
from nbauth.net.origins import redact_url

if TYPE_CHECKING:
    from nbauth.data.fetch.chain import Chain
    from nbauth.data.fetch.request import PageRequest
    from nbauth.data.paging.page_response import PageResponse, Rows

__all__ = ["Guards", "canonical", "check_leads", "resolve"]

_MOST_EMPTY_PAGES = 100
_MOST_EQUAL_PAGES = 3
_AS_SENT = re.compile(r"[\w!$&-;=?@~]*", re.ASCII)  # nothing to be escaped or cut off: no blank, "#", or "%"
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# RFC 6762 appendix G, and the names that containers have.
_INSIDE_NAMES = (".local", ".internal", ".intranet", ".lan", ".svc", ".corp", ".home.arpa")
_PAIR = 2  # where an API that does not know the parameter would send its first page again


class Guards:
    """Checks each further request of one load before it is sent.

    Args:
        chain: tells whether a request to a URL may carry a token.
        most_equal_pages: how many equal pages in a row are one too many.
        is_counted: whether requests hold a number, which an API may not know, so that the last page counts, too.
        next_step: what to type where pages come again.
    """

    def __init__(
        self,
        chain: Chain,
        *,
        most_equal_pages: int = _MOST_EQUAL_PAGES,
        is_counted: bool = False,
        next_step: str | None = None,
    ) -> None:
        self._chain = chain
        self._is_counted = is_counted and most_equal_pages == _PAIR
        self._next_step = next_step
        self._novelty = Novelty(most_equal_pages, most_equal_pages if is_counted else _MOST_EQUAL_PAGES)
        self._seen: set[tuple[str, str]] = set()
        self._empty_pages = 0

    def saw(self, response: PageResponse) -> None:
        """Note the URL of a request, and that of its response after redirects."""
        rest = _rest(response.request)
        self._seen.add((canonical(response.request.url), rest))
        if response.url != response.request.url:
            self._seen.add((canonical(response.url), rest))

    def meant(self, request: PageRequest, *, response: PageResponse) -> PageRequest:
        """Return a request to the server that answered, where a link gives it a name of its own network's inside.

        So write servers behind a proxy that does not tell them what it is called outside. The path must be the one that
        was asked for, and the profile must not name that server: then the link is meant as it stands.
        """
        if may_carry(self._chain, request.url):
            return request
        here, there = urlsplit(response.request.url), urlsplit(request.url)
        if not _is_inside(there.hostname or "") or there.path != here.path:
            return request
        return replace(request, url=urlunsplit(there._replace(scheme=here.scheme, netloc=here.netloc)))

    def check(self, request: PageRequest, *, response: PageResponse) -> None:
        """Check a request that a response leads to.

        Args:
            request: the request.
            response: the response.

        Raises:
            OriginNotAllowed: it leads where it may not; see `check_leads`.
            PaginationError: it was made before.
        """
        check_leads(self._chain, request.url, here=response.url, before=response.request.url, what="the next link")
        if (request.url, _rest(request)) in self._seen:
            shown_url, next_url = redact_url(response.url), redact_url(request.url)
            raise PaginationError(
                f"{shown_url}: the next link leads to {next_url}, which was read before; it loops.",
                url=shown_url,
                next_step=self._next_step,
            )

    def check_progress(self, rows: Rows, *, here: str, is_last: bool = False) -> None:
        """Check that pages bring something new.

        Args:
            rows: the rows of one page.
            here: where they came from.
            is_last: whether no page follows.

        Raises:
            PaginationError: more and more pages bring nothing new.
        """
        if is_last and (rows.is_empty or not self._is_counted):
            return
        if rows.is_empty:
            self._empty_pages += 1
            if self._empty_pages >= _MOST_EMPTY_PAGES:
                shown_url = redact_url(here)
                raise PaginationError(
                    f"{shown_url}: {_MOST_EMPTY_PAGES} empty pages in a row, each with a next link.", url=shown_url
                )
            return
        self._empty_pages = 0
        nothing_new = None if rows.is_single else self._novelty.saw(rows.node)
        if nothing_new is not None:
            shown_url = redact_url(here)
            raise PaginationError(
                f"{shown_url}: {nothing_new}, behind different next links.",
                url=shown_url,
                next_step=self._next_step,
            )


def check_leads(chain: Chain, url: str, *, here: str, before: str, what: str) -> None:
    """Check where a response leads.

    Args:
        chain: tells whether a request to a URL may carry a token.
        url: to where.
        here: where the response came from.
        before: the URL that was asked for.
        what: what leads there, such as ``"the next link"``.

    Raises:
        OriginNotAllowed: it leaves the origins of the profile that serves the load; or a server that is none of them
            says where it goes.
    """
    if may_carry(chain, url) and (may_carry(chain, here) or _target(url) == _target(before)):
        return
    shown_url, next_url = redact_url(here), redact_url(url)
    if not may_carry(chain, url):
        whose, other = who_names(chain, url)
        step = _elsewhere(url, before)
        if other is not None:
            step = (
                f"Read it in a call of its own: nbauth.read(URL, profile={other!r}); or, if it is the same API's, "
                f"name the origin under [profiles.{chain.profile}.apis], too."
            )
        raise OriginNotAllowed(
            f"{shown_url}: {what} leads to {next_url}, whose origin {whose}.", url=next_url, next_step=step
        )
    # A redirect led to that server, as to a download; where our token goes is not for it to say.
    raise OriginNotAllowed(
        f"{shown_url}: {what} leads back to {next_url}, another address than {redact_url(before)}, "
        f"from a server that profile {chain.profile!r} does not name.",
        url=next_url,
        next_step="Read it in a call of its own if you trust that server.",
    )


def resolve(link: str, here: str) -> str:
    """Return a next link as a whole URL; a relative one starts from the page that names it (RFC 3986 §5.1.3).

    Raises:
        PaginationError: it is no URL.
    """
    try:
        return canonical(urljoin(here, link.strip()))
    except ValueError:
        shown_url = redact_url(here)
        raise PaginationError(f"{shown_url}: the next link is not a URL.", url=shown_url) from None


def canonical(url: str) -> str:
    """Return a URL in the form in which it is sent.

    A lone percent sign is a sign of its own. What stands escaped beside it is not escaped again.
    """
    if _AS_SENT.fullmatch(url):
        return url
    from requests.utils import requote_uri  # late: who names a style of `nbauth.data.paging` need not wait for it

    return requote_uri(_LONE_PERCENT.sub("%25", urldefrag(url.strip())[0]))


def _is_inside(host: str) -> bool:
    """Tell whether a host has a name or an address that is none outside its own network."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host not in ("", "localhost") and ("." not in host or host.endswith(_INSIDE_NAMES))
    return address.is_private and not address.is_loopback


def _elsewhere(url: str, asked: str) -> str | None:
    """Return what helps where a link leads to an origin that no profile names."""
    if not url.lower().startswith(("http://", "https://")):
        return None
    theirs, ours = (url.split("/", 3)[:3] for url in (url, asked))
    own = f'"{"/".join(theirs)}", "{"/".join(ours)}"'
    step = (
        "If that is the same API under a name of its own network, follow its links under the name that you use: "
        f'paging=lambda answer: (answer.json().get("next") or "").replace({own}), with the name of its link.'
    )
    if url.lower().startswith("https:"):
        step = f"If the API is to be trusted there, too, add the origin to the profile's apis. {step}"
    return step


def _target(url: str) -> str:
    """Return a URL without its query."""
    return urldefrag(url)[0].partition("?")[0]


def _rest(request: PageRequest) -> str:
    if request.body is None and not request.headers and request.verb == "GET":
        return ""
    return json.dumps([request.verb, request.body, dict(request.headers)])
