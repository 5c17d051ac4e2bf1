"""Requests of aiohttp, signed: a middleware of its client."""

from __future__ import annotations

import asyncio
import re
import ssl
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from nbauth.data.fetch.exchange import check_connection, verifies
from nbauth.process.visitors import carried

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp
    from aiohttp.client_middlewares import ClientHandlerType

    from nbauth.data.fetch.exchange import Exchange

__all__ = ["send"]

_UNAUTHORIZED = 401
_REDIRECTS = frozenset({301, 302, 303, 307, 308})  # that aiohttp follows (RFC 9110 §15.4)

# The last call in this task that was redirected: aiohttp asks its middlewares anew for each redirect that it follows.
_redirected: ContextVar[tuple[Any, Exchange] | None] = ContextVar("nbauth_redirected", default=None)


async def send(
    begin: Callable[[str], Exchange], request: aiohttp.ClientRequest, handler: ClientHandlerType
) -> aiohttp.ClientResponse:
    """Send a request with the token of where it goes, and once more where that may help.

    Args:
        begin: finds the profile of a URL.
        request: what is to be sent.
        handler: sends it.
    """
    from aiohttp import BytesPayload

    url = re.sub("^ws", "http", str(request.url))  # a WebSocket begins with a request there (RFC 6455 §1.7)
    call, last = request._traces, _redirected.get()  # noqa: SLF001 - one list for a call and all its redirects
    exchange = last[1] if last is not None and last[0] is call else begin(url)
    if exchange.visit(url):
        _check_aiohttp(request, url)
        header: str | None = await asyncio.to_thread(carried(exchange.sign), url)
    else:
        header = None
    while True:
        if header is not None:
            request.headers["Authorization"] = header
            del header  # an error takes this frame along
        try:
            response = await handler(request)
        finally:
            request.headers.popall("Authorization", None)  # which a response shows, and so do errors
        if response.status in _REDIRECTS:
            _redirected.set((call, exchange))
        if response.status != _UNAUTHORIZED:
            return response
        challenge = ", ".join(response.headers.getall("WWW-Authenticate", ()))
        try:
            header = await asyncio.to_thread(carried(exchange.after), url, challenge)
        except BaseException:
            response.close()
            raise
        if header is None or not (request.body == b"" or isinstance(request.body, BytesPayload)):
            return response
        response.release()


def _check_aiohttp(request: aiohttp.ClientRequest, url: str) -> None:
    trust = request.ssl
    if trust is True:
        trust = getattr(request.session.connector, "_ssl", True)
    is_verified = trust is not False and (not isinstance(trust, ssl.SSLContext) or verifies(trust))
    check_connection(url, is_verified=is_verified, has_proxy=request.proxy is not None)
