"""What a session of nbauth is before it sends: its connections, cookies and trust, and how it prepares requests."""

from __future__ import annotations

import copy
import os
from collections import OrderedDict
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from requests.utils import resolve_proxies

from nbauth.data.fetch.caller_credentials import NO_AUTH, check_auth, check_headers
from nbauth.data.fetch.cookies import OriginCookies
from nbauth.data.fetch.headers import has_cookie
from nbauth.data.fetch.redirect_policy import OutsideSession
from nbauth.environment import notebook_directory
from nbauth.net.origins import is_loopback
from nbauth.net.plain_get import PlainGetAdapter, PlainGets
from nbauth.net.redirects import UnreadRedirects
from nbauth.net.tls import PerRequestTrustAdapter, Trust
from nbauth.process.interrupts import defer_interrupt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import PreparedRequest, Request

    from nbauth.data.fetch.chain import Authorizer, Chain
    from nbauth.net.kept_connections import KeptConnections

__all__ = ["SessionBase"]


class SessionBase(UnreadRedirects):
    """The part of `nbauth.data.fetch.session.Session` that sends nothing."""

    def __init__(self, authorizer: Authorizer, *, timeout_s: tuple[float, float]) -> None:
        super().__init__()
        self._authorizer = authorizer
        self._timeout_s = timeout_s
        self._trust, self._kept = self._stands_on()
        if self._kept is None:
            self.mount("https://", PerRequestTrustAdapter())
            self.mount("http://", PlainGetAdapter())
        else:
            self._kept.join(self)
            self.adapters = OrderedDict(self._kept.adapters)
        self._outside = OutsideSession(self)
        # Of requests that callers may hold, and what they may send on: `response.next`, `resolve_redirects`.
        self._chains: WeakKeyDictionary[PreparedRequest, Chain] = WeakKeyDictionary()
        self._process = os.getpid()

    def _stands_on(self) -> tuple[Trust, KeptConnections | None]:
        """Return the usual authorities, and the connections that it has in common with others."""
        return Trust.of_environment(untrusted=notebook_directory()), None

    @property  # type: ignore[override]
    def cookies(self) -> OriginCookies:
        """The caller's own cookies, and those that each origin set."""
        return self._cookies

    @cookies.setter
    def cookies(self, cookies: Any) -> None:
        self._cookies = OriginCookies.of(cookies)

    def prepare_request(self, request: Request) -> PreparedRequest:
        """Prepare a request as requests does, but with no credentials from the caller or from ``.netrc``.

        Raises:
            ConfigError: the request, or this session, has credentials of its own.
        """
        url = request.url.decode() if isinstance(request.url, bytes) else str(request.url)
        check_auth(request.auth or self.auth, url=url)
        check_headers({**self.headers, **(request.headers or {})})
        given, request.auth = request.auth, NO_AUTH
        try:
            prepared = super().prepare_request(request)
        finally:
            request.auth = given
        is_callers = has_cookie(self.headers, request.headers or {})
        # requests copies cookies into a jar that knows no origins.
        self.cookies.fit(prepared, request.cookies, header=prepared.headers.get("Cookie") if is_callers else None)
        return prepared

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Merge proxies from the environment; trust was settled when the session was made."""
        settings = super().merge_environment_settings(url, proxies, stream, None, cert)
        return {**settings, "verify": self.verify if verify is None else verify}

    def plain_gets(self, request: PreparedRequest, prefix: str, proxies: Mapping[str, str]) -> PlainGets | None:
        """Return what `get_within` sends GETs by that differ from a request in their paths.

        Args:
            request: the request.
            prefix: of their URLs: scheme, host and a slash.
            proxies: what `merge_environment_settings` says of them.

        Returns:
            None where all of them need what requests does beside sending them.
        """
        is_plain = request.method == "GET" and request.body is None and not any(request.hooks.values())
        # What the environment says is in there: where there is nothing, it says nothing, and is not asked again.
        if not is_plain or (proxies and self._proxies(request, proxies)):
            return None
        return PlainGets(request, prefix)

    def close(self) -> None:
        """Close the connections, or leave those that it has in common with others."""
        if self._kept is not None:
            self._kept.leave(self)
            return
        with defer_interrupt():  # what an interrupt left open here, no finalizer would close for sure
            super().close()
            self._outside.close()

    def _after_fork(self) -> None:
        """Make new connections in a forked child: two processes on one would read each other's responses."""
        # Kept, since letting it go would take locks that a thread of the parent may have held at the fork.
        self._inherited = (self.adapters, self._outside, self.cookies, self._kept)
        self._kept = None
        # Each copy of an adapter makes its own pool.
        self.adapters = OrderedDict((prefix, copy.copy(adapter)) for prefix, adapter in self.adapters.items())
        self.cookies = self.cookies.copy()
        self._outside = OutsideSession(self)
        self._process = os.getpid()

    def _verify(self, chain: Chain, request: PreparedRequest) -> Any:
        """Return what requests is to take as ``verify``: the authorities that the URL's server may be known by."""
        url = str(request.url)
        if not url.lower().startswith("https:") or not isinstance(self.get_adapter(url), PerRequestTrustAdapter):
            return True  # an adapter that the caller mounted knows the usual authorities
        return self._trust.context(chain.ca_bundles(url))

    def _proxies(self, request: PreparedRequest, given: Mapping[str, str]) -> dict[str, str]:
        url = str(request.url)
        if is_loopback(url):
            return {}  # to a proxy, this machine is another one, and http would show it the token
        return resolve_proxies(request, dict(given), self.trust_env)
