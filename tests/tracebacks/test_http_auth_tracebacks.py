"""A request that `nbauth.auth` signed and that goes wrong: no error of the library that sent it shows a token."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import pytest
import requests
from http_clients import CLIENTS
from loopback_api import Reply, redirect, serving
from rendered_exceptions import leaks

import nbauth
from nbauth import kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loopback_api import Server

    from nbauth.demo.server import DemoServer

WRONG: dict[str, dict[str, Reply]] = {
    "reset": {"/rows": Reply(reset=True)},
    "reset after a redirect": {"/rows": redirect("/next"), "/next": Reply(reset=True)},
    "half a body": {"/rows": Reply(b"half", announce=8)},
    "redirects without end": {"/rows": redirect("/rows")},
}


@pytest.fixture
def api(demo: DemoServer, person: Callable[..., Any]) -> Iterator[Server]:
    """An API of the test's own, with Alice signed in."""
    with serving() as server:
        profile = kernel.config().profiles["demo"]
        apis = {server.origin: profile.apis[demo.api_origin]}
        kernel.add_profile(dataclasses.replace(profile, name="files", apis=apis))
        nbauth.login("files", flow="paste", prompt=person(), timeout_s=20)
        yield server


@pytest.mark.parametrize("wrong", list(WRONG))
@pytest.mark.parametrize("client", list(CLIENTS))
def test_what_an_error_shows(api: Server, client: str, wrong: str) -> None:
    """No frame, argument or request of an error holds the token that was sent."""
    api.routes.update(WRONG[wrong])
    with pytest.raises((requests.RequestException, httpx.HTTPError, aiohttp.ClientError)) as caught:
        CLIENTS[client](f"{api.origin}/rows")
    token = api.seen[0].token
    assert token is not None
    assert leaks(caught.value, {token}) == []
