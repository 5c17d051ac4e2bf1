"""requests, httpx and aiohttp as one sort of thing, each signed by `nbauth.auth`, so that one test serves all."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import requests

import nbauth

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True)
class Answer:
    """What came back: the status, the body, and the library's own response."""

    status: int
    text: str
    response: Any


def _trust(ca: Path | None) -> Any:
    return True if ca is None else ssl.create_default_context(cafile=str(ca))


def by_requests(
    url: str, *, method: str = "GET", body: Any = None, ca: Path | None = None, verify: bool = True, **options: Any
) -> Answer:
    """Send by requests."""
    trust: Any = str(ca) if ca else True
    with requests.Session() as session:
        session.auth = nbauth.auth(options.pop("profile", None))
        answer = session.request(method, url, data=body, verify=trust if verify else False, **options)
    return Answer(answer.status_code, answer.text, answer)


def by_httpx(
    url: str, *, method: str = "GET", body: Any = None, ca: Path | None = None, verify: bool = True, **options: Any
) -> Answer:
    """Send by httpx's client."""
    trust = _trust(ca) if verify else False
    with httpx.Client(auth=nbauth.auth(options.pop("profile", None)), verify=trust, follow_redirects=True) as client:
        answer = client.request(method, url, content=body, **options)
    return Answer(answer.status_code, answer.text, answer)


def by_httpx_async(
    url: str, *, method: str = "GET", body: Any = None, ca: Path | None = None, verify: bool = True, **options: Any
) -> Answer:
    """Send by httpx's client for asyncio."""

    async def send() -> Answer:
        trust = _trust(ca) if verify else False
        signer = nbauth.auth(options.pop("profile", None))
        async with httpx.AsyncClient(auth=signer, verify=trust, follow_redirects=True) as client:
            answer = await client.request(method, url, content=body, **options)
        return Answer(answer.status_code, answer.text, answer)

    return asyncio.run(send())


def by_aiohttp(
    url: str, *, method: str = "GET", body: Any = None, ca: Path | None = None, verify: bool = True, **options: Any
) -> Answer:
    """Send by aiohttp's session."""

    async def send() -> Answer:
        trust = _trust(ca) if verify else False
        signer = nbauth.auth(options.pop("profile", None))
        async with (
            aiohttp.ClientSession(middlewares=(signer,)) as session,
            session.request(method, url, data=body, ssl=trust, **options) as answer,
        ):
            return Answer(answer.status, await answer.text(), answer)

    return asyncio.run(send())


CLIENTS: dict[str, Callable[..., Answer]] = {
    "requests": by_requests,
    "httpx": by_httpx,
    "httpx-async": by_httpx_async,
    "aiohttp": by_aiohttp,
}
