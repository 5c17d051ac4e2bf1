"""One page of a provider's, got as it is: it is for a person's browser, and so neither JSON nor a place for secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import requests
from requests.utils import get_environ_proxies

from nbauth.net.origins import redact_url
from nbauth.net.redirects import NoRedirects
from nbauth.signin.http.deadline import Calls, DeadlineAdapter
from nbauth.signin.http.transport import without_request

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

__all__ = ["PlainPage", "get_page"]

_CONNECT_S = 5.0
_LARGEST = 512 * 1024  # Entra's pages are some 50 KiB


@dataclass(frozen=True)
class PlainPage:
    """What an address showed.

    Attributes:
        status: the HTTP status.
        location: where it redirects to; empty where it does not. It may hold a code.
        text: the page, cut where it is longer than anybody's.
    """

    status: int
    location: str = field(repr=False)
    text: str = field(repr=False)


def get_page(
    url: str, trust: ssl.SSLContext, *, timeout_s: float = 30.0, proxies: Mapping[str, str] | None = None
) -> PlainPage:
    """GET a page without cookies, and follow nothing.

    Args:
        url: of the page, whose host was compared with the provider's.
        trust: TLS context of the provider's connections.
        timeout_s: seconds to wait for the next bytes; the whole has 5 s more.
        proxies: as requests takes them; None for those of the environment.

    Raises:
        requests.RequestException: it cannot be had.
    """
    total_s = timeout_s + _CONNECT_S

    def exchange() -> PlainPage:
        with (
            session.get(
                url,
                timeout=(min(_CONNECT_S, timeout_s), timeout_s),
                allow_redirects=False,
                stream=True,
                proxies=get_environ_proxies(url) if proxies is None else dict(proxies),
            ) as response,
        ):
            body = b""
            for chunk in response.iter_content(16 * 1024):
                body += chunk
                if len(body) >= _LARGEST:
                    break
            return PlainPage(
                response.status_code, response.headers.get("Location", ""), body.decode("utf-8", "replace")
            )

    with NoRedirects() as session:
        session.mount("https://", DeadlineAdapter(trust, max_retries=0))
        try:
            with without_request():
                return Calls().within(total_s, exchange)
        except TimeoutError:
            raise requests.ReadTimeout(f"{redact_url(url)} took more than {total_s:g} s to answer") from None
