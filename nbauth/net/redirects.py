"""Sessions that never read a redirect's own body: requests reads it whole, however much comes out of its gzip."""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

from nbauth.net.closing import ClosingSession
from nbauth.net.requests_internals import drop_body

if TYPE_CHECKING:
    from collections.abc import Generator

    from requests import PreparedRequest, Response

__all__ = ["NoRedirects", "UnreadRedirects", "has_lost_target", "is_redirection"]


class NoRedirects(ClosingSession):
    """Follows no redirect, and does not look where one leads; takes nothing from the environment, keeps no cookie.

    ``REQUESTS_CA_BUNDLE`` would override in silence what is trusted, ``.netrc`` would add credentials, and a proxy
    would see what is meant for this machine.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def resolve_redirects(  # type: ignore[override]
        self,
        resp: Response,  # noqa: ARG002 - requests' arguments
        req: PreparedRequest,  # noqa: ARG002
        **_: Any,
    ) -> Generator[Response, None, None]:
        """Return nothing. requests calls this even where no redirect is to be followed."""
        yield from ()


class UnreadRedirects(ClosingSession):
    """Finds out where a redirect leads as requests does, but leaves the redirect's body alone."""

    def resolve_redirects(  # type: ignore[override]
        self, resp: Response, req: PreparedRequest, **options: Any
    ) -> Generator[Response, None, None]:
        """Yield what requests does; nothing for an address that cannot be read (`has_lost_target`)."""
        if not resp.is_redirect:
            return
        drop_body(resp)
        try:
            yield from super().resolve_redirects(resp, req, **options)
        except ValueError:  # brackets that are no IPv6 address, a port beyond 65535, bytes that are no UTF-8
            return


def is_redirection(status: int) -> bool:
    """Tell whether a status is one of RFC 9110 §15.4."""
    return 300 <= status < 400  # noqa: PLR2004 - the section's own numbers


def has_lost_target(response: Response) -> bool:
    """Tell whether an answer of `UnreadRedirects` redirects to an address that cannot be read."""
    return response.is_redirect and response.next is None and bool(response.headers["Location"].strip())
