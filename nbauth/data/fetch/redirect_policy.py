"""Redirects: what a request keeps at another origin, and that no secret leaves the profile's origins."""

from __future__ import annotations

import logging
import re
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING

from nbauth.data.fetch.chain import who_names
from nbauth.data.fetch.headers import is_credential, leave_harmless
from nbauth.errors import DataError, OriginNotAllowed
from nbauth.net.origins import origin_of, redact_url
from nbauth.net.redirects import UnreadRedirects
from nbauth.net.requests_internals import cookies_of

if TYPE_CHECKING:
    from collections.abc import Container

    import requests
    from requests import PreparedRequest, Response

    from nbauth.data.fetch.chain import Chain
    from nbauth.data.fetch.cookies import OriginCookies

__all__ = ["OutsideSession", "keep_keys_apart", "keep_post", "leave", "lost_target"]

_OPEN = (301, 302)  # 303 says GET, 307 and 308 say that nothing changes

logger = logging.getLogger(__name__)


class OutsideSession(UnreadRedirects):
    """Sends requests that are redirected out of the profiles' origins, without token, cookie or ``.netrc``."""

    def __init__(self, inside: requests.Session) -> None:
        super().__init__()
        self.trust_env = False  # proxies come with each request
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.adapters = inside.adapters


def keep_keys_apart(
    request: PreparedRequest, redirected: PreparedRequest, *, cookies: OriginCookies, for_all: Container[str]
) -> None:
    """Give a request that a redirect leads to the cookies of its origin, and take off the keys of another.

    Args:
        request: what was redirected.
        redirected: the request to where it was redirected.
        cookies: the session's cookies.
        for_all: headers that the caller set for the session, and so for each origin.
    """
    is_same = origin_of(str(request.url)) == origin_of(str(redirected.url))
    cookies.fit(redirected, cookies_of(request) if is_same else None)
    if is_same:
        return
    # A key that the caller gave for one API is none of another's; one set for the session is for all.
    for name in [n for n in redirected.headers if is_credential(n) and n not in for_all]:
        del redirected.headers[name]
    cookies.fit(redirected)


def keep_post(request: PreparedRequest, redirected: PreparedRequest, status: int) -> None:
    """Keep the method and the body of a POST that is redirected, where RFC 9110 §15.4 leaves it open.

    Args:
        request: what was redirected.
        redirected: the request to where it was redirected; requests has made it a GET.
        status: the status of the redirect.
    """
    if request.method != "POST" or status not in _OPEN:
        return
    redirected.method, redirected.body = request.method, request.body
    for name in ("Content-Length", "Content-Type"):
        if name in request.headers:
            redirected.headers[name] = request.headers[name]


def leave(chain: Chain, request: PreparedRequest, redirected: PreparedRequest) -> None:
    """Make the request that a redirect leads to fit for strangers.

    Args:
        chain: the load's requests, whose origins are left.
        request: what was redirected.
        redirected: the request to where it was redirected.

    Raises:
        OriginNotAllowed: it is no plain GET over https.
    """
    url = str(redirected.url)
    here, there = redact_url(str(request.url)), redact_url(url)
    try:
        secure = origin_of(url).startswith("https:")
    except ValueError:
        secure = False
    whose, other = who_names(chain, url)
    if not (secure and request.method == redirected.method == "GET" and redirected.body is None):
        own = f" With the token: a call of its own, as of nbauth.session({other!r})." if other else ""
        raise OriginNotAllowed(
            f"{here} redirects a {request.method} to {there}, whose origin {whose}.",
            url=there,
            next_step=f"Only a GET is followed there, over https and without the token.{own}",
        )
    leave_harmless(redirected.headers)
    logger.info("%s redirects to %s, whose origin %s: followed without token", here, there, whose)


def lost_target(response: Response) -> DataError:
    """Return the error of a redirect whose target is no URL."""
    place, target = redact_url(response.url), response.headers["Location"]
    # `redact_url` reads no such address: what may hold a secret is cut off.
    shown = re.split(r"[?#]", target, maxsplit=1)[0].rpartition("@")[2][:120]
    return DataError(
        f"{place} redirects to {shown!r}, which is not a valid URL.",
        url=place,
        next_step="Ask whoever runs the API; allow_redirects=False shows the answer as it is.",
    )
