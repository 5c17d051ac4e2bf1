"""Cookies that go back to the origin that set them: scheme, host and port.

RFC 6265 §8.5 sends a cookie to every port of a host, and to every host of the domain that it names. Next to a token
that is too far: another program on this machine, or another team's host, would get an API's session.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from requests.cookies import RequestsCookieJar, cookiejar_from_dict

from nbauth.net.origins import origin_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.cookiejar import Cookie, CookiePolicy

    from requests import PreparedRequest

__all__ = ["OriginCookies"]


class OriginCookies(RequestsCookieJar):
    """A session's cookies: the caller's own, which go where their domain matches, and those of each origin apart."""

    def __init__(self, policy: CookiePolicy | None = None) -> None:
        super().__init__(policy)
        self._by_origin: dict[str, RequestsCookieJar] = {}

    @classmethod
    def of(cls, cookies: Any) -> OriginCookies:
        """Return a jar with a caller's cookies, given as a jar or as names and values; one of this class itself."""
        if isinstance(cookies, cls):
            return cookies
        jar = cls()
        jar.add(cookies)
        return jar

    def add(self, cookies: Any) -> None:
        """Take in cookies, given as a jar or as names and values."""
        if isinstance(cookies, dict):
            cookiejar_from_dict(cookies, cookiejar=self)  # type: ignore[no-untyped-call]
        elif cookies:
            self.update(cookies)

    def fit(self, request: PreparedRequest, further: Any = None, *, header: str | None = None) -> None:
        """Give a request the cookies for where it goes, in place of those that it has.

        Args:
            request: the request.
            further: cookies of this request alone.
            header: what the caller wrote as ``Cookie`` in place of them.
        """
        jar = self.copy()
        jar.add(further)
        request.headers.pop("Cookie", None)
        request.prepare_cookies(jar)  # requests keeps the jar, too, and takes it along where a redirect leads
        if header is not None:
            request.headers["Cookie"] = header

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Take the cookies out of a response; they are those of its origin."""
        if (origin := _origin(request)) is not None:
            self._of(origin).extract_cookies(response, request)

    def set_policy(self, policy: CookiePolicy) -> None:
        """Set the rules for all of them."""
        super().set_policy(policy)
        for jar in self._by_origin.values():
            jar.set_policy(policy)

    def update(self, other: Any) -> None:  # type: ignore[override]
        """Add the cookies of another jar; those that an origin set stay that origin's."""
        if not isinstance(other, OriginCookies):
            super().update(other)
            return
        for cookie in other.own():
            self.set_cookie(cookie)
        for origin, jar in list(other._by_origin.items()):  # noqa: SLF001 - its own kind
            self._of(origin).update(jar)

    def copy(self) -> OriginCookies:
        """Return a jar with the same cookies."""
        copy = OriginCookies(self._policy)  # type: ignore[attr-defined]
        copy.update(self)
        return copy

    def own(self) -> list[Cookie]:
        """Return the cookies that no response set."""
        return list(super().__iter__())

    def __iter__(self) -> Iterator[Cookie]:  # type: ignore[override]
        yield from self.own()
        for jar in list(self._by_origin.values()):
            yield from jar

    def clear(self, domain: str | None = None, path: str | None = None, name: str | None = None) -> None:
        """Remove all cookies, or those of a domain, a path and a name.

        Raises:
            KeyError: there is none.
        """
        if domain is None:
            self._by_origin.clear()
            super().clear()
            return
        there = False
        for remove in (super().clear, *(jar.clear for jar in self._by_origin.values())):
            try:
                remove(domain, path, name)
            except KeyError:
                continue
            there = True
        if not there:
            raise KeyError(name or domain)

    def clear_expired_cookies(self) -> None:
        """Remove those that have ended; each in its own jar, since another origin's may have its name."""
        now = time.time()
        for cookie in self.own():
            if cookie.is_expired(now):  # type: ignore[arg-type]
                super().clear(cookie.domain, cookie.path, cookie.name)
        for jar in list(self._by_origin.values()):
            jar.clear_expired_cookies()

    def _cookies_for_request(self, request: Any) -> list[Cookie]:
        # What `http.cookiejar` asks for the cookies of a request; it checks path, expiry and `Secure`.
        cookies: list[Cookie] = super()._cookies_for_request(request)  # type: ignore[misc]
        jar = self._by_origin.get(_origin(request) or "")
        return cookies if jar is None else [*cookies, *jar._cookies_for_request(request)]  # type: ignore[attr-defined]  # noqa: SLF001

    def _of(self, origin: str) -> RequestsCookieJar:
        return self._by_origin.setdefault(origin, RequestsCookieJar(self._policy))  # type: ignore[attr-defined]


def _origin(request: Any) -> str | None:
    try:
        return origin_of(request.get_full_url())
    except ValueError:
        return None
