"""Requests of httpx, signed: its clients' way to authenticate, with and without an event loop."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from nbauth.data.fetch.exchange import check_connection, verifies
from nbauth.process.visitors import carried

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from types import FrameType

    import httpx

    from nbauth.data.fetch.exchange import Exchange

__all__ = ["async_flow", "flow"]

_UNAUTHORIZED = 401


def flow(begin: Callable[[str], Exchange], request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
    """Sign a request of `httpx.Client`, and once more where that may help."""
    client = _client(sys._getframe(1))  # noqa: SLF001 - a flow is told nothing of its client
    exchange = begin(str(request.url))
    _check_httpx(client, request)
    header: str | None = exchange.sign(str(request.url))
    while header is not None:
        request.headers["Authorization"] = header
        response = None
        try:
            response = yield request
        finally:
            was_signed = _hide(request, response)
        header = _after(exchange, response, was_signed)
        request = response.request
        if header is not None:
            if not _is_repeatable(request):
                return
            _check_httpx(client, request)


async def async_flow(
    begin: Callable[[str], Exchange], request: httpx.Request
) -> AsyncGenerator[httpx.Request, httpx.Response]:
    """Sign a request of `httpx.AsyncClient`, and once more where that may help."""
    import anyio.to_thread  # which httpx stands on: it knows asyncio and Trio

    in_thread = anyio.to_thread.run_sync  # a renewal waits for the provider
    client = _client(sys._getframe(1))  # noqa: SLF001 - as above
    exchange = begin(str(request.url))
    _check_httpx(client, request)
    header: str | None = await in_thread(carried(exchange.sign), str(request.url))
    while header is not None:
        request.headers["Authorization"] = header
        response = None
        try:
            response = yield request
        finally:
            was_signed = _hide(request, response)
        header = None
        if response.status_code == _UNAUTHORIZED:
            header = await in_thread(carried(_after), exchange, response, was_signed)
        request = response.request
        if header is not None:
            if not _is_repeatable(request):
                return
            _check_httpx(client, request)


def _after(exchange: Exchange, response: httpx.Response, was_signed: bool) -> str | None:  # noqa: FBT001 - threads take no names
    """Return the header for the request that was answered last, once httpx has followed all redirects."""
    for each in response.history:
        exchange.visit(str(each.url))
    if response.status_code != _UNAUTHORIZED:
        return None
    challenge = ", ".join(response.headers.get_list("WWW-Authenticate"))
    return exchange.after(str(response.url), challenge, was_signed=was_signed)


def _hide(request: httpx.Request, response: httpx.Response | None) -> bool:
    """Take the token off what an answer shows, and an error; tell whether what was answered last had it."""
    was_signed = response is not None and "Authorization" in response.request.headers
    shown = [request]
    if response is not None:
        shown += [each.request for each in (*response.history, response)]
        shown += [] if response.next_request is None else [response.next_request]
    for each in shown:
        each.headers.pop("Authorization", None)  # whoever pickles one would pickle the token
    return was_signed


def _is_repeatable(request: httpx.Request) -> bool:
    library = sys.modules[type(request).__module__.partition(".")[0]]  # httpx or httpx2
    return isinstance(request.stream, library.ByteStream)  # a file or a generator has been read


def _client(frame: FrameType | None) -> Any:
    """Return the client that runs a flow, which another way to authenticate may run in its own; or None."""
    while frame is not None:
        runs = frame.f_locals.get("self")
        if hasattr(runs, "_transport_for_url"):
            return runs
        frame = frame.f_back
    return None


def _check_httpx(client: Any, request: httpx.Request) -> None:
    url = str(request.url)
    transport = None if client is None else client._transport_for_url(request.url)  # noqa: SLF001
    for pool in _pools(transport) or [None]:  # a transport that makes no connections has none
        has_proxy = getattr(pool, "_proxy", None) is not None or hasattr(pool, "_proxy_url")
        check_connection(url, is_verified=verifies(getattr(pool, "_ssl_context", None)), has_proxy=has_proxy)


def _pools(transport: Any, seen: frozenset[int] = frozenset()) -> list[Any]:
    """Return the pools of a transport, or of those that it wraps, as one that tries again or caches does."""
    if hasattr(transport, "_pool"):
        return [transport._pool]  # noqa: SLF001
    seen |= {id(transport)}
    wrapped = [
        each
        for each in getattr(transport, "__dict__", {}).values()
        if id(each) not in seen and (hasattr(each, "handle_request") or hasattr(each, "handle_async_request"))
    ]
    return [pool for each in wrapped for pool in _pools(each, seen)]
