"""`auth`: each request of requests, httpx and aiohttp gets the token of where it goes, and of no other place."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any, NoReturn, overload

from requests.auth import AuthBase

from nbauth import kernel
from nbauth.adapters import http_requests
from nbauth.authorizer import KernelAuthorizer
from nbauth.data.fetch.exchange import Exchange
from nbauth.signin.loans import Loan

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Generator

    import aiohttp
    import httpx
    from aiohttp.client_middlewares import ClientHandlerType
    from requests import PreparedRequest

    class _Both(AuthBase, httpx.Auth):  # as type checkers know it; nothing needs httpx here until httpx asks
        pass
else:
    _Both = AuthBase

__all__ = ["HttpAuth", "auth"]

_HTTPX = ("httpx", "httpx2")  # its successor under another name, which gql prefers


def auth(profile: str | None = None) -> HttpAuth:
    """Return what signs the requests of requests, httpx and aiohttp with the kernel's sign-in.

    Each request gets the token of the row of ``apis`` that names its URL's origin: ``requests.get(url, auth=auth)``,
    ``httpx.Client(auth=auth)``, ``httpx.AsyncClient(auth=auth)``, ``aiohttp.ClientSession(middlewares=(auth,))``. A 401
    leads to one other token and one retry, claims that the API asks for to one more; a body that can be sent once only
    is not sent again. A token goes to its own origin alone: a redirect to another origin that the profile names gets
    that one's token once it answers 401, and any other one gets nothing. TLS stays the client's: an authority of your
    own goes to its ``verify=``, and a client that verifies nobody gets no token.

    Args:
        profile: the one profile whose origins it serves; None serves every profile's, and the origin of each request
            picks profile and token.

    Raises:
        ConfigError: there is no such profile; from a request, its client does not verify the server.
        OriginNotAllowed: from a request to an origin that no profile names; nothing was sent.
        SignInRequired: from a request, before anything is sent.
    """
    return HttpAuth(profile)


class HttpAuth(_Both):
    """What `auth` returns. It holds no token.

    Args:
        profile: the one profile whose origins it serves; None for all.
    """

    def __init__(self, profile: str | None) -> None:
        self.profile = profile
        self._authorizer = KernelAuthorizer(profile)
        self._lent: dict[str, _Lent] = {}

    def _begin(self, url: str) -> Exchange:
        exchange = Exchange(self._authorizer, url)
        if exchange.profile not in self._lent:
            self._lent[exchange.profile] = _Lent()
            origins = next(tuple(p.apis) for p in self._authorizer.profiles if p.name == exchange.profile)
            kernel.lent(self._lent[exchange.profile], Loan(exchange.profile, "nbauth.auth", ", ".join(origins)))
        return exchange

    def __repr__(self) -> str:
        return f"<nbauth.auth for {', '.join(self._authorizer.origins()) or 'no origin'}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("nbauth.auth() gives tokens and cannot be pickled; make one where it is needed")

    if not TYPE_CHECKING:

        @property
        def __class__(self) -> type:
            # A client of httpx asks whether it is one of its own. With that class for a base every other client would
            # wait for httpx's import, and httpx would not know one that was made before it was imported.
            return _of_httpx(*filter(None, map(sys.modules.get, _HTTPX))) or type(self)

    @overload
    def __call__(self, request: PreparedRequest) -> PreparedRequest: ...

    @overload
    def __call__(
        self, request: aiohttp.ClientRequest, handler: ClientHandlerType
    ) -> Awaitable[aiohttp.ClientResponse]: ...

    def __call__(self, request: Any, handler: Any = None) -> Any:
        """Sign a request of requests; with a handler, be aiohttp's middleware."""
        if handler is None:
            return http_requests.sign(self._begin, request)
        from nbauth.adapters import http_aiohttp

        return http_aiohttp.send(self._begin, request, handler)

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign a request of `httpx.Client`."""
        from nbauth.adapters import http_httpx

        return http_httpx.flow(self._begin, request)

    def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Sign a request of `httpx.AsyncClient`."""
        from nbauth.adapters import http_httpx

        return http_httpx.async_flow(self._begin, request)


@functools.cache
def _of_httpx(*modules: Any) -> type | None:
    """Return what each of these modules takes for a way to authenticate, and what else asks for an `HttpAuth`."""
    ways = dict.fromkeys(module.Auth for module in modules)
    return type("HttpAuth", (HttpAuth, *ways), {"__module__": __name__}) if ways else None


class _Lent:
    """What a sign-in is lent to, as long as somebody holds the `HttpAuth`: one for each of its profiles."""
